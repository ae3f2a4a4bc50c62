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

/* Something as old as an answer can be has a time, on a machine that has just been started. */
static void
what_was_before_boot_has_a_time(void **state)
{
	struct timespec boot;
	(void)state;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	uint64_t since_ms = (uint64_t)boot.tv_sec * 1000 + (uint64_t)boot.tv_nsec / 1000000;
	uint64_t now_ms = clock_boot_ms();
	assert_true(now_ms >= since_ms + CLOCK_BEFORE_BOOT_MS);
	assert_true(now_ms < since_ms + CLOCK_BEFORE_BOOT_MS + 60000);
	assert_true(CLOCK_BEFORE_BOOT_MS > 2 * 604800000ull);
}

static void
the_wall_clock_counts_from_1970(void **state)
{
	(void)state;
	uint64_t before = (uint64_t)time(NULL), wall = clock_wall_ms() / 1000;
	assert_true(wall >= before && wall <= before + 60);
}

static time_t
another(void)
{
	return 4711;
}

static void
the_date_is_the_wall_clock_or_what_a_test_says(void **state)
{
	(void)state;
	time_t before = time(NULL), date = clock_date();
	assert_true(date >= before && date <= before + 60);
	assert_false(clock_is_wrong(date));
	clock_date_from(another);
	assert_int_equal(clock_date(), 4711);
	assert_true(clock_is_wrong(clock_date()));
	clock_date_from(NULL);
	assert_true(clock_date() >= before);
}

static void
dates_are_written_in_utc(void **state)
{
	char text[CLOCK_DATE_TEXT_BYTES];
	(void)state;
	assert_string_equal(clock_date_text(0, text), "1970-01-01 00:00 UTC");
	assert_string_equal(clock_date_text(1795305599, text), "2026-11-21 23:59 UTC");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(what_was_before_boot_has_a_time),
	        cmocka_unit_test(the_date_is_the_wall_clock_or_what_a_test_says),
	        cmocka_unit_test(the_wall_clock_counts_from_1970),
	        cmocka_unit_test(never_goes_back),
	        cmocka_unit_test(dates_are_written_in_utc),
	        cmocka_unit_test(counts_milliseconds_of_the_monotonic_clock),
	};
	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
