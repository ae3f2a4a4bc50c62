/*
 * Whom to ask, and whom next: all upstreams of this worker.
 *
 * A question is asked at one place after another until an answer comes, within a number of attempts and the
 * time the asker gives. What comes back is an answer to that question or a reason; SERVFAIL and REFUSED from
 * one upstream make it ask another.
 */
#ifndef DOTWARD_UPSTREAM_UPSTREAM_H
#define DOTWARD_UPSTREAM_UPSTREAM_H

#include "upstream/place.h"

struct upstreams;

enum { UPSTREAM_PLACES = 64, UPSTREAM_WHY_BYTES = 512 };

/* An answer that nobody wants to hear, kept while others are asked: SERVFAIL or REFUSED, without its records.
 */
struct upstream_refusal {
	bool held;
	uint16_t rcode;
	uint16_t flags;
	uint16_t ede_bytes;
	uint8_t ede[EDNS_EDE_BYTES];
};

/* One question on its way; part of the asker's own object, zeroed by upstream_ask(). */
struct upstream_ask {
	struct place_ask place; /* where it is now */
	struct list timer;      /* among those whose attempt has a time limit, oldest first */
	uint64_t attempt_ms;    /* when this attempt began */
	uint64_t tried;         /* places, a bit each */
	uint64_t broken;        /* places that are of no use to this question */
	uint64_t refused;       /* upstreams that answered SERVFAIL or REFUSED, a bit each */
	uint64_t refusing;      /* and at which of their places */
	uint32_t name_hash;     /* for the policy "hashed" */
	unsigned attempts, resends;
	int last; /* the last place, or -1 */
	struct upstream_refusal refusal;
};

struct upstream_result {
	const struct wire_answer *answer; /* NULL: none; then the rest says why */
	enum edns_ede ede;
	char why[UPSTREAM_WHY_BYTES];
	const char *upstream; /* name of the upstream that answered, or "" */
};

/* The question is finished; its object is the asker's again. May come from inside upstream_ask(). */
typedef void upstream_done_fn(void *arg, struct upstream_ask *ask, const struct upstream_result *result);

struct upstreams *upstreams_new(struct ev_loop *loop, struct stream_room *room, const struct config *config,
        const struct tls_store *tls, struct health_table *health, struct stats_slab *stats,
        upstream_done_fn *done, void *arg);
/* No question may be under way. Closes all connections in order. */
void upstreams_free(struct upstreams *upstreams);

/* No place can be expected to answer: all are backed off, or somebody is finding out already. */
bool upstreams_down(const struct upstreams *upstreams);

/* The query must stay until done() or upstream_withdraw(). `hash` is that of its question; `number` is for
 * the log. */
void upstream_ask(struct upstreams *upstreams, struct upstream_ask *ask, const struct wire_query *query,
        uint64_t hash, uint32_t number);
/* What is known of a question that is under way, as done() would say it if this were the end. */
void upstream_explain(
        const struct upstreams *upstreams, const struct upstream_ask *ask, struct upstream_result *result);
/* The asker's time is up: no done() any more; *result says what is known, as done() would have. */
void upstream_withdraw(struct upstreams *upstreams, struct upstream_ask *ask, struct upstream_result *result);

#endif
