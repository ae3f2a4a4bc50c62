/*
 * An hour in steps, of which some are missing: told as it was, whoever wrote it and however often it was
 * interrupted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/history.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define UPTO_US                                                                                              \
	(const uint64_t[])                                                                                   \
	{                                                                                                    \
		1000, 2000, 10000, UINT64_MAX                                                                \
	}
enum { BUCKETS = 4, STEP = HISTORY_STEP_MS };
static const uint64_t begin_ms = 700 * STEP;

static struct history *history;
static struct history_point points[HISTORY_STEPS];

static int
begin(void **state)
{
	(void)state;
	history = mmap(NULL, history_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return history == MAP_FAILED ? -1 : 0;
}

static int
end(void **state)
{
	(void)state;
	return munmap(history, history_bytes());
}

/* So many questions, half of them hits, all within a millisecond. */
static struct history_sums
asked(uint64_t queries)
{
	return (struct history_sums){.queries = queries,
	        .hits = queries / 2,
	        .misses = queries - queries / 2,
	        .blocked = queries / 10,
	        .servfail = queries / 100,
	        .latency = {queries}};
}

static void
note(uint64_t queries, uint64_t now_ms)
{
	struct history_sums sums = asked(queries);
	history_note(history, &sums, UPTO_US, BUCKETS, now_ms);
}

static size_t
read_at(uint64_t now_ms)
{
	return history_read(history, points, now_ms);
}

static void
begins_empty(void **state)
{
	(void)state;
	assert_int_equal(read_at(begin_ms), 0);
	assert_int_equal(read_at(0), 0);
	note(5, 3);
	assert_int_equal(read_at(3), 0);
}

static void
a_step_is_told_when_it_is_over(void **state)
{
	(void)state;
	assert_true(history_is_due(history, begin_ms));
	note(1000, begin_ms);
	assert_false(history_is_due(history, begin_ms + STEP - 1));
	assert_true(history_is_due(history, begin_ms + STEP));
	note(1040, begin_ms + 4000);
	assert_int_equal(read_at(begin_ms + 4000), 0);
	note(1100, begin_ms + STEP);
	assert_int_equal(read_at(begin_ms + STEP + 500), 1);
	assert_int_equal(points[0].queries, 100);
	assert_int_equal(points[0].hits, 50);
	assert_int_equal(points[0].misses, 50);
	assert_int_equal(points[0].blocked, 10);
	assert_int_equal(points[0].servfail, 1);
	assert_int_equal(points[0].age_ms, STEP + 500);
	assert_int_equal(points[0].span_ms, STEP);
	assert_int_equal(points[0].p50_us, 500);
	assert_int_equal(points[0].p99_us, 990);
}

static void
one_that_began_in_the_middle_says_so(void **state)
{
	(void)state;
	note(10, begin_ms + 7000);
	note(40, begin_ms + STEP);
	assert_int_equal(read_at(begin_ms + STEP), 1);
	assert_int_equal(points[0].span_ms, 3000);
	assert_int_equal(points[0].queries, 30);
}

/* A writer that was away for a moment, or was replaced, loses nothing. */
static void
late_notes_belong_to_the_step(void **state)
{
	(void)state;
	note(0, begin_ms);
	note(50, begin_ms + STEP + 9000);
	assert_int_equal(read_at(begin_ms + STEP + 9000), 1);
	assert_int_equal(points[0].queries, 50);
	assert_int_equal(points[0].span_ms, STEP + 9000);
}

static void
what_nobody_wrote_is_a_gap(void **state)
{
	(void)state;
	note(0, begin_ms);
	note(10, begin_ms + STEP);
	note(5000, begin_ms + 20 * STEP);
	note(5007, begin_ms + 21 * STEP);
	assert_int_equal(read_at(begin_ms + 21 * STEP), 2);
	assert_int_equal(points[0].queries, 10);
	assert_int_equal(points[0].age_ms, 21 * STEP);
	assert_int_equal(points[1].queries, 7);
	assert_int_equal(points[1].age_ms, STEP);
}

static void
no_questions_are_no_gap(void **state)
{
	(void)state;
	note(10, begin_ms);
	note(10, begin_ms + STEP);
	assert_int_equal(read_at(begin_ms + STEP), 1);
	assert_int_equal(points[0].queries, 0);
	assert_true(points[0].p50_us == HISTORY_NO_TIME);
	assert_true(points[0].p99_us == HISTORY_NO_TIME);
}

static void
an_hour_is_kept_and_no_more(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 3 * HISTORY_STEPS + 7; i++)
		note(i * i, begin_ms + i * STEP);
	uint64_t now_ms = begin_ms + (3 * HISTORY_STEPS + 6) * STEP;
	assert_int_equal(read_at(now_ms), HISTORY_STEPS);
	assert_int_equal(points[0].age_ms, HISTORY_STEPS * STEP);
	for (size_t i = 1; i < HISTORY_STEPS; i++) {
		assert_int_equal(points[i].age_ms, points[i - 1].age_ms - STEP);
		assert_int_equal(points[i].queries, points[i - 1].queries + 2);
	}
	/* An hour later nothing of it is left, as nobody wrote any more. */
	assert_int_equal(read_at(now_ms + HISTORY_STEPS * STEP), 0);
	assert_int_equal(read_at(now_ms + HISTORY_STEPS * STEP / 2), HISTORY_STEPS / 2);
}

static void
sums_that_fall_back_count_nothing(void **state)
{
	(void)state;
	note(100, begin_ms);
	note(90, begin_ms + STEP);
	note(95, begin_ms + 2 * STEP);
	assert_int_equal(read_at(begin_ms + 2 * STEP), 2);
	assert_int_equal(points[0].queries, 0);
	assert_true(points[0].p50_us == HISTORY_NO_TIME);
	assert_int_equal(points[1].queries, 5);
}

/* It is not known to; if it does, nothing is made up. */
static void
a_clock_that_went_back_begins_anew(void **state)
{
	(void)state;
	note(0, begin_ms);
	note(10, begin_ms + STEP);
	note(20, 5 * STEP);
	assert_int_equal(read_at(5 * STEP), 0);
	note(26, 6 * STEP);
	assert_int_equal(read_at(6 * STEP), 1);
	assert_int_equal(points[0].queries, 6);
}

static uint64_t
quantile(const uint64_t counts[BUCKETS], unsigned thousandths)
{
	return history_quantile(counts, UPTO_US, BUCKETS, thousandths);
}

static void
quantiles_lie_between_bounds(void **state)
{
	(void)state;
	assert_true(quantile((const uint64_t[]){0, 0, 0, 0}, 500) == HISTORY_NO_TIME);
	assert_int_equal(quantile((const uint64_t[]){10, 0, 0, 0}, 500), 500);
	assert_int_equal(quantile((const uint64_t[]){5, 5, 0, 0}, 500), 1000);
	assert_int_equal(quantile((const uint64_t[]){5, 0, 5, 0}, 501), 2000 + 8000 / 5);
	assert_int_equal(quantile((const uint64_t[]){99, 0, 1, 0}, 990), 1000);
	assert_int_equal(quantile((const uint64_t[]){98, 0, 2, 0}, 990), 6000);
	/* beyond the last bound nobody knows */
	assert_int_equal(quantile((const uint64_t[]){0, 0, 0, 3}, 500), 10000);
	assert_int_equal(quantile((const uint64_t[]){1, 0, 0, 3}, 1000), 10000);
	assert_int_equal(quantile((const uint64_t[]){1, 0, 0, 0}, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(begins_empty, begin, end),
	        cmocka_unit_test_setup_teardown(a_step_is_told_when_it_is_over, begin, end),
	        cmocka_unit_test_setup_teardown(one_that_began_in_the_middle_says_so, begin, end),
	        cmocka_unit_test_setup_teardown(late_notes_belong_to_the_step, begin, end),
	        cmocka_unit_test_setup_teardown(what_nobody_wrote_is_a_gap, begin, end),
	        cmocka_unit_test_setup_teardown(no_questions_are_no_gap, begin, end),
	        cmocka_unit_test_setup_teardown(an_hour_is_kept_and_no_more, begin, end),
	        cmocka_unit_test_setup_teardown(sums_that_fall_back_count_nothing, begin, end),
	        cmocka_unit_test_setup_teardown(a_clock_that_went_back_begins_anew, begin, end),
	        cmocka_unit_test(quantiles_lie_between_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
