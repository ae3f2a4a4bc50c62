/*
 * The clock goes forwards, in milliseconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"

#include <time.h>

static uint64_t
kernel_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void
never_goes_back(void **state)
{
	uint64_t last = clock_now_ms();
	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t now = clock_now_ms();
		assert_true(now >= last);
		last = now;
	}
}

static void
counts_milliseconds_of_the_monotonic_clock(void **state)
{
	struct timespec pause = {.tv_nsec = 20000000};
	(void)state;
	uint64_t before = kernel_ms(), first = clock_now_ms();
	nanosleep(&pause, NULL);
	uint64_t second = clock_now_ms(), after = kernel_ms();
	assert_true(before <= first && second <= after);
	assert_true(second - first >= 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(never_goes_back),
	        cmocka_unit_test(counts_milliseconds_of_the_monotonic_clock),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
