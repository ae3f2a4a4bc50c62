/*
 * What a process says of itself: at each beat that it lives, once a second what it takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/spending.h"

#include <time.h>

static _Atomic uint64_t cpu_us, memory_bytes, beat_ms;

static void
work_ms(unsigned ms)
{
	clock_t until = clock() + (clock_t)ms * CLOCKS_PER_SEC / 1000;
	while (clock() < until)
		;
}

static void
beats_are_told_at_once_and_the_rest_once_a_second(void **state)
{
	struct spending s;
	(void)state;
	spending_open(&s, &cpu_us, &memory_bytes, &beat_ms);
	work_ms(2);
	spending_tell(&s, 5000);
	uint64_t first_us = atomic_load(&cpu_us);
	assert_true(first_us > 0);
	assert_in_range(atomic_load(&memory_bytes), 100000, UINT64_MAX / 2);
	work_ms(5);
	spending_tell(&s, 5900);
	assert_int_equal(atomic_load(&beat_ms), 5900);
	assert_int_equal(atomic_load(&cpu_us), first_us);
	spending_tell(&s, 6000);
	assert_true(atomic_load(&cpu_us) >= first_us + 4000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(beats_are_told_at_once_and_the_rest_once_a_second),
	};
	return cmocka_run_group_tests_name("spending", tests, NULL, NULL);
}
