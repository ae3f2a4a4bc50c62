/*
 * What the cache means to a question: whether it has an answer, how old that may be, and what is remembered
 * of what upstream said.
 *
 * A fresh answer is given. A stale one (RFC 8767) helps out when upstream has nothing better; once it had to,
 * the next who ask get it at once for a while, and nobody is asked. Without a cache nothing is ever found.
 *
 * `hash` is that of the question, `now_ms` of clock_boot_ms().
 */
#ifndef DOTWARD_QUERY_RECALL_H
#define DOTWARD_QUERY_RECALL_H

#include "cache/cache.h"
#include "config/config.h"
#include "query/fetch.h"
#include "shared/stats.h"

struct recall;

/* The cache may be NULL, and else is the caller's. */
struct recall *recall_new(struct cache *cache, const struct config *config, struct stats_slab *stats);
/* NULL is allowed. */
void recall_free(struct recall *recall);

enum recall_verdict {
	RECALL_NONE,
	RECALL_FRESH,
	RECALL_STALE,   /* to be given at once: upstream was asked a moment ago, to no avail */
	RECALL_FALLBACK /* stale; to be given when upstream is asked and has nothing better in time */
};

/* An answer as it was found: to be used before anything else is done that may ask the cache. */
struct recalled {
	struct cache_entry entry; /* a stale one has the Extended DNS Error that says so */
	uint32_t elapsed_s;       /* since its TTLs were right */
	bool stale;
	bool renew; /* it expires soon, and is worth renewing; nobody else does so */
};

/* Looks for an answer to a client's question. Counts what it finds. */
enum recall_verdict recall_find(struct recall *recall, const struct wire_query *query, uint64_t hash,
        uint64_t now_ms, struct recalled *out);
/* The same without a trace: nothing is counted, and an answer that is worth renewing is not claimed. */
enum recall_verdict recall_peek(struct recall *recall, const struct wire_query *query, uint64_t hash,
        uint64_t now_ms, struct recalled *out);
/* The answer to give when upstream has none: false, there is none. No failures. */
bool recall_last_resort(struct recall *recall, const struct wire_query *query, uint64_t hash, uint64_t now_ms,
        struct recalled *out);
/* Upstream had its chance, and the client gets a stale answer: from now on recall_find() says RECALL_STALE
 * for cache.stale_answer_ttl_s, in all processes (RFC 8767 section 5, the failure recheck timer). */
void recall_rest(struct recall *recall, const struct wire_query *query, uint64_t hash, uint64_t now_ms,
        const struct recalled *given);

/* The TTLs of an answer that wire_fit() wrote from `given`, whole or truncated, are set right. */
void recall_date(const struct recall *recall, const struct recalled *given, uint8_t *msg);

/*
 * What became of a question upstream is put into the cache: an answer, or that there is none (RFC 9520). The
 * answer in it is replaced by one with the TTLs that are stored, so that nobody can tell who came first; it
 * stays until the next call.
 */
void recall_keep(struct recall *recall, struct fetch_end *end, uint64_t now_ms);

#endif
