/*
 * PROXY headers: each kind, each way to be wrong, and every beginning of one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "net/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD = -EBADMSG };

#define SIGNATURE "0d0a0d0a000d0a515549540a"
#define IPV4      "c0000207c63364351f900035"
#define IPV6      "20010db8000000000000000000000007fe8000000000000000000000000000011f900035"
#define UNIX_216                                                                                             \
	"000000000000000000000000000000000000000000000000000000000000000000000000"                           \
	"000000000000000000000000000000000000000000000000000000000000000000000000"                           \
	"000000000000000000000000000000000000000000000000000000000000000000000000"                           \
	"000000000000000000000000000000000000000000000000000000000000000000000000"                           \
	"000000000000000000000000000000000000000000000000000000000000000000000000"                           \
	"000000000000000000000000000000000000000000000000000000000000000000000000"

static const struct row {
	const char *hex;
	int result; /* the length, or what is wrong */
	enum proxy_says says;
	const char *source, *destination;
} rows[] = {
        {SIGNATURE "2111000c" IPV4, 28, PROXY_CLIENT, "192.0.2.7@8080", "198.51.100.53@53"},
        {SIGNATURE "2112000c" IPV4, 28, PROXY_CLIENT, "192.0.2.7@8080", "198.51.100.53@53"},
        {SIGNATURE "21210024" IPV6, 52, PROXY_CLIENT, "2001:db8::7@8080", "fe80::1@53"},
        {SIGNATURE "21220024" IPV6, 52, PROXY_CLIENT, "2001:db8::7@8080", "fe80::1@53"},
        /* an IPv4 client as IPv6 has it */
        {SIGNATURE "21210024"
                   "00000000000000000000ffffc000020700000000000000000000ffffc63364351f900035",
                52, PROXY_CLIENT, "192.0.2.7@8080", "198.51.100.53@53"},
        /* the proxy itself, whatever it says besides */
        {SIGNATURE "20000000", 16, PROXY_SELF, NULL, NULL},
        {SIGNATURE "2011000c" IPV4, 28, PROXY_SELF, NULL, NULL},
        {SIGNATURE "20ff0003010203", 19, PROXY_SELF, NULL, NULL},
        /* no address that could be a client's */
        {SIGNATURE "21000000", 16, PROXY_NOBODY, NULL, NULL},
        {SIGNATURE "21000003040000", 19, PROXY_NOBODY, NULL, NULL},
        {SIGNATURE "213100d8" UNIX_216, 232, PROXY_NOBODY, NULL, NULL},
        {SIGNATURE "213200d8" UNIX_216, 232, PROXY_NOBODY, NULL, NULL},
        /* extensions */
        {SIGNATURE "2111000f" IPV4 "040000", 31, PROXY_CLIENT, "192.0.2.7@8080", "198.51.100.53@53"},
        {SIGNATURE "21110014" IPV4 "0400020000200000", 36, PROXY_CLIENT, "192.0.2.7@8080",
                "198.51.100.53@53"},
        {SIGNATURE "21110013" IPV4 "030004CRC0CRC0", 35, PROXY_CLIENT, "192.0.2.7@8080", "198.51.100.53@53"},
        {SIGNATURE "21110013" IPV4 "030004deadbeef", BAD, 0, NULL, NULL},
        {SIGNATURE "21110012" IPV4 "030003aabbcc", BAD, 0, NULL, NULL},
        {SIGNATURE "2111000d" IPV4 "04", BAD, 0, NULL, NULL},
        {SIGNATURE "2111000e" IPV4 "0400", BAD, 0, NULL, NULL},
        {SIGNATURE "2111000f" IPV4 "040001", BAD, 0, NULL, NULL},
        {SIGNATURE "21110010" IPV4 "04000200", BAD, 0, NULL, NULL},
        /* too short for its addresses */
        {SIGNATURE "2111000b" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "21210023" IPV6, BAD, 0, NULL, NULL},
        {SIGNATURE "2131000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "21110000", BAD, 0, NULL, NULL},
        /* what the protocol does not know */
        {SIGNATURE "1111000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "3111000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "2211000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "2f11000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "2110000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "2113000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "2101000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "2141000c" IPV4, BAD, 0, NULL, NULL},
        {SIGNATURE "21f1000c" IPV4, BAD, 0, NULL, NULL},
        /* too long for us, before all of it is there */
        {SIGNATURE "21110ff1", BAD, 0, NULL, NULL},
        {SIGNATURE "2011ffff", BAD, 0, NULL, NULL},
        {SIGNATURE "21110ff0", 0, 0, NULL, NULL},
        /* version 1, a question, and something else */
        {"50524f585920554e4b4e4f574e0d0a", BAD, 0, NULL, NULL},
        {"0000010000010000", BAD, 0, NULL, NULL},
        {"0d0a0d0a000d0a515549540b", BAD, 0, NULL, NULL},
        {"", 0, 0, NULL, NULL},
};

/* CRC32c bit by bit, from its definition. */
static uint32_t
crc(const uint8_t *bytes, size_t count)
{
	uint32_t sum = UINT32_MAX;
	for (size_t i = 0; i < count; i++) {
		sum ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

/* In a block of exactly its size, so that a sanitizer sees one byte more. */
static uint8_t *
bytes_of(const char *hex, size_t *count)
{
	static const char mark[] = "CRC0CRC0";
	unsigned byte, at = 0;
	*count = strlen(hex) / 2;
	uint8_t *out = calloc(1, *count > 0 ? *count : 1);
	for (size_t i = 0; i < *count; i++)
		if (strncmp(hex + 2 * i, mark, sizeof mark - 1) == 0) {
			at = (unsigned)i;
			i += 3;
		} else if (sscanf(hex + 2 * i, "%2x", &byte) == 1) {
			out[i] = (uint8_t)byte;
		}
	if (at > 0) {
		uint32_t sum = crc(out, *count);
		for (unsigned i = 0; i < 4; i++)
			out[at + i] = (uint8_t)(sum >> (24 - 8 * i));
	}
	return out;
}

static void
assert_address(const struct addr *a, const char *wanted)
{
	char text[ADDR_TEXT_BYTES];
	if (wanted != NULL)
		assert_string_equal(addr_text(a, text), wanted);
}

static void
each_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct proxy_header header;
		size_t count;
		uint8_t *bytes = bytes_of(rows[i].hex, &count);
		int result = proxy_parse(bytes, count, &header);
		if (result != rows[i].result)
			fail_msg("row %zu: %d", i, result);
		if (result > 0) {
			assert_int_equal(header.says, rows[i].says);
			assert_address(&header.source, rows[i].source);
			assert_address(&header.destination, rows[i].destination);
		}
		free(bytes);
	}
}

/* As a stream brings it: no beginning of a sound header is wrong, and none is taken for the whole. */
static void
each_beginning(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct proxy_header header;
		size_t count, whole = rows[i].result > 0 ? (size_t)rows[i].result : 0;
		uint8_t *bytes = bytes_of(rows[i].hex, &count);
		for (size_t cut = 0; cut < whole; cut++) {
			uint8_t *part = malloc(cut + 1);
			memcpy(part, bytes, cut);
			assert_int_equal(proxy_parse(part, cut, &header), 0);
			assert_int_equal(proxy_bytes(part, cut), cut < 16 ? 16 : whole);
			free(part);
		}
		free(bytes);
	}
}

static void
what_comes_behind_is_not_looked_at(void **state)
{
	struct proxy_header header;
	size_t count;
	(void)state;
	uint8_t *bytes = bytes_of(SIGNATURE "2111000c" IPV4 "ffffffff", &count);
	assert_int_equal(proxy_parse(bytes, count, &header), 28);
	free(bytes);
}

static void
the_sum_is_the_known_one(void **state)
{
	(void)state;
	assert_int_equal(crc((const uint8_t *)"123456789", 9), 0xe3069283);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_kind),
	        cmocka_unit_test(each_beginning),
	        cmocka_unit_test(what_comes_behind_is_not_looked_at),
	        cmocka_unit_test(the_sum_is_the_known_one),
	};
	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
