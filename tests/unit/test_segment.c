/*
 * The states of segments: every transition and by whom, age without a list, and what a sweep gives back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "cache/segment.h"

#include <stdlib.h>

enum { COUNT = 5, SHIFT = 10, ME = 1, YOU = 2, MOST_MEMBER = (1 << 24) - 1 };

static struct segments s;
static _Atomic uint64_t next_sequence;

static int
lay_out(void **state)
{
	(void)state;
	next_sequence = 0;
	s = (struct segments){
	        .states = calloc(COUNT, sizeof *s.states),
	        .used = calloc(COUNT, sizeof *s.used),
	        .data = calloc(COUNT, 1 << SHIFT),
	        .next_sequence = &next_sequence,
	        .count = COUNT,
	        .shift = SHIFT,
	};
	return s.states != NULL && s.used != NULL && s.data != NULL ? 0 : -1;
}

static int
clear_away(void **state)
{
	(void)state;
	free((void *)s.states);
	free((void *)s.used);
	free(s.data);
	return 0;
}

static void
state_check(int segment, enum segment_kind kind, enum segment_queue queue, uint32_t member)
{
	assert_in_range(segment, 0, COUNT - 1);
	struct segment_state now = segment_state(&s, (unsigned)segment);
	assert_int_equal(now.kind, kind);
	assert_int_equal(now.queue, queue);
	assert_int_equal(now.member, member);
}

static void
from_free_to_free(void **state)
{
	(void)state;
	for (enum segment_queue queue = SEGMENT_NEW; queue < SEGMENT_QUEUES; queue++) {
		s.used[0] = 99;
		int i = segment_claim(&s, queue, ME);
		state_check(i, SEGMENT_OPEN, queue, ME);
		assert_int_equal(s.used[0], 0);
		uint64_t sequence = segment_state(&s, (unsigned)i).sequence;
		assert_true(sequence > 0);
		segment_seal(&s, (unsigned)i, ME);
		state_check(i, SEGMENT_SEALED, queue, 0);
		assert_int_equal(segment_leave(&s, queue, YOU), i);
		state_check(i, SEGMENT_LEAVING, queue, YOU);
		segment_free(&s, (unsigned)i, YOU);
		state_check(i, SEGMENT_FREE, SEGMENT_NEW, 0);
		/* what was read meanwhile still belongs to the use it was written in */
		assert_true(segment_state(&s, (unsigned)i).sequence == sequence);
	}
	assert_int_equal(next_sequence, 2);
}

static void
what_was_not_emptied_is_sealed_again(void **state)
{
	(void)state;
	int i = segment_claim(&s, SEGMENT_OLD, ME);
	segment_seal(&s, (unsigned)i, ME);
	uint64_t sequence = segment_state(&s, (unsigned)i).sequence;
	assert_int_equal(segment_leave(&s, SEGMENT_OLD, ME), i);
	segment_seal(&s, (unsigned)i, ME);
	state_check(i, SEGMENT_SEALED, SEGMENT_OLD, 0);
	assert_true(segment_state(&s, (unsigned)i).sequence == sequence);
	assert_int_equal(segment_leave(&s, SEGMENT_OLD, YOU), i);
}

static void
others_change_nothing(void **state)
{
	(void)state;
	int open = segment_claim(&s, SEGMENT_NEW, ME);
	segment_seal(&s, (unsigned)open, YOU);
	state_check(open, SEGMENT_OPEN, SEGMENT_NEW, ME);
	segment_free(&s, (unsigned)open, YOU);
	state_check(open, SEGMENT_OPEN, SEGMENT_NEW, ME);
	assert_int_equal(segment_leave(&s, SEGMENT_NEW, YOU), SEGMENT_NONE);
	segment_seal(&s, (unsigned)open, ME);
	segment_leave(&s, SEGMENT_NEW, ME);
	segment_free(&s, (unsigned)open, YOU);
	state_check(open, SEGMENT_LEAVING, SEGMENT_NEW, ME);
	segment_seal(&s, (unsigned)open, YOU);
	state_check(open, SEGMENT_LEAVING, SEGMENT_NEW, ME);
}

static void
only_from_the_state_before(void **state)
{
	(void)state;
	/* what is open is not freed, what is free or sealed neither sealed nor freed, by whomever */
	int i = segment_claim(&s, SEGMENT_OLD, ME);
	segment_free(&s, (unsigned)i, ME);
	state_check(i, SEGMENT_OPEN, SEGMENT_OLD, ME);
	segment_seal(&s, (unsigned)i, ME);
	segment_free(&s, (unsigned)i, ME);
	segment_free(&s, (unsigned)i, 0);
	segment_seal(&s, (unsigned)i, 0);
	state_check(i, SEGMENT_SEALED, SEGMENT_OLD, 0);
	segment_leave(&s, SEGMENT_OLD, ME);
	segment_free(&s, (unsigned)i, ME);
	segment_seal(&s, (unsigned)i, ME);
	segment_seal(&s, (unsigned)i, 0);
	state_check(i, SEGMENT_FREE, SEGMENT_NEW, 0);
}

static void
each_is_claimed_once(void **state)
{
	bool seen[COUNT] = {false};
	(void)state;
	for (unsigned n = 0; n < COUNT; n++) {
		int i = segment_claim(&s, n % 2, ME + n % 2);
		assert_in_range(i, 0, COUNT - 1);
		assert_false(seen[i]);
		seen[i] = true;
	}
	assert_int_equal(segment_claim(&s, SEGMENT_NEW, ME), SEGMENT_NONE);
	assert_int_equal(segment_claim(&s, SEGMENT_OLD, 7), SEGMENT_NONE);
}

/* By its number, not by where it lies or when it was sealed; each queue for itself. */
static void
the_oldest_leaves_first(void **state)
{
	static const uint64_t numbers[COUNT] = {70, 20, 50, 30, 60};
	static const int order[] = {1, 2, 4, 0};
	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		next_sequence = numbers[i] - 1;
		segment_claim(&s, i == 3 ? SEGMENT_OLD : SEGMENT_NEW, ME);
	}
	for (int i = COUNT - 1; i >= 0; i--)
		segment_seal(&s, (unsigned)i, ME);
	for (unsigned i = 0; i < COUNT - 1; i++)
		assert_int_equal(segment_leave(&s, SEGMENT_NEW, ME), order[i]);
	assert_int_equal(segment_leave(&s, SEGMENT_NEW, ME), SEGMENT_NONE);
	assert_int_equal(segment_leave(&s, SEGMENT_OLD, ME), 3);
	assert_int_equal(segment_leave(&s, SEGMENT_OLD, ME), SEGMENT_NONE);
}

static bool
only_me(void *arg, uint32_t member)
{
	(*(unsigned *)arg)++;
	return member == ME;
}

static void
a_sweep_gives_back_what_the_dead_held(void **state)
{
	unsigned asked = 0;
	(void)state;
	/* 0: mine, open; 1: yours, open; 2: yours, leaving; 3: mine, leaving; 4: sealed */
	int order[COUNT] = {-1, -1, -1, -1, -1};
	for (unsigned i = 0; i < COUNT; i++)
		order[i] = segment_claim(&s, SEGMENT_OLD, i == 1 || i == 2 ? YOU : ME);
	segment_seal(&s, (unsigned)order[2], YOU);
	assert_int_equal(segment_leave(&s, SEGMENT_OLD, YOU), order[2]);
	segment_seal(&s, (unsigned)order[3], ME);
	assert_int_equal(segment_leave(&s, SEGMENT_OLD, ME), order[3]);
	segment_seal(&s, (unsigned)order[4], ME);
	uint64_t before = segment_state(&s, (unsigned)order[1]).sequence;

	segment_sweep(&s, only_me, &asked);
	assert_int_equal(asked, 4); /* nobody is asked about who holds nothing */
	state_check(order[0], SEGMENT_OPEN, SEGMENT_OLD, ME);
	state_check(order[1], SEGMENT_SEALED, SEGMENT_OLD, 0);
	state_check(order[2], SEGMENT_SEALED, SEGMENT_OLD, 0);
	state_check(order[3], SEGMENT_LEAVING, SEGMENT_OLD, ME);
	state_check(order[4], SEGMENT_SEALED, SEGMENT_OLD, 0);
	assert_true(segment_state(&s, (unsigned)order[1]).sequence == before);
	/* the dead one, if it were not, can do no harm */
	segment_seal(&s, (unsigned)order[1], YOU);
	segment_free(&s, (unsigned)order[2], YOU);
	state_check(order[2], SEGMENT_SEALED, SEGMENT_OLD, 0);
}

static void
members_of_24_bits(void **state)
{
	(void)state;
	int i = segment_claim(&s, SEGMENT_OLD, MOST_MEMBER);
	state_check(i, SEGMENT_OPEN, SEGMENT_OLD, MOST_MEMBER);
	assert_true(segment_state(&s, (unsigned)i).sequence == 1);
	segment_seal(&s, (unsigned)i, MOST_MEMBER - (1 << 23));
	state_check(i, SEGMENT_OPEN, SEGMENT_OLD, MOST_MEMBER);
	segment_seal(&s, (unsigned)i, MOST_MEMBER);
	state_check(i, SEGMENT_SEALED, SEGMENT_OLD, 0);
}

/* 37 bits of the number are kept. Whatever becomes of the order, states stay what they are. */
static void
numbers_wrap(void **state)
{
	(void)state;
	next_sequence = ((uint64_t)1 << 37) - 2;
	int last = segment_claim(&s, SEGMENT_NEW, ME), first = segment_claim(&s, SEGMENT_OLD, MOST_MEMBER);
	assert_true(segment_state(&s, (unsigned)last).sequence == ((uint64_t)1 << 37) - 1);
	assert_true(segment_state(&s, (unsigned)first).sequence == 0);
	state_check(last, SEGMENT_OPEN, SEGMENT_NEW, ME);
	state_check(first, SEGMENT_OPEN, SEGMENT_OLD, MOST_MEMBER);
	segment_seal(&s, (unsigned)last, ME);
	assert_int_equal(segment_leave(&s, SEGMENT_NEW, ME), last);
	segment_free(&s, (unsigned)last, ME);
	assert_int_equal(segment_claim(&s, SEGMENT_NEW, ME), last);
	assert_true(segment_state(&s, (unsigned)last).sequence == 1);
}

static void
counted(void **state)
{
	struct segment_counts counts;
	(void)state;
	segment_count(&s, &counts);
	assert_int_equal(counts.of[SEGMENT_FREE], COUNT);
	assert_int_equal(counts.queue[SEGMENT_NEW] + counts.queue[SEGMENT_OLD], 0);
	segment_claim(&s, SEGMENT_NEW, ME);
	int i = segment_claim(&s, SEGMENT_OLD, ME);
	segment_seal(&s, (unsigned)i, ME);
	i = segment_claim(&s, SEGMENT_NEW, YOU);
	segment_seal(&s, (unsigned)i, YOU);
	segment_leave(&s, SEGMENT_NEW, YOU);
	segment_count(&s, &counts);
	for (enum segment_kind kind = SEGMENT_FREE; kind < SEGMENT_KINDS; kind++)
		assert_int_equal(counts.of[kind], kind == SEGMENT_FREE ? 2 : 1);
	assert_int_equal(counts.queue[SEGMENT_NEW], 2);
	assert_int_equal(counts.queue[SEGMENT_OLD], 1);
}

static void
places(void **state)
{
	uint64_t room = 0, bytes = 1 << SHIFT;
	(void)state;
	assert_ptr_equal(segment_at(&s, 0, &room), s.data);
	assert_int_equal(room, bytes);
	assert_ptr_equal(segment_at(&s, 2 * bytes + 8, &room), s.data + 2 * bytes + 8);
	assert_int_equal(room, bytes - 8);
	assert_ptr_equal(segment_at(&s, COUNT * bytes - 8, &room), s.data + COUNT * bytes - 8);
	assert_int_equal(room, 8);
	assert_null(segment_at(&s, COUNT * bytes, &room));
	assert_null(segment_at(&s, (((uint64_t)1 << 35) - 1) * 8, &room));
}

int
main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, lay_out, clear_away)
	const struct CMUnitTest tests[] = {
	        FRESH(from_free_to_free),
	        FRESH(what_was_not_emptied_is_sealed_again),
	        FRESH(others_change_nothing),
	        FRESH(only_from_the_state_before),
	        FRESH(each_is_claimed_once),
	        FRESH(the_oldest_leaves_first),
	        FRESH(a_sweep_gives_back_what_the_dead_held),
	        FRESH(members_of_24_bits),
	        FRESH(numbers_wrap),
	        FRESH(counted),
	        FRESH(places),
	};
	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
