/*
 * Complaints: their order, their form, and what counts as a slip of the pen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "config/complain.h"

#include <stdlib.h>
#include <string.h>

static void
they_are_printed_in_the_order_of_their_places(void **state)
{
	struct complaints list = {0};
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	(void)state;
	struct place first = complain_place(&list, "a.conf", 1), second = complain_place(&list, "a.conf", 2);
	struct place last = complain_place(&list, "-o", 0), whole = {0};
	complain(&list, &last, "x = 1", "at most %d", 0);
	complain_remark(&list, &second, NULL, "just so");
	complain(&list, &first, "y", "b");
	complain(&list, &first, "y", "c");
	complain(&list, &whole, NULL, "all of it");
	assert_int_equal(list.errors, 4);
	complain_print(&list, out);
	fclose(out);
	assert_string_equal(
	        text, "all of it\na.conf:1: y: b\na.conf:1: y: c\na.conf:2: just so\n-o: x = 1: at most 0\n");
	complain_free(&list);
	free(text);
}

static void
distances_count_slips(void **state)
{
	(void)state;
	assert_int_equal(complain_distance("", ""), 0);
	assert_int_equal(complain_distance("", "abc"), 3);
	assert_int_equal(complain_distance("abc", "abc"), 0);
	assert_int_equal(complain_distance("abc", "axc"), 1);
	assert_int_equal(complain_distance("abc", "ac"), 1);
	assert_int_equal(complain_distance("ac", "abc"), 1);
	assert_int_equal(complain_distance("abcd", "acbd"), 1);
	assert_int_equal(complain_distance("adress", "addresses"), 3);
	assert_int_equal(complain_distance("kitten", "sitting"), 3);
}

static void
long_words_are_far_from_each_other(void **state)
{
	char longer[200];
	(void)state;
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(complain_distance(longer, "x"), 199);
	assert_int_equal(complain_distance("x", longer), 199);
	assert_false(complain_is_near(longer, longer));
}

static void
short_words_must_be_nearer_than_long_ones(void **state)
{
	(void)state;
	assert_true(complain_is_near("prot", "port"));
	assert_true(complain_is_near("lgo", "log"));
	assert_false(complain_is_near("x", "log"));
	assert_false(complain_is_near("user", "name"));
	assert_true(complain_is_near("timeout", "timeout_ms"));
}

static void
what_is_shown_is_printable_and_short(void **state)
{
	char out[24];
	(void)state;
	assert_string_equal(complain_show(out, sizeof out, "a\"b\n\x7f", 5), "a\"b\\x0a\\x7f");
	assert_string_equal(
	        complain_show(out, sizeof out, "0123456789012345678901234", 25), "0123456789012345...");
	assert_string_equal(complain_show(out, sizeof out, "", 0), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(they_are_printed_in_the_order_of_their_places),
	        cmocka_unit_test(distances_count_slips),
	        cmocka_unit_test(long_words_are_far_from_each_other),
	        cmocka_unit_test(short_words_must_be_nearer_than_long_ones),
	        cmocka_unit_test(what_is_shown_is_printable_and_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
