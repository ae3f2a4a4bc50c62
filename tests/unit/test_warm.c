/*
 * When a connection is opened that no question waits for yet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/warm.h"

enum { NOW_MS = 1000000 };

static struct warm_view
asked(uint64_t ago_ms)
{
	return (struct warm_view){
	        .asked_ms = NOW_MS - ago_ms, .begun_ms = NOW_MS - ago_ms, .idle_ms = 9500, .well = true};
}

static void
for_a_minute_after_traffic(void **state)
{
	(void)state;
	struct warm_view view = asked(0);
	assert_int_equal(warm_at_ms(&view, NOW_MS), NOW_MS);
	view = asked(WARM_FOR_MS - 1);
	assert_int_equal(warm_at_ms(&view, NOW_MS), NOW_MS);
	view = asked(WARM_FOR_MS);
	assert_int_equal(warm_at_ms(&view, NOW_MS), WARM_NEVER);
}

static void
not_where_nobody_asked(void **state)
{
	(void)state;
	struct warm_view view = asked(0);
	view.asked_ms = 0;
	assert_int_equal(warm_at_ms(&view, NOW_MS), WARM_NEVER);
	assert_int_equal(warm_at_ms(&view, 1), WARM_NEVER);
}

static void
not_a_second_one(void **state)
{
	(void)state;
	struct warm_view view = asked(10);
	view.lively = true;
	assert_int_equal(warm_at_ms(&view, NOW_MS), WARM_NEVER);
}

/* Whoever closes at once shall not be called again and again. */
static void
useless_ones_are_rare(void **state)
{
	(void)state;
	struct warm_view view = asked(10);
	view.useless = true;
	assert_int_equal(warm_at_ms(&view, NOW_MS), NOW_MS - 10 + WARM_PAUSE_MS);
	assert_int_equal(warm_at_ms(&view, NOW_MS + WARM_PAUSE_MS), NOW_MS + WARM_PAUSE_MS);
	view.idle_ms = WARM_IDLE_LEAST_MS - 1;
	assert_int_equal(warm_at_ms(&view, NOW_MS), WARM_NEVER);
}

static void
not_where_nobody_is_well(void **state)
{
	(void)state;
	struct warm_view view = asked(10);
	view.well = false;
	assert_int_equal(warm_at_ms(&view, NOW_MS), WARM_NEVER);
}

static void
first_ones_are_staggered(void **state)
{
	(void)state;
	for (uint32_t random = 0; random < 1000; random++) {
		assert_true(warm_first_ms(0, random) < WARM_STAGGER_MS);
		assert_in_range(warm_first_ms(3, random), 3 * WARM_STAGGER_MS, 4 * WARM_STAGGER_MS - 1);
	}
	assert_int_not_equal(warm_first_ms(0, 1), warm_first_ms(0, 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(for_a_minute_after_traffic),
	        cmocka_unit_test(not_where_nobody_asked),
	        cmocka_unit_test(not_a_second_one),
	        cmocka_unit_test(useless_ones_are_rare),
	        cmocka_unit_test(not_where_nobody_is_well),
	        cmocka_unit_test(first_ones_are_staggered),
	};
	return cmocka_run_group_tests_name("warm", tests, NULL, NULL);
}
