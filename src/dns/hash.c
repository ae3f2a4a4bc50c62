/*
 * Folds the name into a buffer, puts type and class behind it, and hashes that.
 */
#include "dns/hash.h"

#include "dns/header.h"
#include "dns/name.h"

#include <string.h>
#include <xxhash.h>

/* Length of the labels from `at` on, as far as they make sense. */
static size_t
labels_bytes(const uint8_t *msg, size_t bytes, size_t at)
{
	size_t start = at;
	while (at < bytes && msg[at] != 0 && msg[at] < 64 && at - start < NAME_BYTES)
		at += msg[at] + 1u;
	return at < bytes ? at + 1 - start : bytes - start;
}

static uint64_t
hash_folded(const uint8_t *name, size_t name_bytes, const uint8_t *fixed, size_t fixed_bytes, uint64_t seed)
{
	uint8_t folded[NAME_BYTES + QUESTION_FIXED_BYTES];
	if (name_bytes > NAME_BYTES)
		name_bytes = NAME_BYTES;
	name_fold(name, name_bytes, folded);
	memcpy(folded + name_bytes, fixed, fixed_bytes);
	uint64_t hash = XXH3_64bits_withSeed(folded, name_bytes + fixed_bytes, seed);
	return hash != 0 ? hash : 1;
}

uint64_t
hash_question(const uint8_t *msg, size_t bytes, uint64_t seed)
{
	if (bytes <= HEADER_BYTES)
		return 1;
	size_t name_bytes = labels_bytes(msg, bytes, HEADER_BYTES);
	size_t left = bytes - HEADER_BYTES - name_bytes;
	return hash_folded(msg + HEADER_BYTES, name_bytes, msg + HEADER_BYTES + name_bytes,
	        left < QUESTION_FIXED_BYTES ? left : QUESTION_FIXED_BYTES, seed);
}

uint64_t
hash_name(const uint8_t *name, size_t name_bytes, uint16_t type, uint16_t class, uint64_t seed)
{
	const uint8_t fixed[QUESTION_FIXED_BYTES] = {
	        (uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(class >> 8), (uint8_t) class};
	return hash_folded(name, name_bytes, fixed, sizeof fixed, seed);
}
