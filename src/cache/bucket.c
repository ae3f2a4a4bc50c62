/*
 * A word goes into its first bucket if there is room, so that one cache line is all that most readers need;
 * else into the second. With two steps of moving nothing is lost before the index is some nine tenths full.
 */
#include "cache/bucket.h"

#include <stddef.h>

#define BUCKET_PLACE_MASK 0x00000007ffffffffu
#define BUCKET_TAG_MASK   0xffffffe000000000u
#define BUCKET_VALID      0x8000000000000000u

enum { BUCKET_ASKED_SHIFT = 35, BUCKET_TAG_SHIFT = 37 };

_Static_assert(sizeof(bucket_word) == 8, "a bucket is a cache line");

/* For a tag, the two buckets add up to this, modulo their number. */
static uint64_t
sum_of(uint64_t tag, uint64_t count)
{
	return layout_spread((tag >> BUCKET_TAG_SHIFT) * 0x9e3779b97f4a7c15u, count);
}

static uint64_t
other(const struct buckets *buckets, uint64_t bucket, uint64_t tag)
{
	uint64_t sum = sum_of(tag, buckets->count);
	return sum >= bucket ? sum - bucket : sum + buckets->count - bucket;
}

struct bucket_pair
bucket_pair(const struct buckets *buckets, uint64_t hash)
{
	uint64_t tag = BUCKET_VALID | hash << BUCKET_TAG_SHIFT;
	uint64_t first = layout_spread(hash, buckets->count);
	return (struct bucket_pair){
	        .at = {buckets->words + first * LAYOUT_BUCKET_WORDS,
	                buckets->words + other(buckets, first, tag) * LAYOUT_BUCKET_WORDS},
	        .tag = tag,
	};
}

uint64_t
bucket_make(uint64_t tag, unsigned asked, uint64_t place)
{
	return tag | (uint64_t)asked << BUCKET_ASKED_SHIFT | place / LAYOUT_UNIT_BYTES;
}

uint64_t
bucket_place(uint64_t word)
{
	return (word & BUCKET_PLACE_MASK) * LAYOUT_UNIT_BYTES;
}

unsigned
bucket_asked(uint64_t word)
{
	return word >> BUCKET_ASKED_SHIFT & BUCKET_ASKED_MOST;
}

uint64_t
bucket_with_asked(uint64_t word, unsigned asked)
{
	return (word & ~((uint64_t)BUCKET_ASKED_MOST << BUCKET_ASKED_SHIFT)) | (uint64_t)asked
	                                                                               << BUCKET_ASKED_SHIFT;
}

bucket_word *
bucket_find_place(const struct bucket_pair *pair, uint64_t place, uint64_t *word)
{
	uint64_t unit = place / LAYOUT_UNIT_BYTES;
	for (unsigned i = 0; i < BUCKET_CANDIDATES; i++) {
		bucket_word *at = bucket_candidate(pair, i);
		*word = atomic_load_explicit(at, memory_order_relaxed);
		if (bucket_has_tag(*word, pair->tag) && (*word & BUCKET_PLACE_MASK) == unit)
			return at;
	}
	return NULL;
}

static bool
put(bucket_word *at, uint64_t expected, uint64_t word)
{
	return atomic_compare_exchange_strong_explicit(
	        at, &expected, word, memory_order_release, memory_order_relaxed);
}

bool
bucket_replace(bucket_word *at, uint64_t old, uint64_t word)
{
	uint64_t now = old;
	while (bucket_with_asked(now, 0) == bucket_with_asked(old, 0))
		if (atomic_compare_exchange_weak_explicit(
		            at, &now, word, memory_order_release, memory_order_relaxed))
			return true;
	return false;
}

/* Where it is then; NULL: no room. */
static bucket_word *
put_into_bucket(bucket_word *bucket, uint64_t word)
{
	for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++)
		if (atomic_load_explicit(&bucket[i], memory_order_relaxed) == 0 && put(&bucket[i], 0, word))
			return &bucket[i];
	return NULL;
}

static bucket_word *
other_bucket(const struct buckets *buckets, const bucket_word *bucket, uint64_t word)
{
	uint64_t number = (uint64_t)(bucket - buckets->words) / LAYOUT_BUCKET_WORDS;
	return buckets->words + other(buckets, number, word & BUCKET_TAG_MASK) * LAYOUT_BUCKET_WORDS;
}

/*
 * Makes room in a full bucket by moving one of its words to that word's other bucket: first there, then not
 * here any more. If meanwhile it was replaced here, the copy there is an old answer and goes again.
 */
static bool
move_one(const struct buckets *buckets, bucket_word *bucket)
{
	for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++) {
		uint64_t word = atomic_load_explicit(&bucket[i], memory_order_relaxed);
		if (word == 0)
			return true;
		bucket_word *there = other_bucket(buckets, bucket, word);
		bucket_word *copy = there != bucket ? put_into_bucket(there, word) : NULL;
		if (copy == NULL)
			continue;
		if (bucket_replace(&bucket[i], word, 0))
			return true;
		bucket_replace(copy, word, 0);
	}
	return false;
}

/* The same in two steps: first room is made where one of its words could go. */
static bool
move_two(const struct buckets *buckets, bucket_word *bucket)
{
	for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++) {
		uint64_t word = atomic_load_explicit(&bucket[i], memory_order_relaxed);
		if (word == 0 || move_one(buckets, other_bucket(buckets, bucket, word)))
			return move_one(buckets, bucket);
	}
	return false;
}

static bool
push_out(const struct bucket_pair *pair, uint64_t word)
{
	bucket_word *least = bucket_candidate(pair, 0);
	uint64_t least_word = atomic_load_explicit(least, memory_order_relaxed);
	for (unsigned i = 1; i < BUCKET_CANDIDATES; i++) {
		bucket_word *at = bucket_candidate(pair, i);
		uint64_t now = atomic_load_explicit(at, memory_order_relaxed);
		if (bucket_asked(now) < bucket_asked(least_word)) {
			least = at;
			least_word = now;
		}
	}
	return put(least, least_word, word);
}

bool
bucket_insert(const struct buckets *buckets, const struct bucket_pair *pair, uint64_t word, bool *evicted)
{
	*evicted = false;
	if (put_into_bucket(pair->at[0], word) != NULL || put_into_bucket(pair->at[1], word) != NULL)
		return true;
	bool (*const ways[])(const struct buckets *, bucket_word *) = {move_one, move_two};
	for (unsigned i = 0; i < 4; i++)
		if (ways[i / 2](buckets, pair->at[i % 2]) && put_into_bucket(pair->at[i % 2], word) != NULL)
			return true;
	*evicted = push_out(pair, word);
	return *evicted;
}
