/*
 * What is learned of an address by watching it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/habits.h"

static uint32_t
next_random(void)
{
	static uint32_t seed = 4711;
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static void
nothing_known(void **state)
{
	struct habits h = {0};
	(void)state;
	assert_int_equal(habits_slow_us(&h), 0);
	assert_int_equal(habits_idle_ms(&h), HABITS_IDLE_FIRST_MS);
}

/* Evenly spread up to 100 ms: the 95th percentile is 95 ms, whatever was thought before. */
static void
finds_the_percentile(void **state)
{
	const uint32_t firsts_us[] = {10, 90000, 3000000};
	(void)state;
	for (unsigned n = 0; n < 3; n++) {
		struct habits h = {0};
		uint64_t sum = 0;
		habits_answered(&h, firsts_us[n]);
		for (unsigned i = 0; i < 4000; i++) {
			habits_answered(&h, next_random() % 100000);
			sum += i >= 2000 ? habits_slow_us(&h) : 0;
		}
		assert_in_range(sum / 2000, 85000, 105000);
	}
}

static void
one_that_took_for_ever_moves_it_a_little(void **state)
{
	struct habits h = {0};
	(void)state;
	for (unsigned i = 0; i < 100; i++)
		habits_answered(&h, 20000);
	habits_answered(&h, UINT32_MAX);
	assert_in_range(habits_slow_us(&h), 15000, 25000);
	habits_answered(&h, 0);
	assert_true(habits_slow_us(&h) > 0);
}

static void
learns_when_it_is_closed_on(void **state)
{
	struct habits h = {0};
	(void)state;
	habits_idle_closed(&h, 2000);
	assert_int_equal(habits_idle_ms(&h), 1900);
	habits_idle_closed(&h, 20000);
	assert_int_equal(habits_idle_ms(&h), 19000);
	habits_idle_closed(&h, 10000000);
	assert_int_equal(habits_idle_ms(&h), HABITS_IDLE_MOST_MS);
	/* That was no idle time. */
	habits_idle_closed(&h, 30);
	assert_int_equal(habits_idle_ms(&h), HABITS_IDLE_MOST_MS);
}

static void
grows_until_it_is_closed_on(void **state)
{
	struct habits h = {0};
	(void)state;
	habits_idle_outlived(&h);
	assert_in_range(habits_idle_ms(&h), HABITS_IDLE_FIRST_MS + 1, 15000);
	for (unsigned i = 0; i < 50; i++)
		habits_idle_outlived(&h);
	assert_int_equal(habits_idle_ms(&h), HABITS_IDLE_MOST_MS);
}

/* A server that was stopped looks like one that closes early; that is forgotten in time, but not at once. */
static void
a_limit_is_tried_again_later(void **state)
{
	struct habits h = {0};
	(void)state;
	habits_idle_closed(&h, 2000);
	for (unsigned i = 0; i < 3; i++)
		habits_idle_outlived(&h);
	assert_int_equal(habits_idle_ms(&h), 1900);
	habits_idle_outlived(&h);
	assert_in_range(habits_idle_ms(&h), 1901, 2100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_known),
	        cmocka_unit_test(finds_the_percentile),
	        cmocka_unit_test(one_that_took_for_ever_moves_it_a_little),
	        cmocka_unit_test(learns_when_it_is_closed_on),
	        cmocka_unit_test(grows_until_it_is_closed_on),
	        cmocka_unit_test(a_limit_is_tried_again_later),
	};
	return cmocka_run_group_tests_name("habits", tests, NULL, NULL);
}
