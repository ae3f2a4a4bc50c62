/*
 * The schedule of tries after failures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/backoff.h"

#include <limits.h>

static void
doubles_up_to_the_most(void **state)
{
	static const uint64_t wanted[] = {500, 1000, 2000, 4000, 5000, 5000};
	(void)state;
	for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
		assert_int_equal(backoff_ms(i + 1, 500, 5000), wanted[i]);
	assert_int_equal(backoff_ms(UINT_MAX, 500, 5000), 5000);
	assert_int_equal(backoff_ms(1, 9000, 5000), 5000);
}

static void
chance_takes_off_a_quarter_at_most(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;
	(void)state;
	for (uint32_t random = 0; random < 5000; random++) {
		uint64_t wait_ms = backoff_spread_ms(1000, random);
		least = wait_ms < least ? wait_ms : least;
		most = wait_ms > most ? wait_ms : most;
	}
	assert_in_range(least, 750, 760);
	assert_int_equal(most, 1000);
	assert_int_equal(backoff_spread_ms(1, UINT32_MAX), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(doubles_up_to_the_most),
	        cmocka_unit_test(chance_takes_off_a_quarter_at_most),
	};
	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
