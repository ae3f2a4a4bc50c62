/*
 * Where everything lies in the cache's memory, and the types of what lies there. Serves this floor.
 *
 *    header │ states, used: of segments │ index │ ghosts │ claims │ segments
 */
#ifndef DOTWARD_CACHE_LAYOUT_H
#define DOTWARD_CACHE_LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	LAYOUT_UNIT_BYTES = 8, /* entries begin at multiples of this */
	LAYOUT_BUCKET_WORDS = 8,
	LAYOUT_GHOST_MARKS = 31,
};

/* What follows from the number of bytes alone. No padding: it is compared as bytes. */
struct layout {
	uint64_t bytes;
	uint64_t buckets; /* of LAYOUT_BUCKET_WORDS words, a cache line each */
	uint64_t ghosts;  /* lines of marks */
	uint64_t claims;
	uint64_t segments;
	uint64_t segment_shift; /* a segment has 1 << shift bytes */
	/* offsets */
	uint64_t states, used, index, ghosts_at, claims_at, data;
};

/* At the front of the memory. What identifies it comes first and is compared as bytes. */
struct layout_header {
	char magic[16];
	uint64_t entry_bytes; /* of an entry's head: another one is another format */
	uint64_t seed;
	struct layout layout;
	_Atomic uint64_t next_sequence; /* of segments */
	_Atomic uint32_t next_member;
	_Atomic uint64_t mark; /* cache_mark() */
};

/* Spreads hashes evenly over 0 … count - 1, by their upper bits. */
static inline uint64_t
layout_spread(uint64_t hash, uint64_t count)
{
	return (uint64_t)((unsigned __int128)hash * count >> 64);
}

/* False when that is too little for a cache, or more than 256 GiB. */
bool layout_make(uint64_t bytes, struct layout *out);

#endif
