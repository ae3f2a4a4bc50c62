/*
 * Who may begin a handshake, and who has to give way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "client/handshakes.h"

enum { MOST = 4, LIMIT_MS = 5000, MANY = 40 };

static struct handshakes all;
static struct handshake one[MANY];
static const struct handshake *waits; /* for us, and not we for it */

static int
start(void **state)
{
	(void)state;
	handshakes_init(&all, MOST, LIMIT_MS);
	for (unsigned i = 0; i < MANY; i++)
		list_init(&one[i].link);
	waits = NULL;
	return 0;
}

static bool
waits_for_us(const struct handshake *h)
{
	return h == waits;
}

static bool
everybody_waits(const struct handshake *h)
{
	return h != NULL;
}

static void
they_are_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MOST; i++) {
		assert_false(handshakes_full(&all));
		assert_false(handshake_is_under_way(&one[i]));
		handshake_begin(&all, &one[i], 100 + i);
		assert_true(handshake_is_under_way(&one[i]));
	}
	assert_true(handshakes_full(&all));
	handshake_end(&all, &one[2]);
	handshake_end(&all, &one[2]); /* once is enough */
	assert_false(handshakes_full(&all));
	assert_int_equal(all.count, MOST - 1);
}

static void
each_has_its_time(void **state)
{
	(void)state;
	assert_null(handshakes_overdue(&all, UINT64_MAX));
	assert_int_equal(handshakes_next_ms(&all, 0), UINT64_MAX);
	handshake_begin(&all, &one[0], 1000);
	handshake_begin(&all, &one[1], 1200);
	assert_int_equal(handshakes_next_ms(&all, 1300), 1000 + LIMIT_MS);
	assert_null(handshakes_overdue(&all, 1000 + LIMIT_MS - 1));
	assert_ptr_equal(handshakes_overdue(&all, 1000 + LIMIT_MS), &one[0]);
	handshake_end(&all, &one[0]);
	assert_null(handshakes_overdue(&all, 1000 + LIMIT_MS));
	assert_int_equal(handshakes_next_ms(&all, 1300), 1200 + LIMIT_MS);
}

static void
the_oldest_gives_way_beyond_its_grace(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MOST; i++)
		handshake_begin(&all, &one[i], 1000 + i);
	assert_null(handshakes_stalled(&all, 1000 + HANDSHAKE_GRACE_MS - 1, waits_for_us));
	assert_ptr_equal(handshakes_stalled(&all, 1000 + HANDSHAKE_GRACE_MS, waits_for_us), &one[0]);
	/* it is we who have not got round to the first one: the next one is too young still, and then not */
	waits = &one[0];
	assert_null(handshakes_stalled(&all, 1000 + HANDSHAKE_GRACE_MS, waits_for_us));
	assert_ptr_equal(handshakes_stalled(&all, 1001 + HANDSHAKE_GRACE_MS, waits_for_us), &one[1]);
	assert_null(handshakes_stalled(&all, 9000, everybody_waits));
}

static void
only_a_few_are_looked_at(void **state)
{
	(void)state;
	handshakes_init(&all, MANY, LIMIT_MS);
	for (unsigned i = 0; i < MANY; i++)
		handshake_begin(&all, &one[i], 0);
	unsigned asked = 0;
	list_each (at, &all.under_way)
		asked++;
	assert_int_equal(asked, MANY);
	assert_null(handshakes_stalled(&all, 9000, everybody_waits));
}

static void
when_there_is_no_room_the_next_look_is_at_the_grace(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MOST; i++)
		handshake_begin(&all, &one[i], 1000);
	assert_int_equal(handshakes_next_ms(&all, 1000), 1000 + HANDSHAKE_GRACE_MS);
	/* beyond it nobody gave way: again, but not at once, and not later than the first is overdue */
	uint64_t next_ms = handshakes_next_ms(&all, 3000);
	assert_true(next_ms > 3000 && next_ms < 3000 + HANDSHAKE_GRACE_MS);
	assert_int_equal(handshakes_next_ms(&all, 999 + LIMIT_MS), 1000 + LIMIT_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(they_are_counted, start),
	        cmocka_unit_test_setup(each_has_its_time, start),
	        cmocka_unit_test_setup(the_oldest_gives_way_beyond_its_grace, start),
	        cmocka_unit_test_setup(only_a_few_are_looked_at, start),
	        cmocka_unit_test_setup(when_there_is_no_room_the_next_look_is_at_the_grace, start),
	};
	return cmocka_run_group_tests_name("handshakes", tests, NULL, NULL);
}
