/*
 * Answers as text: each type that is known, once as it should be and once not; what frames them; and that
 * nothing a stranger sends comes out as it came in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/show.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { QUESTION = 12, A = 1, TXT = 16 };

static struct message m;
static struct wire_answer answer;
static char *text;
static bool whole;

static void
begin(void)
{
	memset(&answer, 0, sizeof(answer));
	message_begin(&m, 0x1234, WIRE_FLAG_QR | WIRE_FLAG_RD | WIRE_FLAG_RA);
	message_question(&m, "www.example.", A, 1);
}

static void
put_record(size_t section, unsigned type, const void *rdata, size_t count)
{
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, section, type, 1, 300);
	message_put(&m, rdata, count);
	message_rdata_end(&m, at);
}

/* From a copy of exactly that size, so that a sanitizer sees a step beyond it. */
static const char *
show(void)
{
	size_t length = 0;
	uint8_t *copy = malloc(m.length + (m.length == 0));

	free(text);
	FILE *out = open_memstream(&text, &length);
	memcpy(copy, m.bytes, m.length);
	answer.msg = copy;
	answer.bytes = m.length;
	whole = show_answer(out, &answer);
	fclose(out);
	free(copy);
	return text;
}

static void
shows_all_sections(void **state)
{
	(void)state;
	begin();
	put_record(SECTION_ANSWER, A, "\300\0\2\1", 4);
	message_put_name(&m, "example.");
	size_t at = message_fixed(&m, SECTION_AUTHORITY, 2, 1, 0x7fffffff);
	message_put_name(&m, "ns");
	message_put_pointer(&m, QUESTION + 4);
	message_rdata_end(&m, at);
	message_put8(&m, 0);
	message_fixed(&m, SECTION_ADDITIONAL, 65280, 65281, 0xffffffff);
	assert_string_equal(show(),
	        ";; status: NOERROR; flags: qr rd ra; answer: 1, authority: 1, additional: 1\n"
	        "\n"
	        ";; QUESTION SECTION:\n"
	        ";www.example. IN A\n"
	        "\n"
	        ";; ANSWER SECTION:\n"
	        "www.example. 300 IN A 192.0.2.1\n"
	        "\n"
	        ";; AUTHORITY SECTION:\n"
	        "example. 2147483647 IN NS ns.example.\n"
	        "\n"
	        ";; ADDITIONAL SECTION:\n"
	        ". 4294967295 CLASS65281 TYPE65280 \\# 0\n");
	assert_true(whole);
}

static void
shows_rcode_flags_and_the_reason(void **state)
{
	(void)state;
	message_begin(&m, 0, 0x8000 | 0x07b0 | 2);
	answer = (struct wire_answer){
	        .rcode = 23, .edns.ede_bytes = 12, .edns.ede = "\0\26no\x1b[31m\"\\\xff"};
	assert_string_equal(show(), ";; status: BADCOOKIE; flags: qr aa tc rd ra ad cd; answer: 0, "
	                            "authority: 0, additional: 0\n"
	                            "; EDE: 22 (no\\027[31m\\\"\\\\\\255)\n");
	assert_true(whole);
	answer.edns.ede_bytes = 2;
	assert_non_null(strstr(show(), "\n; EDE: 22\n"));
	answer.edns.ede_bytes = 1;
	assert_null(strstr(show(), "EDE"));
	answer.edns.ede_bytes = 65535;
	assert_non_null(strstr(show(), "; EDE: 22 (no"));
}

#define RDATA(bytes) bytes, sizeof(bytes) - 1
#define LINK         "\300\14" /* www.example. */

static const struct {
	unsigned type;
	const char *rdata;
	size_t bytes;
	const char *line;
} shown[] = {
        {1, RDATA("\12\0\0\1"), "A 10.0.0.1"},
        {1, RDATA("\12\0\0"), "A \\# 3 0A0000"},
        {1, RDATA("\12\0\0\1\2"), "A \\# 5 0A00000102"},
        {2, RDATA("\2ns\300\20"), "NS ns.example."},
        {2, RDATA("\2ns"), "NS \\# 3 026E73"},
        {5, RDATA("\0"), "CNAME ."},
        {5, RDATA("\300\377"), "CNAME \\# 2 C0FF"},
        {5, RDATA(""), "CNAME \\# 0"},
        {6, RDATA(LINK LINK "\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\377\377\377\377"),
                "SOA www.example. www.example. 1 2 3 4 4294967295"},
        {12, RDATA("\3a b\0"), "PTR a\\032b."},
        {13, RDATA("\3x86\0"), "HINFO \"x86\" \"\""},
        {14, RDATA(LINK LINK), "TYPE14 www.example. www.example."},
        {15, RDATA("\1\0" LINK), "MX 256 www.example."},
        {15, RDATA("\1\0" LINK "x"), "MX \\# 5 0100C00C78"},
        {16, RDATA("\4a\"\\\n\0\1;"), "TXT \"a\\\"\\\\\\010\" \"\" \";\""},
        {16, RDATA("\4abc"), "TXT \\# 4 04616263"},
        {16, RDATA(""), "TXT \\# 0"},
        {17, RDATA(LINK "\0"), "RP www.example. ."},
        {28, RDATA("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"), "AAAA 2001:db8::1"},
        {33, RDATA("\0\1\0\2\0\65" LINK), "SRV 1 2 53 www.example."},
        {35, RDATA("\0\1\0\2\1u\3sip\0\0"), "NAPTR 1 2 \"u\" \"sip\" \"\" ."},
        {39, RDATA("\300\20"), "DNAME example."},
        {43, RDATA("\1\2\10\2\253\315"), "DS 258 8 2 ABCD"},
        {43, RDATA("\1\2\10\2"), "DS \\# 4 01020802"},
        {46, RDATA("\0\1\10\2\0\0\1\54\145\221\374\200\145\151\367\0\1\2" LINK "abcd"),
                "RRSIG A 8 2 300 20231231234256 20231201150848 258 www.example. YWJjZA=="},
        {48, RDATA("\1\1\3\10abc"), "DNSKEY 257 3 8 YWJj"},
        {48, RDATA("\1\1\3\10abcde"), "DNSKEY 257 3 8 YWJjZGU="},
        {52, RDATA("\3\1\1\17"), "TLSA 3 1 1 0F"},
        {65, RDATA("\0\1\0"), "HTTPS \\# 3 000100"},
        {256, RDATA("\0\1\0\2ftp:"), "URI 1 2 \"ftp:\""},
        {257, RDATA("\200\5issueca.test"), "CAA 128 issue \"ca.test\""},
        {257, RDATA("\0\5issue"), "CAA 0 issue \"\""},
        {257, RDATA("\0\5is\nueca"), "CAA \\# 9 000569730A75656361"},
        {257, RDATA("\0\0ca"), "CAA \\# 4 00006361"},
        {65280, RDATA("\12\0\0\1"), "TYPE65280 \\# 4 0A000001"},
};

static void
shows_rdata_by_type_or_as_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shown); i++) {
		begin();
		put_record(SECTION_ANSWER, shown[i].type, shown[i].rdata, shown[i].bytes);
		show();
		assert_true(whole);
		const char *line = strstr(text, "300 IN ");
		assert_non_null(line);
		line += strlen("300 IN ");
		assert_int_equal(strcspn(line, "\n"), strlen(shown[i].line));
		assert_memory_equal(line, shown[i].line, strlen(shown[i].line));
	}
}

/* RDATA must not be read beyond its own end, though the message goes on. */
static void
rdata_ends_where_it_says(void **state)
{
	(void)state;
	begin();
	put_record(SECTION_ANSWER, TXT, "\5ab", 3);
	put_record(SECTION_ANSWER, TXT, "\3abc", 4);
	put_record(SECTION_ANSWER, 5, "\1", 1);
	put_record(SECTION_ANSWER, A, "\1\2\3\4", 4);
	show();
	assert_true(whole);
	assert_non_null(strstr(text, "TXT \\# 3 056162\n"));
	assert_non_null(strstr(text, "CNAME \\# 1 01\n"));
	assert_non_null(strstr(text, "A 1.2.3.4\n"));
}

static void
a_question_is_escaped_too(void **state)
{
	(void)state;
	message_begin(&m, 0, WIRE_FLAG_QR);
	message_count(&m, SECTION_QUESTION);
	message_put(&m, "\6a\n;\x1b.\"\0\0\20\0\3", 12);
	assert_non_null(strstr(show(), ";a\\010\\;\\027\\.\\\". CH TXT\n"));
	assert_true(whole);
}

static void
tells_what_is_no_message(void **state)
{
	(void)state;
	begin();
	put_record(SECTION_ANSWER, A, "\1\2\3\4", 4);
	size_t length = m.length;
	for (m.length = 0; m.length < length; m.length++) {
		assert_non_null(strstr(show(), ";; malformed: cut off"));
		assert_false(whole);
	}
	m.length = length;
	show();
	assert_true(whole);
	message_put8(&m, 0);
	assert_non_null(strstr(show(), "A 1.2.3.4\n;; malformed: bytes behind the last record\n"));
	assert_false(whole);
	m.length = WIRE_MESSAGE_BYTES + 1;
	assert_non_null(strstr(show(), ";; malformed: "));
	assert_false(whole);
}

static int
forget(void **state)
{
	(void)state;
	free(text);
	text = NULL;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(shows_all_sections),
	        cmocka_unit_test(shows_rcode_flags_and_the_reason),
	        cmocka_unit_test(shows_rdata_by_type_or_as_it_is),
	        cmocka_unit_test(rdata_ends_where_it_says),
	        cmocka_unit_test(a_question_is_escaped_too),
	        cmocka_unit_test(tells_what_is_no_message),
	};
	return cmocka_run_group_tests(tests, NULL, forget);
}
