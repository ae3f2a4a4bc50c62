/*
 * What would become of a question if a client asked it now, and why: by the same judge, the same groups and
 * the same cache as in a worker, without leaving a trace. What only a worker knows (how full it is, which of
 * its connections are silent) is not in it.
 */
#ifndef DOTWARD_QUERY_EXPLAIN_H
#define DOTWARD_QUERY_EXPLAIN_H

#include "query/groups.h"
#include "query/judge.h"
#include "query/recall.h"
#include "upstream/order.h"

/* All of it outlives the explanation. */
struct explain_setup {
	const struct config *config;
	const struct health_table *health; /* NULL: nothing is known of the upstreams */
	struct cache *cache;               /* NULL: none */
	const struct lists *lists;         /* NULL: none */
	uint64_t seed;                     /* of the hashes of questions */
	uint64_t now_ms, boot_ms;          /* clock_now_ms(), clock_boot_ms() */
};

/* Where the answer would come from. */
enum explain_source {
	EXPLAIN_NOWHERE, /* there would be none */
	EXPLAIN_HERE,    /* the judge */
	EXPLAIN_CACHE,
	EXPLAIN_STALE,   /* the cache, although expired */
	EXPLAIN_UPSTREAM /* and only then is it known what it is */
};

enum explain_cache { EXPLAIN_NO_CACHE, EXPLAIN_MISS, EXPLAIN_FRESH, EXPLAIN_EXPIRED };

struct explanation {
	struct judge_case what;
	const struct addr_net *group_net; /* that put the client into its group; NULL: it is in none */
	const struct config_rate *rate;   /* that limits its questions, if its per_second is not 0 */
	struct judgement judgement;
	struct wire_question asked; /* by the client ... */
	bool followed;              /* ... being an alias of our own; the rest is about what it leads to */
	enum explain_source source;
	enum explain_cache cache; /* when the judge lets it pass */
	struct recalled recalled; /* FRESH, EXPIRED */
	bool held_back;           /* what the cache has is not given (screen.h) */
	struct order order;       /* when the judge lets it pass */
};

struct explain;

struct explain *explain_new(const struct explain_setup *setup) __attribute__((returns_nonnull));
void explain_free(struct explain *explain);
/* The query's view is filled in, and its name is the one that an alias of our own leads to. *out is good
 * until the next call. */
void explain_question(struct explain *explain, const struct addr *client, bool stream,
        struct wire_query *query, struct explanation *out);

enum { EXPLAIN_RULE_BYTES = 256 };
/* The rule behind what this step says, as an administrator would find it in the configuration; "" where
 * there is nothing more to say. Returns `out`. */
const char *explain_rule(const struct explain *explain, const struct explanation *what, enum judge_by step,
        char out[EXPLAIN_RULE_BYTES]);

#endif
