/*
 * Histograms: each value in the bucket whose bound it does not exceed, sums of several, quantiles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/latency.h"

#include <string.h>

static void
bounds_belong_to_their_bucket(void **state)
{
	(void)state;
	assert_int_equal(latency_bucket(0), 0);
	for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
		assert_int_equal(latency_bucket(latency_bounds_us[i]), i);
		assert_int_equal(latency_bucket(latency_bounds_us[i] + 1u), i + 1);
		assert_true(i == 0 || latency_bounds_us[i] > latency_bounds_us[i - 1]);
	}
	assert_int_equal(latency_bucket(UINT64_MAX), LATENCY_BOUNDS);
}

static void
several_add_up(void **state)
{
	struct latency one = {0}, other = {0};
	struct latency_view view = {0};
	(void)state;
	latency_note(&one, 1);
	latency_note(&one, 10000000);
	latency_note_shared(&other, 3);
	latency_add(&view, &one);
	latency_add(&view, &other);
	assert_int_equal(view.count, 3);
	assert_int_equal(view.sum_us, 10000004);
	assert_int_equal(view.below[0], 1);
	assert_int_equal(view.below[1], 2);
	assert_int_equal(view.below[LATENCY_BOUNDS - 1], 2);
	assert_int_equal(view.below[LATENCY_BOUNDS], 3);
}

/* An answer from the cache takes a few microseconds, and less or more of them is what one wants to see. */
static void
answers_of_the_cache_are_told_apart(void **state)
{
	static const unsigned us[] = {1, 4, 8, 16, 40, 90};
	(void)state;
	for (size_t i = 1; i < sizeof us / sizeof *us; i++)
		assert_true(latency_bucket(us[i]) > latency_bucket(us[i - 1]));
}

static void
quantiles_lie_in_their_bucket(void **state)
{
	struct latency l = {0};
	struct latency_view view = {0};
	(void)state;
	assert_int_equal(latency_quantile_us(&view, 50), 0);
	for (unsigned i = 0; i < 99; i++)
		latency_note(&l, 150);
	latency_note(&l, 3000);
	latency_add(&view, &l);
	assert_in_range(latency_quantile_us(&view, 50), 101, 200);
	assert_in_range(latency_quantile_us(&view, 99), 101, 200);
	assert_in_range(latency_quantile_us(&view, 100), 2001, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bounds_belong_to_their_bucket),
	        cmocka_unit_test(several_add_up),
	        cmocka_unit_test(answers_of_the_cache_are_told_apart),
	        cmocka_unit_test(quantiles_lie_in_their_bucket),
	};
	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
