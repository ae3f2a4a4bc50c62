/*
 * The forms of a line: text, JSON that is valid whatever the line holds, and the fields of the journal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/logform.h"

#include <stdio.h>
#include <string.h>

static struct logform
form(const char *role, const char *text)
{
	return (struct logform){
	        .now = {1789000000, 7654321}, .level = "notice", .priority = 5, .role = role, .text = text};
}

#define HEAD "{\"time\":\"2026-09-10T00:26:40.007Z\",\"level\":\"notice\","

static const char *
json(const char *role, const char *text)
{
	static char out[4096];
	const struct logform f = form(role, text);
	size_t bytes = logform_json(&f, out, sizeof out);
	assert_int_equal(bytes, strlen(out));
	return out;
}

static void
text_is_for_people(void **state)
{
	char out[128], little[32];
	(void)state;
	struct logform f = form("worker 1", "worker died slot=3");
	size_t bytes = logform_text(&f, out, sizeof out);
	assert_int_equal(bytes, strlen(out));
	assert_string_equal(out, "2026-09-10T00:26:40.007Z notice worker 1: worker died slot=3");
	f.role = "";
	logform_text(&f, out, sizeof out);
	assert_string_equal(out, "2026-09-10T00:26:40.007Z notice dotward: worker died slot=3");
	assert_int_equal(logform_text(&f, little, sizeof little), sizeof little - 1);
	assert_string_equal(little, "2026-09-10T00:26:40.007Z notice");
}

static void
pairs_become_members(void **state)
{
	(void)state;
	assert_string_equal(json("master", "worker died slot=3 signal=11 (Segmentation fault) uptime=41s "
	                                   "next=500ms words=\"a \\034b\\034\""),
	        HEAD "\"role\":\"master\",\"event\":\"worker died\",\"slot\":3,\"signal\":11,\"uptime_s\":41,"
	             "\"next_ms\":500,\"words\":\"a \\\"b\\\"\",\"detail\":\"(Segmentation fault)\"}");
	assert_string_equal(json("", ""), HEAD "\"role\":\"dotward\",\"event\":\"\"}");
	assert_string_equal(json("x", "a=1 a=2"), HEAD "\"role\":\"x\",\"event\":\"a=2\",\"a\":1}");
}

static void
a_worker_has_its_slot(void **state)
{
	(void)state;
	assert_string_equal(json("worker 12", "x"), HEAD "\"role\":\"worker\",\"slot\":12,\"event\":\"x\"}");
	assert_string_equal(
	        json("worker 1", "x slot=4"), HEAD "\"role\":\"worker\",\"event\":\"x\",\"slot\":4}");
	assert_string_equal(json("a role", "x"), HEAD "\"role\":\"a role\",\"event\":\"x\"}");
}

static void
a_unit_takes_no_name_that_is_taken(void **state)
{
	(void)state;
	assert_string_equal(json("m", "x next=5s next_s=4"),
	        HEAD "\"role\":\"m\",\"event\":\"x\",\"next\":\"5s\",\"next_s\":4}");
}

static void
what_is_no_text_is_replaced(void **state)
{
	(void)state;
	assert_string_equal(json("m", "x a=\"\\255\\000z\\010\\127\" b=\377"),
	        HEAD "\"role\":\"m\",\"event\":\"x\",\"a\":\"\\ufffd\",\"b\":\"\\ufffd\"}");
	assert_string_equal(json("m", "x a=\"caf\\195\\169\\010\\127\\092\""),
	        HEAD "\"role\":\"m\",\"event\":\"x\",\"a\":\"caf\303\251\\u000a\\u007f\\\\\"}");
}

static void
what_finds_no_room_is_left_out_and_said(void **state)
{
	char text[4000], out[512];
	(void)state;
	memset(text, 'y', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, "x a=1 b=", 8);
	const struct logform f = form("m", text);
	size_t bytes = logform_json(&f, out, sizeof out);
	assert_int_equal(bytes, strlen(out));
	assert_string_equal(out, HEAD "\"role\":\"m\",\"event\":\"x\",\"a\":1,\"cut\":true}");
	memset(text, 'y', sizeof text - 1);
	bytes = logform_json(&f, out, sizeof out);
	assert_int_equal(bytes, strlen(out));
	assert_true(bytes < sizeof out && bytes > sizeof out / 2);
	assert_string_equal(out + bytes - 15, "yy\",\"cut\":true}");
}

static void
the_journal_gets_fields(void **state)
{
	char out[4096];
	(void)state;
	const struct logform f = form("worker 1", "upstream down upstream=up1 why=\"no\\010way\" for now");
	size_t bytes = logform_journal(&f, "worker 1: upstream down", out, sizeof out);
	static const char expected[] = "MESSAGE=worker 1: upstream down\nPRIORITY=5\nSYSLOG_FACILITY=3\n"
	                               "SYSLOG_IDENTIFIER=dotward\nDOTWARD_ROLE=worker\nDOTWARD_SLOT=1\n"
	                               "DOTWARD_EVENT=upstream down\nDOTWARD_DETAIL=for now\n"
	                               "DOTWARD_UPSTREAM=up1\nDOTWARD_WHY\n\6\0\0\0\0\0\0\0no\nway\n";
	assert_int_equal(bytes, sizeof expected - 1);
	assert_memory_equal(out, expected, bytes);
}

static void
a_field_too_many_for_the_journal_is_left_out_alone(void **state)
{
	char out[130];
	(void)state;
	const struct logform f = form("m", "x why=0123456789012345678901234567890123456789 b=2");
	size_t bytes = logform_journal(&f, "m", out, sizeof out - 1);
	out[bytes] = '\0';
	assert_null(strstr(out, "DOTWARD_WHY"));
	assert_non_null(strstr(out, "DOTWARD_B=2\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(text_is_for_people),
	        cmocka_unit_test(pairs_become_members),
	        cmocka_unit_test(a_worker_has_its_slot),
	        cmocka_unit_test(a_unit_takes_no_name_that_is_taken),
	        cmocka_unit_test(what_is_no_text_is_replaced),
	        cmocka_unit_test(what_finds_no_room_is_left_out_and_said),
	        cmocka_unit_test(the_journal_gets_fields),
	        cmocka_unit_test(a_field_too_many_for_the_journal_is_left_out_alone),
	};
	return cmocka_run_group_tests_name("logform", tests, NULL, NULL);
}
