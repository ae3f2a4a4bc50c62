/*
 * When a worker that died is born again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/child.h"

static void
schedule_of_births(void **state)
{
	static const uint64_t waits[] = {0, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
	struct child_history history = {0};
	(void)state;
	for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++)
		assert_int_equal(child_died(&history, 0, false), waits[i]);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(child_died(&history, CHILD_CALM_MS - 1, false), 30000);
}

static void
ten_calm_seconds_forgive(void **state)
{
	struct child_history history = {0};
	(void)state;
	for (int i = 0; i < 6; i++)
		child_died(&history, 100, false);
	assert_int_equal(child_died(&history, 9999, false), 16000);
	assert_int_equal(child_died(&history, 10000, false), 0);
	assert_int_equal(child_died(&history, 0, false), 500);
	assert_int_equal(child_died(&history, UINT64_MAX, false), 0);
}

/* A kill from outside says nothing about the slot: it neither counts nor forgives. */
static void
killed_from_outside(void **state)
{
	struct child_history history = {0};
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(child_died(&history, 10, true), 0);
	assert_int_equal(child_died(&history, 10, false), 0);
	assert_int_equal(child_died(&history, 10, false), 500);
	assert_int_equal(child_died(&history, 10, true), 0);
	assert_int_equal(child_died(&history, 10, false), 1000);
	assert_int_equal(child_died(&history, CHILD_CALM_MS, true), 0);
	assert_int_equal(child_died(&history, 10, false), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(schedule_of_births),
	        cmocka_unit_test(ten_calm_seconds_forgive),
	        cmocka_unit_test(killed_from_outside),
	};
	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
