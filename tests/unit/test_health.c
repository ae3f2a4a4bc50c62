/*
 * Back-off, silences and latency of an upstream address, with the time as an argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/health.h"

static void
back_off_doubles_to_a_minute(void **state)
{
	static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
	struct health h = {0};
	uint64_t now = 1000000;
	(void)state;
	assert_true(health_usable(&h, 0));
	for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		assert_int_equal(health_failed(&h, now, 0), i == 0);
		assert_int_equal(h.backoff_until_ms - now, waits[i]);
		assert_int_equal(h.failures, i + 1);
		assert_false(health_usable(&h, now + waits[i] - 1));
		assert_true(health_usable(&h, now + waits[i]));
		now = h.backoff_until_ms;
	}
}

static void
ten_thousand_failures_still_wait_a_minute(void **state)
{
	struct health h = {0};
	(void)state;
	for (int i = 0; i < 10000; i++)
		health_failed(&h, 5, 0);
	assert_int_equal(h.backoff_until_ms, 60005);
}

static void
chance_takes_off_up_to_a_quarter(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;
	(void)state;
	for (uint32_t random = 0; random < 5000; random++) {
		struct health h = {.failures = 6};
		health_failed(&h, 0, random * 2654435761u);
		least = h.backoff_until_ms < least ? h.backoff_until_ms : least;
		most = h.backoff_until_ms > most ? h.backoff_until_ms : most;
	}
	assert_in_range(least, 45000, 46000);
	assert_in_range(most, 59000, 60000);
}

static void
silences_in_a_row_make_a_failure(void **state)
{
	struct health h = {0};
	(void)state;
	for (int i = 1; i < HEALTH_SILENCES; i++) {
		assert_false(health_silent(&h, 100, 0));
		assert_true(health_usable(&h, 100));
		assert_false(h.down);
	}
	assert_true(health_silent(&h, 100, 0));
	assert_true(h.down);
	assert_int_equal(h.failures, 1);
	assert_int_equal(h.backoff_until_ms, 1100);
	for (int i = 1; i < HEALTH_SILENCES; i++)
		assert_false(health_silent(&h, 2000, 0));
	assert_false(health_silent(&h, 2000, 0)); /* a failure again, but it was down already */
	assert_int_equal(h.failures, 2);
}

static void
an_answer_ends_the_row(void **state)
{
	struct health h = {0};
	(void)state;
	health_silent(&h, 100, 0);
	health_silent(&h, 100, 0);
	assert_false(health_answered(&h, 1000));
	health_silent(&h, 100, 0);
	assert_false(health_silent(&h, 100, 0));
	assert_false(h.down);
}

static void
coming_up_is_told_once(void **state)
{
	struct health h = {0};
	(void)state;
	assert_true(health_failed(&h, 100, 0));
	assert_false(health_failed(&h, 200, 0));
	assert_true(health_answered(&h, 1000));
	assert_false(health_answered(&h, 1000));
	assert_true(health_usable(&h, 0));
	assert_int_equal(h.failures, 0);
	assert_true(health_failed(&h, 100, 0));
	assert_int_equal(h.backoff_until_ms, 1100);
}

static void
latency_is_smoothed(void **state)
{
	struct health h = {0};
	(void)state;
	health_answered(&h, 8000);
	assert_int_equal(h.latency_us, 8000);
	health_answered(&h, 16000);
	assert_int_equal(h.latency_us, 9000);
	for (int i = 0; i < 100; i++)
		health_answered(&h, 1000);
	assert_in_range(h.latency_us, 1000, 1010);
	for (int i = 0; i < 200; i++)
		health_answered(&h, UINT32_MAX);
	assert_true(h.latency_us > UINT32_MAX / 2);
}

static void
measured_as_nothing_is_still_measured(void **state)
{
	struct health h = {0};
	(void)state;
	health_answered(&h, 0);
	assert_int_equal(h.latency_us, 1);
	health_answered(&h, 0);
	assert_int_equal(h.latency_us, 1);
}

/* Another network: what was learned of the last one is gone, but for what the log was told. */
static void
all_is_forgotten_but_the_log(void **state)
{
	struct health h = {0};
	(void)state;
	health_answered(&h, 8000);
	for (int i = 0; i < 5; i++)
		health_failed(&h, 1000, 0);
	health_silent(&h, 1000, 0);
	health_forget(&h);
	assert_true(health_usable(&h, 1000));
	assert_int_equal(h.latency_us, 0);
	assert_int_equal(h.failures + h.silences, 0);
	assert_false(health_failed(&h, 2000, 0)); /* it was down already */
	assert_int_equal(h.backoff_until_ms, 3000);
	assert_true(health_answered(&h, 1000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(back_off_doubles_to_a_minute),
	        cmocka_unit_test(ten_thousand_failures_still_wait_a_minute),
	        cmocka_unit_test(chance_takes_off_up_to_a_quarter),
	        cmocka_unit_test(silences_in_a_row_make_a_failure),
	        cmocka_unit_test(an_answer_ends_the_row),
	        cmocka_unit_test(coming_up_is_told_once),
	        cmocka_unit_test(latency_is_smoothed),
	        cmocka_unit_test(measured_as_nothing_is_still_measured),
	        cmocka_unit_test(all_is_forgotten_but_the_log),
	};
	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
