/*
 * DNS cookies: the test vectors of RFC 9018, how long one is good, and for whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/cookie.h"

#include <stdio.h>
#include <string.h>

#define NOW 1559731985u

static const uint8_t secret[COOKIE_SECRET_BYTES] = {
        0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f, 0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf};
static const uint8_t other[COOKIE_SECRET_BYTES] = {1, 2, 3};
static const struct cookie_secrets ours = {secret, NULL};

static size_t
hex(const char *text, uint8_t *out)
{
	size_t count = 0;
	unsigned byte;
	for (; text != NULL && sscanf(text, "%2x", &byte) == 1; text += 2)
		out[count++] = (uint8_t)byte;
	return count;
}

static struct addr
address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 53), 0);
	return a;
}

/* RFC 9018 appendix A */
static const struct vector {
	const char *secret, *also, *client, *sent;
	uint32_t now_s;
	enum cookie_verdict verdict;
	const char *given;
} vectors[] = {
        /* A.1: learning a new server cookie */
        {"e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100", "2464c4abcf10c957", 1559731985,
                COOKIE_FIRST, "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
        /* A.2: the same client, with the cookie it learned, which is renewed */
        {"e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "198.51.100.100",
                "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559734385, COOKIE_GOOD,
                "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
        /* A.3: another client, whose cookie has something in the reserved octets; it is too old for
         * section 4.3, and was good when it was made */
        {"e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "203.0.113.203",
                "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559734700, COOKIE_BAD,
                "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
        {"e5e973e5a6b2a43f48e7dc849e37bfcf", NULL, "203.0.113.203",
                "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559727985, COOKIE_GOOD, NULL},
        /* A.4: IPv6, with a secret that was rolled over */
        {"445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715",
                "2001:db8:220:1:59de:d0f4:8769:82b8", "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
                1559741961, COOKIE_GOOD, "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
};

static void
vectors_of_the_rfc(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v = &vectors[i];
		uint8_t key[COOKIE_SECRET_BYTES], also[COOKIE_SECRET_BYTES], sent[64], out[COOKIE_BYTES],
		        given[64];
		struct cookie_secrets secrets = {key, v->also != NULL ? also : NULL};
		struct addr client = address(v->client);
		hex(v->secret, key);
		hex(v->also, also);
		size_t bytes = hex(v->sent, sent);
		enum cookie_verdict verdict = cookie_judge(&secrets, sent, bytes, &client, v->now_s, out);
		if (verdict != v->verdict)
			fail_msg("vector %zu: verdict %d", i, verdict);
		if (v->given != NULL) {
			assert_int_equal(hex(v->given, given), sizeof out);
			assert_memory_equal(out, given, sizeof out);
		}
	}
}

/* A cookie that was made at NOW for 192.0.2.1. */
static void
one(uint8_t out[COOKIE_BYTES])
{
	struct addr client = address("192.0.2.1");
	assert_int_equal(
	        cookie_judge(&ours, (const uint8_t *)"CLIENTS!", 8, &client, NOW, out), COOKIE_FIRST);
}

static enum cookie_verdict
judge_at(const uint8_t *cookie, uint32_t now_s, bool *same)
{
	struct addr client = address("192.0.2.1");
	uint8_t out[COOKIE_BYTES];
	enum cookie_verdict verdict = cookie_judge(&ours, cookie, COOKIE_BYTES, &client, now_s, out);
	*same = memcmp(out, cookie, sizeof out) == 0;
	/* whatever was given is good at that time */
	bool again;
	if (!*same)
		assert_int_equal(judge_at(out, now_s, &again), COOKIE_GOOD);
	return verdict;
}

static void
good_for_an_hour_and_renewed_after_half_of_it(void **state)
{
	static const struct {
		int32_t later_s;
		enum cookie_verdict verdict;
		bool same;
	} rows[] = {{0, COOKIE_GOOD, true}, {1, COOKIE_GOOD, true}, {1800, COOKIE_GOOD, true},
	        {1801, COOKIE_GOOD, false}, {3600, COOKIE_GOOD, false}, {3601, COOKIE_BAD, false},
	        {86400 * 365, COOKIE_BAD, false}, {INT32_MIN, COOKIE_BAD, false}, {-300, COOKIE_GOOD, true},
	        {-301, COOKIE_BAD, false}};
	uint8_t cookie[COOKIE_BYTES];
	(void)state;
	one(cookie);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool same;
		enum cookie_verdict verdict = judge_at(cookie, NOW + (uint32_t)rows[i].later_s, &same);
		if (verdict != rows[i].verdict || same != rows[i].same)
			fail_msg("%d s later: verdict %d, same %d", rows[i].later_s, verdict, same);
	}
}

/* In 2106 the seconds run over. */
static void
times_run_over(void **state)
{
	struct addr client = address("192.0.2.1");
	uint8_t cookie[COOKIE_BYTES], out[COOKIE_BYTES];
	(void)state;
	cookie_judge(&ours, (const uint8_t *)"CLIENTS!", 8, &client, UINT32_MAX - 5, cookie);
	assert_int_equal(cookie_judge(&ours, cookie, COOKIE_BYTES, &client, 5, out), COOKIE_GOOD);
	assert_memory_equal(out, cookie, sizeof out);
}

static void
every_bit_counts(void **state)
{
	uint8_t cookie[COOKIE_BYTES];
	(void)state;
	one(cookie);
	for (unsigned bit = 0; bit < 8 * COOKIE_BYTES; bit++) {
		bool same;
		cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(judge_at(cookie, NOW, &same), COOKIE_BAD);
		cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void
for_one_address_and_one_secret(void **state)
{
	static const char *const strangers[] = {"192.0.2.2", "192.0.3.1", "::1", "::ffff:192.0.2.1"};
	struct addr client = address("192.0.2.1@4000");
	uint8_t cookie[COOKIE_BYTES], out[COOKIE_BYTES];
	(void)state;
	one(cookie);
	/* from whatever port */
	assert_int_equal(cookie_judge(&ours, cookie, COOKIE_BYTES, &client, NOW, out), COOKIE_GOOD);
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		struct addr stranger = address(strangers[i]);
		assert_int_equal(cookie_judge(&ours, cookie, COOKIE_BYTES, &stranger, NOW, out), COOKIE_BAD);
	}
	struct cookie_secrets changed = {other, NULL};
	assert_int_equal(cookie_judge(&changed, cookie, COOKIE_BYTES, &client, NOW, out), COOKIE_BAD);
	changed.also = secret;
	assert_int_equal(cookie_judge(&changed, cookie, COOKIE_BYTES, &client, NOW, out), COOKIE_GOOD);
	assert_memory_not_equal(out, cookie, sizeof out);
	changed.also = NULL;
	assert_int_equal(cookie_judge(&changed, out, COOKIE_BYTES, &client, NOW, out), COOKIE_GOOD);
}

static void
those_of_others_are_bad(void **state)
{
	struct addr client = address("192.0.2.1");
	uint8_t cookie[COOKIE_MOST_BYTES] = {0}, out[COOKIE_BYTES];
	(void)state;
	one(cookie);
	for (size_t bytes = 16; bytes <= COOKIE_MOST_BYTES; bytes++)
		assert_int_equal(cookie_judge(&ours, cookie, bytes, &client, NOW, out),
		        bytes == COOKIE_BYTES ? COOKIE_GOOD : COOKIE_BAD);
}

static void
lengths(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes < 100; bytes++)
		assert_int_equal(cookie_sound(bytes), bytes == 8 || (bytes >= 16 && bytes <= 40));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(vectors_of_the_rfc),
	        cmocka_unit_test(good_for_an_hour_and_renewed_after_half_of_it),
	        cmocka_unit_test(times_run_over),
	        cmocka_unit_test(every_bit_counts),
	        cmocka_unit_test(for_one_address_and_one_secret),
	        cmocka_unit_test(those_of_others_are_bad),
	        cmocka_unit_test(lengths),
	};
	return cmocka_run_group_tests_name("cookie", tests, NULL, NULL);
}
