/*
 * Reads the cache with the eyes of one question, and writes what upstream said.
 *
 *    stored ─────────── fresh ───────────┬─ the last tenth: renewed ─┐ expired ─── stale ──┐ of no use
 *    └─ life_s ──────────────────────────┴───────────────────────────┴─ cache.stale_s ─────┘
 *
 * A claim on a key (cache_claim) says that somebody renews it, or, when it was made after the answer expired,
 * that upstream had no better one. The two are told apart by that.
 */
#include "query/recall.h"

#include "base/must.h"
#include "dns/header.h"
#include "dns/octets.h"
#include "dns/ttl.h"
#include "query/lifetime.h"

#include <stdlib.h>
#include <string.h>

enum {
	RECALL_RENEW_TENTHS = 10, /* an answer is renewed in the last of so many parts of its life */
	RECALL_RENEW_PAUSE_MS = 5000,
};

struct recall {
	struct cache *cache;
	const struct config *config;
	struct stats_slab *stats;
	uint16_t ttls[TTL_RECORDS];
	struct wire_answer answer; /* the last that was kept, in `msg` */
	uint8_t msg[WIRE_MESSAGE_BYTES];
};

struct recall *
recall_new(struct cache *cache, const struct config *config, struct stats_slab *stats)
{
	struct recall *r = must_alloc(1, sizeof *r);
	r->cache = cache;
	r->config = config;
	r->stats = stats;
	return r;
}

void
recall_free(struct recall *r)
{
	free(r);
}

/* Is there any use in asking the cache, or in telling it? */
static bool
applies(const struct recall *r, const struct wire_query *query)
{
	return r->cache != NULL && lifetime_has(query) && fetch_is_shareable(r->config, query);
}

/* --- Finding --- */

static bool
is_fresh(const struct cache_entry *entry, uint64_t now_ms)
{
	return now_ms < entry->expires_ms;
}

/* RFC 8767 is about data; a failure has none. */
static bool
is_stale(const struct recall *r, const struct cache_entry *entry, uint64_t now_ms)
{
	return entry->kind != CACHE_FAILURE && now_ms >= entry->expires_ms &&
	       now_ms - entry->expires_ms < (uint64_t)r->config->cache.stale_s * 1000;
}

static uint64_t
pause_ms(const struct recall *r)
{
	return (uint64_t)r->config->cache.stale_answer_ttl_s * 1000;
}

static void
dress_fresh(struct recalled *out, uint64_t now_ms)
{
	uint64_t stored_ms = out->entry.stored_ms;
	out->stale = out->renew = false;
	out->elapsed_s = now_ms > stored_ms ? (uint32_t)((now_ms - stored_ms) / 1000) : 0;
}

static void
dress_stale(struct recalled *out)
{
	struct wire_answer *answer = &out->entry.answer;
	out->stale = true;
	out->renew = false;
	answer->edns.ede_bytes = (uint16_t)edns_ede_data(answer->edns.ede,
	        answer->rcode == WIRE_RCODE_NXDOMAIN ? EDNS_EDE_STALE_NXDOMAIN : EDNS_EDE_STALE, NULL);
}

/* In the last part of its life, and asked for at least twice, this time included. */
static bool
is_worth_renewing(const struct recall *r, const struct cache_entry *entry, uint64_t now_ms)
{
	uint64_t left_ms = entry->expires_ms - now_ms;
	return r->config->cache.prefetch && entry->kind != CACHE_FAILURE &&
	       left_ms * RECALL_RENEW_TENTHS < (uint64_t)entry->life_s * 1000 &&
	       (entry->asked > 0 || !entry->unasked);
}

/* Has upstream been asked in vain since this answer expired, and not long ago? */
static bool
is_resting(
        const struct recall *r, const struct cache_key *key, const struct cache_entry *entry, uint64_t now_ms)
{
	uint64_t claimed_ms = cache_claimed_ms(r->cache, key);
	return claimed_ms >= entry->expires_ms && claimed_ms <= now_ms && now_ms - claimed_ms < pause_ms(r);
}

static enum recall_verdict
find(struct recall *r, const struct wire_query *query, uint64_t hash, uint64_t now_ms, bool peek,
        struct recalled *out)
{
	struct cache_key key = cache_key(query, hash);
	if (!cache_get(r->cache, &key, peek, &out->entry))
		return RECALL_NONE;
	if (is_fresh(&out->entry, now_ms)) {
		dress_fresh(out, now_ms);
		out->renew = !peek && is_worth_renewing(r, &out->entry, now_ms) &&
		             cache_claim(r->cache, &key, now_ms, RECALL_RENEW_PAUSE_MS);
		return RECALL_FRESH;
	}
	if (!is_stale(r, &out->entry, now_ms))
		return RECALL_NONE;
	dress_stale(out);
	return is_resting(r, &key, &out->entry, now_ms) ? RECALL_STALE : RECALL_FALLBACK;
}

enum recall_verdict
recall_find(struct recall *r, const struct wire_query *query, uint64_t hash, uint64_t now_ms,
        struct recalled *out)
{
	if (!applies(r, query))
		return RECALL_NONE;
	enum recall_verdict verdict = find(r, query, hash, now_ms, false, out);
	stats_one(r->stats, verdict == RECALL_FRESH ? STATS_cache_hits : STATS_cache_misses);
	return verdict;
}

enum recall_verdict
recall_peek(struct recall *r, const struct wire_query *query, uint64_t hash, uint64_t now_ms,
        struct recalled *out)
{
	return applies(r, query) ? find(r, query, hash, now_ms, true, out) : RECALL_NONE;
}

bool
recall_last_resort(struct recall *r, const struct wire_query *query, uint64_t hash, uint64_t now_ms,
        struct recalled *out)
{
	if (!applies(r, query))
		return false;
	struct cache_key key = cache_key(query, hash);
	if (!cache_get(r->cache, &key, true, &out->entry) || out->entry.kind == CACHE_FAILURE)
		return false;
	if (is_fresh(&out->entry, now_ms))
		dress_fresh(out, now_ms); /* another worker had more luck */
	else if (is_stale(r, &out->entry, now_ms))
		dress_stale(out);
	else
		return false;
	return true;
}

void
recall_rest(struct recall *r, const struct wire_query *query, uint64_t hash, uint64_t now_ms,
        const struct recalled *given)
{
	uint64_t pause = pause_ms(r);
	struct cache_key key = cache_key(query, hash);
	/* A claim from before it expired is in nobody's way: that one was for renewing. */
	if (now_ms - given->entry.expires_ms < pause)
		pause = now_ms - given->entry.expires_ms;
	(void)cache_claim(r->cache, &key, now_ms, (uint32_t)pause);
}

void
recall_date(const struct recall *r, const struct recalled *given, uint8_t *msg)
{
	const struct cache_entry *entry = &given->entry;
	if (octets_get16(msg + HEADER_FLAGS) & WIRE_FLAG_TC)
		return; /* without records: what is stored is never truncated itself */
	if (given->stale)
		ttl_set(msg, entry->ttls, entry->ttl_count, r->config->cache.stale_answer_ttl_s);
	else
		ttl_age(msg, entry->ttls, entry->ttl_count, given->elapsed_s);
}

/* --- Keeping --- */

static void
put(struct recall *r, const struct fetch_end *end, uint64_t now_ms, const struct wire_answer *answer,
        unsigned ttl_count, const struct lifetime *lifetime)
{
	struct cache_key key = cache_key(end->query, end->hash);
	const struct cache_item item = {
	        .answer = answer,
	        .ttls = r->ttls,
	        .ttl_count = ttl_count,
	        .kind = lifetime->kind,
	        .unasked = end->unasked,
	        .stored_ms = now_ms,
	        .life_s = lifetime->life_s,
	        .stale_s = r->config->cache.stale_s,
	};
	if (cache_put(r->cache, &key, &item) == CACHE_PUT && end->unasked && item.kind != CACHE_FAILURE)
		stats_one(r->stats, STATS_cache_prefetches);
}

static void
keep_answer(struct recall *r, struct fetch_end *end, uint64_t now_ms)
{
	const struct wire_answer *answer = end->result.answer;
	int count = ttl_find(answer->msg, answer->bytes, r->ttls, TTL_RECORDS);
	if (count < 0)
		return;
	struct lifetime lifetime =
	        lifetime_of(&r->config->cache, end->query, answer, r->ttls, (unsigned)count);
	if (lifetime.life_s == 0)
		return;
	r->answer = *answer;
	r->answer.msg = memcpy(r->msg, answer->msg, answer->bytes);
	lifetime_prepare(&lifetime, r->msg, r->ttls, (unsigned)count);
	end->result.answer = &r->answer;
	put(r, end, now_ms, &r->answer, (unsigned)count, &lifetime);
}

/* The answer that a client gets when there is none, as if an upstream had given it. */
static void
keep_failure(struct recall *r, const struct fetch_end *end, uint64_t now_ms)
{
	const struct lifetime lifetime = {.kind = CACHE_FAILURE, .life_s = r->config->cache.failure_ttl_s};
	uint8_t msg[WIRE_UDP_FLOOR_BYTES];
	struct wire_query bare = *end->query;
	struct wire_answer answer = {.msg = msg, .rcode = WIRE_RCODE_SERVFAIL};
	if (lifetime.life_s == 0)
		return;
	edns_clear(&bare.edns); /* without OPT: the entry has the Extended DNS Error beside it */
	answer.bytes = wire_refuse(
	        msg, sizeof msg, &bare, WIRE_RCODE_SERVFAIL, EDNS_EDE_NONE, NULL, &(struct edns_write){0});
	answer.edns.ede_bytes = (uint16_t)edns_ede_data(answer.edns.ede, end->result.ede, end->result.why);
	put(r, end, now_ms, &answer, 0, &lifetime);
}

void
recall_keep(struct recall *r, struct fetch_end *end, uint64_t now_ms)
{
	if (!applies(r, end->query))
		return;
	if (end->result.answer != NULL)
		keep_answer(r, end, now_ms);
	else
		keep_failure(r, end, now_ms);
}
