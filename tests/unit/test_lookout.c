/*
 * The epoch is raised by others, by sleep, and told once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "process/lookout.h"

#include <unistd.h>

static struct epoch epoch;
static struct lookout *lookout;

static int
begin(void **state)
{
	(void)state;
	epoch = (struct epoch){.count = 7};
	uint64_t now_ms = clock_now_ms();
	epoch_begin(&epoch, now_ms, clock_boot_ms());
	lookout = lookout_open(&epoch);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	lookout_close(lookout);
	return 0;
}

static void
what_was_before_is_not_told(void **state)
{
	(void)state;
	assert_false(lookout_heed(lookout, clock_now_ms()));
}

static void
what_another_raised_is_told_once(void **state)
{
	(void)state;
	epoch_raise(&epoch);
	assert_true(lookout_heed(lookout, clock_now_ms()));
	assert_false(lookout_heed(lookout, clock_now_ms()));
}

static void
sleep_raises_it(void **state)
{
	(void)state;
	/* as if less had been known of so far */
	atomic_fetch_sub(&epoch.asleep_ms, 5000);
	assert_true(lookout_heed(lookout, clock_now_ms()));
	assert_int_equal(epoch_now(&epoch), 8);
	assert_false(lookout_heed(lookout, clock_now_ms()));
}

static void
both_descriptors_are_waited_for(void **state)
{
	struct pollfd fds[LOOKOUT_FDS];
	(void)state;
	lookout_poll(lookout, fds);
	for (unsigned i = 0; i < LOOKOUT_FDS; i++) {
		assert_true(fds[i].fd >= 0);
		assert_int_equal(fds[i].events, POLLIN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_was_before_is_not_told, begin, end),
	        cmocka_unit_test_setup_teardown(what_another_raised_is_told_once, begin, end),
	        cmocka_unit_test_setup_teardown(sleep_raises_it, begin, end),
	        cmocka_unit_test_setup_teardown(both_descriptors_are_waited_for, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
