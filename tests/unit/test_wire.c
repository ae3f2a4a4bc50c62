/*
 * The client's side: what a message deserves, what an upstream is asked, and how we refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/wire.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct message m;

/* What a good query has, built anew for each case that then spoils it. */
static void
query_make(void)
{
	message_begin(&m, 0x1234, WIRE_FLAG_RD | WIRE_FLAG_AD);
	message_question(&m, "WwW.example.", 28, 1);
}

static void
query_with_opt(void)
{
	query_make();
	message_opt(&m, 1232, 0x8000, "\0\13\0\0", 4);
}

static void
bare_header(void)
{
	message_begin(&m, 1, 0);
}

static void
response(void)
{
	query_with_opt();
	m.bytes[2] |= 0x80;
}

static void
other_opcode(void)
{
	query_with_opt();
	m.bytes[2] |= 0x28; /* UPDATE */
}

static void
other_opcode_garbage(void)
{
	message_begin(&m, 1, 0x3000); /* DSO */
	message_put16(&m, 0xffff);
}

static void
other_opcode_bad_version(void)
{
	query_make();
	m.bytes[2] |= 0x20;
	message_opt(&m, 1232, 0x00010000, "", 0);
}

static void
no_question(void)
{
	message_begin(&m, 1, 0);
	message_opt(&m, 1232, 0, "", 0);
}

static void
two_questions(void)
{
	query_make();
	message_question(&m, "b.", 1, 1);
}

static void
question_missing(void)
{
	message_begin(&m, 1, 0);
	message_count(&m, SECTION_QUESTION);
}

static void
question_cut(void)
{
	query_make();
	m.length--;
}

static void
question_name_cut(void)
{
	query_make();
	m.length = 17;
}

static void
question_compressed(void)
{
	message_begin(&m, 1, 0);
	message_count(&m, SECTION_QUESTION);
	message_put_pointer(&m, 11); /* a root label, but in the header */
	message_put32(&m, 0x00010001);
}

static void
question_points_at_itself(void)
{
	message_begin(&m, 1, 0);
	message_count(&m, SECTION_QUESTION);
	message_put8(&m, 1);
	message_put8(&m, 'a');
	message_put_pointer(&m, 12);
	message_put32(&m, 0x00010001);
}

static void
answer_record(void)
{
	query_make();
	message_record(&m, SECTION_ANSWER, "b.", 1, "\1\2\3\4", 4);
	message_opt(&m, 1232, 0, "", 0);
}

static void
authority_record(void)
{
	query_make();
	message_record(&m, SECTION_AUTHORITY, "b.", 1, "\1\2\3\4", 4);
}

static void
answer_missing(void)
{
	query_make();
	message_count(&m, SECTION_ANSWER);
}

static void
opt_in_answer(void)
{
	query_make();
	message_record(&m, SECTION_ANSWER, ".", 41, "", 0);
}

static void
two_opts(void)
{
	query_with_opt();
	message_opt(&m, 512, 0, "", 0);
}

static void
opt_not_at_root(void)
{
	query_make();
	message_record(&m, SECTION_ADDITIONAL, "a.", 41, "", 0);
}

static void
opt_owner_compressed(void)
{
	query_make();
	message_put_pointer(&m, 24); /* the root label of the question */
	message_fixed(&m, SECTION_ADDITIONAL, 41, 1232, 0);
}

static void
opt_option_bad(void)
{
	query_make();
	message_opt(&m, 1232, 0x8000, "\0\13\0\1\0", 5);
}

static void
opt_cut(void)
{
	query_with_opt();
	m.length--;
}

static void
opt_missing(void)
{
	query_make();
	message_count(&m, SECTION_ADDITIONAL);
}

static void
bytes_behind(void)
{
	query_with_opt();
	message_put8(&m, 0);
}

static void
bad_version(void)
{
	query_make();
	message_opt(&m, 1232, 0x00018000, "", 0);
}

static void
bad_version_strange_options(void)
{
	query_make();
	message_opt(&m, 1232, 0x00ff8000, "\0\13\0\1", 4);
}

static void
bad_version_bytes_behind(void)
{
	bad_version();
	message_put8(&m, 0);
}

static void
signed_query(void)
{
	query_with_opt();
	message_put_pointer(&m, 12);
	size_t at = message_fixed(&m, SECTION_ADDITIONAL, 250, 255, 0);
	message_put(&m, "whatever", 8);
	message_rdata_end(&m, at);
}

static void
additional_looped(void)
{
	query_make();
	message_put_pointer(&m, m.length);
	message_fixed(&m, SECTION_ADDITIONAL, 1, 1, 0);
}

static void
root_any_chaos(void)
{
	message_begin(&m, 1, 0xffff & ~(WIRE_FLAG_QR | WIRE_FLAG_OPCODE));
	message_question(&m, ".", 65535, 65535);
}

static void
question_of_type_opt(void)
{
	message_begin(&m, 1, 0);
	message_question(&m, "a.", 41, 0);
}

static const struct {
	const char *what;
	void (*make)(void);
	enum wire_verdict verdict;
	bool question;
	bool opt;
} verdicts[] = {
        {"plain", query_make, WIRE_QUERY, true, false},
        {"with OPT", query_with_opt, WIRE_QUERY, true, true},
        {"any type, class and flags", root_any_chaos, WIRE_QUERY, true, false},
        {"question for type OPT", question_of_type_opt, WIRE_QUERY, true, false},
        {"OPT and TSIG", signed_query, WIRE_QUERY, true, true},
        {"response", response, WIRE_SILENCE, false, false},
        {"bare header", bare_header, WIRE_FORMERR, false, false},
        {"opcode UPDATE", other_opcode, WIRE_NOTIMP, true, true},
        {"opcode DSO, no question", other_opcode_garbage, WIRE_NOTIMP, false, false},
        {"opcode before version", other_opcode_bad_version, WIRE_NOTIMP, true, true},
        {"no question", no_question, WIRE_FORMERR, false, true},
        {"two questions", two_questions, WIRE_FORMERR, false, false},
        {"question missing", question_missing, WIRE_FORMERR, false, false},
        {"question cut", question_cut, WIRE_FORMERR, false, false},
        {"question's name cut", question_name_cut, WIRE_FORMERR, false, false},
        {"question compressed", question_compressed, WIRE_FORMERR, false, false},
        {"question points at itself", question_points_at_itself, WIRE_FORMERR, false, false},
        {"record in answer", answer_record, WIRE_FORMERR, true, true},
        {"record in authority", authority_record, WIRE_FORMERR, true, false},
        {"answer missing", answer_missing, WIRE_FORMERR, true, false},
        {"OPT in answer", opt_in_answer, WIRE_FORMERR, true, false},
        {"two OPTs", two_opts, WIRE_FORMERR, true, true},
        {"OPT not at root", opt_not_at_root, WIRE_FORMERR, true, false},
        {"OPT's owner compressed", opt_owner_compressed, WIRE_FORMERR, true, false},
        {"OPT with a bad option", opt_option_bad, WIRE_FORMERR, true, true},
        {"OPT cut", opt_cut, WIRE_FORMERR, true, false},
        {"OPT missing", opt_missing, WIRE_FORMERR, true, false},
        {"owner that loops", additional_looped, WIRE_FORMERR, true, false},
        {"bytes behind", bytes_behind, WIRE_FORMERR, true, true},
        {"version 1", bad_version, WIRE_BADVERS, true, true},
        {"version 255, options of its own", bad_version_strange_options, WIRE_BADVERS, true, true},
        {"version 1, bytes behind", bad_version_bytes_behind, WIRE_FORMERR, true, true},
};

/* Parses a copy of exactly that size, so that a sanitizer sees a read beyond it. */
static enum wire_verdict
parse(struct wire_query *out)
{
	uint8_t *copy = malloc(m.length + (m.length == 0));
	memcpy(copy, m.bytes, m.length);
	memset(out, 0xff, sizeof(*out));
	enum wire_verdict verdict = wire_query_parse(copy, m.length, out);
	free(copy);
	return verdict;
}

static void
messages_get_what_they_deserve(void **state)
{
	struct wire_query query;

	(void)state;
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		verdicts[i].make();
		enum wire_verdict verdict = parse(&query);
		if (verdict != verdicts[i].verdict)
			fail_msg("%s: verdict %d, expected %d", verdicts[i].what, verdict,
			        verdicts[i].verdict);
		if (verdict == WIRE_SILENCE)
			continue;
		assert_int_equal(query.id, message_get16(m.bytes));
		assert_int_equal(query.flags, message_get16(m.bytes + 2));
		if ((query.question.name_bytes > 0) != verdicts[i].question)
			fail_msg("%s: question", verdicts[i].what);
		if (query.edns.present != verdicts[i].opt)
			fail_msg("%s: OPT", verdicts[i].what);
	}
}

static void
every_shortened_query_is_refused(void **state)
{
	struct wire_query query;

	(void)state;
	query_with_opt();
	for (size_t length = m.length; length-- > 0;) {
		m.length = length;
		assert_int_equal(parse(&query), length < WIRE_HEADER_BYTES ? WIRE_SILENCE : WIRE_FORMERR);
	}
}

static void
a_query_is_read(void **state)
{
	struct wire_query query;

	(void)state;
	query_with_opt();
	assert_int_equal(parse(&query), WIRE_QUERY);
	assert_int_equal(query.id, 0x1234);
	assert_int_equal(query.flags, WIRE_FLAG_RD | WIRE_FLAG_AD);
	assert_int_equal(query.question.type, 28);
	assert_int_equal(query.question.class, 1);
	assert_int_equal(query.question.name_bytes, 13);
	assert_memory_equal(query.question.name, "\3WwW\7example\0", 13);
	assert_int_equal(query.edns.udp_bytes, 1232);
	assert_true(query.edns.dnssec_ok && query.edns.keepalive);
}

/* A name of 255 bytes: three labels of 63 and one of 61. */
static void
longest_name(struct message *out)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned label = i < 3 ? 63 : 61;
		message_put8(out, label);
		memset(out->bytes + out->length, 'x', label);
		out->length += label;
	}
	message_put8(out, 0);
}

static void
longest_query_make(void)
{
	message_begin(&m, 1, 0);
	message_count(&m, SECTION_QUESTION);
	longest_name(&m);
	message_put32(&m, 0x00010001);
}

static void
the_longest_name_is_asked_for(void **state)
{
	struct wire_query query;
	uint8_t out[512];

	(void)state;
	longest_query_make();
	assert_int_equal(parse(&query), WIRE_QUERY);
	assert_int_equal(query.question.name_bytes, NAME_BYTES);
	assert_int_equal(wire_ask(out, sizeof(out), 1, &query, &(struct edns_write){0}), 12 + 255 + 4 + 11);
}

static void
padded_to_65535(void)
{
	query_make();
	message_put8(&m, 0);
	size_t at = message_fixed(&m, SECTION_ADDITIONAL, 41, 1232, 0);
	message_put16(&m, EDNS_OPTION_PADDING);
	message_put16(&m, (unsigned)(65535 - m.length - 2));
	memset(m.bytes + m.length, 0, 65535 - m.length);
	m.length = 65535;
	message_rdata_end(&m, at);
}

static void
the_longest_message_is_read(void **state)
{
	struct wire_query query;

	(void)state;
	padded_to_65535();
	assert_int_equal(parse(&query), WIRE_QUERY);
	assert_true(query.edns.present);
}

static void
an_upstream_is_asked_the_same(void **state)
{
	const struct edns_write opt = {.udp_bytes = 1232, .keepalive = true, .padding_block = 128};
	struct wire_query query, asked;

	(void)state;
	query_with_opt();
	assert_int_equal(parse(&query), WIRE_QUERY);
	m.length = wire_ask(m.bytes, sizeof(m.bytes), 0xabcd, &query, &opt);
	assert_int_equal(m.length, 128);
	assert_int_equal(parse(&asked), WIRE_QUERY);
	assert_int_equal(asked.id, 0xabcd);
	assert_int_equal(asked.flags, WIRE_FLAG_RD | WIRE_FLAG_AD);
	assert_int_equal(asked.question.name_bytes, query.question.name_bytes);
	assert_memory_equal(asked.question.name, query.question.name, query.question.name_bytes);
	assert_int_equal(asked.question.type, 28);
	assert_int_equal(asked.question.class, 1);
	assert_int_equal(asked.edns.udp_bytes, 1232);
	assert_true(asked.edns.dnssec_ok && asked.edns.keepalive && !asked.edns.keepalive_value);
}

static void
only_rd_and_cd_go_upstream_and_ad_always(void **state)
{
	struct wire_query query, asked;

	(void)state;
	root_any_chaos();
	assert_int_equal(parse(&query), WIRE_QUERY);
	m.length = wire_ask(m.bytes, sizeof(m.bytes), 7, &query, &(struct edns_write){0});
	assert_int_equal(parse(&asked), WIRE_QUERY);
	assert_int_equal(asked.flags, WIRE_FLAG_RD | WIRE_FLAG_AD | WIRE_FLAG_CD);
	assert_true(asked.edns.present);
	assert_false(asked.edns.dnssec_ok);
	query.flags = 0;
	m.length = wire_ask(m.bytes, sizeof(m.bytes), 7, &query, &(struct edns_write){.dnssec_ok = true});
	assert_int_equal(parse(&asked), WIRE_QUERY);
	assert_int_equal(asked.flags, WIRE_FLAG_AD);
	assert_true(asked.edns.dnssec_ok);
	query.flags = WIRE_FLAG_RD;
	m.length = wire_ask(m.bytes, sizeof(m.bytes), 7, &query, &(struct edns_write){0});
	assert_int_equal(parse(&asked), WIRE_QUERY);
	assert_int_equal(asked.flags, WIRE_FLAG_RD | WIRE_FLAG_AD);
}

static void
a_subnet_goes_upstream_inside_the_padding(void **state)
{
	const struct edns_write opt = {
	        .subnet = (const uint8_t *)"\0\1\30\0\300\0\2", .subnet_bytes = 7, .padding_block = 128};
	struct wire_query query, asked;

	(void)state;
	query_make();
	assert_int_equal(parse(&query), WIRE_QUERY);
	m.length = wire_ask(m.bytes, sizeof(m.bytes), 7, &query, &opt);
	assert_int_equal(m.length, 128);
	assert_int_equal(parse(&asked), WIRE_QUERY);
	assert_int_equal(asked.edns.subnet_bytes, 7);
}

static void
a_question_that_does_not_fit_is_not_asked(void **state)
{
	const struct edns_write full = {.keepalive = true,
	        .subnet = (const uint8_t *)"\0\2\200\0"
	                                   "0123456789abcdef",
	        .subnet_bytes = 20,
	        .padding_block = 128};
	struct wire_query query;
	uint8_t out[640];

	(void)state;
	query_make();
	assert_int_equal(parse(&query), WIRE_QUERY);
	assert_int_equal(wire_ask(out, 12 + 17 + 11, 1, &query, &(struct edns_write){0}), 40);
	for (size_t room = 0; room < 40; room++)
		assert_int_equal(wire_ask(out, room, 1, &query, &(struct edns_write){0}), 0);
	/* 512 and a block are always enough, and padded to the end */
	longest_query_make();
	assert_int_equal(parse(&query), WIRE_QUERY);
	assert_int_equal(wire_ask(out, sizeof(out), 1, &query, &full), 384);
}

static void
refusals_repeat_the_question(void **state)
{
	struct wire_query query;
	static struct message spelled, expected;

	(void)state;
	query_make();
	message_spell(m.bytes, &expected);
	assert_int_equal(parse(&query), WIRE_QUERY);
	m.length = wire_refuse(m.bytes, 512, &query, WIRE_RCODE_REFUSED, EDNS_EDE_PROHIBITED, "not you",
	        &(struct edns_write){0});
	assert_int_equal(m.length, 12 + 17);
	assert_int_equal(wire_id(m.bytes), 0x1234);
	assert_int_equal(message_get16(m.bytes + 2), WIRE_FLAG_QR | WIRE_FLAG_RA | WIRE_FLAG_RD | 5);
	message_spell(m.bytes, &spelled);
	assert_int_equal(spelled.length, expected.length);
	assert_memory_equal(spelled.bytes, expected.bytes, spelled.length);
	/* no OPT for a client that sent none */
	assert_int_equal(message_get16(m.bytes + 10), 0);
}

static void
refusals_carry_an_opt_for_an_opt(void **state)
{
	const struct edns_write opt = {
	        .udp_bytes = 1400, .keepalive = true, .keepalive_value = true, .keepalive_tenths = 9};
	struct wire_query query;
	struct edns edns;

	(void)state;
	query_with_opt();
	assert_int_equal(parse(&query), WIRE_QUERY);
	m.length = wire_refuse(
	        m.bytes, 512, &query, WIRE_RCODE_SERVFAIL, EDNS_EDE_NETWORK_ERROR, "expired", &opt);
	assert_int_equal(message_get16(m.bytes + 10), 1);
	assert_int_equal(edns_parse(m.bytes + 29, m.length - 29, &edns), 0);
	assert_int_equal(edns.udp_bytes, 1400);
	assert_int_equal(edns.extended_rcode, 0);
	assert_true(edns.dnssec_ok);
	assert_int_equal(edns.keepalive_tenths, 9);
	assert_int_equal(edns.ede_bytes, 9);
	assert_memory_equal(edns.ede, "\0\27expired", 9);

	m.length = wire_refuse(m.bytes, 512, &query, WIRE_RCODE_SERVFAIL, EDNS_EDE_NONE, NULL, &opt);
	assert_int_equal(edns_parse(m.bytes + 29, m.length - 29, &edns), 0);
	assert_int_equal(edns.ede_bytes, 0);
	m.length = wire_refuse(m.bytes, 512, &query, WIRE_RCODE_SERVFAIL, EDNS_EDE_NETWORK_ERROR, NULL, &opt);
	assert_int_equal(edns_parse(m.bytes + 29, m.length - 29, &edns), 0);
	assert_int_equal(edns.ede_bytes, 2);
}

static void
badvers_needs_the_upper_bits(void **state)
{
	struct wire_query query;
	struct edns edns;

	(void)state;
	bad_version();
	assert_int_equal(parse(&query), WIRE_BADVERS);
	m.length = wire_refuse(
	        m.bytes, 512, &query, WIRE_RCODE_BADVERS, EDNS_EDE_NONE, NULL, &(struct edns_write){0});
	assert_int_equal(message_get16(m.bytes + 2) & WIRE_FLAG_RCODE, 0);
	assert_int_equal(edns_parse(m.bytes + 29, m.length - 29, &edns), 0);
	assert_int_equal(edns.extended_rcode, 1);
	assert_int_equal(edns.version, 0);
	assert_true(edns.dnssec_ok);

	query.edns.present = false;
	m.length = wire_refuse(
	        m.bytes, 512, &query, WIRE_RCODE_BADVERS, EDNS_EDE_NONE, NULL, &(struct edns_write){0});
	assert_int_equal(message_get16(m.bytes + 2) & WIRE_FLAG_RCODE, WIRE_RCODE_SERVFAIL);
}

static void
refusals_without_a_question_are_a_header(void **state)
{
	struct wire_query query;

	(void)state;
	question_missing();
	assert_int_equal(parse(&query), WIRE_FORMERR);
	m.length = wire_refuse(
	        m.bytes, 512, &query, WIRE_RCODE_FORMERR, EDNS_EDE_NONE, NULL, &(struct edns_write){0});
	assert_int_equal(m.length, 12);
	assert_memory_equal(m.bytes, "\0\1\x80\x81\0\0\0\0\0\0\0\0", 12);
}

static void
refusals_keep_opcode_rd_and_cd(void **state)
{
	struct wire_query query;

	(void)state;
	other_opcode();
	m.bytes[3] = 0xff;
	assert_int_equal(parse(&query), WIRE_NOTIMP);
	m.length = wire_refuse(
	        m.bytes, 512, &query, WIRE_RCODE_NOTIMP, EDNS_EDE_NONE, NULL, &(struct edns_write){0});
	assert_int_equal(message_get16(m.bytes + 2), 0xa800 | WIRE_FLAG_RD | WIRE_FLAG_RA | WIRE_FLAG_CD | 4);
}

static void
refusals_fit_512_bytes(void **state)
{
	const struct edns_write opt = {.keepalive = true,
	        .keepalive_value = true,
	        .subnet = (const uint8_t *)"\0\2\200\0"
	                                   "0123456789abcdef",
	        .subnet_bytes = 20};
	struct wire_query query;
	struct edns edns;
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	longest_query_make();
	message_opt(&m, 512, 0, "", 0);
	assert_int_equal(parse(&query), WIRE_QUERY);
	assert_int_equal(wire_refuse(m.bytes, 511, &query, 2, EDNS_EDE_NETWORK_ERROR, text, &opt), 0);
	/* the text goes, its code stays */
	m.length = wire_refuse(m.bytes, 512, &query, 2, EDNS_EDE_NETWORK_ERROR, text, &opt);
	assert_int_equal(m.length, 271 + 11 + 6 + 24 + 6);
	assert_int_equal(edns_parse(m.bytes + 271, m.length - 271, &edns), 0);
	assert_int_equal(edns.ede_bytes, 2);
	m.length = wire_refuse(m.bytes, 1232, &query, 2, EDNS_EDE_NETWORK_ERROR, text, &opt);
	assert_int_equal(m.length, 271 + 11 + 6 + 24 + 260);
}

static void
udp_room_is_clamped(void **state)
{
	static const struct {
		bool present;
		uint16_t announced;
		size_t limit;
		size_t room;
	} cases[] = {
	        {false, 0, 1232, 512},
	        {false, 4096, 1232, 512},
	        {true, 0, 1232, 512},
	        {true, 511, 1232, 512},
	        {true, 513, 1232, 513},
	        {true, 1232, 1232, 1232},
	        {true, 4096, 1232, 1232},
	        {true, 65535, 65535, 65535},
	        {true, 4096, 100, 512},
	        {true, 4096, 0, 512},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct wire_query query = {
		        .edns = {.present = cases[i].present, .udp_bytes = cases[i].announced}};
		assert_int_equal(wire_udp_room(&query, cases[i].limit), cases[i].room);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(messages_get_what_they_deserve),
	        cmocka_unit_test(every_shortened_query_is_refused),
	        cmocka_unit_test(a_query_is_read),
	        cmocka_unit_test(the_longest_name_is_asked_for),
	        cmocka_unit_test(the_longest_message_is_read),
	        cmocka_unit_test(an_upstream_is_asked_the_same),
	        cmocka_unit_test(only_rd_and_cd_go_upstream_and_ad_always),
	        cmocka_unit_test(a_subnet_goes_upstream_inside_the_padding),
	        cmocka_unit_test(a_question_that_does_not_fit_is_not_asked),
	        cmocka_unit_test(refusals_repeat_the_question),
	        cmocka_unit_test(refusals_carry_an_opt_for_an_opt),
	        cmocka_unit_test(badvers_needs_the_upper_bits),
	        cmocka_unit_test(refusals_without_a_question_are_a_header),
	        cmocka_unit_test(refusals_keep_opcode_rd_and_cd),
	        cmocka_unit_test(refusals_fit_512_bytes),
	        cmocka_unit_test(udp_room_is_clamped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
