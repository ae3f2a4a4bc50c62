/*
 * The generic cell rate algorithm: a bucket is the time at which it will be full again, so that nobody has to
 * fill it, and a bucket of the past is as good as none. How far that time lies ahead is the bucket's debt.
 *
 * A bucket is two words. `word` holds that time (56 bits of nanoseconds) and a tag made of the key, and is
 * only changed by compare-and-swap; `key` says whose it is. Both must fit.
 *
 *    of A ── CAS: tag 0, the time of B ──► nobody's ── key of B, then CAS: tag of B ──► of B
 *
 * Between the two steps it fits nobody. Who dies or stands still there leaves a bucket that anybody may take
 * when its debt is over, as with any other. A second bucket for the same key, made by two at the same time,
 * is a little more for that key, and is found no more when it has run out.
 */
#include "shared/limits.h"

#include <assert.h>
#include <stdatomic.h>
#include <xxhash.h>

enum { TAG_SHIFT = 56, TAG_NOBODY = 0, TAGS = 255 };

#define LIMITS_TIME ((UINT64_C(1) << TAG_SHIFT) - 1)
/* More than anybody can owe (a million a burst at one a second). What lies farther ahead is a time long past
 * that has come round, once in two years. */
#define LIMITS_MOST_NS (UINT64_C(2000000) * 1000000000)

struct bucket {
	_Atomic uint64_t word;
	_Atomic uint64_t key;
};

struct bucket_set {
	_Alignas(64) struct bucket ways[LIMITS_WAYS];
};

struct limits {
	uint64_t seed;
	struct bucket_set tables[LIMITS_TABLES][LIMITS_SETS];
};

static_assert(sizeof(struct bucket_set) == 64, "a set is a cache line");

struct limits_rate
limits_rate(unsigned per_second, unsigned burst)
{
	uint64_t interval_ns = 1000000000 / per_second;
	return (struct limits_rate){interval_ns, interval_ns * ((burst > 0 ? burst : per_second) - 1)};
}

size_t
limits_bytes(void)
{
	return sizeof(struct limits);
}

void
limits_begin(struct limits *limits, uint64_t seed)
{
	limits->seed = seed;
}

uint64_t
limits_key(const struct limits *limits, const void *bytes, size_t count)
{
	uint64_t key = XXH3_64bits_withSeed(bytes, count, limits->seed);
	return key != 0 ? key : 1;
}

static uint64_t
tag_of(uint64_t key)
{
	return 1 + (key >> TAG_SHIFT) % TAGS;
}

static uint64_t
word_of(uint64_t tag, uint64_t time_ns)
{
	return tag << TAG_SHIFT | (time_ns & LIMITS_TIME);
}

static uint64_t
debt_ns(uint64_t word, uint64_t now_ns)
{
	uint64_t ahead_ns = (word - now_ns) & LIMITS_TIME;
	return ahead_ns <= LIMITS_MOST_NS ? ahead_ns : 0;
}

static bool
step(struct bucket *bucket, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(&bucket->word, &from, to);
}

/* The bucket of this key, of two the one deeper in debt, and the word that was seen there; or NULL. */
static struct bucket *
find(struct bucket_set *set, uint64_t key, uint64_t now_ns, uint64_t *seen)
{
	struct bucket *found = NULL;
	for (struct bucket *b = set->ways; b < set->ways + LIMITS_WAYS; b++) {
		uint64_t word = atomic_load(&b->word);
		if (word >> TAG_SHIFT != tag_of(key) || atomic_load(&b->key) != key)
			continue;
		if (found != NULL && debt_ns(word, now_ns) <= debt_ns(*seen, now_ns))
			continue;
		found = b;
		*seen = word;
	}
	return found;
}

static struct bucket *
least_in_debt(struct bucket_set *set, uint64_t now_ns, uint64_t *seen)
{
	struct bucket *least = NULL;
	for (struct bucket *b = set->ways; b < set->ways + LIMITS_WAYS; b++) {
		uint64_t word = atomic_load(&b->word);
		if (least != NULL && debt_ns(word, now_ns) >= debt_ns(*seen, now_ns))
			continue;
		least = b;
		*seen = word;
	}
	return least;
}

/* False: somebody else was quicker. */
static bool
take_over(struct bucket *bucket, uint64_t seen, uint64_t key, uint64_t time_ns)
{
	uint64_t nobody = word_of(TAG_NOBODY, time_ns);
	if (!step(bucket, seen, nobody))
		return false;
	atomic_store(&bucket->key, key);
	step(bucket, nobody, word_of(tag_of(key), time_ns));
	return true;
}

enum outcome { PASS, EXCESS, IN_THE_WAY };

static enum outcome
charge(struct bucket *bucket, uint64_t seen, const struct limits_rate *rate, uint64_t now_ns)
{
	uint64_t debt = debt_ns(seen, now_ns);
	if (debt > rate->tolerance_ns)
		return EXCESS;
	uint64_t paid = word_of(seen >> TAG_SHIFT, now_ns + debt + rate->interval_ns);
	return step(bucket, seen, paid) ? PASS : IN_THE_WAY;
}

static enum outcome
try(struct bucket_set *set, uint64_t key, const struct limits_rate *rate, uint64_t now_ns)
{
	uint64_t seen;
	struct bucket *bucket = find(set, key, now_ns, &seen);
	if (bucket != NULL)
		return charge(bucket, seen, rate, now_ns);
	bucket = least_in_debt(set, now_ns, &seen);
	/* Who would lose it would get all of his burst anew. */
	if (debt_ns(seen, now_ns) > rate->tolerance_ns / 2)
		return PASS;
	return take_over(bucket, seen, key, now_ns + rate->interval_ns) ? PASS : IN_THE_WAY;
}

bool
limits_take(struct limits *limits, enum limits_table table, uint64_t key, const struct limits_rate *rate,
        uint64_t now_ns)
{
	struct bucket_set *set = &limits->tables[table][key % LIMITS_SETS];
	for (unsigned i = 0; i < LIMITS_TRIES; i++) {
		enum outcome outcome = try(set, key, rate, now_ns);
		if (outcome != IN_THE_WAY)
			return outcome == PASS;
	}
	return true;
}
