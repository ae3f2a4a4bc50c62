/*
 * Answers to aliases of our own, put together of the table and of what an upstream said, as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/show.h"
#include "message.h"
#include "query/alias.h"

#include <stdlib.h>
#include <string.h>

enum { QUESTION = 12 };

static struct names *table;
static struct alias *alias;
static struct message m;
static struct wire_question asked;

static void
add(const char *owner, const char *target)
{
	uint8_t name[NAME_BYTES], rdata[NAME_BYTES];
	size_t bytes = name_from_text(owner, name), rdata_bytes = name_from_text(target, rdata);
	assert_int_equal(names_add(table, name, bytes, 5, 60, rdata, rdata_bytes), NAMES_ADDED);
}

static int
begin(void **state)
{
	(void)state;
	table = names_new();
	add("www.home", "web.home");
	add("web.home", "www.example");
	alias = alias_new(table);
	asked = (struct wire_question){.type = 15, .class = 1};
	asked.name_bytes = (uint16_t)name_from_text("WWW.home", asked.name);
	message_begin(&m, 1, WIRE_FLAG_QR | WIRE_FLAG_RA | WIRE_FLAG_AD);
	message_question(&m, "www.example.", 15, 1);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	alias_free(alias);
	names_free(table);
	return 0;
}

/* The record of the question's name that is a pointer, with another pointer at the end of RDATA. */
static void
put(size_t section, unsigned type, const char *before, size_t before_bytes)
{
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, section, type, 1, 300);
	message_put(&m, before, before_bytes);
	message_put_pointer(&m, QUESTION + 4);
	message_rdata_end(&m, at);
}

/* The records, a line each. */
static char *
join(uint16_t rcode)
{
	static uint8_t copy[WIRE_MESSAGE_BYTES];
	char *text = NULL;
	size_t bytes = 0;
	struct wire_answer answer = {.msg = m.bytes, .bytes = m.length, .rcode = rcode}, joined, taken;
	answer.edns.ede_bytes = 2;
	(void)!alias_copy(alias, &answer);
	alias_join(alias, &asked, &answer, &joined);
	assert_int_equal(joined.rcode, rcode);
	assert_int_equal(joined.edns.ede_bytes, 2);
	assert_int_equal(joined.msg[3] & WIRE_FLAG_AD, 0);
	memcpy(copy, joined.msg, joined.bytes);
	assert_int_equal(wire_answer_take(copy, joined.bytes, &asked, &taken), WIRE_MATCH);
	joined.edns.ede_bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	assert_true(show_answer(out, &joined));
	fclose(out);
	return text;
}

static void
assert_line(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("no %s in:\n%s", line, text);
}

static void
what_is_put_behind(void **state)
{
	(void)state;
	put(SECTION_ANSWER, 15, "\0\12\4mail", 7);
	put(SECTION_AUTHORITY, 2, "\2ns", 3);
	message_put_name(&m, "ns.example.");
	size_t at = message_fixed(&m, SECTION_ADDITIONAL, 1, 1, 7);
	message_put(&m, "\300\0\2\65", 4);
	message_rdata_end(&m, at);
	char *text = join(WIRE_RCODE_NOERROR);
	assert_line(text, "answer: 3, authority: 1, additional: 1");
	assert_line(text, "\nWWW.home. 60 IN CNAME web.home.\nweb.home. 60 IN CNAME www.example.\n"
	                  "www.example. 300 IN MX 10 mail.example.\n");
	assert_line(text, "\nwww.example. 300 IN NS ns.example.\n");
	assert_line(text, "\nns.example. 7 IN A 192.0.2.53\n");
	free(text);
}

static void
what_is_not_there(void **state)
{
	(void)state;
	message_put_pointer(&m, QUESTION + 4);
	size_t at = message_fixed(&m, SECTION_AUTHORITY, 6, 1, 30);
	message_put(&m, "\2ns", 3);
	message_put_pointer(&m, QUESTION + 4);
	message_put(&m, "\4root", 5);
	message_put_pointer(&m, QUESTION + 4);
	message_put(&m, "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 20);
	message_rdata_end(&m, at);
	char *text = join(WIRE_RCODE_NXDOMAIN);
	assert_line(text, "NXDOMAIN");
	assert_line(text, "answer: 2, authority: 1, additional: 0");
	assert_line(text, "\nexample. 30 IN SOA ns.example. root.example. 1 2 3 4 5\n");
	free(text);
}

/* A truncated answer stays one; one that grows beyond a message becomes one. */
static void
what_is_cut(void **state)
{
	(void)state;
	message_set16(&m, 2, WIRE_FLAG_QR | WIRE_FLAG_TC);
	char *text = join(WIRE_RCODE_NOERROR);
	assert_line(text, " tc");
	assert_line(text, "answer: 2,");
	free(text);
	message_begin(&m, 1, WIRE_FLAG_QR);
	message_question(&m, "a-name-that-makes-every-record-longer.www.example.", 2, 1);
	for (unsigned i = 0; i < 2000; i++) {
		message_put_pointer(&m, QUESTION);
		size_t at = message_fixed(&m, SECTION_ANSWER, 2, 1, 300);
		message_put_pointer(&m, QUESTION);
		message_rdata_end(&m, at);
	}
	text = join(WIRE_RCODE_NOERROR);
	assert_line(text, " tc");
	free(text);
}

static void
without_a_table(void **state)
{
	(void)state;
	assert_null(alias_new(NULL));
	alias_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_is_put_behind, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_not_there, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_cut, begin, end),
	        cmocka_unit_test(without_a_table),
	};
	return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
