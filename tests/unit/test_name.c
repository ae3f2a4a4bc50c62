/*
 * Names: every way in which one can be wrong, and the two limits from both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/header.h"
#include "dns/name.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HEADER       "\0\0\0\0\0\0\0\0\0\0\0\0"
/* A message: the header, then these bytes, without the NUL that C adds. */
#define BODY(text) (const uint8_t *)HEADER text, 12 + sizeof(text) - 1

static const struct {
	const char *what;
	const uint8_t *msg;
	size_t bytes;
	size_t at;
	size_t skip;
	size_t plain;
} names[] = {
        {"root", BODY("\0"), 12, 1, 1},
        {"one label", BODY("\1a\0"), 12, 3, 3},
        {"bytes behind it do not count", BODY("\1a\0\xff\xff"), 12, 3, 3},
        {"any byte in a label", BODY("\4\0.\xff\xc0\0"), 12, 6, 6},
        {"label of 63", BODY("?012345678901234567890123456789012345678901234567890123456789012\0"), 12, 65,
                65},
        {"empty message", BODY(""), 12, 0, 0},
        {"start behind the end", BODY("\0"), 14, 0, 0},
        {"label runs out", BODY("\5abc"), 12, 0, 0},
        {"no root label", BODY("\3abc"), 12, 0, 0},
        {"label type 01",
                BODY("\x41"
                     "a\0"),
                12, 0, 0},
        {"label type 01, bare", BODY("\x40\0\0"), 12, 0, 0},
        {"label type 10", BODY("\x80\0\0"), 12, 0, 0},
        {"pointer to a name", BODY("\1a\0\xc0\x0c"), 15, 2, 0},
        {"pointer to the middle of a name", BODY("\1a\1b\0\1x\xc0\x0e"), 17, 4, 0},
        {"pointer to a pointer", BODY("\1a\0\xc0\x0c\xc0\x0f"), 17, 2, 0},
        {"pointer to the root label", BODY("\0\xc0\x0c"), 13, 2, 0},
        {"pointer cut in half", BODY("\1a\0\xc0"), 15, 0, 0},
        {"self pointer", BODY("\xc0\x0c"), 12, 0, 0},
        {"pointer to its own second byte", BODY("\0\xc0\x0e"), 13, 0, 0},
        {"pointer into its own labels", BODY("\1a\xc0\x0c"), 12, 0, 0},
        {"forward pointer", BODY("\xc0\x0e\0"), 12, 0, 0},
        {"forward pointer beyond the end", BODY("\xff\xff"), 12, 0, 0},
        {"forward pointer behind a backward one", BODY("\xc0\x10\0\0\0\xc0\x0c"), 17, 0, 0},
        {"loop of two", BODY("\xc0\x0e\xc0\x0c"), 14, 0, 0},
        {"pointer to the start of the header", BODY("\xc0\x00"), 12, 0, 0},
        {"pointer into the header", BODY("\0\xc0\x0b"), 13, 0, 0},
        {"piece that runs into the name itself", BODY("\4abc\xc0\x0c\0\0"), 16, 0, 0},
        {"piece without an end before the name", BODY("\1a\1b\xc0\x0c"), 16, 0, 0},
        {"bad label type behind a pointer", BODY("\x40\0\xc0\x0c"), 14, 0, 0},
};

static void
names_reach_as_far_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		if (name_skip(names[i].msg, names[i].bytes, names[i].at) != names[i].skip)
			fail_msg("name_skip: %s", names[i].what);
		if (name_plain_bytes(names[i].msg, names[i].bytes, names[i].at) != names[i].plain)
			fail_msg("name_plain_bytes: %s", names[i].what);
	}
}

static void
no_other_label_type_is_a_length(void **state)
{
	uint8_t msg[12 + 256 + 1] = {0};

	(void)state;
	for (unsigned label = 1; label < 0xc0; label++) {
		memset(msg + 12, 0, 256);
		msg[12] = (uint8_t)label;
		memset(msg + 13, 'x', label);
		assert_int_equal(name_skip(msg, sizeof(msg), 12), label < 64 ? label + 2 : 0);
		assert_int_equal(name_plain_bytes(msg, sizeof(msg), 12), label < 64 ? label + 2 : 0);
	}
}

/* A name of `bytes`, out of the longest labels. */
static size_t
fill(uint8_t *at, size_t bytes)
{
	size_t used = 0;
	while (used < bytes - 1) {
		size_t label = bytes - 1 - used - 1;
		label = label > 63 ? 63 : label;
		/* never leave one byte, which cannot be a label */
		label -= bytes - 1 - used - 1 - label == 1;
		at[used] = (uint8_t)label;
		memset(at + used + 1, 'x', label);
		used += 1 + label;
	}
	at[used] = 0;
	return used + 1;
}

static void
names_end_at_255_bytes(void **state)
{
	static const struct {
		size_t bytes;
		size_t skip;
	} cases[] = {{254, 254}, {255, 255}, {256, 0}, {300, 0}, {4000, 0}};
	uint8_t msg[5000] = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(fill(msg + 12, cases[i].bytes), cases[i].bytes);
		assert_int_equal(name_skip(msg, sizeof(msg), 12), cases[i].skip);
		assert_int_equal(name_plain_bytes(msg, sizeof(msg), 12), cases[i].skip);
	}
}

static void
unfolded_names_end_at_255_bytes(void **state)
{
	static const struct {
		size_t target_bytes;
		size_t label;
		size_t skip;
	} cases[] = {{251, 3, 6}, {251, 4, 0}, {255, 1, 0}, {192, 62, 65}, {192, 63, 0}};
	uint8_t msg[400] = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t at = 12 + fill(msg + 12, cases[i].target_bytes);
		size_t end = at + 1 + cases[i].label;
		msg[at] = (uint8_t)cases[i].label;
		msg[end] = 0xc0;
		msg[end + 1] = 12;
		assert_int_equal(name_skip(msg, end + 2, at), cases[i].skip);
	}
	/* A pointer without labels adds nothing. */
	size_t at = 12 + fill(msg + 12, 255);
	msg[at] = 0xc0;
	msg[at + 1] = 12;
	assert_int_equal(name_skip(msg, at + 2, at), 2);
}

static void
chains_of_pointers_end_at_128(void **state)
{
	uint8_t msg[12 + 1 + 2 * 200] = {0};

	(void)state;
	for (size_t i = 1; i <= 200; i++) {
		size_t at = 11 + 2 * i;
		size_t target = i == 1 ? 12 : at - 2;
		msg[at] = (uint8_t)(0xc0 | target >> 8);
		msg[at + 1] = (uint8_t)target;
		assert_int_equal(name_skip(msg, sizeof(msg), at), i <= NAME_POINTERS ? 2 : 0);
	}
}

static void
names_end_before_the_limit_of_their_piece(void **state)
{
	const uint8_t msg[] = HEADER "\3abc\0\1x\xc0\x0c";
	size_t target = 99;

	(void)state;
	assert_int_equal(name_piece(msg, 17, 12, &target), 17);
	assert_int_equal(target, 0);
	assert_int_equal(name_piece(msg, 16, 12, &target), 0);
	assert_int_equal(name_piece(msg, 21, 17, &target), 21);
	assert_int_equal(target, 12);
	assert_int_equal(name_piece(msg, 20, 17, &target), 0);
	assert_int_equal(name_piece(msg, 19, 17, &target), 0);
}

static void
names_are_equal_in_any_case_of_ascii(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
	        {"\3www\7example\0", "\3wWw\7EXAMPLE\0", true},
	        {"\3www\7example\0", "\3www\7exampla\0", false},
	        {"\3www\7example\0", "\2www\7example\0", false},
	        {"\3@[`\7{az}AZ0\0", "\3@[`\7{AZ}az0\0", true},
	        /* 0x20 apart, and no letters */
	        {"\3@aa\7aaaaaaa\0", "\3`aa\7aaaaaaa\0", false},
	        {"\3[aa\7aaaaaaa\0", "\3{aa\7aaaaaaa\0", false},
	        {"\3\xc1"
	         "aa\7aaaaaaa\0",
	                "\3\xe1"
	                "aa\7aaaaaaa\0",
	                false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(name_equal((const uint8_t *)cases[i].a, (const uint8_t *)cases[i].b, 13),
		        cases[i].equal);
}

static void
names_unfold_through_their_pointers(void **state)
{
	static const struct {
		const uint8_t *msg;
		size_t bytes, at;
		const char *unfolded;
		size_t length;
	} cases[] = {
	        {BODY("\0"), 12, "", 1},
	        {BODY("\3www\7Example\0"), 12, "\3www\7Example", 13},
	        {BODY("\1a\0\1b\300\14"), 15, "\1b\1a", 5},
	        {BODY("\1a\0\300\14\1b\300\17\1c\300\21"), 21, "\1c\1b\1a", 7},
	        {BODY("\0\300\14"), 13, "", 1},
	        {BODY("\1a"), 12, NULL, 0},
	        {BODY("\300\14"), 12, NULL, 0},
	        {BODY("\1a\1b\300\14"), 16, NULL, 0},
	};
	uint8_t out[NAME_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t length = name_unfold(cases[i].msg, cases[i].bytes, cases[i].at, out);
		assert_int_equal(length, cases[i].length);
		assert_memory_equal(out, cases[i].length > 0 ? cases[i].unfolded : (const void *)out, length);
	}
	uint8_t longest[HEADER_BYTES + NAME_BYTES + 2] = {0};
	fill(longest + HEADER_BYTES, NAME_BYTES);
	longest[HEADER_BYTES + NAME_BYTES] = 0xc0;
	longest[HEADER_BYTES + NAME_BYTES + 1] = HEADER_BYTES;
	assert_int_equal(name_unfold(longest, sizeof(longest), HEADER_BYTES + NAME_BYTES, out), NAME_BYTES);
	assert_memory_equal(out, longest + HEADER_BYTES, NAME_BYTES);
}

static void
names_read_as_in_a_zone_file(void **state)
{
	static const struct {
		const char *name;
		size_t bytes;
		const char *text;
	} cases[] = {
	        {"", 0, ""},
	        {"\0", 1, "."},
	        {"\3www\7Example\0", 13, "www.Example."},
	        {"\5a.b\\c\0", 7, "a\\.b\\\\c."},
	        {"\7\"();@$_\0", 9, "\\\"\\(\\)\\;\\@\\$_."},
	        {"\6\0\x1f !~\x7f\0", 8, "\\000\\031\\032!~\\127."},
	        {"\3\x80\xff\n\0", 5, "\\128\\255\\010."},
	        /* never beyond its bytes, whatever it claims */
	        {"\77ab", 3, "ab."},
	};
	char out[NAME_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *text = name_text((const uint8_t *)cases[i].name, cases[i].bytes, out);
		assert_ptr_equal(text, out);
		assert_string_equal(text, cases[i].text);
	}
}

static void
the_longest_text_fits(void **state)
{
	uint8_t name[NAME_BYTES];
	char out[NAME_TEXT_BYTES];

	(void)state;
	fill(name, sizeof(name));
	for (size_t at = 0; name[at] != 0; at += 1u + name[at])
		memset(name + at + 1, 0xff, name[at]);
	/* 254 bytes before the root: four labels of 63, 63, 63 and 61, each with a dot */
	assert_int_equal(strlen(name_text(name, sizeof(name), out)), 4 * (63 + 63 + 63 + 61) + 4);
}

static void
texts_are_read_as_in_a_zone_file(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		size_t bytes;
	} cases[] = {
	        {".", "\0", 1},
	        {"www.Example.", "\3www\7Example\0", 13},
	        {"www.Example", "\3www\7Example\0", 13},
	        {"a\\.b\\\\c", "\5a.b\\c\0", 7},
	        {"\\\"\\(@", "\3\"(@\0", 5},
	        {"\\000\\255\\032", "\3\0\xff \0", 5},
	        {"\\0460", "\2.0\0", 4},
	        {"\xc3\xbc", "\2\xc3\xbc\0", 4},
	        {"a b", "\3a b\0", 5},
	};
	uint8_t out[NAME_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(name_from_text(cases[i].text, out), cases[i].bytes);
		assert_memory_equal(out, cases[i].name, cases[i].bytes);
	}
}

static void
what_is_no_name_is_not_read(void **state)
{
	static const char *const cases[] = {
	        "", "..", ".a", "a..", "a..b", "\\", "a\\", "\\25", "\\2x5", "\\256", "\\999", "a.\\"};
	uint8_t out[NAME_BYTES];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(name_from_text(cases[i], out), 0);
}

static void
texts_are_read_up_to_63_and_255_bytes(void **state)
{
	char label[66], text[NAME_TEXT_BYTES];
	uint8_t out[NAME_BYTES];

	(void)state;
	memset(label, 'a', sizeof label);
	label[64] = '\0';
	assert_int_equal(name_from_text(label, out), 0);
	label[63] = '\0';
	assert_int_equal(name_from_text(label, out), 65);
	/* three labels of 63 and one of 61 are 255 with the root */
	for (int last = 59; last <= 63; last++) {
		snprintf(text, sizeof text, "%s.%s.%s.%.*s.", label, label, label, last, label);
		assert_int_equal(name_from_text(text, out), last <= 61 ? 3 * 64 + last + 2 : 0);
	}
	/* and so are 127 labels of one byte */
	for (int labels = 126; labels <= 129; labels++) {
		for (int i = 0; i < labels; i++)
			memcpy(text + 2 * i, "b.", 3);
		assert_int_equal(name_from_text(text, out), labels <= 127 ? 2 * labels + 1 : 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names_reach_as_far_as_they_should),
	        cmocka_unit_test(no_other_label_type_is_a_length),
	        cmocka_unit_test(names_end_at_255_bytes),
	        cmocka_unit_test(unfolded_names_end_at_255_bytes),
	        cmocka_unit_test(chains_of_pointers_end_at_128),
	        cmocka_unit_test(names_end_before_the_limit_of_their_piece),
	        cmocka_unit_test(names_are_equal_in_any_case_of_ascii),
	        cmocka_unit_test(names_unfold_through_their_pointers),
	        cmocka_unit_test(names_read_as_in_a_zone_file),
	        cmocka_unit_test(the_longest_text_fits),
	        cmocka_unit_test(texts_are_read_as_in_a_zone_file),
	        cmocka_unit_test(what_is_no_name_is_not_read),
	        cmocka_unit_test(texts_are_read_up_to_63_and_255_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
