/*
 * Lists with one domain in a line, corner by corner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "listing.h"

#define LABEL_63 "a23456789b123456789c123456789d123456789e123456789f123456789g123"

static void
texts(void **state)
{
	(void)state;
	static const struct listing_row rows[] = {
	        {"", ""},
	        {"\n\r\n \t \n", ""},
	        {"a.example", "+a.example."},
	        {"a.example\nb.example", "+a.example. +b.example."},
	        {"a.example\r\nb.example\r\n", "+a.example. +b.example."},
	        {"\xef\xbb\xbf"
	         "a.example\n",
	                "+a.example."},
	        {"a.example.\n", "+a.example."},
	        {"  \ta.example \t\n", "+a.example."},
	        {"A.Example\n", "+A.Example."},
	        {"com\n", "+com."},
	        {"*.a.example\n", "+a.example."},
	        {".a.example\n", "+a.example."},
	        {"_dmarc.a-b.example\n", "+_dmarc.a-b.example."},
	        {"1.2.3.example\n", "+1.2.3.example."},
	        {"# a\n; b\n// c\n! d\n  # e\n", ""},
	        {"a.example # why\nb.example ; why\nc.example\t#\n", "+a.example. +b.example. +c.example."},
	        {"b\xc3\xbc"
	         "cher.example\n",
	                "+xn--bcher-kva.example."},
	        {"B\xc3\x9c"
	         "CHER.example\n",
	                "+xn--bcher-kva.example."},
	        {"*.b\xc3\xbc"
	         "cher.example.\n",
	                "+xn--bcher-kva.example."},
	        {"fa\xc3\x9f.example\n", "+xn--fa-hia.example."},
	        {"xn--bcher-kva.example\n", "+xn--bcher-kva.example."},
	        /* the full stop of CJK separates labels, too */
	        {"\xe4\xbe\x8b\xe3\x80\x82"
	         "example\n",
	                "+xn--fsq.example."},
	        {LABEL_63 ".example\n", "+" LABEL_63 ".example."},
	        {LABEL_63 "." LABEL_63 "." LABEL_63
	                  ".a23456789b123456789c123456789d123456789e123456789f123456789g1\n",
	                "+" LABEL_63 "." LABEL_63 "." LABEL_63
	                ".a23456789b123456789c123456789d123456789e123456789f123456789g1."},
	        /* bad ones */
	        {"a.example b.example\nc.example\n", "bad1 +c.example."},
	        {"a.example#x\n", "bad1"},
	        {"0.0.0.0 a.example\n", "bad1"},
	        {"192.0.2.1\n2001:db8::1\n", "bad1 bad2"},
	        {"192.0.2.0/24\n", "bad1"},
	        {"1.2.3.4.5\n", "bad1"},
	        {"\xef\xbc\x91.2.3.4\n", "bad1"},
	        {"https://a.example/\n", "bad1"},
	        {"a.example/x\n", "bad1"},
	        {"||a.example^\n", "bad1"},
	        {"a..example\n", "bad1"},
	        {"..a.example\n", "bad1"},
	        {"a.example..\n", "bad1"},
	        {".\n*\n*.\n", "bad1 bad2 bad3"},
	        {"a.*.example\n", "bad1"},
	        {"ads*.example\n", "bad1"},
	        {"a@b.example\n", "bad1"},
	        {"a\\046b.example\n", "bad1"},
	        {"<html>\n", "bad1"},
	        {"\xff\xfe.example\n", "bad1"},
	        {"\xe2\x98.example\n", "bad1"},
	        {"b\xc3\xbc"
	         "cher/x.example\n",
	                "bad1"},
	        {"xn--\xc3\xbc.example\n", "bad1"},
	        {LABEL_63 "x.example\n", "bad1"},
	        {LABEL_63 "." LABEL_63 "." LABEL_63
	                  ".a23456789b123456789c123456789d123456789e123456789f123456789g12\n",
	                "bad1"},
	};
	listing_try(rows, sizeof rows / sizeof *rows, LIST_PLAIN);
}

static void
nul(void **state)
{
	(void)state;
	static const char text[] = "a.example\nb\0.example\n\0\nc.example";
	struct listing l;
	listing_read_bytes(&l, text, sizeof text, LIST_PLAIN);
	assert_string_equal(l.said, "+a.example. bad2 bad3 bad4");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(texts),
	        cmocka_unit_test(nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
