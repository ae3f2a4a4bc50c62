/*
 * How a table of lists.h lies in memory: for what builds one and what reads it, and for nobody else.
 *
 *   header    what is where, the key of the hash, what is known of each list
 *   filter    a blocked Bloom filter, 64 bytes a block: nearly every name that is on no list is told from it
 *             alone, and it is small enough for a processor's caches
 *   buckets   four names each: 96 bits of hash, and where a set begins. A name lies in the bucket that its
 *             hash points to or, when that is full, in the first behind it that was not. The names are in
 *             the order of their hashes
 *   rules     sets of rules, each behind the other; many names share one
 *   data      the records of rules that have some
 */
#ifndef DOTWARD_QUERY_LISTS_INSIDE_H
#define DOTWARD_QUERY_LISTS_INSIDE_H

#include "query/list_words.h"

#include <assert.h>

enum {
	LISTS_VERSION = 1,
	LISTS_LINE = 64, /* all parts begin at a multiple of it */
	LISTS_SECRET_BYTES = 192,
	LISTS_SLOTS = 4,
	LISTS_DEPTHS = 128, /* labels of a name, and the root */
	/* some 11 bits of filter for each name, 5 of them set: 1 of 100 names passes that should not. They
	 * are from that half of the hash of which hardly anything chooses the block */
	LISTS_NAMES_PER_BLOCK = 48,
	LISTS_FILTER_BITS = 5,
	/* names for eight buckets to be the home of: two thirds full */
	LISTS_NAMES_PER_EIGHT = 21,
	LISTS_DATA_HEAD = 8, /* of a record: its type, the length of its data, its TTL */
};

#define LISTS_MAGIC 0x7374736c64726177u

struct lists_depths {
	uint64_t bits[LISTS_DEPTHS / 64];
};

struct lists {
	uint64_t magic;
	uint32_t version;
	uint32_t lists;
	uint64_t bytes;
	uint64_t names;
	uint64_t blocks;     /* of the filter; at least 1 */
	uint64_t homes;      /* buckets that a hash can point to; at least 1 */
	uint64_t buckets;    /* all of them: no home's run is longer than what is behind it */
	uint64_t rules;      /* the first is none */
	uint64_t data_bytes; /* a multiple of LISTS_LINE */
	/* Numbers of labels that a name must have to be an owner of rules for itself and for what is below.
	 */
	struct lists_depths exact, below;
	uint8_t secret[LISTS_SECRET_BYTES];
	struct lists_list list[LISTS_MAX];
} __attribute__((aligned(LISTS_LINE)));

struct lists_block {
	uint64_t words[8];
} __attribute__((aligned(LISTS_LINE)));

/* rules[i] of tag[i] and check[i]: where its set begins; 0: the slot is empty, and so are those behind it. */
struct lists_bucket {
	uint64_t tag[LISTS_SLOTS];
	uint32_t check[LISTS_SLOTS];
	uint32_t rules[LISTS_SLOTS];
} __attribute__((aligned(LISTS_LINE)));

struct lists_rule {
	uint8_t list;
	uint8_t deed;
	uint8_t scope;
	uint8_t last;  /* of its set */
	uint32_t data; /* DATA: where its records begin, behind their length in bytes as uint32_t */
};

static_assert(sizeof(struct lists) % LISTS_LINE == 0, "what follows the header is aligned");
static_assert(sizeof(struct lists_block) == LISTS_LINE, "a block is a line");
static_assert(sizeof(struct lists_bucket) == LISTS_LINE, "a bucket is a line");
static_assert(LISTS_MAX <= 64, "a bit for each list");

/* What stands for a name: two hashes of it. The first says where it is, the second makes sure. */
struct lists_key {
	uint64_t tag;
	uint32_t check;
};

/* Of a name in lower case. */
struct lists_key lists_key_of(const uint8_t *secret, const uint8_t *folded, size_t bytes);

/* Which of `count` blocks or homes it is. */
static inline uint64_t
lists_scale(uint64_t tag, uint64_t count)
{
	return (tag >> 32) * count >> 32;
}

static inline uint64_t
lists_rules_bytes(uint64_t rules)
{
	return (rules * sizeof(struct lists_rule) + LISTS_LINE - 1) & ~(uint64_t)(LISTS_LINE - 1);
}

static inline const struct lists_block *
lists_blocks(const struct lists *l)
{
	return (const struct lists_block *)(l + 1);
}

static inline const struct lists_bucket *
lists_buckets(const struct lists *l)
{
	return (const struct lists_bucket *)(lists_blocks(l) + l->blocks);
}

static inline const struct lists_rule *
lists_rules(const struct lists *l)
{
	return (const struct lists_rule *)(lists_buckets(l) + l->buckets);
}

static inline const uint8_t *
lists_data(const struct lists *l)
{
	return (const uint8_t *)lists_rules(l) + lists_rules_bytes(l->rules);
}

#endif
