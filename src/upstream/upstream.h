/*
 * Whom to ask, and whom next: all upstreams of this worker.
 *
 * Which upstreams a name may be asked at, the routes say. Among them a question is asked at one place after
 * another until an answer comes, within a number of attempts and the time the asker gives. One that waits for
 * longer than nearly all do is asked a second time on another way, the first answer wins; so it is when the
 * connection that it is on has fallen silent, or takes too long to open. What comes back is an answer to that
 * question or a reason; SERVFAIL and REFUSED from one upstream make it ask another.
 */
#ifndef DOTWARD_UPSTREAM_UPSTREAM_H
#define DOTWARD_UPSTREAM_UPSTREAM_H

#include "upstream/upstream_ask.h"

struct upstreams;

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
