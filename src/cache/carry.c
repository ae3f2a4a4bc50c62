/*
 * Both caches are in use meanwhile. What a worker has just put into the new one is younger than what is
 * carried and stays.
 */
#include "cache/carry.h"

#include "dns/hash.h"
#include "dns/header.h"
#include "dns/octets.h"

#include <string.h>

struct carrier {
	struct cache *to;
	uint64_t seed;
	uint64_t carried;
	const struct carry_filter *filter;
};

bool
carry_question(
        const uint8_t *msg, size_t bytes, bool dnssec_ok, bool checking_disabled, struct wire_query *out)
{
	if (bytes < WIRE_HEADER_BYTES || octets_get16(msg + HEADER_QDCOUNT) != 1)
		return false;
	size_t name = name_plain_bytes(msg, bytes, WIRE_HEADER_BYTES);
	if (name == 0 || bytes - WIRE_HEADER_BYTES - name < QUESTION_FIXED_BYTES)
		return false;
	const uint8_t *fixed = msg + WIRE_HEADER_BYTES + name;
	out->id = 0;
	out->view = 0;
	out->flags = checking_disabled ? WIRE_FLAG_CD : 0;
	out->question.type = octets_get16(fixed);
	out->question.class = octets_get16(fixed + 2);
	out->question.name_bytes = (uint16_t)name;
	memcpy(out->question.name, msg + WIRE_HEADER_BYTES, name);
	edns_clear(&out->edns);
	out->edns.present = out->edns.dnssec_ok = dnssec_ok;
	return true;
}

bool
carry_wants(const struct carry_filter *filter, const uint8_t *msg, size_t bytes)
{
	struct wire_query query;
	return filter->wanted == NULL || !carry_question(msg, bytes, false, false, &query) ||
	       filter->wanted(filter->arg, &query.question);
}

bool
carry_put(struct cache *to, uint64_t seed, const struct wire_query *query, const struct cache_item *item)
{
	const struct wire_question *q = &query->question;
	uint64_t hash = hash_name(q->name, q->name_bytes, q->type, q->class, seed);
	struct cache_key key = cache_key(query, hash);
	struct cache_entry there;
	if (cache_get(to, &key, true, &there) && there.stored_ms >= item->stored_ms)
		return true;
	enum cache_put put = cache_put(to, &key, item);
	return put == CACHE_PUT || put == CACHE_KEPT;
}

static bool
carry_one(void *arg, const struct cache_entry *entry)
{
	struct carrier *c = arg;
	struct wire_query query;
	struct cache_item item = {
	        .answer = &entry->answer,
	        .ttls = entry->ttls,
	        .ttl_count = entry->ttl_count,
	        .kind = entry->kind,
	        .unasked = entry->unasked,
	        .stored_ms = entry->stored_ms,
	        .life_s = entry->life_s,
	};
	if (!carry_wants(c->filter, entry->answer.msg, entry->answer.bytes) ||
	        !carry_question(entry->answer.msg, entry->answer.bytes, entry->dnssec_ok,
	                entry->checking_disabled, &query))
		return true;
	query.view = entry->view;
	c->carried += carry_put(c->to, c->seed, &query, &item);
	return true;
}

uint64_t
carry_all(struct cache *from, struct cache *to, uint64_t seed, const struct carry_filter *filter)
{
	struct carrier c = {.to = to, .seed = seed, .filter = filter};
	cache_walk(from, carry_one, &c);
	return c.carried;
}
