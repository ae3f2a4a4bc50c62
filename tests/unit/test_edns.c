/*
 * EDNS: an OPT in every shape, read and written, and the arithmetic of padding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/edns.h"

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES(text)  text, sizeof(text) - 1
#define ADDRESS16    "0123456789abcdef"

/* An OPT of 1232 bytes with DO and these options. Returns its length. */
static size_t
opt_make(uint8_t *out, unsigned version, const void *options, size_t bytes)
{
	const uint8_t fixed[] = {
	        0, 0, 41, 0x04, 0xd0, 0, (uint8_t)version, 0x80, 0, (uint8_t)(bytes >> 8), (uint8_t)bytes};
	memcpy(out, fixed, sizeof(fixed));
	memcpy(out + sizeof(fixed), options, bytes);
	return sizeof(fixed) + bytes;
}

static void
the_fixed_part_is_read(void **state)
{
	const uint8_t record[] = {0, 0, 41, 0x12, 0x34, 0xab, 0, 0x80, 0, 0, 0};
	struct edns edns;

	(void)state;
	memset(&edns, 0xff, sizeof(edns));
	assert_int_equal(edns_parse(record, sizeof(record), &edns), 0);
	assert_true(edns.present);
	assert_true(edns.dnssec_ok);
	assert_int_equal(edns.udp_bytes, 0x1234);
	assert_int_equal(edns.extended_rcode, 0xab);
	assert_int_equal(edns.version, 0);
	assert_false(edns.keepalive);
	assert_false(edns.keepalive_value);
	assert_false(edns.padding);
	assert_int_equal(edns.keepalive_tenths, 0);
	assert_int_equal(edns.subnet_bytes, 0);
	assert_int_equal(edns.ede_bytes, 0);
}

static void
padding_is_seen(void **state)
{
	const uint8_t record[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 7, 0, 12, 0, 3, 0, 0, 0};
	const uint8_t empty[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 12, 0, 0};
	struct edns edns;

	(void)state;
	assert_int_equal(edns_parse(record, sizeof(record), &edns), 0);
	assert_true(edns.padding);
	assert_int_equal(edns_parse(empty, sizeof(empty), &edns), 0);
	assert_true(edns.padding);
}

static void
do_is_the_top_bit_of_the_flags(void **state)
{
	uint8_t record[] = {0, 0, 41, 0, 0, 0, 0, 0x7f, 0xff, 0, 0};
	struct edns edns;

	(void)state;
	assert_int_equal(edns_parse(record, sizeof(record), &edns), 0);
	assert_false(edns.dnssec_ok);
	record[7] = 0x80;
	record[8] = 0;
	assert_int_equal(edns_parse(record, sizeof(record), &edns), 0);
	assert_true(edns.dnssec_ok);
}

static void
clearing_is_as_if_there_were_none(void **state)
{
	struct edns edns;

	(void)state;
	memset(&edns, 0xff, sizeof(edns));
	edns_clear(&edns);
	assert_false(edns.present || edns.dnssec_ok || edns.keepalive || edns.keepalive_value);
	assert_int_equal(edns.version + edns.extended_rcode + edns.udp_bytes + edns.keepalive_tenths, 0);
	assert_int_equal(edns.subnet_bytes + edns.ede_bytes + edns.cookie_bytes, 0);
	assert_false(edns.padding || edns.cookie_malformed);
}

static void
padding_is_noticed(void **state)
{
	static const uint8_t with[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 12, 0, 2, 7, 7},
	                     without[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 11, 0, 0};
	struct edns edns;

	(void)state;
	assert_int_equal(edns_parse(with, sizeof(with), &edns), 0);
	assert_true(edns.padding);
	assert_int_equal(edns_parse(without, sizeof(without), &edns), 0);
	assert_false(edns.padding);
}

static const struct {
	const char *what;
	const char *options;
	size_t bytes;
	int result;
	size_t subnet_bytes;
	size_t ede_bytes;
	int keepalive; /* -1 none, 0 empty, else its value */
} readings[] = {
        {"none", BYTES(""), 0, 0, 0, -1},
        {"unknown option", BYTES("\xfd\xe9\0\3abc"), 0, 0, 0, -1},
        {"cookie",
                BYTES("\0\12\0\10"
                      "01234567"),
                0, 0, 0, -1},
        {"empty padding", BYTES("\0\14\0\0"), 0, 0, 0, -1},
        {"padding of any byte", BYTES("\0\14\0\5\1\2\3\4\5"), 0, 0, 0, -1},
        {"subnet /24", BYTES("\0\10\0\7\0\1\30\0\300\0\2"), 0, 7, 0, -1},
        {"subnet /0", BYTES("\0\10\0\4\0\1\0\0"), 0, 4, 0, -1},
        {"subnet /17 takes three octets", BYTES("\0\10\0\7\0\1\21\0\300\0\0"), 0, 7, 0, -1},
        {"subnet /128", BYTES("\0\10\0\24\0\2\200\0" ADDRESS16), 0, 20, 0, -1},
        {"the first subnet counts", BYTES("\0\10\0\4\0\1\0\0\0\10\0\5\0\1\10\0\12"), 0, 4, 0, -1},
        {"keepalive, empty", BYTES("\0\13\0\0"), 0, 0, 0, 0},
        {"keepalive, 300", BYTES("\0\13\0\2\1\54"), 0, 0, 0, 300},
        {"the first keepalive counts", BYTES("\0\13\0\2\0\7\0\13\0\0"), 0, 0, 0, 7},
        {"EDE, bare", BYTES("\0\17\0\2\0\26"), 0, 0, 2, -1},
        {"EDE, text", BYTES("\0\17\0\5\0\26why"), 0, 0, 5, -1},
        {"the first EDE counts", BYTES("\0\17\0\5\0\26why\0\17\0\2\0\1"), 0, 0, 5, -1},
        {"all of them", BYTES("\0\17\0\2\0\26\0\13\0\2\0\1\0\10\0\4\0\1\0\0\0\14\0\1\0"), 0, 4, 2, 1},
        {"option header cut", BYTES("\0\14\0"), -EBADMSG, 0, 0, -1},
        {"option data cut", BYTES("\0\14\0\2a"), -EBADMSG, 0, 0, -1},
        {"option much too long", BYTES("\0\14\xff\xff"), -EBADMSG, 0, 0, -1},
        {"second option cut", BYTES("\0\13\0\0\0\14\0\1"), -EBADMSG, 0, 0, 0},
        {"subnet without prefixes", BYTES("\0\10\0\3\0\1\0"), -EBADMSG, 0, 0, -1},
        {"empty subnet", BYTES("\0\10\0\0"), -EBADMSG, 0, 0, -1},
        {"subnet, address missing", BYTES("\0\10\0\6\0\1\30\0\300\0"), -EBADMSG, 0, 0, -1},
        {"subnet, address too long", BYTES("\0\10\0\10\0\1\30\0\300\0\2\1"), -EBADMSG, 0, 0, -1},
        {"subnet /136", BYTES("\0\10\0\25\0\2\210\0" ADDRESS16 "x"), -EBADMSG, 0, 0, -1},
        {"second subnet wrong", BYTES("\0\10\0\4\0\1\0\0\0\10\0\3\0\1\10"), -EBADMSG, 4, 0, -1},
        {"keepalive of one", BYTES("\0\13\0\1\1"), -EBADMSG, 0, 0, -1},
        {"keepalive of three", BYTES("\0\13\0\3\1\1\1"), -EBADMSG, 0, 0, -1},
        {"empty EDE", BYTES("\0\17\0\0"), -EBADMSG, 0, 0, -1},
        {"EDE of one", BYTES("\0\17\0\1\0"), -EBADMSG, 0, 0, -1},
};

static void
options_are_read_or_refused(void **state)
{
	uint8_t record[512];
	struct edns edns;

	(void)state;
	for (size_t i = 0; i < COUNT(readings); i++) {
		size_t bytes = opt_make(record, 0, readings[i].options, readings[i].bytes);
		memset(&edns, 0xff, sizeof(edns));
		int result = edns_parse(record, bytes, &edns);
		int keepalive = !edns.keepalive ? -1 : edns.keepalive_value ? edns.keepalive_tenths : 0;
		if (result != readings[i].result || edns.subnet_bytes != readings[i].subnet_bytes ||
		        edns.ede_bytes != readings[i].ede_bytes || keepalive != readings[i].keepalive)
			fail_msg("%s: result=%d subnet=%u ede=%u keepalive=%d", readings[i].what, result,
			        edns.subnet_bytes, edns.ede_bytes, keepalive);
		/* good or bad, the fixed part is there */
		assert_true(edns.present && edns.dnssec_ok && edns.udp_bytes == 1232);
	}
}

static void
option_data_is_kept(void **state)
{
	uint8_t record[512];
	struct edns edns;

	(void)state;
	size_t bytes = opt_make(record, 0, BYTES("\0\10\0\7\0\1\30\0\300\0\2\0\17\0\5\0\26why"));
	assert_int_equal(edns_parse(record, bytes, &edns), 0);
	assert_memory_equal(edns.subnet, "\0\1\30\0\300\0\2", 7);
	assert_memory_equal(edns.ede, "\0\26why", 5);
}

/* One of an impossible length is noted, and is no reason to throw the message away. */
static void
cookies_are_kept(void **state)
{
	uint8_t record[512], option[4 + 64] = {0, EDNS_OPTION_COOKIE};
	struct edns edns;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		option[4 + i] = (uint8_t)(i + 1);
	for (unsigned bytes = 0; bytes <= 64; bytes++) {
		bool sound = bytes == 8 || (bytes >= 16 && bytes <= 40);
		option[3] = (uint8_t)bytes;
		assert_int_equal(edns_parse(record, opt_make(record, 0, option, 4 + bytes), &edns), 0);
		assert_int_equal(edns.cookie_malformed, !sound);
		assert_int_equal(edns.cookie_bytes, sound ? bytes : 0);
		assert_memory_equal(edns.cookie, option + 4, edns.cookie_bytes);
	}
	/* the first counts, be it right or wrong */
	size_t length = opt_make(record, 0, BYTES("\0\12\0\10CLIENT-1\0\12\0\1x\0\12\0\10CLIENT-2"));
	assert_int_equal(edns_parse(record, length, &edns), 0);
	assert_memory_equal(edns.cookie, "CLIENT-1", 8);
	assert_false(edns.cookie_malformed);
	length = opt_make(record, 0, BYTES("\0\12\0\1x\0\12\0\10CLIENT-2"));
	assert_int_equal(edns_parse(record, length, &edns), 0);
	assert_int_equal(edns.cookie_bytes, 0);
	assert_true(edns.cookie_malformed);
}

static void
lengths_that_contradict_each_other_are_refused(void **state)
{
	uint8_t record[64];
	struct edns edns;

	(void)state;
	size_t bytes = opt_make(record, 0, BYTES("\0\14\0\0"));
	assert_int_equal(edns_parse(record, bytes, &edns), 0);
	assert_int_equal(edns_parse(record, bytes - 1, &edns), -EBADMSG);
	assert_int_equal(edns_parse(record, bytes - 4, &edns), -EBADMSG);
	record[9] = 0xff;
	assert_int_equal(edns_parse(record, bytes, &edns), -EBADMSG);
	record[9] = record[10] = 0;
	assert_int_equal(edns_parse(record, bytes, &edns), -EBADMSG);
	assert_int_equal(edns_parse(record, 10, &edns), -EBADMSG);
	assert_false(edns.present);
}

static void
options_of_a_later_version_are_not_looked_at(void **state)
{
	uint8_t record[64];
	struct edns edns;

	(void)state;
	size_t bytes = opt_make(record, 1, BYTES("\0\13\0\1"));
	assert_int_equal(edns_parse(record, bytes, &edns), 0);
	assert_int_equal(edns.version, 1);
	assert_true(edns.dnssec_ok);
	assert_false(edns.keepalive);
}

/* An EDE option of code 22 and `text` bytes of text, the last of it from `tail`. */
static void
ede_read(struct edns *out, size_t text, const char *tail)
{
	uint8_t options[600] = {0, EDNS_OPTION_EDE, (uint8_t)((text + 2) >> 8), (uint8_t)(text + 2), 0, 22};
	uint8_t record[700];

	memset(options + 6, 'x', text);
	memcpy(options + 6 + text - strlen(tail), tail, strlen(tail));
	assert_int_equal(edns_parse(record, opt_make(record, 0, options, 6 + text), out), 0);
}

static void
long_ede_texts_are_cut_between_characters(void **state)
{
	struct edns edns;

	(void)state;
	ede_read(&edns, 254, "");
	assert_int_equal(edns.ede_bytes, 256);
	ede_read(&edns, 255, "");
	assert_int_equal(edns.ede_bytes, 256);
	ede_read(&edns, 500, "");
	assert_int_equal(edns.ede_bytes, 256);
	/* the euro sign has three bytes: whole at 254, one and two bytes over at 255 and 256 */
	ede_read(&edns, 254, "\xe2\x82\xac");
	assert_int_equal(edns.ede_bytes, 256);
	ede_read(&edns, 255, "\xe2\x82\xac");
	assert_int_equal(edns.ede_bytes, 254);
	ede_read(&edns, 256, "\xe2\x82\xac");
	assert_int_equal(edns.ede_bytes, 255);
}

static void
what_is_written_reads_back(void **state)
{
	const struct edns_write what = {
	        .udp_bytes = 1232,
	        .extended_rcode = 1,
	        .dnssec_ok = true,
	        .keepalive = true,
	        .keepalive_value = true,
	        .keepalive_tenths = 300,
	        .subnet = (const uint8_t *)"\0\1\30\0\300\0\2",
	        .subnet_bytes = 7,
	        .cookie = (const uint8_t *)"CLIENT-1SERVER-1",
	        .cookie_bytes = 16,
	        .ede = (const uint8_t *)"\0\26why",
	        .ede_bytes = 5,
	};
	uint8_t msg[512];
	struct edns edns;

	(void)state;
	size_t length = edns_append(msg, 100, sizeof(msg), &what);
	assert_int_equal(length, 100 + 11 + 11 + 20 + 6 + 9);
	assert_int_equal(edns_parse(msg + 100, length - 100, &edns), 0);
	assert_int_equal(edns.udp_bytes, 1232);
	assert_int_equal(edns.extended_rcode, 1);
	assert_int_equal(edns.version, 0);
	assert_true(edns.dnssec_ok && edns.keepalive && edns.keepalive_value);
	assert_int_equal(edns.keepalive_tenths, 300);
	assert_int_equal(edns.subnet_bytes, 7);
	assert_memory_equal(edns.subnet, what.subnet, 7);
	assert_int_equal(edns.cookie_bytes, 16);
	assert_memory_equal(edns.cookie, what.cookie, 16);
	assert_int_equal(edns.ede_bytes, 5);
	assert_memory_equal(edns.ede, what.ede, 5);
}

static void
a_zeroed_request_is_a_bare_opt(void **state)
{
	uint8_t msg[EDNS_OPT_BYTES + 1];

	(void)state;
	msg[EDNS_OPT_BYTES] = 0xaa;
	/* options of no length are none, wherever they point */
	const struct edns_write what = {.subnet = msg, .cookie = msg, .ede = msg};
	assert_int_equal(edns_append(msg, 0, sizeof(msg), &what), EDNS_OPT_BYTES);
	assert_int_equal(edns_append(msg, 0, sizeof(msg), &(struct edns_write){0}), EDNS_OPT_BYTES);
	assert_memory_equal(msg, "\0\0\51\0\0\0\0\0\0\0\0\xaa", sizeof(msg));
}

static void
keepalive_to_a_server_is_empty(void **state)
{
	uint8_t msg[64];

	(void)state;
	const struct edns_write what = {.keepalive = true, .keepalive_tenths = 7};
	assert_int_equal(edns_append(msg, 0, sizeof(msg), &what), EDNS_OPT_BYTES + 4);
	assert_memory_equal(msg + EDNS_OPT_BYTES, "\0\13\0\0", 4);
}

static const struct {
	const char *what;
	size_t used;
	size_t room;
	unsigned block;
	size_t subnet_bytes;
	size_t length; /* 0: does not fit */
} paddings[] = {
        {"none wanted", 30, 512, 0, 0, 41},
        {"to the block", 30, 512, 128, 0, 128},
        {"empty option: 113 + 11 + 4", 113, 512, 128, 0, 128},
        {"one more byte is a block more", 114, 512, 128, 0, 256},
        {"already a multiple: the option is given all the same", 117, 512, 128, 0, 256},
        {"subnet counts", 30, 512, 128, 11, 128},
        {"subnet pushes it over the edge", 103, 512, 128, 11, 256},
        {"subnet, exactly", 102, 512, 128, 11, 128},
        {"468, as servers pad", 300, 1232, 468, 0, 468},
        {"a block of one is an empty option", 30, 512, 1, 0, 45},
        {"room for the block", 30, 128, 128, 0, 128},
        {"shortened", 30, 100, 128, 0, 100},
        {"shortened to an empty option", 30, 45, 128, 0, 45},
        {"left out", 30, 44, 128, 0, 41},
        {"left out, no room at all", 30, 41, 128, 0, 41},
        {"no room for the OPT", 30, 40, 128, 0, 0},
        {"no room for the subnet", 30, 51, 128, 11, 0},
        {"room for the subnet, padding left out", 30, 55, 128, 11, 52},
        {"message longer than the room", 30, 20, 128, 0, 0},
        {"up to the longest message", 65500, 70000, 128, 0, 65535},
        {"beyond the longest message", 65525, 70000, 128, 0, 0},
};

static void
padding_fills_the_block(void **state)
{
	static uint8_t msg[70000];
	static const uint8_t subnet[] = {0, 1, 24, 0, 192, 0, 2};
	struct edns edns;

	(void)state;
	for (size_t i = 0; i < COUNT(paddings); i++) {
		size_t used = paddings[i].used;
		const struct edns_write what = {
		        .padding_block = paddings[i].block,
		        .subnet = paddings[i].subnet_bytes ? subnet : NULL,
		        .subnet_bytes = paddings[i].subnet_bytes ? sizeof(subnet) : 0,
		};
		memset(msg, 0xaa, sizeof(msg));
		size_t length = edns_append(msg, used, paddings[i].room, &what);
		if (length != paddings[i].length)
			fail_msg("%s: %zu, expected %zu", paddings[i].what, length, paddings[i].length);
		/* nothing before it, nothing behind it, zeros as padding (RFC 7830) */
		assert_int_equal(msg[used - 1], 0xaa);
		assert_int_equal(msg[length > 0 ? length : used], 0xaa);
		if (length == 0)
			continue;
		assert_int_equal(edns_parse(msg + used, length - used, &edns), 0);
		if (length > used + 11 + paddings[i].subnet_bytes + 4)
			assert_int_equal(msg[length - 1], 0);
	}
}

static void
only_the_brief_one_drops_the_text(void **state)
{
	static const struct {
		size_t room;
		size_t plain;
		size_t brief;
	} cases[] = {{26, 26, 26}, {25, 0, 17}, {17, 0, 17}, {16, 0, 0}};
	const struct edns_write what = {.ede = (const uint8_t *)"\0\26the reason", .ede_bytes = 11};
	uint8_t msg[64];
	struct edns edns;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(edns_append(msg, 0, cases[i].room, &what), cases[i].plain);
		assert_int_equal(edns_append_brief(msg, 0, cases[i].room, &what), cases[i].brief);
	}
	assert_int_equal(edns_append_brief(msg, 0, 20, &what), 17);
	assert_int_equal(edns_parse(msg, 17, &edns), 0);
	assert_int_equal(edns.ede_bytes, 2);
	assert_int_equal(edns.ede[1], 22);
}

static void
ede_data_is_code_and_text(void **state)
{
	uint8_t out[EDNS_EDE_BYTES];
	char text[400];

	(void)state;
	assert_int_equal(edns_ede_data(out, EDNS_EDE_NONE, "x"), 0);
	assert_int_equal(edns_ede_data(out, EDNS_EDE_PROHIBITED, NULL), 2);
	assert_memory_equal(out, "\0\22", 2);
	assert_int_equal(edns_ede_data(out, EDNS_EDE_NETWORK_ERROR, ""), 2);
	assert_int_equal(edns_ede_data(out, EDNS_EDE_NETWORK_ERROR, "expired"), 9);
	assert_memory_equal(out, "\0\27expired", 9);
	memset(text, 'x', sizeof(text));
	text[399] = '\0';
	assert_int_equal(edns_ede_data(out, EDNS_EDE_NETWORK_ERROR, text), EDNS_EDE_BYTES);
	memcpy(text + 252, "\xe2\x82\xac", 3);
	assert_int_equal(edns_ede_data(out, EDNS_EDE_NETWORK_ERROR, text), 254);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_fixed_part_is_read),
	        cmocka_unit_test(padding_is_seen),
	        cmocka_unit_test(do_is_the_top_bit_of_the_flags),
	        cmocka_unit_test(clearing_is_as_if_there_were_none),
	        cmocka_unit_test(padding_is_noticed),
	        cmocka_unit_test(options_are_read_or_refused),
	        cmocka_unit_test(option_data_is_kept),
	        cmocka_unit_test(cookies_are_kept),
	        cmocka_unit_test(lengths_that_contradict_each_other_are_refused),
	        cmocka_unit_test(options_of_a_later_version_are_not_looked_at),
	        cmocka_unit_test(long_ede_texts_are_cut_between_characters),
	        cmocka_unit_test(what_is_written_reads_back),
	        cmocka_unit_test(a_zeroed_request_is_a_bare_opt),
	        cmocka_unit_test(keepalive_to_a_server_is_empty),
	        cmocka_unit_test(padding_fills_the_block),
	        cmocka_unit_test(only_the_brief_one_drops_the_text),
	        cmocka_unit_test(ede_data_is_code_and_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
