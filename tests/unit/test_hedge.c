/*
 * How often a question may be asked twice, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/hedge.h"

static void
a_burst_at_first(void **state)
{
	struct hedge_budget budget = {0};
	(void)state;
	for (unsigned i = 0; i < HEDGE_BURST; i++)
		assert_true(hedge_spend(&budget));
	assert_false(hedge_spend(&budget));
}

static void
a_tenth_in_the_long_run(void **state)
{
	struct hedge_budget budget = {0};
	unsigned hedged = 0;
	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		hedge_earn(&budget);
		hedged += hedge_spend(&budget);
	}
	assert_in_range(hedged, 10000, 10000 + HEDGE_BURST);
}

/* Ten questions pay for one. */
static void
earned_by_questions(void **state)
{
	struct hedge_budget budget = {0};
	(void)state;
	while (hedge_spend(&budget))
		;
	for (unsigned i = 0; i < HEDGE_SHARE - 1; i++)
		hedge_earn(&budget);
	assert_false(hedge_spend(&budget));
	hedge_earn(&budget);
	assert_true(hedge_spend(&budget));
	assert_false(hedge_spend(&budget));
}

/* What is earned beyond the burst is lost. */
static void
never_more_than_the_burst(void **state)
{
	struct hedge_budget budget = {0};
	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		hedge_earn(&budget);
	a_burst_at_first(NULL);
	for (unsigned i = 0; i < HEDGE_BURST; i++)
		assert_true(hedge_spend(&budget));
	assert_false(hedge_spend(&budget));
}

static void
after_the_slow_ones(void **state)
{
	(void)state;
	assert_int_equal(hedge_after_ms(0), HEDGE_LEAST_MS);
	assert_int_equal(hedge_after_ms(149001), 150);
	assert_int_equal(hedge_after_ms(150001), 151);
	assert_int_equal(hedge_after_ms(700000), 700);
	assert_int_equal(hedge_after_ms(UINT32_MAX), 4294968);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_burst_at_first),
	        cmocka_unit_test(a_tenth_in_the_long_run),
	        cmocka_unit_test(earned_by_questions),
	        cmocka_unit_test(never_more_than_the_burst),
	        cmocka_unit_test(after_the_slow_ones),
	};
	return cmocka_run_group_tests_name("hedge", tests, NULL, NULL);
}
