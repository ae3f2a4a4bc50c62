/*
 * Answers for the cache: a question by name, a message with one record that says which answer it is, and the
 * caches they are put into.
 *
 * The message ends in the record's data, so that what comes out can be told by its last four bytes.
 */
#ifndef DOTWARD_TESTS_CACHES_H
#define DOTWARD_TESTS_CACHES_H

#include "message.h"

#include "cache/inside.h"
#include "dns/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	CACHES_SEED = 4711,
	CACHES_NOW_MS = 1000000,
	CACHES_A = 1,
	CACHES_TXT = 16,
	CACHES_AAAA = 28,
	CACHES_IN = 1,
	CACHES_CH = 3,
};

/* One answer, and all it is put in with; to be changed at will before that. */
struct caches_thing {
	struct wire_query query;
	struct cache_key key;
	struct wire_answer answer;
	struct cache_item item;
	uint16_t ttls[CACHE_RECORDS];
	struct message msg;
};

/* After a change of the question. */
static inline void
caches_key(struct caches_thing *t)
{
	const struct wire_question *q = &t->query.question;
	t->key = cache_key(&t->query, hash_name(q->name, q->name_bytes, q->type, q->class, CACHES_SEED));
}

static inline void
caches_variant(struct caches_thing *t, bool dnssec_ok, bool checking_disabled)
{
	t->query.edns.dnssec_ok = dnssec_ok;
	t->query.flags = checking_disabled ? WIRE_FLAG_CD : 0;
	caches_key(t);
}

/* After a change of the message. */
static inline void
caches_measure(struct caches_thing *t)
{
	t->answer.msg = t->msg.bytes;
	t->answer.bytes = t->msg.length;
}

static inline void
caches_question(struct caches_thing *t, const char *name, unsigned type, unsigned class)
{
	message_begin(&t->msg, 0x1234, 0x8180);
	message_question(&t->msg, name, type, class);
	struct wire_question *q = &t->query.question;
	q->type = (uint16_t)type;
	q->class = (uint16_t) class;
	q->name_bytes = (uint16_t)(t->msg.length - WIRE_HEADER_BYTES - 4);
	memcpy(q->name, t->msg.bytes + WIRE_HEADER_BYTES, q->name_bytes);
	caches_key(t);
}

/* A record of `count` bytes, the last four of which are the value. */
static inline void
caches_record(struct caches_thing *t, size_t count, uint32_t value)
{
	message_put_pointer(&t->msg, WIRE_HEADER_BYTES);
	size_t rdata = message_fixed(&t->msg, SECTION_ANSWER, t->query.question.type, CACHES_IN, 300);
	t->ttls[t->item.ttl_count++] = (uint16_t)(rdata - 6);
	memset(t->msg.bytes + t->msg.length, 'x', count - 4);
	t->msg.length += count - 4;
	message_put32(&t->msg, value);
	message_rdata_end(&t->msg, rdata);
	caches_measure(t);
}

/* An answer of type A to this name, alive for 300 s from CACHES_NOW_MS on. `t` is large: for the heap. */
static inline void
caches_make_of(struct caches_thing *t, const char *name, size_t count, uint32_t value)
{
	memset(&t->query, 0, sizeof t->query);
	memset(&t->answer, 0, sizeof t->answer);
	t->item = (struct cache_item){
	        .answer = &t->answer, .ttls = t->ttls, .stored_ms = CACHES_NOW_MS, .life_s = 300};
	caches_question(t, name, CACHES_A, CACHES_IN);
	caches_record(t, count, value);
}

static inline void
caches_make(struct caches_thing *t, const char *name, uint32_t value)
{
	caches_make_of(t, name, 4, value);
}

/* The same for one name out of many, large enough that the segments are full before the index is. */
static inline void
caches_make_one(struct caches_thing *t, unsigned number, uint32_t value)
{
	char name[32];
	snprintf(name, sizeof name, "name%u.example.", number);
	caches_make_of(t, name, 64, value);
}

/* Without a record, and with this rcode. */
static inline void
caches_empty(struct caches_thing *t, enum cache_kind kind, unsigned rcode)
{
	message_set16(&t->msg, SECTION_ANSWER, 0);
	t->msg.length = WIRE_HEADER_BYTES + t->query.question.name_bytes + 4u;
	t->msg.bytes[3] = (uint8_t)(0x80 | (rcode & 15));
	caches_measure(t);
	t->answer.rcode = (uint16_t)rcode;
	t->item.ttl_count = 0;
	t->item.kind = kind;
}

static inline enum cache_put
caches_put(struct cache *cache, const struct caches_thing *t)
{
	return cache_put(cache, &t->key, &t->item);
}

static inline uint32_t
caches_value(const struct cache_entry *entry)
{
	const uint8_t *end = entry->answer.msg + entry->answer.bytes;
	return (uint32_t)message_get16(end - 4) << 16 | message_get16(end - 2);
}

enum { CACHES_MISS = -1 };

/* What is found for it, or CACHES_MISS. */
static inline int64_t
caches_get(struct cache *cache, const struct caches_thing *t, bool peek)
{
	struct cache_entry entry;
	return cache_get(cache, &t->key, peek, &entry) ? (int64_t)caches_value(&entry) : CACHES_MISS;
}

/* A cache of this process's, as member 1. */
static inline struct cache *
caches_new(uint64_t bytes)
{
	struct cache *cache = cache_new(bytes, CACHES_SEED);
	if (cache != NULL)
		cache_join(cache, cache_next_member(cache), NULL);
	return cache;
}

/* The same memory, seen by another member. */
static inline struct cache *
caches_again(const struct cache *cache)
{
	struct cache *again = cache_adopt(dup(cache_descriptor(cache)), cache_bytes(cache), CACHES_SEED);
	if (again != NULL)
		cache_join(again, cache_next_member(again), NULL);
	return again;
}

static inline bool
caches_all_live(void *arg, uint32_t member)
{
	(void)arg;
	return member != 0;
}

static inline bool
caches_none_lives(void *arg, uint32_t member)
{
	(void)arg, (void)member;
	return false;
}

static inline struct cache_census
caches_census(struct cache *cache)
{
	struct cache_census census;
	cache_census(cache, caches_all_live, NULL, &census);
	return census;
}

#endif
