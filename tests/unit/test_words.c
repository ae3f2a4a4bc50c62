/*
 * The words for numbers, and numbers without a word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/wire.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
numbers_have_words(void **state)
{
	static const struct {
		uint16_t number;
		const char *type;
		const char *rcode;
	} cases[] = {
	        {0, "TYPE0", "NOERROR"},
	        {1, "A", "FORMERR"},
	        {2, "NS", "SERVFAIL"},
	        {3, "TYPE3", "NXDOMAIN"},
	        {5, "CNAME", "REFUSED"},
	        {16, "TXT", "BADVERS"},
	        {65, "HTTPS", "RCODE65"},
	        {255, "ANY", "RCODE255"},
	        {257, "CAA", "RCODE257"},
	        {65280, "TYPE65280", "RCODE65280"},
	        {65535, "TYPE65535", "RCODE65535"},
	};
	char out[WIRE_WORD_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_string_equal(wire_type_text(cases[i].number, out), cases[i].type);
		assert_string_equal(wire_rcode_text(cases[i].number, out), cases[i].rcode);
	}
	assert_string_equal(wire_rcode_text(24, out), "RCODE24");
}

static void
words_have_numbers(void **state)
{
	static const struct {
		const char *word;
		uint16_t number;
	} cases[] = {{"A", 1}, {"aaaa", 28}, {"HTTPS", 65}, {"Caa", 257}, {"TYPE65280", 65280}, {"type1", 1},
	        {"TYPE0", 0}, {"TYPE65535", 65535}, {"TYPE00028", 28}};
	static const char *const others[] = {"", "B", "AA", "A ", "TYPE", "TYPE65536", "TYPE99999",
	        "TYPE000028", "TYPE-1", "TYPE1x", "TYPE 1", "28", "RCODE1"};
	char out[WIRE_WORD_BYTES];
	uint16_t type;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(wire_type_find(cases[i].word, &type));
		assert_int_equal(type, cases[i].number);
	}
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(wire_type_find(others[i], &type));
	for (unsigned number = 0; number <= UINT16_MAX; number++) {
		assert_true(wire_type_find(wire_type_text((uint16_t)number, out), &type));
		assert_int_equal(type, number);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(numbers_have_words),
	        cmocka_unit_test(words_have_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
