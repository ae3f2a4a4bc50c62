/*
 * Questions on their way upstream: one for all who wait for the same answer.
 *
 * Two questions wait for the same answer when name (in any case), type, class, DO, CD, RD and view are equal,
 * and neither hands a client's subnet on. Whoever comes while the question is under way joins it. A fetch
 * needs nobody who waits: it goes on when they have all gone, and may be begun without one.
 *
 * It asks for forward.timeout_ms, then anew if somebody still waits who came later, so that nobody is given
 * less than the time it is due.
 */
#ifndef DOTWARD_QUERY_FETCH_H
#define DOTWARD_QUERY_FETCH_H

#include "upstream/upstream.h"

struct fetch;
struct fetches;

/* One who waits; part of the waiter's own object. */
struct fetch_wait {
	struct list link; /* among those who wait for the same */
	struct fetch *fetch;
};

/* What became of a question: comes before any waiter hears of it, and whether there is one or not. */
struct fetch_end {
	const struct wire_query *query;
	uint64_t hash;
	bool unasked; /* nobody has ever waited for it */
	struct upstream_result result;
};

/* Both may come from inside fetch_ask() and fetch_begin(). */
struct fetch_events {
	/* Once for each time it was asked. result.answer may be replaced by another for the waiters; it is
	 * to stay until they have all heard of it. No call of this module is allowed from inside. */
	void (*ended)(void *arg, struct fetch_end *end);
	/* The answer, or why there is none. The waiter waits no more: its object is its own again. */
	void (*done)(void *arg, struct fetch_wait *wait, const struct upstream_result *result);
};

struct fetches *fetches_new(struct ev_loop *loop, struct stream_room *room, const struct config *config,
        const struct tls_store *tls, struct health_table *health, struct stats_slab *stats,
        const struct fetch_events *events, void *arg);
/* Nobody may be waiting. NULL is allowed. */
void fetches_free(struct fetches *fetches);

/* There may be as many waiters as limits.queries_in_flight, and no more. The query is copied; `hash` is that
 * of its question, `number` is for the log. */
void fetch_ask(struct fetches *fetches, struct fetch_wait *wait, const struct wire_query *query,
        uint64_t hash, uint32_t number);
/* Asks without a waiter, unless that is under way already, or there is little room left for it. `unasked`:
 * not because of a client, either. */
void fetch_begin(struct fetches *fetches, const struct wire_query *query, uint64_t hash, uint32_t number,
        bool unasked);
/* Waits no longer: no done() any more; *result says what is known, as done() would have. */
void fetch_leave(struct fetches *fetches, struct fetch_wait *wait, struct upstream_result *result);

/* May the answer to this question be given to others? */
bool fetch_is_shareable(const struct config *config, const struct wire_query *query);
/* Every upstream that may be asked this is known not to work. */
bool fetches_hopeless(const struct fetches *fetches, const struct wire_query *query);
/* See upstreams_reconnect(). */
void fetches_reconnect(struct fetches *fetches);
/* See upstreams_stay_cold(). */
void fetches_stay_cold(struct fetches *fetches);
/* Questions under way. */
unsigned fetches_in_flight(const struct fetches *fetches);

#endif
