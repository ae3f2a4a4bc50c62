/*
 * The upstream's side: what counts as an answer, what is left when its OPT is taken out, and what a client
 * gets of it.
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

enum { QUESTION = 12, QUESTION_END = 29 /* of www.example. */ };

static struct message m;

static const struct wire_question question = {
        .type = 15, .class = 1, .name_bytes = 13, .name = "\3www\7example"};

static void
question_only(void)
{
	message_begin(&m, 0x1234, WIRE_FLAG_QR | WIRE_FLAG_RD | WIRE_FLAG_RA);
	message_question(&m, "wWw.eXample.", 15, 1);
}

/* An MX whose owner is the question and whose exchange points into it. */
static void
mx(size_t section, const char *label)
{
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, section, 15, 1, 300);
	message_put16(&m, 10);
	message_put_name(&m, label);
	message_put_pointer(&m, QUESTION + 4);
	message_rdata_end(&m, at);
}

static void
answer(void)
{
	question_only();
	mx(SECTION_ANSWER, "mail");
}

static void
answer_with_opt(void)
{
	answer();
	message_opt(&m, 1232, 0x8000, "\0\17\0\5\0\26why", 9);
}

static void
nxdomain(void)
{
	question_only();
	m.bytes[3] |= WIRE_RCODE_NXDOMAIN;
	message_put_pointer(&m, QUESTION + 4);
	size_t at = message_fixed(&m, SECTION_AUTHORITY, 6, 1, 300);
	message_put_name(&m, "ns.example.");
	message_put_name(&m, "root");
	message_put_pointer(&m, at);
	message_put(&m, "01234567890123456789", 20);
	message_rdata_end(&m, at);
}

static void
too_short(void)
{
	question_only();
	m.length = 11;
}

static void
query_not_response(void)
{
	answer();
	m.bytes[2] &= 0x7f;
}

static void
notify_response(void)
{
	answer();
	m.bytes[2] |= 0x20;
}

static void
no_question(void)
{
	message_begin(&m, 1, WIRE_FLAG_QR | WIRE_RCODE_FORMERR);
}

static void
no_question_refused(void)
{
	message_begin(&m, 1, WIRE_FLAG_QR | WIRE_RCODE_REFUSED);
	message_opt(&m, 1232, 0, "", 0);
}

static void
two_questions(void)
{
	question_only();
	message_question(&m, "www.example.", 15, 1);
}

static void
two_questions_second_cut(void)
{
	two_questions();
	m.length--;
}

static void
other_name(void)
{
	message_begin(&m, 1, WIRE_FLAG_QR);
	message_question(&m, "wwx.example.", 15, 1);
}

static void
longer_name(void)
{
	message_begin(&m, 1, WIRE_FLAG_QR);
	message_question(&m, "www.example.net.", 15, 1);
}

static void
shorter_name(void)
{
	message_begin(&m, 1, WIRE_FLAG_QR);
	message_question(&m, ".", 15, 1);
}

static void
other_type(void)
{
	message_begin(&m, 1, WIRE_FLAG_QR);
	message_question(&m, "www.example.", 16, 1);
}

static void
other_class(void)
{
	message_begin(&m, 1, WIRE_FLAG_QR);
	message_question(&m, "www.example.", 15, 3);
}

static void
other_name_malformed(void)
{
	other_name();
	message_put8(&m, 0);
}

static void
bytes_behind(void)
{
	answer_with_opt();
	message_put8(&m, 0);
}

static void
record_missing(void)
{
	answer();
	message_count(&m, SECTION_ANSWER);
}

static void
rdata_cut(void)
{
	answer();
	m.length--;
}

static void
owner_forward(void)
{
	question_only();
	message_put_pointer(&m, m.length + 2);
	message_fixed(&m, SECTION_ANSWER, 1, 1, 0);
}

static void
owner_self(void)
{
	question_only();
	message_put_pointer(&m, m.length);
	message_fixed(&m, SECTION_ANSWER, 1, 1, 0);
}

static void
two_opts(void)
{
	answer_with_opt();
	message_opt(&m, 1232, 0, "", 0);
}

static void
opt_in_authority(void)
{
	question_only();
	message_record(&m, SECTION_AUTHORITY, ".", 41, "", 0);
}

static void
opt_not_at_root(void)
{
	question_only();
	message_record(&m, SECTION_ADDITIONAL, "a.", 41, "", 0);
}

/* Would pass for an OPT if its owner were taken for the one byte that it should be. */
static void
opt_owner_compressed(void)
{
	uint8_t rdata[255] = {0xff, 0, 252};

	question_only();
	message_put_pointer(&m, QUESTION_END - 5);
	size_t at = message_fixed(&m, SECTION_ADDITIONAL, 41, 1232, 1);
	message_put(&m, rdata, sizeof(rdata));
	message_rdata_end(&m, at);
}

static void
opt_option_cut(void)
{
	answer();
	message_opt(&m, 1232, 0, "\0\17\0", 3);
}

static const struct {
	const char *what;
	void (*make)(void);
	enum wire_match match;
	bool opt;
} matches[] = {
        {"answer", answer, WIRE_MATCH, false},
        {"answer with OPT", answer_with_opt, WIRE_MATCH, true},
        {"no records", question_only, WIRE_MATCH, false},
        {"NXDOMAIN with SOA", nxdomain, WIRE_MATCH, false},
        {"shorter than a header", too_short, WIRE_GARBAGE, false},
        {"query", query_not_response, WIRE_GARBAGE, false},
        {"response to NOTIFY", notify_response, WIRE_GARBAGE, false},
        {"FORMERR without question", no_question, WIRE_MISMATCH, false},
        {"REFUSED with OPT, without question", no_question_refused, WIRE_MISMATCH, false},
        {"two questions", two_questions, WIRE_MISMATCH, false},
        {"two questions, the second cut", two_questions_second_cut, WIRE_GARBAGE, false},
        {"other name", other_name, WIRE_MISMATCH, false},
        {"longer name", longer_name, WIRE_MISMATCH, false},
        {"shorter name", shorter_name, WIRE_MISMATCH, false},
        {"other type", other_type, WIRE_MISMATCH, false},
        {"other class", other_class, WIRE_MISMATCH, false},
        {"other name and malformed", other_name_malformed, WIRE_GARBAGE, false},
        {"bytes behind", bytes_behind, WIRE_GARBAGE, false},
        {"record missing", record_missing, WIRE_GARBAGE, false},
        {"RDATA cut", rdata_cut, WIRE_GARBAGE, false},
        {"owner points forward", owner_forward, WIRE_GARBAGE, false},
        {"owner points at itself", owner_self, WIRE_GARBAGE, false},
        {"two OPTs", two_opts, WIRE_GARBAGE, false},
        {"OPT in authority", opt_in_authority, WIRE_GARBAGE, false},
        {"OPT not at root", opt_not_at_root, WIRE_GARBAGE, false},
        {"OPT with a compressed owner", opt_owner_compressed, WIRE_GARBAGE, false},
        {"OPT with a cut option", opt_option_cut, WIRE_GARBAGE, false},
};

/* Takes a copy of exactly that size, so that a sanitizer sees a step beyond it; what is left is put back. */
static enum wire_match
take(struct wire_answer *out)
{
	static struct message before;
	uint8_t *copy = malloc(m.length + (m.length == 0));

	memcpy(copy, m.bytes, m.length);
	memcpy(before.bytes, m.bytes, m.length);
	memset(out, 0xff, sizeof(*out));
	enum wire_match match = wire_answer_take(copy, m.length, &question, out);
	if (match != WIRE_MATCH) {
		assert_memory_equal(copy, before.bytes, m.length);
	} else {
		assert_ptr_equal(out->msg, copy);
		assert_true(out->bytes <= m.length);
		memcpy(m.bytes, copy, out->bytes);
		m.length = out->bytes;
		out->msg = m.bytes;
	}
	free(copy);
	return match;
}

static void
only_an_answer_is_taken(void **state)
{
	struct wire_answer out;

	(void)state;
	for (size_t i = 0; i < COUNT(matches); i++) {
		matches[i].make();
		size_t length = m.length;
		enum wire_match match = take(&out);
		if (match != matches[i].match)
			fail_msg("%s: %d, expected %d", matches[i].what, match, matches[i].match);
		if (match != WIRE_MATCH)
			continue;
		assert_int_equal(out.edns.present, matches[i].opt);
		assert_int_equal(out.bytes, length - (matches[i].opt ? 20 : 0));
		assert_int_equal(message_get16(m.bytes + SECTION_ADDITIONAL), 0);
	}
}

static void
every_shortened_answer_is_garbage(void **state)
{
	struct wire_answer out;

	(void)state;
	answer_with_opt();
	for (size_t length = m.length; length-- > 0;) {
		m.length = length;
		assert_int_equal(take(&out), WIRE_GARBAGE);
	}
}

static void
an_answer_tells_rcode_and_opt(void **state)
{
	struct wire_answer out;

	(void)state;
	nxdomain();
	message_opt(&m, 1400, 0x12000000, "\0\13\0\2\0\144", 6);
	assert_int_equal(take(&out), WIRE_MATCH);
	assert_int_equal(out.rcode, 0x123);
	assert_int_equal(out.edns.udp_bytes, 1400);
	assert_int_equal(out.edns.keepalive_tenths, 100);
	nxdomain();
	assert_int_equal(take(&out), WIRE_MATCH);
	assert_int_equal(out.rcode, 3);
	assert_false(out.edns.present);
}

static struct wire_query
client(uint16_t flags, bool opt, bool dnssec_ok)
{
	struct wire_query query = {.id = 0xbeef, .flags = flags, .question = question};
	memcpy(query.question.name, "\3WWW\7eXaMpLe", 13);
	query.edns.present = opt;
	query.edns.dnssec_ok = dnssec_ok;
	return query;
}

static uint8_t fitted[65535];

static void
the_client_gets_its_own_header_and_spelling(void **state)
{
	struct wire_query query = client(WIRE_FLAG_CD, false, false);
	struct wire_answer out;

	(void)state;
	answer_with_opt();
	assert_int_equal(take(&out), WIRE_MATCH);
	size_t length = wire_fit(fitted, 512, &query, &out, &(struct edns_write){0});
	assert_int_equal(length, out.bytes);
	assert_int_equal(wire_id(fitted), 0xbeef);
	assert_int_equal(message_get16(fitted + 2), WIRE_FLAG_QR | WIRE_FLAG_RA | WIRE_FLAG_CD);
	assert_memory_equal(fitted + 12, "\3WWW\7eXaMpLe\0", 13);
	/* no OPT, though the upstream had one; the rest as it came, and the answer untouched for the next
	 * client */
	assert_int_equal(message_get16(fitted + 10), 0);
	assert_memory_equal(fitted + 25, m.bytes + 25, length - 25);
	assert_int_equal(wire_id(m.bytes), 0x1234);
	assert_memory_equal(m.bytes + 12, "\3wWw\7eXample\0", 13);
}

static void
flags_are_the_clients_or_the_upstreams(void **state)
{
	static const struct {
		unsigned upstream, client;
		bool dnssec_ok;
		unsigned fitted;
	} cases[] = {
	        {0x8000, 0, false, 0x8000},
	        {0xffff & ~WIRE_FLAG_OPCODE, 0, false, 0x868f},
	        {0x8400, 0x0100, false, 0x8500},
	        {0x8120, 0x0000, false, 0x8000},
	        {0x8120, 0x0120, false, 0x8120},
	        {0x8120, 0x0100, true, 0x8120},
	        {0x8000, 0x0130, true, 0x8110},
	        {0x8210, 0x0000, false, 0x8200},
	        {0x8083, 0x0110, false, 0x8193},
	};
	struct wire_answer out;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_query query =
		        client((uint16_t)cases[i].client, cases[i].dnssec_ok, cases[i].dnssec_ok);
		answer();
		message_set16(&m, 2, cases[i].upstream);
		assert_int_equal(take(&out), WIRE_MATCH);
		assert_true(wire_fit(fitted, 512, &query, &out, &(struct edns_write){0}) > 0);
		assert_int_equal(message_get16(fitted + 2), cases[i].fitted);
	}
}

/* Fits the answer in `m` and reads the OPT that comes out of it. Returns the length without it. */
static size_t
fit_and_read(size_t room, const struct wire_query *query, const struct edns_write *opt, struct edns *edns)
{
	struct wire_answer out, back;

	assert_int_equal(take(&out), WIRE_MATCH);
	size_t length = wire_fit(fitted, room, query, &out, opt);
	assert_true(length > 0 && length <= room);
	assert_int_equal(wire_answer_take(fitted, length, &question, &back), WIRE_MATCH);
	*edns = back.edns;
	return back.bytes;
}

static void
the_client_gets_an_opt_for_its_opt(void **state)
{
	const struct edns_write opt = {
	        .udp_bytes = 1111, .keepalive = true, .keepalive_value = true, .keepalive_tenths = 50};
	struct wire_query query = client(0, true, true);
	struct edns edns;

	(void)state;
	answer(); /* the upstream had none */
	assert_int_equal(fit_and_read(512, &query, &opt, &edns), m.length);
	assert_int_equal(edns.udp_bytes, 1111);
	assert_int_equal(edns.keepalive_tenths, 50);
	assert_true(edns.dnssec_ok);
	assert_int_equal(edns.ede_bytes, 0);

	query.edns.dnssec_ok = false;
	answer_with_opt();
	fit_and_read(512, &query, &(struct edns_write){.dnssec_ok = true, .extended_rcode = 7}, &edns);
	assert_false(edns.dnssec_ok);
	assert_int_equal(edns.extended_rcode, 0);
}

static void
the_upstreams_ede_is_passed_on_unless_we_have_one(void **state)
{
	struct wire_query query = client(0, true, false);
	struct edns edns;

	(void)state;
	answer_with_opt();
	fit_and_read(512, &query, &(struct edns_write){0}, &edns);
	assert_int_equal(edns.ede_bytes, 5);
	assert_memory_equal(edns.ede, "\0\26why", 5);
	answer_with_opt();
	fit_and_read(
	        512, &query, &(struct edns_write){.ede = (const uint8_t *)"\0\3", .ede_bytes = 2}, &edns);
	assert_int_equal(edns.ede_bytes, 2);
	assert_memory_equal(edns.ede, "\0\3", 2);
}

static void
extended_rcodes_need_an_opt(void **state)
{
	struct wire_query query = client(0, true, false);
	struct wire_answer out;
	struct edns edns;

	(void)state;
	answer();
	message_opt(&m, 1232, 0x01000000, "", 0);
	message_set16(&m, 2, 0x8007); /* BADCOOKIE */
	fit_and_read(512, &query, &(struct edns_write){0}, &edns);
	assert_int_equal(message_get16(fitted + 2) & WIRE_FLAG_RCODE, 7);
	assert_int_equal(edns.extended_rcode, 1);

	answer();
	message_opt(&m, 1232, 0x01000000, "", 0);
	assert_int_equal(take(&out), WIRE_MATCH);
	query.edns.present = false;
	assert_true(wire_fit(fitted, 512, &query, &out, &(struct edns_write){0}) > 0);
	assert_int_equal(message_get16(fitted + 2) & WIRE_FLAG_RCODE, WIRE_RCODE_SERVFAIL);
}

/* An answer of `bytes` in all, without OPT. */
static void
answer_of(size_t bytes)
{
	answer();
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, SECTION_ANSWER, 16, 1, 300);
	memset(m.bytes + m.length, 'x', bytes - m.length);
	m.length = bytes;
	message_rdata_end(&m, at);
	m.bytes[2] |= WIRE_FLAG_AA >> 8;
}

enum { WITHOUT_OPT, BARE_OPT, OPT_AND_EDE };

static const struct {
	const char *what;
	size_t answer;
	size_t room;
	int opt;
	size_t length;
	bool truncated;
} fits[] = {
        {"exactly", 512, 512, WITHOUT_OPT, 512, false},
        {"one byte too many", 513, 512, WITHOUT_OPT, QUESTION_END, true},
        {"exactly with OPT", 501, 512, BARE_OPT, 512, false},
        {"one byte too many with OPT", 502, 512, BARE_OPT, QUESTION_END + 11, true},
        {"too long with OPT", 4000, 1232, BARE_OPT, QUESTION_END + 11, true},
        {"exactly with EDE", 512 - 11 - 9, 512, OPT_AND_EDE, 512, false},
        {"text left out", 512 - 11 - 8, 512, OPT_AND_EDE, 512 - 2, false},
        {"text left out, exactly", 512 - 11 - 6, 512, OPT_AND_EDE, 512, false},
        {"text left out, and all the rest", 512 - 11 - 5, 512, OPT_AND_EDE, QUESTION_END + 11 + 6, true},
        {"the longest, on a stream", 65535, 65535, WITHOUT_OPT, 65535, false},
        {"the longest without room for OPT", 65535, 65535, BARE_OPT, QUESTION_END + 11, true},
        {"the longest with OPT", 65524, 65535, BARE_OPT, 65535, false},
};

static void
what_does_not_fit_is_truncated(void **state)
{
	struct wire_answer out;

	(void)state;
	for (size_t i = 0; i < COUNT(fits); i++) {
		struct wire_query query = client(WIRE_FLAG_RD, fits[i].opt != WITHOUT_OPT, false);
		const struct edns_write opt = {
		        .ede = fits[i].opt == OPT_AND_EDE ? (const uint8_t *)"\0\26why" : NULL,
		        .ede_bytes = fits[i].opt == OPT_AND_EDE ? 5 : 0,
		};
		answer_of(fits[i].answer);
		assert_int_equal(take(&out), WIRE_MATCH);
		uint8_t *room = malloc(fits[i].room);
		size_t length = wire_fit(room, fits[i].room, &query, &out, &opt);
		if (length != fits[i].length)
			fail_msg("%s: %zu, expected %zu", fits[i].what, length, fits[i].length);
		assert_int_equal((message_get16(room + 2) & WIRE_FLAG_TC) != 0, fits[i].truncated);
		assert_true((message_get16(room + 2) & WIRE_FLAG_AA) != 0);
		assert_int_equal(message_get16(room + SECTION_ANSWER), fits[i].truncated ? 0 : 2);
		assert_int_equal(message_get16(room + SECTION_ADDITIONAL), fits[i].opt != WITHOUT_OPT);
		assert_memory_equal(room + 12, "\3WWW\7eXaMpLe\0\0\17\0\1", 17);
		assert_int_equal(wire_answer_take(room, length, &question, &out), WIRE_MATCH);
		free(room);
	}
}

static void
less_than_512_is_no_room(void **state)
{
	struct wire_query query = client(0, true, false);
	struct wire_answer out;

	(void)state;
	answer();
	assert_int_equal(take(&out), WIRE_MATCH);
	assert_int_equal(wire_fit(fitted, 511, &query, &out, &(struct edns_write){0}), 0);
	assert_true(wire_fit(fitted, 512, &query, &out, &(struct edns_write){0}) > 0);
}

static void
answers_are_padded_when_asked(void **state)
{
	struct wire_query query = client(0, true, false);
	struct wire_answer out;

	(void)state;
	answer_with_opt();
	assert_int_equal(take(&out), WIRE_MATCH);
	assert_int_equal(
	        wire_fit(fitted, 512, &query, &out, &(struct edns_write){.padding_block = 468}), 468);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(only_an_answer_is_taken),
	        cmocka_unit_test(every_shortened_answer_is_garbage),
	        cmocka_unit_test(an_answer_tells_rcode_and_opt),
	        cmocka_unit_test(the_client_gets_its_own_header_and_spelling),
	        cmocka_unit_test(flags_are_the_clients_or_the_upstreams),
	        cmocka_unit_test(the_client_gets_an_opt_for_its_opt),
	        cmocka_unit_test(the_upstreams_ede_is_passed_on_unless_we_have_one),
	        cmocka_unit_test(extended_rcodes_need_an_opt),
	        cmocka_unit_test(what_does_not_fit_is_truncated),
	        cmocka_unit_test(less_than_512_is_no_room),
	        cmocka_unit_test(answers_are_padded_when_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
