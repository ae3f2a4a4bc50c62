/*
 * SipHash-2-4 against the vectors of its authors (vectors.h of the reference implementation; those of all
 * lengths that end differently), which OpenSSL's agrees with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/siphash.h"

/* The key is 00 01 .. 0f, the message 00 01 .. of that length. */
static const struct {
	size_t bytes;
	uint8_t hash[SIPHASH_BYTES];
} vectors[] = {
        {0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
        {1, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
        {2, {0x5a, 0x4f, 0xa9, 0xd9, 0x09, 0x80, 0x6c, 0x0d}},
        {3, {0x2d, 0x7e, 0xfb, 0xd7, 0x96, 0x66, 0x67, 0x85}},
        {4, {0xb7, 0x87, 0x71, 0x27, 0xe0, 0x94, 0x27, 0xcf}},
        {5, {0x8d, 0xa6, 0x99, 0xcd, 0x64, 0x55, 0x76, 0x18}},
        {6, {0xce, 0xe3, 0xfe, 0x58, 0x6e, 0x46, 0xc9, 0xcb}},
        {7, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab}},
        {8, {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
        {9, {0xb0, 0xe4, 0xa9, 0x0b, 0xdf, 0x82, 0x00, 0x9e}},
        {15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
        {16, {0xdb, 0x9b, 0xc2, 0x57, 0x7f, 0xcc, 0x2a, 0x3f}},
        {17, {0x94, 0x47, 0xbe, 0x2c, 0xf5, 0xe9, 0x9a, 0x69}},
        {31, {0x42, 0xc3, 0x41, 0xd8, 0xfa, 0x92, 0xd8, 0x32}},
        {32, {0xce, 0x7c, 0xf2, 0x72, 0x2f, 0x51, 0x27, 0x71}},
        {63, {0x72, 0x45, 0x06, 0xeb, 0x4c, 0x32, 0x8a, 0x95}},
};

static void
the_authors_vectors(void **state)
{
	uint8_t key[SIPHASH_KEY_BYTES], message[65], out[SIPHASH_BYTES];
	(void)state;
	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	for (unsigned at = 0; at < 2; at++) { /* at an odd address, too */
		for (unsigned i = 0; i < 64; i++)
			message[at + i] = (uint8_t)i;
		for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
			siphash(key, message + at, vectors[i].bytes, out);
			assert_memory_equal(out, vectors[i].hash, sizeof out);
		}
	}
}

static void
the_key_counts(void **state)
{
	uint8_t key[SIPHASH_KEY_BYTES] = {0}, plain[SIPHASH_BYTES], out[SIPHASH_BYTES];
	(void)state;
	siphash(key, "dotward", 7, plain);
	for (unsigned bit = 0; bit < 8 * sizeof key; bit++) {
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		siphash(key, "dotward", 7, out);
		assert_memory_not_equal(out, plain, sizeof out);
		key[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_authors_vectors),
	        cmocka_unit_test(the_key_counts),
	};
	return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
