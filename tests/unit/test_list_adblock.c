/*
 * Lists in the filter language of browsers: what is about whole names, and what is passed over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "listing.h"

static void
rules(void **state)
{
	(void)state;
	static const struct listing_row rows[] = {
	        {"[Adblock Plus 2.0]\n! Title: x\n# comment\n||a.example^\n", "+a.example."},
	        {"||a.example^\r\n||B.Example^", "+a.example. +B.Example."},
	        {"\xef\xbb\xbf||a.example^\n", "+a.example."},
	        {"||a.example.^\n", "+a.example."},
	        {"||a.example^|\n", "+a.example."},
	        {"||a.example\n", "+a.example."},
	        {"||a.example|\n", "+a.example."},
	        {"||com^\n", "+com."},
	        {"||*.a.example^\n", "-a.example."},
	        {"|a.example^\n", "=a.example."},
	        {"@@||a.example^\n", "@+a.example."},
	        {"@@||a.example^|\n", "@+a.example."},
	        {"@@|a.example^|\n", "@=a.example."},
	        {"@@||a.example^$important\n", "@!+a.example."},
	        {"||a.example^$important\n", "!+a.example."},
	        {"||a.example^$all\n||b.example^$document\n||c.example^$doc,important\n",
	                "+a.example. +b.example. !+c.example."},
	        {"a.example\n", "=a.example."},
	        {"@@a.example\n", "@=a.example."},
	        {"0.0.0.0 a.example b.example\n127.0.0.1 localhost\n", "=a.example. =b.example. skip1"},
	        {"||b\xc3\xbc"
	         "cher.example^\n",
	                "+xn--bcher-kva.example."},
	        {"  ||a.example^  # why\n", "+a.example."},
	        {"||_a.b-c.example^\n", "+_a.b-c.example."},
	};
	listing_try(rows, sizeof rows / sizeof *rows, LIST_ADBLOCK);
}

/* Not about whole names, but nothing is wrong with it. */
static void
passed_over(void **state)
{
	(void)state;
	static const char *const rows[] = {
	        "##.banner",
	        "a.example##.banner",
	        "a.example#@#.banner",
	        "a.example#?#div:has(> a)",
	        "a.example#$#body { overflow: auto }",
	        "a.example##+js(set, x, y)",
	        "a.example#%#window.x = 1;",
	        "a.example$$script[data-x]",
	        "a.example,b.example##^script:has-text(x)",
	        "/banner/*/img^",
	        "/^ads?[0-9]+\\./",
	        "@@/^ads?[0-9]+\\./$document",
	        "||a.example/path",
	        "||a.example/path^$important",
	        "||a.example^*/x.js",
	        "||a.example^path",
	        "||a.example:8080^",
	        "||ads*.example^",
	        "||a.example.*^",
	        "||a.*^",
	        "||ads.",
	        "||ads",
	        "|https://a.example/",
	        "|http://a.example^",
	        "-ads-banner.",
	        "-banner.example.com",
	        "&ad_box_",
	        "_ads.js",
	        ".a.example^",
	        "a.example^",
	        "*",
	        "^",
	        "@@",
	        "||a.example^$third-party",
	        "||a.example^$script,important",
	        "||a.example^$domain=b.example",
	        "||a.example^$badfilter",
	        "@@||a.example^$generichide",
	        "||a.example^$dnstype=AAAA",
	        "||a.example^$client=192.168.1.2",
	        "||a.example^$dnsrewrite=192.0.2.1",
	        "||a.example^$denyallow=b.a.example",
	        "||192.0.2.1^",
	        "||[2001:db8::1]^",
	        "$popup,third-party",
	        "@@0.0.0.0 a.example",
	        "192.168.1.1 nas.example",
	};
	static struct listing l;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(listing_read(&l, rows[i], LIST_ADBLOCK), "skip1") != 0)
			fail_msg("%s: %s", rows[i], l.said);
}

static void
bad(void **state)
{
	(void)state;
	static const struct listing_row rows[] = {
	        {"||^\n", "bad1"},
	        {"||a..example^\n", "bad1"},
	        {"||a b.example^\n", "bad1"},
	        {"||a(b).example^\n", "bad1"},
	        {"||a23456789b123456789c123456789d123456789e123456789f123456789g1234.example^\n", "bad1"},
	        {"not a rule\n", "bad1"},
	        {"a.example b.example\n||a.example^\n", "bad1 +a.example."},
	        {"||\xff.example^\n", "bad1"},
	};
	listing_try(rows, sizeof rows / sizeof *rows, LIST_ADBLOCK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(rules),
	        cmocka_unit_test(passed_over),
	        cmocka_unit_test(bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
