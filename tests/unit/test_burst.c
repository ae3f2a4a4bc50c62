/*
 * When many events are acted on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/burst.h"

static void
nothing_is_due_without_an_event(void **state)
{
	struct burst b = {0};
	(void)state;
	assert_true(burst_due_ms(&b) == UINT64_MAX);
	assert_false(burst_take(&b, 1000000));
}

static void
an_event_is_acted_on_after_quiet(void **state)
{
	struct burst b = {0};
	(void)state;
	burst_note(&b, false, 1000);
	assert_int_equal(burst_due_ms(&b), 1500);
	burst_note(&b, false, 1400);
	assert_false(burst_take(&b, 1899));
	assert_true(burst_take(&b, 1900));
	assert_false(burst_take(&b, 10000));
}

static void
the_first_urgent_one_is_acted_on_at_once(void **state)
{
	struct burst b = {0};
	(void)state;
	burst_note(&b, false, 1000);
	burst_note(&b, true, 1100);
	assert_true(burst_take(&b, 1100));
	/* what comes with it waits for quiet, urgent or not */
	burst_note(&b, true, 1101);
	burst_note(&b, false, 1200);
	assert_false(burst_take(&b, 1699));
	assert_true(burst_take(&b, 1700));
	/* quiet: the next burst has an urgent one of its own */
	burst_note(&b, true, 1701);
	assert_true(burst_take(&b, 1701));
}

static void
what_urges_again_within_a_burst_waits(void **state)
{
	struct burst b = {0};
	(void)state;
	burst_note(&b, true, 1000);
	assert_true(burst_take(&b, 1000));
	burst_note(&b, true, 1499);
	assert_false(burst_take(&b, 1499));
	assert_int_equal(burst_due_ms(&b), 1999);
}

/* An event each 10 ms, for ten minutes. */
static void
a_storm_is_acted_on_ever_more_seldom(void **state)
{
	struct burst b = {0};
	uint64_t taken[100] = {0};
	unsigned count = 0;
	(void)state;
	for (uint64_t now_ms = 1000; now_ms < 601000; now_ms += 10) {
		burst_note(&b, true, now_ms);
		if (burst_take(&b, now_ms))
			taken[count++] = now_ms;
	}
	assert_in_range(count, 10, 16);
	assert_int_equal(taken[0], 1000);
	assert_in_range(taken[1] - taken[0], 3000, 3010);
	assert_in_range(taken[2] - taken[1], 6000, 6010);
	assert_in_range(taken[count - 1] - taken[count - 2], 60000, 60010);
	/* and when it is over all is as before */
	assert_int_equal(burst_take(&b, 602000), b.pending);
	burst_note(&b, true, 700000);
	assert_true(burst_take(&b, 700000));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(nothing_is_due_without_an_event),
	        cmocka_unit_test(an_event_is_acted_on_after_quiet),
	        cmocka_unit_test(the_first_urgent_one_is_acted_on_at_once),
	        cmocka_unit_test(what_urges_again_within_a_burst_waits),
	        cmocka_unit_test(a_storm_is_acted_on_ever_more_seldom),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
