/*
 * Claims about our own books: a false one ends the process and says where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/must.h"
#include "forked.h"

#include <stdlib.h>
#include <string.h>

static int
claim_falsely(void *arg)
{
	(void)arg;
	int books = 1;
	must(books == 2);
	return 0;
}

static int
ask_for_too_much(void *arg)
{
	/* Both volatile: an optimizer that sees through must_alloc() may leave out memory that nobody uses,
	 * and with it the failure. */
	volatile size_t half = SIZE_MAX / 2;
	void *volatile room;
	(void)arg;
	room = must_alloc(half, 8);
	free(room);
	return 0;
}

static void
false_claim_aborts(void **state)
{
	(void)state;
	struct forked result = forked_run(claim_falsely, NULL);
	assert_true(forked_aborted(&result));
	assert_non_null(strstr(result.said, "error dotward: assertion failed claim=\"books == 2\" at="));
	assert_non_null(strstr(result.said, "test_must.c:"));
}

static void
true_claim_is_looked_at_once(void **state)
{
	int looked = 0;
	(void)state;
	must(++looked == 1);
	assert_int_equal(looked, 1);
}

static void
memory_is_zeroed_and_there(void **state)
{
	(void)state;
	uint8_t *room = must_alloc(100, 8);
	for (size_t i = 0; i < 800; i++)
		assert_int_equal(room[i], 0);
	free(room);
	void *nothing = must_alloc(0, 0);
	assert_non_null(nothing);
	free(nothing);
}

static void
memory_that_is_not_there_ends_the_process(void **state)
{
	(void)state;
	struct forked result = forked_run(ask_for_too_much, NULL);
	assert_false(forked_succeeded(&result));
}

static void
copies(void **state)
{
	char text[] = "text";
	(void)state;
	char *copy = must_copy(text);
	text[0] = 'n';
	assert_string_equal(copy, "text");
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(false_claim_aborts),
	        cmocka_unit_test(true_claim_is_looked_at_once),
	        cmocka_unit_test(memory_is_zeroed_and_there),
	        cmocka_unit_test(memory_that_is_not_there_ends_the_process),
	        cmocka_unit_test(copies),
	};
	return cmocka_run_group_tests_name("must", tests, NULL, NULL);
}
