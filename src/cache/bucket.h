/*
 * The index: words in buckets of a cache line. Each answer has two buckets it may be in, and each can be told
 * from the other and the word's tag alone, so a word can be moved without looking at what it points to.
 *
 *    63 … 37 tag, the top bit always set │ 36 35 asked │ 34 … 0 place, in units of 8 bytes
 *
 * A word changes by compare-and-swap only. One that is being moved is in both buckets for a moment; a reader
 * may still miss it, as any reader may miss anything.
 */
#ifndef DOTWARD_CACHE_BUCKET_H
#define DOTWARD_CACHE_BUCKET_H

#include "cache/layout.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint64_t bucket_word;

struct buckets {
	bucket_word *words;
	uint64_t count;
};

enum { BUCKET_ASKED_MOST = 3, BUCKET_CANDIDATES = 2 * LAYOUT_BUCKET_WORDS };

/* Where the words of one hash are. */
struct bucket_pair {
	bucket_word *at[2];
	uint64_t tag; /* in its place in the word */
};

struct bucket_pair bucket_pair(const struct buckets *buckets, uint64_t hash);

static inline bucket_word *
bucket_candidate(const struct bucket_pair *pair, unsigned i)
{
	return pair->at[i / LAYOUT_BUCKET_WORDS] + i % LAYOUT_BUCKET_WORDS;
}

/* These low bits of a hash in their place in the word; the top bit is not set. */
static inline uint64_t
bucket_tag(uint64_t bits)
{
	return bits << 37;
}

uint64_t bucket_make(uint64_t tag, unsigned asked, uint64_t place);
uint64_t bucket_place(uint64_t word); /* bytes */
unsigned bucket_asked(uint64_t word);
uint64_t bucket_with_asked(uint64_t word, unsigned asked);

static inline bool
bucket_has_tag(uint64_t word, uint64_t tag)
{
	return (word ^ tag) >> 37 == 0;
}

/* Which words of a bucket have the tag, a bit for each. All eight are read before anything depends on one of
 * them, so that the processor need not guess where to stop. */
static inline unsigned
bucket_matches(const bucket_word *bucket, uint64_t tag)
{
	unsigned found = 0;
	for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++) {
		uint64_t word = atomic_load_explicit(&bucket[i], memory_order_relaxed);
		found |= (unsigned)bucket_has_tag(word, tag) << i;
	}
	return found;
}

/* The word that points to this place; NULL: none. *word is what it said. */
bucket_word *bucket_find_place(const struct bucket_pair *pair, uint64_t place, uint64_t *word);
/*
 * Puts a new word where there is room, moving others out of the way if that takes two steps at most. When
 * there is none, the least asked of all candidates gives way: *evicted is true then. False: somebody was in
 * the way.
 */
bool bucket_insert(
        const struct buckets *buckets, const struct bucket_pair *pair, uint64_t word, bool *evicted);
/* Replaces what points to the same place as `old`, however often it has been asked meanwhile. */
bool bucket_replace(bucket_word *at, uint64_t old, uint64_t word);

#endif
