/*
 * Sleep is noticed once, and everybody hears of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/epoch.h"

#include <pthread.h>

static struct epoch epoch;

static int
begin(void **state)
{
	(void)state;
	epoch = (struct epoch){0};
	epoch_begin(&epoch, 5000, 1005000);
	return 0;
}

static void
sleep_before_the_beginning_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(epoch_woke(&epoch, 1005000, 5000), 0);
	assert_int_equal(epoch_now(&epoch), 0);
}

static void
time_that_passes_is_no_sleep(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 1000000; ms += 997)
		assert_int_equal(epoch_woke(&epoch, 1005000 + ms, 5000 + ms), 0);
	assert_int_equal(epoch_now(&epoch), 0);
}

static void
a_nap_is_no_sleep(void **state)
{
	(void)state;
	assert_int_equal(epoch_woke(&epoch, 1005000 + EPOCH_NAP_MS, 5000), 0);
	assert_int_equal(epoch_woke(&epoch, 1005000 + EPOCH_NAP_MS + 1, 5000), EPOCH_NAP_MS + 1);
	assert_int_equal(epoch_now(&epoch), 1);
}

static void
each_sleep_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(epoch_woke(&epoch, 1605000, 5000), 600000);
	assert_int_equal(epoch_woke(&epoch, 1605000, 5000), 0);
	assert_int_equal(epoch_woke(&epoch, 1606000, 6000), 0);
	assert_int_equal(epoch_woke(&epoch, 1616000, 6000), 10000);
	assert_int_equal(epoch_now(&epoch), 2);
}

/* A pause between the two readings looks like less sleep, never like more. */
static void
a_late_reading_does_no_harm(void **state)
{
	(void)state;
	assert_int_equal(epoch_woke(&epoch, 1006000, 60000), 0);
	assert_int_equal(epoch_now(&epoch), 0);
	/* before anything was known: the difference may even be negative */
	assert_int_equal(epoch_woke(&epoch, 1065000, 65000), 0);
}

static void
a_change_of_the_network_raises_it(void **state)
{
	(void)state;
	epoch_raise(&epoch);
	epoch_raise(&epoch);
	assert_int_equal(epoch_now(&epoch), 2);
}

static void *
ask(void *arg)
{
	uintptr_t told = 0;
	(void)arg;
	for (int i = 0; i < 1000; i++)
		told += epoch_woke(&epoch, 1605000, 5000) > 0;
	return (void *)told;
}

static void
of_many_who_ask_one_is_told(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		pthread_t threads[4];
		uintptr_t told = 0;
		begin(NULL);
		for (int i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
		for (int i = 0; i < 4; i++) {
			void *one;
			pthread_join(threads[i], &one);
			told += (uintptr_t)one;
		}
		assert_int_equal(told, 1);
		assert_int_equal(epoch_now(&epoch), 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(sleep_before_the_beginning_does_not_count, begin),
	        cmocka_unit_test_setup(time_that_passes_is_no_sleep, begin),
	        cmocka_unit_test_setup(a_nap_is_no_sleep, begin),
	        cmocka_unit_test_setup(each_sleep_is_told_once, begin),
	        cmocka_unit_test_setup(a_late_reading_does_no_harm, begin),
	        cmocka_unit_test_setup(a_change_of_the_network_raises_it, begin),
	        cmocka_unit_test_setup(of_many_who_ask_one_is_told, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
