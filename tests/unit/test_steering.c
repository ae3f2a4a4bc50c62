/*
 * How many slots are given questions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/steering.h"

static struct steering s;
static uint64_t now_ms, questions;

static int
begin(void **state)
{
	(void)state;
	now_ms = 1000000;
	questions = 0;
	steering_begin(&s, 8, 0, now_ms);
	return 0;
}

/* So many seconds of this; how often the width changed. */
static unsigned
pass(unsigned seconds, unsigned qps, unsigned busy, unsigned clients)
{
	unsigned changes = 0;
	for (unsigned i = 0; i < seconds; i++) {
		now_ms += STEERING_LOOK_MS;
		questions += qps;
		const struct steering_look look = {.questions = questions, .busy = busy, .clients = clients};
		changes += steering_look(&s, &look, now_ms);
	}
	return changes;
}

static void
begins_as_wide_as_is_needed(void **state)
{
	(void)state;
	assert_int_equal(s.width, 1);
	steering_begin(&s, 8, 201, now_ms);
	assert_int_equal(s.width, 2);
	steering_begin(&s, 8, 1000000, now_ms);
	assert_int_equal(s.width, 8);
	steering_begin(&s, 1, 1000000, now_ms);
	assert_int_equal(s.width, 1);
}

static void
few_questions_are_for_one(void **state)
{
	(void)state;
	assert_int_equal(pass(3600, 5, 1, 0), 0);
	assert_int_equal(s.width, 1);
	assert_int_equal(s.qps, 5);
}

static void
more_questions_are_for_more_at_the_next_look(void **state)
{
	(void)state;
	assert_int_equal(pass(1, 200, 1, 0), 0);
	assert_int_equal(pass(1, 201, 1, 0), 1);
	assert_int_equal(s.width, 2);
	assert_int_equal(pass(1, 1000, 1, 0), 1);
	assert_int_equal(s.width, 5);
	assert_int_equal(pass(1, 100000, 1, 0), 1);
	assert_int_equal(s.width, 8);
	assert_int_equal(pass(1, 1000000, 1, 0), 0);
}

static void
narrower_only_after_calm_and_by_half(void **state)
{
	(void)state;
	pass(1, 100000, 1, 0);
	assert_int_equal(pass(29, 0, 0, 0), 0);
	assert_int_equal(pass(1, 0, 0, 0), 1);
	assert_int_equal(s.width, 4);
	assert_int_equal(pass(29, 0, 0, 0), 0);
	assert_int_equal(pass(1, 0, 0, 0), 1);
	assert_int_equal(s.width, 2);
	assert_int_equal(pass(30, 0, 0, 0), 1);
	assert_int_equal(s.width, 1);
	assert_int_equal(pass(3600, 0, 0, 0), 0);
}

/* One look in which more was wanted keeps them for another stretch. */
static void
a_peak_in_the_calm_counts(void **state)
{
	(void)state;
	pass(1, 100000, 1, 0);
	pass(15, 0, 0, 0);
	pass(1, 750, 0, 0);
	assert_int_equal(pass(14, 0, 0, 0), 0);
	assert_int_equal(s.width, 8);
	assert_int_equal(pass(30, 0, 0, 0), 1);
	assert_int_equal(s.width, 4);
}

/* Around a border it does not flap: to become narrower takes half the questions that made it wider. */
static void
around_a_border_it_stays(void **state)
{
	(void)state;
	unsigned changes = 0;
	for (unsigned i = 0; i < 100; i++)
		changes += pass(20, i % 2 == 0 ? 210 : 190, 1, 0);
	assert_int_equal(changes, 1);
	assert_int_equal(s.width, 2);
}

static void
a_busy_slot_gets_help(void **state)
{
	(void)state;
	assert_int_equal(pass(1, 10, 50, 0), 0);
	assert_int_equal(pass(1, 10, 51, 0), 1);
	assert_int_equal(s.width, 2);
	pass(2, 10, 90, 0);
	assert_int_equal(s.width, 8);
	assert_int_equal(pass(100, 10, 90, 0), 0);
	assert_int_equal(pass(130, 10, 10, 0), 3);
	assert_int_equal(s.width, 1);
}

static void
a_slot_full_of_clients_gets_help(void **state)
{
	(void)state;
	assert_int_equal(pass(1, 1, 1, 50), 0);
	assert_int_equal(pass(1, 1, 1, 51), 1);
	assert_int_equal(s.width, 2);
}

static void
an_alarm_is_for_all(void **state)
{
	(void)state;
	assert_true(steering_alarm(&s, now_ms));
	assert_int_equal(s.width, 8);
	assert_false(steering_alarm(&s, now_ms));
	assert_int_equal(pass(29, 0, 0, 0), 0);
	assert_int_equal(pass(1, 0, 0, 0), 1);
}

/* Looks that come late or early see the same rate; a clock that stands still does no harm. */
static void
the_rate_is_by_the_time_that_passed(void **state)
{
	(void)state;
	struct steering_look look = {.questions = 2000};
	assert_false(steering_look(&s, &look, now_ms += 20000));
	assert_int_equal(s.qps, 100);
	look.questions += 1;
	assert_true(steering_look(&s, &look, now_ms));
	look.questions = 0;
	assert_false(steering_look(&s, &look, now_ms += 1000));
	assert_int_equal(s.qps, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(begins_as_wide_as_is_needed, begin),
	        cmocka_unit_test_setup(few_questions_are_for_one, begin),
	        cmocka_unit_test_setup(more_questions_are_for_more_at_the_next_look, begin),
	        cmocka_unit_test_setup(narrower_only_after_calm_and_by_half, begin),
	        cmocka_unit_test_setup(a_peak_in_the_calm_counts, begin),
	        cmocka_unit_test_setup(around_a_border_it_stays, begin),
	        cmocka_unit_test_setup(a_busy_slot_gets_help, begin),
	        cmocka_unit_test_setup(a_slot_full_of_clients_gets_help, begin),
	        cmocka_unit_test_setup(an_alarm_is_for_all, begin),
	        cmocka_unit_test_setup(the_rate_is_by_the_time_that_passed, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
