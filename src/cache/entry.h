/*
 * One answer as it lies in a segment: a head, the message, the places of its TTLs, the upstream's EDE.
 *
 * Every entry carries a keyed checksum over all of it, over where it lies and over which use of the segment
 * it belongs to. What is read is copied first and believed only when that sum is right, so it does not matter
 * who was killed, or is writing, at the same time.
 */
#ifndef DOTWARD_CACHE_ENTRY_H
#define DOTWARD_CACHE_ENTRY_H

#include "cache/cache.h"

#include <stddef.h>

struct entry_head {
	uint32_t check;
	uint32_t stored; /* tenths of a second */
	uint32_t life_s;
	uint16_t msg_bytes;
	uint16_t ttl_count;
	uint16_t ede_bytes;
	uint16_t flags;
	uint32_t view;
};

enum {
	ENTRY_HEAD_BYTES = sizeof(struct entry_head),
	ENTRY_HASH_DNSSEC_OK = 1,
	ENTRY_HASH_CHECKING_DISABLED = 2,
	ENTRY_HASH_VARIANTS = ENTRY_HASH_DNSSEC_OK | ENTRY_HASH_CHECKING_DISABLED,
	ENTRY_HASH_VIEW = 0x3fffffc, /* the rest of the bits that make the tag */
	ENTRY_BYTES = ENTRY_HEAD_BYTES + WIRE_MESSAGE_BYTES + 2 * CACHE_RECORDS + EDNS_EDE_BYTES,
};

/* A private copy of one entry. */
struct entry_copy {
	union {
		struct entry_head head;
		uint8_t bytes[ENTRY_BYTES];
	};
	uint16_t ttls[CACHE_RECORDS];
};

/* What the checksum is bound to. */
struct entry_bond {
	uint64_t seed;
	uint64_t place;
	uint64_t sequence;
};

/* The hash of a question, for this part of the key. */
uint64_t entry_hash(uint64_t question_hash, bool dnssec_ok, bool checking_disabled, uint32_t view);

/* Bytes it takes, a multiple of LAYOUT_UNIT_BYTES; 0: no entry can hold it. */
size_t entry_bytes(const struct cache_item *item);
/* Writes it to `out`, which has room for that. */
void entry_write(uint8_t *out, const struct cache_key *key, const struct cache_item *item,
        const struct entry_bond *bond);
/* Writes a copy to another place. */
void entry_rewrite(uint8_t *out, const struct entry_copy *copy, const struct entry_bond *bond);

/*
 * Copies the entry at `from`, of which at most `room` bytes may be touched. Returns the bytes it takes in the
 * segment, or 0 when there is no sound entry.
 */
size_t entry_read(const uint8_t *from, size_t room, const struct entry_bond *bond, struct entry_copy *copy);
/* The same for somebody who compares the question with one of his own (entry_has_key()): nobody has looked
 * whether it is one. */
size_t entry_read_to_compare(
        const uint8_t *from, size_t room, const struct entry_bond *bond, struct entry_copy *copy);
/* Takes a sound copy apart. */
void entry_describe(struct entry_copy *copy, struct cache_entry *out);
/* Does a sound copy have this key? */
bool entry_has_key(const struct entry_copy *copy, const struct cache_key *key);
/* The key of a sound copy; the name is in the copy. */
struct cache_key entry_key(const struct entry_copy *copy, uint64_t seed);
/* When a sound copy expires, in milliseconds. */
uint64_t entry_expires_ms(const struct entry_copy *copy);
enum cache_kind entry_kind(const struct entry_copy *copy);

#endif
