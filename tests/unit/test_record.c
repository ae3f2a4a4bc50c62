/*
 * Records, by way of the door that other floors use, wire_answer_take(): the names in their RDATA, and what
 * is left of them when an OPT among them is taken out.
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

enum { QUESTION = 12 };

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

/* RDATA by type, where "@" is a name: plain, compressed, broken. All but "good" must be garbage for a type of
 * the table. */
static const struct {
	const char *what;
	unsigned type;
	const char *before;
	size_t before_bytes;
	unsigned names;
	const char *behind;
	size_t behind_bytes;
	bool rest; /* takes anything behind its names */
} rdatas[] = {
        {"NS", 2, "", 0, 1, "", 0, false},
        {"MD", 3, "", 0, 1, "", 0, false},
        {"MF", 4, "", 0, 1, "", 0, false},
        {"CNAME", 5, "", 0, 1, "", 0, false},
        {"SOA", 6, "", 0, 2, "01234567890123456789", 20, false},
        {"MB", 7, "", 0, 1, "", 0, false},
        {"MG", 8, "", 0, 1, "", 0, false},
        {"MR", 9, "", 0, 1, "", 0, false},
        {"PTR", 12, "", 0, 1, "", 0, false},
        {"MINFO", 14, "", 0, 2, "", 0, false},
        {"MX", 15, "\0\12", 2, 1, "", 0, false},
        {"RP", 17, "", 0, 2, "", 0, false},
        {"AFSDB", 18, "\0\1", 2, 1, "", 0, false},
        {"RT", 21, "\0\1", 2, 1, "", 0, false},
        {"SIG", 24, "012345678901234567", 18, 1, "signature", 9, true},
        {"PX", 26, "\0\1", 2, 2, "", 0, false},
        {"NXT", 30, "", 0, 1, "\1\2", 2, true},
        {"SRV", 33, "\0\1\0\2\0\3", 6, 1, "", 0, false},
        {"NAPTR", 35, "\0\1\0\2\1u\3sip\0", 11, 1, "", 0, false},
        {"KX", 36, "\0\1", 2, 1, "", 0, false},
        {"DNAME", 39, "", 0, 1, "", 0, false},
};

enum spoil { GOOD, COMPRESSED, LOOPED, LABEL_TYPE, TOO_LONG, TOO_SHORT, NAME_CUT };

static void
spoiled_name(enum spoil spoil)
{
	if (spoil == COMPRESSED)
		message_put_pointer(&m, QUESTION);
	else if (spoil == LOOPED)
		message_put_pointer(&m, m.length);
	else if (spoil == LABEL_TYPE)
		message_put(&m, "\x80\0\0", 3);
	else
		message_put_name(&m, "a.b.");
}

static void
rdata_make(size_t row, enum spoil spoil)
{
	question_only();
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, SECTION_ANSWER, rdatas[row].type, 1, 300);
	message_put(&m, rdatas[row].before, rdatas[row].before_bytes);
	for (unsigned i = 1; i < rdatas[row].names; i++)
		spoiled_name(GOOD);
	spoiled_name(spoil);
	if (spoil == NAME_CUT)
		m.length -= 1;
	else
		message_put(&m, rdatas[row].behind, rdatas[row].behind_bytes);
	if (spoil == TOO_LONG)
		message_put8(&m, 0);
	if (spoil == TOO_SHORT)
		m.length = at + rdatas[row].before_bytes - (rdatas[row].before_bytes > 0);
	message_rdata_end(&m, at);
	/* what follows must not be taken for the rest of the name */
	message_record(&m, SECTION_ADDITIONAL, ".", 1, "\1\2\3\4", 4);
}

static void
names_in_rdata_are_checked(void **state)
{
	struct wire_answer out;

	(void)state;
	for (size_t i = 0; i < COUNT(rdatas); i++)
		for (enum spoil spoil = GOOD; spoil <= NAME_CUT; spoil++) {
			rdata_make(i, spoil);
			bool good = spoil <= COMPRESSED || (spoil == TOO_LONG && rdatas[i].rest);
			if (take(&out) != (good ? WIRE_MATCH : WIRE_GARBAGE))
				fail_msg("%s, spoiled by %d", rdatas[i].what, (int)spoil);
		}
}

static void
rdata_of_other_types_is_not_looked_at(void **state)
{
	static const unsigned types[] = {0, 1, 16, 28, 40, 43, 46, 47, 64, 65, 257, 65280, 65535};
	struct wire_answer out;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		question_only();
		message_record(&m, SECTION_ANSWER, "a.", types[i], "\xff\xff\x40", 3);
		message_record(&m, SECTION_ANSWER, "a.", types[i], "", 0);
		assert_int_equal(take(&out), WIRE_MATCH);
	}
}

/* Behind the OPT: owners and RDATA that point to before it, to behind it, and through one behind it to before
 * it. */
static void
tail_make(const void *options, size_t bytes)
{
	answer();
	if (options != NULL)
		message_opt(&m, 1232, 0, options, bytes);
	size_t mail = m.length;
	message_put_name(&m, "mail");
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, SECTION_ADDITIONAL, 1, 1, 300);
	message_put(&m, "\300\14\300\14", 4);
	message_rdata_end(&m, at);
	for (size_t i = 0; i < COUNT(rdatas); i++) {
		message_put_pointer(&m, i % 2 ? mail : QUESTION + 4);
		at = message_fixed(&m, SECTION_ADDITIONAL, rdatas[i].type, 1, (unsigned)i);
		message_put(&m, rdatas[i].before, rdatas[i].before_bytes);
		size_t name = m.length;
		message_put_name(&m, "x");
		message_put_pointer(&m, i % 3 ? mail : mail + 5);
		if (rdatas[i].names == 2)
			message_put_pointer(&m, name);
		message_put(&m, rdatas[i].behind, rdatas[i].behind_bytes);
		message_rdata_end(&m, at);
	}
}

static void
all_records_survive_an_opt_among_them(void **state)
{
	static struct message without, expected, spelled;
	struct wire_answer out;
	uint8_t options[4 + 700] = {0, EDNS_OPTION_PADDING, 700 >> 8, 700 & 0xff};
	const size_t lengths[] = {0, 4, sizeof(options)};

	(void)state;
	tail_make(NULL, 0);
	memcpy(without.bytes, m.bytes, m.length);
	without.length = m.length;
	message_spell(m.bytes, &expected);
	for (size_t i = 0; i < COUNT(lengths); i++) {
		options[2] = (uint8_t)(lengths[i] == 4 ? 0 : 700 >> 8);
		options[3] = (uint8_t)(lengths[i] == 4 ? 0 : 700 & 0xff);
		tail_make(options, lengths[i]);
		assert_int_equal(m.length, without.length + 11 + lengths[i]);
		assert_int_equal(take(&out), WIRE_MATCH);
		assert_true(out.edns.present);
		assert_int_equal(m.length, without.length);
		assert_memory_equal(m.bytes, without.bytes, m.length);
		message_spell(m.bytes, &spelled);
		assert_int_equal(spelled.length, expected.length);
		assert_memory_equal(spelled.bytes, expected.bytes, spelled.length);
	}
}

static void
the_longest_message_survives_too(void **state)
{
	static struct message expected, spelled;
	struct wire_answer out;

	(void)state;
	question_only();
	message_opt(&m, 1232, 0, "", 0);
	size_t first = m.length;
	message_record(&m, SECTION_ADDITIONAL, "first.", 16, "\3txt", 4);
	while (m.length < 65500) {
		message_put_name(&m, "x");
		message_put_pointer(&m, first);
		message_fixed(&m, SECTION_ADDITIONAL, 16, 1, 1);
	}
	message_put_pointer(&m, first);
	size_t at = message_fixed(&m, SECTION_ADDITIONAL, 16, 1, 1);
	m.length = 65535;
	message_rdata_end(&m, at);
	message_spell(m.bytes, &expected);
	assert_int_equal(take(&out), WIRE_MATCH);
	assert_int_equal(out.bytes, 65535 - 11);
	message_spell(m.bytes, &spelled);
	assert_int_equal(spelled.length, expected.length);
	assert_memory_equal(spelled.bytes, expected.bytes, spelled.length);

	message_opt(&m, 1232, 0, "", 0);
	message_put8(&m, 0);
	assert_int_equal(wire_answer_take(m.bytes, m.length, &question, &out), WIRE_GARBAGE);
}

/* Names behind the OPT that would not survive it; each ends in a record without RDATA. */
static void
hostile_tail(unsigned how)
{
	answer();
	if (how == 4) /* TXT whose last label runs into the OPT */
		message_record(&m, SECTION_ADDITIONAL, ".", 16, "\4\1", 2);
	size_t opt = m.length;
	message_opt(&m, 1232, 0, "\0\14\0\3\1x\0", 7);
	size_t txt = m.length + 11;
	message_record(&m, SECTION_ADDITIONAL, ".", 16, "\1a\300\14\2\300\14\0", 8);
	const size_t targets[] = {
	        opt,      /* its root label */
	        opt + 4,  /* its fixed part */
	        opt + 15, /* a fine name in its padding */
	        opt - 1,  /* how 3: the pointer before it, half of it */
	        opt - 2,  /* how 4 */
	        txt,      /* ends in a pointer that is none */
	        txt + 2,  /* is a pointer that is none */
	};
	message_put_pointer(&m, targets[how]);
	message_fixed(&m, SECTION_ADDITIONAL, 1, 1, 0);
}

static void
names_made_of_the_opt_are_garbage(void **state)
{
	struct wire_answer out;

	(void)state;
	for (unsigned how = 0; how < 7; how++) {
		hostile_tail(how);
		if (take(&out) != WIRE_GARBAGE)
			fail_msg("case %u", how);
	}
}

/*
 * Behind the OPT, a CNAME "x", "\4" and a pointer that will be lowered, then "a." and 60 zeros. Read from
 * inside, the pointer can be taken for text, and its second byte for a length. Returns where the CNAME's
 * RDATA begins.
 */
static size_t
pointer_to_cover(void)
{
	question_only();
	message_opt(&m, 1232, 0, "", 0);
	size_t host = m.length;
	message_put_name(&m, "h.");
	message_fixed(&m, SECTION_ADDITIONAL, 1, 1, 0);
	message_put_pointer(&m, host);
	size_t at = message_fixed(&m, SECTION_ADDITIONAL, 5, 1, 0);
	message_put(&m, "\1\4", 2);
	message_put_pointer(&m, host);
	message_rdata_end(&m, at);
	message_record(&m, SECTION_ADDITIONAL, "a.", 1, (const uint8_t[60]){0}, 60);
	return at;
}

static void
names_that_cover_a_pointer_are_garbage(void **state)
{
	static const struct {
		size_t offset;
		enum wire_match match;
	} cases[] = {{0, WIRE_MATCH}, {1, WIRE_GARBAGE}, {2, WIRE_MATCH}, {3, WIRE_GARBAGE}, {4, WIRE_MATCH}};
	struct wire_answer out;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t rdata = pointer_to_cover();
		message_put_pointer(&m, rdata + cases[i].offset);
		message_fixed(&m, SECTION_ADDITIONAL, 1, 1, 0);
		size_t length = m.length;
		/* each is a good name where it stands, and stays one when there is no OPT to take out */
		m.bytes[QUESTION + 17 + 2]++;
		assert_int_equal(take(&out), WIRE_MATCH);
		m.length = length;
		m.bytes[QUESTION + 17 + 2]--;
		if (take(&out) != cases[i].match)
			fail_msg("offset %zu", cases[i].offset);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_in_rdata_are_checked),
	        cmocka_unit_test(rdata_of_other_types_is_not_looked_at),
	        cmocka_unit_test(all_records_survive_an_opt_among_them),
	        cmocka_unit_test(the_longest_message_survives_too),
	        cmocka_unit_test(names_made_of_the_opt_are_garbage),
	        cmocka_unit_test(names_that_cover_a_pointer_are_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
