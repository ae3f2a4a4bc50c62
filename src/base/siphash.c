/*
 * Written out here because no library that is in use has it: GnuTLS and nettle have no SipHash, and xxHash is
 * not one that withstands an attacker. libsodium has it, but a dependency of every installation for forty
 * lines that are pinned by the vectors of their authors (tests/unit/test_siphash.c) is the worse bargain.
 *
 * Eight octets at a time go through two rounds, the last ones with the length in the top octet; four rounds
 * end it. Time does not depend on what is hashed or on the key.
 */
#include "base/siphash.h"

#include <endian.h>
#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
word_at(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return le64toh(word);
}

static uint64_t
turn(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void
rounds(struct sip *s, unsigned count)
{
	for (; count > 0; count--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = turn(s->v1, 13) ^ s->v0;
		s->v3 = turn(s->v3, 16) ^ s->v2;
		s->v0 = turn(s->v0, 32) + s->v3;
		s->v2 += s->v1;
		s->v3 = turn(s->v3, 21) ^ s->v0;
		s->v1 = turn(s->v1, 17) ^ s->v2;
		s->v2 = turn(s->v2, 32);
	}
}

static void
take(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	rounds(s, 2);
	s->v0 ^= word;
}

void
siphash(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t count, uint8_t out[SIPHASH_BYTES])
{
	uint64_t k0 = word_at(key), k1 = word_at(key + 8);
	struct sip s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
	        k1 ^ 0x7465646279746573};
	const uint8_t *at = bytes;
	for (size_t left = count; left >= 8; left -= 8, at += 8)
		take(&s, word_at(at));
	uint8_t rest[8] = {0};
	memcpy(rest, at, count % 8);
	rest[7] = (uint8_t)count;
	take(&s, word_at(rest));
	s.v2 ^= 0xff;
	rounds(&s, 4);
	uint64_t hash = htole64(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
	memcpy(out, &hash, sizeof hash);
}
