/*
 * Folds the name into a buffer, puts type and class behind it, and hashes that. Length octets are below 64,
 * so folding the whole name bytewise leaves them alone.
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

/*
 * Eight octets at once: for those without the top bit, adding sets the top bit from 'A' on, and from behind
 * 'Z' on; what lies between gets 0x20. No addition carries into the next octet.
 */
static uint64_t
fold_eight(uint64_t eight)
{
	const uint64_t each = 0x0101010101010101u, top = each * 0x80;
	uint64_t low = eight & ~top;
	uint64_t from_a = low + each * (0x80 - 'A'), behind_z = low + each * (0x80 - 'Z' - 1);
	uint64_t upper = from_a & ~behind_z & ~eight & top;
	return eight | upper >> 2;
}

static uint64_t
hash_folded(const uint8_t *name, size_t name_bytes, const uint8_t *fixed, size_t fixed_bytes, uint64_t seed)
{
	uint8_t folded[NAME_BYTES + QUESTION_FIXED_BYTES];
	if (name_bytes > NAME_BYTES)
		name_bytes = NAME_BYTES;
	size_t i = 0;
	for (; i + sizeof(uint64_t) <= name_bytes; i += sizeof(uint64_t)) {
		uint64_t eight;
		memcpy(&eight, name + i, sizeof eight);
		eight = fold_eight(eight);
		memcpy(folded + i, &eight, sizeof eight);
	}
	for (; i < name_bytes; i++)
		folded[i] = name[i] >= 'A' && name[i] <= 'Z' ? (uint8_t)(name[i] | 0x20) : name[i];
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
