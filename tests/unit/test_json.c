/*
 * JSON that is written must be JSON: commas, nesting, and texts with any bytes in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

struct page {
	struct json j;
	char *text;
	size_t bytes;
};

static struct json *
page_begin(struct page *p)
{
	*p = (struct page){0};
	p->j.out = open_memstream(&p->text, &p->bytes);
	assert_non_null(p->j.out);
	return &p->j;
}

static void
page_reads(struct page *p, const char *expected)
{
	assert_int_equal(fclose(p->j.out), 0);
	assert_string_equal(p->text, expected);
	free(p->text);
}

static void
objects_and_arrays_nest(void **state)
{
	struct page p;
	struct json *j = page_begin(&p);
	(void)state;
	json_object(j, NULL);
	json_number(j, "a", 0);
	json_array(j, "b");
	json_number(j, NULL, UINT64_MAX);
	json_object(j, NULL);
	json_end(j);
	json_array(j, NULL);
	json_end(j);
	json_end(j);
	json_bool(j, "c", true);
	json_bool(j, "d", false);
	json_null(j, "e");
	json_text(j, "f", NULL);
	json_text(j, "g", "");
	json_end(j);
	page_reads(&p,
	        "{\"a\":0,\"b\":[18446744073709551615,{},[]],\"c\":true,\"d\":false,\"e\":null,\"f\":null,"
	        "\"g\":\"\"}\n");
}

static void
text_becomes(const char *text, const char *expected)
{
	struct page p;
	struct json *j = page_begin(&p);
	json_text(j, NULL, text);
	page_reads(&p, expected);
}

static void
what_json_forbids_in_a_text_is_escaped(void **state)
{
	(void)state;
	text_becomes("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
	text_becomes("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
	text_becomes("\x01\x1b[m\x1f\x7f", "\"\\u0001\\u001b[m\\u001f\\u007f\"");
}

static void
utf8_stays_and_anything_else_is_replaced(void **state)
{
	(void)state;
	text_becomes("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	text_becomes("a\xff"
	             "b",
	        "\"a\\ufffdb\"");
	/* cut off at the end, overlong, a surrogate, beyond the last character */
	text_becomes("\xe2\x82", "\"\\ufffd\\ufffd\"");
	text_becomes("\xc0\xaf", "\"\\ufffd\\ufffd\"");
	text_becomes("\xe0\x80\xaf", "\"\\ufffd\\ufffd\\ufffd\"");
	text_becomes("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
	text_becomes("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
	text_becomes("\xc3\"", "\"\\ufffd\\\"\"");
}

static void
keys_are_escaped_too(void **state)
{
	struct page p;
	struct json *j = page_begin(&p);
	(void)state;
	json_object(j, NULL);
	json_number(j, "a\"", 1);
	json_end(j);
	page_reads(&p, "{\"a\\\"\":1}\n");
}

static void
fractions_have_three_digits(void **state)
{
	struct page p;
	struct json *j = page_begin(&p);
	(void)state;
	json_array(j, NULL);
	json_thousandths(j, NULL, 0);
	json_thousandths(j, NULL, 7);
	json_thousandths(j, NULL, 873);
	json_thousandths(j, NULL, 12000);
	json_end(j);
	page_reads(&p, "[0.000,0.007,0.873,12.000]\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(objects_and_arrays_nest),
	        cmocka_unit_test(what_json_forbids_in_a_text_is_escaped),
	        cmocka_unit_test(utf8_stays_and_anything_else_is_replaced),
	        cmocka_unit_test(keys_are_escaped_too),
	        cmocka_unit_test(fractions_have_three_digits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
