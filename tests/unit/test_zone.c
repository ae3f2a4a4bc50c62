/*
 * Text to records: what the library makes of it, and what the wrapper adds (no files, no relative names, CR
 * LF).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/zone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What came out, one word group for each call: "2:A/300/4 !3" is a record of line 2 and an error in line 3.
 */
static char said[1024];
static char why_last[256];

static void
note_record(void *arg, const struct zone_record *record)
{
	assert_ptr_equal(arg, said);
	assert_true(record->owner_bytes > 0 && record->owner[record->owner_bytes - 1] == 0);
	size_t used = strlen(said);
	snprintf(said + used, sizeof said - used, "%s%lu:%u.%u/%u/%zu", used > 0 ? " " : "", record->line,
	        record->type, record->class, record->ttl_s, record->rdata_bytes);
}

static void
note_error(void *arg, unsigned long line, const char *why)
{
	assert_ptr_equal(arg, said);
	size_t used = strlen(said);
	snprintf(said + used, sizeof said - used, "%s!%lu", used > 0 ? " " : "", line);
	snprintf(why_last, sizeof why_last, "%s", why);
}

static int
parse(const char *text, const char *origin)
{
	said[0] = why_last[0] = '\0';
	return zone_parse(text, strlen(text), origin, 3600, note_record, note_error, said);
}

static void
texts(void **state)
{
	(void)state;
	static const struct {
		const char *text, *wanted;
		int rc;
	} rows[] = {
	        {"nas.home. 300 IN A 192.168.1.10", "1:1.1/300/4", 0},
	        {"nas.home. IN 300 A 192.168.1.10\n", "1:1.1/300/4", 0},
	        {"nas.home. A 192.168.1.10 ; a comment", "1:1.1/3600/4", 0},
	        {"a. 1h AAAA fd00::1\r\nb. MX 10 c.\r\n", "1:28.1/3600/16 2:15.1/3600/5", 0},
	        {"a. TXT \"two words\" three", "1:16.1/3600/16", 0},
	        {"a. CH TXT x", "!1", 0}, /* another class than the zone's */
	        {"a. HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1", "1:65.1/3600/18", 0},
	        {"a. TYPE65280 \\# 2 abcd", "1:65280.1/3600/2", 0},
	        {"a. A \\# 4 c0000201", "1:1.1/3600/4", 0},
	        {"*.dev.home. A 192.0.2.1", "1:1.1/3600/4", 0},
	        {"$TTL 77\na. A 192.0.2.1", "2:1.1/77/4", 0},
	        {"$ORIGIN lan.\nnas A 192.0.2.1\n", "2:1.1/3600/4", 0},
	        {"a. A 192.0.2\nb. A 192.0.2.1\n", "!1 2:1.1/3600/4", 0},
	        {"$INCLUDE /etc/passwd\nb. A 192.0.2.1\n", "!1 2:1.1/3600/4", 0},
	        {"\n; nothing\n\n", "", 0},
	        {"", "", 0},
	        {"a. SOA b. c. ( 1 2 3", "!1", -EBADMSG},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(parse(rows[i].text, NULL), rows[i].rc);
		assert_string_equal(said, rows[i].wanted);
	}
}

static void
relative_names_need_an_origin(void **state)
{
	(void)state;
	static const char *const texts[] = {
	        "nas A 192.0.2.1", "@ A 192.0.2.1", "a. CNAME b", "a. SRV 1 1 1 b"};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(parse(texts[i], NULL), 0);
		assert_string_equal(said, "!1");
		assert_non_null(strstr(why_last, "relative name"));
		assert_int_equal(parse(texts[i], "home."), 0);
		assert_int_equal(said[0], '1');
	}
	assert_int_equal(parse(texts[0], "no name.."), -EINVAL);
}

static void
each_error_says_why(void **state)
{
	(void)state;
	assert_int_equal(parse("a. A 300.1.1.1", NULL), 0);
	assert_string_equal(why_last, "invalid IPv4 address");
	assert_int_equal(parse("$INCLUDE other", NULL), 0);
	assert_string_equal(why_last, "$INCLUDE is not followed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(texts),
	        cmocka_unit_test(relative_names_need_an_origin),
	        cmocka_unit_test(each_error_says_why),
	};
	return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
