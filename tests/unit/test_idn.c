/*
 * Names in UTF-8 to wire form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/idn.h"

#include <string.h>

static void
names(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name; /* "": none */
	} rows[] = {
	        {"a.example", "a.example."},
	        {"b\xc3\xbc"
	         "cher.example",
	                "xn--bcher-kva.example."},
	        {"B\xc3\x9c"
	         "CHER.EXAMPLE.",
	                "xn--bcher-kva.example."},
	        {"bu\xcc\x88"
	         "cher.example",
	                "xn--bcher-kva.example."},
	        {"fa\xc3\x9f.example", "xn--fa-hia.example."},
	        {"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
	                "xn--e1afmkfd.xn--p1ai."},
	        {"", ""},
	        {"\xff.example", ""},
	        {"\xc3\xbc\\046.example", ""},
	        {"\xe2\x98\xba..example", ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t name[NAME_BYTES];
		char text[NAME_TEXT_BYTES];
		size_t bytes = idn_name(rows[i].text, strlen(rows[i].text), name);
		assert_string_equal(name_text(name, bytes, text), rows[i].name);
	}
}

static void
too_long(void **state)
{
	(void)state;
	uint8_t name[NAME_BYTES];
	char text[2000];
	memset(text, 'a', sizeof text);
	memcpy(text, "\xc3\xbc", 2);
	assert_int_equal(idn_name(text, 70, name), 0);
	assert_int_equal(idn_name(text, 1023, name), 0);
	assert_int_equal(idn_name(text, 1024, name), 0);
	assert_int_equal(idn_name(text, sizeof text, name), 0);
	assert_int_equal(idn_name("a\0b", 3, name), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names),
	        cmocka_unit_test(too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
