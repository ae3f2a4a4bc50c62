/*
 * The generations of a master, as a list. What is done to each of them is test_generation.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/lineage.h"

/* Nobody looks into these. */
static char bodies[LINEAGE_MOST];

static struct generation *
generation(unsigned n)
{
	return (struct generation *)(void *)&bodies[n];
}

static void
nobody_at_first(void **state)
{
	struct lineage line = {0};
	struct generation *all[LINEAGE_MOST];
	(void)state;
	assert_true(lineage_is_empty(&line));
	assert_false(lineage_is_full(&line));
	assert_int_equal(lineage_all(&line, all), 0);
	assert_true(lineage_next_ms(&line) == UINT64_MAX);
	assert_false(lineage_bury(&line, 1, 0, 0));
	lineage_tend(&line, 0);
	lineage_kill(&line);
}

static void
those_who_serve_come_first_and_the_oldest_last(void **state)
{
	struct lineage line = {
	        .starting = generation(2), .draining = {generation(4), generation(3)}, .draining_count = 2};
	struct generation *all[LINEAGE_MOST];
	(void)state;
	assert_int_equal(lineage_all(&line, all), 3);
	assert_ptr_equal(all[0], generation(2));
	line.serving = generation(1);
	assert_int_equal(lineage_all(&line, all), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_ptr_equal(all[i], generation(i + 1));
	assert_false(lineage_is_empty(&line));
}

static void
any_of_them_is_somebody(void **state)
{
	struct lineage serving = {.serving = generation(0)}, starting = {.starting = generation(0)},
	               draining = {.draining_count = 1};
	(void)state;
	assert_false(lineage_is_empty(&serving));
	assert_false(lineage_is_empty(&starting));
	assert_false(lineage_is_empty(&draining));
}

static void
there_is_a_limit(void **state)
{
	struct lineage line = {.serving = generation(0), .starting = generation(1)};
	struct generation *all[LINEAGE_MOST];
	(void)state;
	while (!lineage_is_full(&line)) {
		line.draining[line.draining_count] = generation(2 + line.draining_count);
		line.draining_count++;
	}
	assert_int_equal(line.draining_count, LINEAGE_DRAINING);
	assert_int_equal(lineage_all(&line, all), LINEAGE_MOST);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nobody_at_first),
	        cmocka_unit_test(those_who_serve_come_first_and_the_oldest_last),
	        cmocka_unit_test(any_of_them_is_somebody),
	        cmocka_unit_test(there_is_a_limit),
	};
	return cmocka_run_group_tests_name("lineage", tests, NULL, NULL);
}
