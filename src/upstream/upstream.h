/*
 * Whom to ask, and whom next: all upstreams of this worker.
 *
 * Which upstreams a name may be asked at, the routes say. Among them a question is asked at one place after
 * another until an answer comes, within a number of attempts and the time the asker gives. One that waits for
 * longer than nearly all do is asked a second time on another way, the first answer wins; so it is when the
 * connection that it is on has fallen silent. What comes back is an answer to that question or a reason;
 * SERVFAIL and REFUSED from one upstream make it ask another.
 */
#ifndef DOTWARD_UPSTREAM_UPSTREAM_H
#define DOTWARD_UPSTREAM_UPSTREAM_H

#include "upstream/place.h"
#include "upstream/refusal.h"

struct upstreams;

enum { UPSTREAM_PLACES = 64, UPSTREAM_WHY_BYTES = 512, UPSTREAM_TRIES = 2 };

/* One question on its way; part of the asker's own object, zeroed by upstream_ask(). */
struct upstream_ask {
	struct place_ask tries[UPSTREAM_TRIES]; /* where it is now; the one not in use is nowhere */
	unsigned try;                           /* the one of the attempt that is under way */
	bool hedged;                            /* the other one is a hedge */
	struct list watch;                      /* at its place, among those not asked twice; oldest first */
	struct list timer;                      /* among those whose attempt has a time limit, oldest first */
	uint64_t attempt_ms;                    /* when this attempt began */
	uint64_t tried;                         /* places, a bit each */
	uint64_t broken;                        /* places of no use to this question, or not in its group */
	uint64_t refused;                       /* upstreams that answered SERVFAIL or REFUSED, a bit each */
	uint64_t refusing;                      /* and at which of their places */
	uint32_t name_hash;                     /* for the policy "hashed" */
	unsigned group;                         /* of upstreams that may be asked */
	unsigned attempts, resends;
	int last; /* the last place, or -1 */
	struct refusal refusal;
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

/* No place that may be asked this can be expected to answer: all are backed off, or somebody is finding out
 * already. */
bool upstreams_down(const struct upstreams *upstreams, const struct wire_query *query);

/* The query must stay until done() or upstream_withdraw(). `hash` is that of its question; `number` is for
 * the log. */
void upstream_ask(struct upstreams *upstreams, struct upstream_ask *ask, const struct wire_query *query,
        uint64_t hash, uint32_t number);
/*
 * The network is another one, or the machine has slept: what is known of the upstreams is forgotten, all
 * connections are closed, and the questions under way begin again. done() may come from inside. Not to be
 * called from inside done().
 */
void upstreams_reconnect(struct upstreams *upstreams);
/* Nothing is going to be asked for a while: the connections that would be opened ahead are not. */
void upstreams_stay_cold(struct upstreams *upstreams);
/* What is known of a question that is under way, as done() would say it if this were the end. */
void upstream_explain(
        const struct upstreams *upstreams, const struct upstream_ask *ask, struct upstream_result *result);
/* The asker's time is up: no done() any more; *result says what is known, as done() would have. */
void upstream_withdraw(struct upstreams *upstreams, struct upstream_ask *ask, struct upstream_result *result);

#endif
