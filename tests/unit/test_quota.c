/*
 * How many questions a connection is good for, learned from how connections end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/quota.h"

#include <limits.h>

enum { NOW_MS = 1000000 };

static void
note(struct quota *q, unsigned times, unsigned answers, bool unanswered)
{
	for (unsigned i = 0; i < times; i++)
		quota_note(q, answers, unanswered, NOW_MS);
}

static void
unlimited_at_first(void **state)
{
	struct quota q = {0};
	(void)state;
	assert_int_equal(quota_limit(&q, 0), UINT_MAX);
	assert_int_equal(quota_limit(&q, NOW_MS), UINT_MAX);
}

static void
three_times_the_same_is_a_limit(void **state)
{
	struct quota q = {0};
	(void)state;
	note(&q, QUOTA_TIMES - 1, 2, true);
	assert_int_equal(quota_limit(&q, NOW_MS), UINT_MAX);
	note(&q, 1, 2, true);
	assert_int_equal(quota_limit(&q, NOW_MS), 2);
}

/* One that resets at random now and then is no such server. */
static void
different_numbers_are_none(void **state)
{
	struct quota q = {0};
	(void)state;
	for (unsigned i = 0; i < 60; i++)
		note(&q, 1, 1 + i % 3, true);
	note(&q, QUOTA_TIMES, QUOTA_MOST + 1, true);
	note(&q, 100, 0, true);
	assert_int_equal(quota_limit(&q, NOW_MS), UINT_MAX);
}

/* An idle connection that is closed says nothing. */
static void
nothing_unanswered_says_nothing(void **state)
{
	struct quota q = {0};
	(void)state;
	note(&q, 100, 1, false);
	assert_int_equal(quota_limit(&q, NOW_MS), UINT_MAX);
	note(&q, QUOTA_TIMES, 1, true);
	note(&q, 100, 1, false);
	assert_int_equal(quota_limit(&q, NOW_MS), 1);
}

static void
more_answers_lift_it(void **state)
{
	struct quota q = {0};
	(void)state;
	note(&q, QUOTA_TIMES, 1, true);
	note(&q, 1, 2, false);
	assert_int_equal(quota_limit(&q, NOW_MS), UINT_MAX);
	note(&q, QUOTA_TIMES - 1, 1, true);
	assert_int_equal(quota_limit(&q, NOW_MS), UINT_MAX);
}

static void
forgotten_after_a_while(void **state)
{
	struct quota q = {0};
	(void)state;
	note(&q, QUOTA_TIMES, 1, true);
	assert_int_equal(quota_limit(&q, NOW_MS + QUOTA_KEPT_MS - 1), 1);
	assert_int_equal(quota_limit(&q, NOW_MS + QUOTA_KEPT_MS), UINT_MAX);
	quota_note(&q, 1, true, NOW_MS + QUOTA_KEPT_MS);
	assert_int_equal(quota_limit(&q, NOW_MS + QUOTA_KEPT_MS), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(unlimited_at_first),
	        cmocka_unit_test(three_times_the_same_is_a_limit),
	        cmocka_unit_test(different_numbers_are_none),
	        cmocka_unit_test(nothing_unanswered_says_nothing),
	        cmocka_unit_test(more_answers_lift_it),
	        cmocka_unit_test(forgotten_after_a_while),
	};
	return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
