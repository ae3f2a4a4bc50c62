/*
 * What all formats have in common: which of them a text is in, what its lines are counted as, and when a file
 * is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "listing.h"

static void
recognising(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum list_format format;
	} rows[] = {
	        {"", LIST_PLAIN},
	        {"# only a comment\n", LIST_PLAIN},
	        {"a.example\n", LIST_PLAIN},
	        {"! a.example\na.example\n", LIST_PLAIN},
	        {"*.a.example\n", LIST_PLAIN},
	        {"<html>\n", LIST_PLAIN},
	        {"# x\n0.0.0.0 a.example\n", LIST_HOSTS},
	        {"\xef\xbb\xbf::1 localhost\r\n", LIST_HOSTS},
	        {"192.0.2.1\n", LIST_PLAIN},
	        {"[Adblock Plus]\n", LIST_ADBLOCK},
	        {"! x\n||a.example^\n", LIST_ADBLOCK},
	        {"@@||a.example^\n", LIST_ADBLOCK},
	        {"##.banner\na.example##.x\n||a.example^\n", LIST_ADBLOCK},
	        {"$TTL 60\n@ SOA ns. host. 1 1 1 1 1\n", LIST_RPZ},
	        {"; x\n$ORIGIN rpz.test.\n", LIST_RPZ},
	        {"$ttl 60\n", LIST_RPZ},
	        {"@ IN SOA ns. host. (\n", LIST_RPZ},
	        {"a.example CNAME .\n", LIST_RPZ},
	        {"*.a.example 300 IN A 192.0.2.1\n", LIST_RPZ},
	        /* one line of another sort does not turn a list */
	        {"a.example\n||b.example^\nc.example\n", LIST_PLAIN},
	        {"||b.example^\n||c.example^\na.example\n", LIST_ADBLOCK},
	        {"0.0.0.0 a.example\n0.0.0.0 b.example\n||a.example^\n", LIST_HOSTS},
	        {"a.example\n0.0.0.0 a.example\n", LIST_PLAIN},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (list_recognise(rows[i].text, strlen(rows[i].text)) != rows[i].format)
			fail_msg("%s is not %s", rows[i].text, list_format_name(rows[i].format));
}

/* And is then read as what it is. */
static void
by_itself(void **state)
{
	(void)state;
	static struct listing l;
	assert_string_equal(listing_read(&l, "0.0.0.0 a.example\n", LIST_AUTO), "=a.example.");
	assert_int_equal(l.tally.format, LIST_HOSTS);
	assert_string_equal(listing_read(&l, "a.example CNAME *.\n", LIST_AUTO), "nodata=a.example.");
	assert_int_equal(l.tally.format, LIST_RPZ);
	assert_string_equal(listing_read(&l, "@@||a.example^\n", LIST_AUTO), "@+a.example.");
	assert_int_equal(l.tally.format, LIST_ADBLOCK);
	assert_string_equal(listing_read(&l, "a.example\n", LIST_AUTO), "+a.example.");
	assert_int_equal(l.tally.format, LIST_PLAIN);
	/* unless it was told what it is */
	assert_string_equal(listing_read(&l, "0.0.0.0 a.example\n", LIST_PLAIN), "bad1");
}

static void
counting(void **state)
{
	(void)state;
	static struct listing l;
	listing_read(&l, "# x\n\n||a.example^\n##.b\nx y z\n||b.example^", LIST_ADBLOCK);
	assert_int_equal(l.tally.lines, 6);
	assert_int_equal(l.tally.used, 2);
	assert_int_equal(l.tally.skipped, 1);
	assert_int_equal(l.tally.bad, 1);
	assert_true(list_spoilt(&l.tally));
}

static void
a_tenth(void **state)
{
	(void)state;
	static const struct {
		struct list_tally tally;
		bool spoilt;
	} rows[] = {
	        {{.lines = 0}, false},
	        {{.used = 9, .bad = 1}, false},
	        {{.used = 8, .bad = 1}, true},
	        {{.used = 5, .skipped = 4, .bad = 1}, false},
	        {{.used = 90, .bad = 10}, false},
	        {{.used = 90, .bad = 11}, true},
	        {{.bad = 1}, true},
	        {{.skipped = 3}, false},
	        {{.used = 1000000, .cut = true}, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(list_spoilt(&rows[i].tally), rows[i].spoilt);
}

static void
long_lines(void **state)
{
	(void)state;
	enum { LONGEST = 64 * 1024 };
	static struct listing l;
	static char text[LONGEST + 64];
	for (unsigned more = 0; more < 2; more++) {
		memset(text, ' ', sizeof text);
		memcpy(text, "a.example", 9);
		memcpy(text + LONGEST + more, "\nb.example\n", 12);
		assert_string_equal(listing_read(&l, text, LIST_PLAIN),
		        more ? "bad1 +b.example." : "+a.example. +b.example.");
	}
	/* and one long word is no domain in any format */
	memset(text, 'a', LONGEST);
	for (enum list_format f = LIST_PLAIN; f <= LIST_RPZ; f++) {
		listing_read_bytes(&l, text, LONGEST, f);
		assert_int_equal(l.tally.used, 0);
	}
}

static void
names_of_formats(void **state)
{
	(void)state;
	static const char *const names[] = {"auto", "plain", "hosts", "adblock", "rpz"};
	for (enum list_format f = LIST_AUTO; f <= LIST_RPZ; f++)
		assert_string_equal(list_format_name(f), names[f]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(recognising),
	        cmocka_unit_test(by_itself),
	        cmocka_unit_test(counting),
	        cmocka_unit_test(a_tenth),
	        cmocka_unit_test(long_lines),
	        cmocka_unit_test(names_of_formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
