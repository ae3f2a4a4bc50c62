/*
 * Answers for a cache, one for each number: their question is "<n>.example.", and so is the key.
 */
#ifndef DOTWARD_TESTS_ANSWERS_H
#define DOTWARD_TESTS_ANSWERS_H

#include "cache/cache.h"
#include "dns/hash.h"
#include "dns/ttl.h"

#include <stdio.h>
#include <string.h>

enum { ANSWERS_SEED = 4711, ANSWERS_BYTES = 1 << 20, ANSWERS_NOW_MS = 40 * 24 * 3600 };
/* What clock_boot_ms() says in a test: long after anything. */
#define ANSWERS_BOOT_MS (1000ull * ANSWERS_NOW_MS)

struct answers_one {
	struct wire_query query;
	struct wire_answer answer;
	struct cache_item item;
	uint16_t ttls[4];
	uint8_t msg[512];
};

static inline void
answers_query(struct wire_query *out, unsigned n, bool dnssec_ok, bool checking_disabled)
{
	char label[12];
	memset(out, 0, sizeof *out);
	int digits = snprintf(label, sizeof label, "%u", n);
	out->flags = (uint16_t)(WIRE_FLAG_RD | (checking_disabled ? WIRE_FLAG_CD : 0));
	out->edns.present = out->edns.dnssec_ok = dnssec_ok;
	out->question.type = out->question.class = 1;
	out->question.name[0] = (uint8_t)digits;
	memcpy(out->question.name + 1, label, (size_t)digits);
	memcpy(out->question.name + 1 + digits, "\7example", 9);
	out->question.name_bytes = (uint16_t)(digits + 10);
}

/* An A record with the number as its address and `life_s` as its TTL, stored `age_ms` ago. */
static inline void
answers_make(struct answers_one *out, unsigned n, uint32_t life_s, uint64_t age_ms)
{
	static const uint8_t header[] = {0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0};
	answers_query(&out->query, n, false, false);
	const struct wire_question *q = &out->query.question;
	const uint8_t record[] = {0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, (uint8_t)(life_s >> 24),
	        (uint8_t)(life_s >> 16), (uint8_t)(life_s >> 8), (uint8_t)life_s, 0, 4, (uint8_t)(n >> 24),
	        (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
	memcpy(out->msg, header, sizeof header);
	memcpy(out->msg + sizeof header, q->name, q->name_bytes);
	memcpy(out->msg + sizeof header + q->name_bytes, record, sizeof record);
	memset(&out->answer, 0, sizeof out->answer);
	out->answer.msg = out->msg;
	out->answer.bytes = sizeof header + q->name_bytes + sizeof record;
	int count = ttl_find(out->msg, out->answer.bytes, out->ttls, 4);
	assert_int_equal(count, 1);
	out->item = (struct cache_item){.answer = &out->answer,
	        .ttls = out->ttls,
	        .ttl_count = 1,
	        .kind = CACHE_POSITIVE,
	        .stored_ms = ANSWERS_BOOT_MS - age_ms,
	        .life_s = life_s};
}

static inline struct cache_key
answers_key(const struct wire_query *query)
{
	const struct wire_question *q = &query->question;
	return cache_key(query, hash_name(q->name, q->name_bytes, q->type, q->class, ANSWERS_SEED));
}

static inline void
answers_put(struct cache *cache, const struct answers_one *one)
{
	struct cache_key key = answers_key(&one->query);
	assert_int_equal(cache_put(cache, &key, &one->item), CACHE_PUT);
}

/* Puts the answer with this number in. */
static inline void
answers_add(struct cache *cache, unsigned n, uint32_t life_s, uint64_t age_ms)
{
	struct answers_one one;
	answers_make(&one, n, life_s, age_ms);
	answers_put(cache, &one);
}

static inline bool
answers_find(struct cache *cache, const struct wire_query *query, struct cache_entry *out)
{
	struct cache_key key = answers_key(query);
	return cache_get(cache, &key, true, out);
}

static inline bool
answers_has(struct cache *cache, unsigned n, struct cache_entry *out)
{
	struct wire_query query;
	answers_query(&query, n, false, false);
	return answers_find(cache, &query, out);
}

static inline bool
answers_lives(void *arg, uint32_t member)
{
	(void)arg, (void)member;
	return true;
}

static inline uint64_t
answers_count(struct cache *cache)
{
	struct cache_census census;
	cache_census(cache, answers_lives, NULL, &census);
	return census.entries;
}

/* An empty cache that this process is a member of. */
static inline struct cache *
answers_cache(uint64_t bytes)
{
	struct cache *cache = cache_new(bytes, ANSWERS_SEED);
	assert_non_null(cache);
	cache_join(cache, cache_next_member(cache), NULL);
	return cache;
}

#endif
