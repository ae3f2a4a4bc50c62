/*
 * Marks of who was thrown out: seen once, the oldest of a line go first, and nothing outside of the lines is
 * touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "cache/ghost.h"
#include "cache/layout.h"

#include <stdlib.h>

enum { LINES = 8, LINE_WORDS = LAYOUT_GHOST_MARKS + 1 };

static struct ghosts ghosts;

/* The exact size on the heap, so that a step too far is seen. */
static int
lay_out(void **state)
{
	(void)state;
	ghosts.lines = calloc(LINES * LINE_WORDS, sizeof *ghosts.lines);
	ghosts.count = LINES;
	ghosts.marks = LAYOUT_GHOST_MARKS;
	return ghosts.lines != NULL ? 0 : -1;
}

static int
clear_away(void **state)
{
	(void)state;
	free((void *)ghosts.lines);
	return 0;
}

/* A hash that belongs to this line, with this mark. */
static uint64_t
hash_of(unsigned line, unsigned mark)
{
	return (uint64_t)line << 61 | (uint64_t)0x123456 << 20 | mark;
}

static void
seen_once(void **state)
{
	(void)state;
	assert_false(ghost_take(&ghosts, hash_of(3, 77)));
	ghost_add(&ghosts, hash_of(3, 77));
	assert_false(ghost_take(&ghosts, hash_of(3, 78)));
	assert_false(ghost_take(&ghosts, hash_of(2, 77)));
	assert_false(ghost_take(&ghosts, hash_of(4, 77)));
	assert_true(ghost_take(&ghosts, hash_of(3, 77)));
	assert_false(ghost_take(&ghosts, hash_of(3, 77)));
}

static void
a_mark_of_nought_is_a_mark(void **state)
{
	(void)state;
	assert_false(ghost_take(&ghosts, hash_of(5, 0)));
	ghost_add(&ghosts, hash_of(5, 0));
	assert_true(ghost_take(&ghosts, hash_of(5, 0)));
	assert_false(ghost_take(&ghosts, hash_of(5, 0)));
}

static void
the_oldest_go_first(void **state)
{
	(void)state;
	for (unsigned mark = 1; mark <= LAYOUT_GHOST_MARKS + 5; mark++)
		ghost_add(&ghosts, hash_of(0, mark));
	for (unsigned mark = 1; mark <= LAYOUT_GHOST_MARKS + 5; mark++)
		assert_int_equal(ghost_take(&ghosts, hash_of(0, mark)), mark > 5);
}

/* No more than were asked for, as many as there is room for, and never none. */
static void
as_many_as_they_are_limited_to(void **state)
{
	static const struct {
		uint64_t marks;
		unsigned each;
	} rows[] = {{0, 1}, {1, 1}, {LINES * 5, 5}, {LINES * 5 + LINES - 1, 6},
	        {LINES * LAYOUT_GHOST_MARKS, LAYOUT_GHOST_MARKS}, {UINT32_MAX, LAYOUT_GHOST_MARKS}};
	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		unsigned found = 0;
		ghost_limit(&ghosts, rows[i].marks);
		for (unsigned mark = 1; mark <= 100; mark++)
			ghost_add(&ghosts, hash_of(0, 1000 * (i + 1) + mark));
		for (unsigned mark = 1; mark <= 100; mark++)
			found += ghost_take(&ghosts, hash_of(0, 1000 * (i + 1) + mark));
		assert_int_equal(found, rows[i].each);
	}
}

static void
lines_do_not_disturb_each_other(void **state)
{
	(void)state;
	ghost_add(&ghosts, hash_of(1, 1000));
	for (unsigned mark = 1; mark <= 3 * LAYOUT_GHOST_MARKS; mark++)
		for (unsigned line = 0; line < LINES; line++)
			if (line != 1)
				ghost_add(&ghosts, hash_of(line, mark));
	assert_true(ghost_take(&ghosts, hash_of(1, 1000)));
	assert_true(ghost_take(&ghosts, hash_of(7, 3 * LAYOUT_GHOST_MARKS)));
}

/* Whoever damages the place of the next mark cannot lead us elsewhere. */
static void
damaged_lines(void **state)
{
	(void)state;
	for (unsigned next = 0; next <= UINT16_MAX; next++) {
		ghosts.lines[(LINES - 1) * LINE_WORDS] = (uint16_t)next;
		ghost_add(&ghosts, ~(uint64_t)0);
		assert_true(ghost_take(&ghosts, ~(uint64_t)0));
	}
	for (unsigned i = 0; i < (LINES - 1) * LINE_WORDS; i++)
		assert_int_equal(ghosts.lines[i], 0);
}

static void
nothing_is_there_that_was_not_added(void **state)
{
	(void)state;
	uint64_t hash = 1;
	unsigned seen = 0;
	for (unsigned i = 0; i < 5000; i++)
		seen += ghost_take(&ghosts, hash *= 0x9e3779b97f4a7c15u);
	assert_int_equal(seen, 0);
}

/* As many as were asked for over all lines, rounded, at least one in each and not more than there is room. */
static void
limited(void **state)
{
	(void)state;
	ghost_limit(&ghosts, 10 * LINES);
	for (unsigned mark = 1; mark <= 30; mark++)
		ghost_add(&ghosts, hash_of(6, mark));
	for (unsigned mark = 1; mark <= 30; mark++)
		assert_int_equal(ghost_take(&ghosts, hash_of(6, mark)), mark > 20);
	ghost_limit(&ghosts, 0);
	assert_int_equal(ghosts.marks, 1);
	ghost_limit(&ghosts, UINT64_MAX / 2);
	assert_int_equal(ghosts.marks, LAYOUT_GHOST_MARKS);
}

int
main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, lay_out, clear_away)
	const struct CMUnitTest tests[] = {
	        FRESH(seen_once),
	        FRESH(a_mark_of_nought_is_a_mark),
	        FRESH(the_oldest_go_first),
	        FRESH(as_many_as_they_are_limited_to),
	        FRESH(lines_do_not_disturb_each_other),
	        FRESH(damaged_lines),
	        FRESH(nothing_is_there_that_was_not_added),
	        FRESH(limited),
	};
	return cmocka_run_group_tests_name("ghost", tests, NULL, NULL);
}
