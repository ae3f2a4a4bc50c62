/*
 * The upstreams of a worker as their own files see them.
 */
#ifndef DOTWARD_UPSTREAM_UPSTREAM_INSIDE_H
#define DOTWARD_UPSTREAM_UPSTREAM_INSIDE_H

#include "upstream/hedge.h"
#include "upstream/probe.h"
#include "upstream/route.h"
#include "upstream/upstream_ask.h"

/* Who is asked for some names, and no other ones (route.h). */
struct upstream_group {
	uint64_t places; /* a bit each */
	uint32_t turn;   /* for "round-robin" */
};

struct upstreams {
	struct ev_loop *loop;
	const struct config *config;
	struct place *places[UPSTREAM_PLACES];
	unsigned upstream_of[UPSTREAM_PLACES];
	unsigned place_count;
	struct probes *probes;
	struct route_table *routes;
	struct upstream_group *groups; /* as many as the routes have */
	struct list attempts;          /* upstream_ask.timer */
	ev_timer timer;
	struct list watched[UPSTREAM_PLACES]; /* upstream_ask.watch */
	ev_timer watch;
	uint64_t watch_ms; /* when that timer comes */
	uint64_t warming;  /* places, a bit each, whose first connection is opened ahead of any question */
	struct hedge_budget budget;
	struct stats_slab *stats;
	upstream_done_fn *done;
	void *arg;
	uint64_t random;
};

static inline bool
upstream_is_under_way(const struct place_ask *try)
{
	return try->at != NULL;
}

/* --- upstream.c --- */

enum upstream_whom {
	UPSTREAM_ANY,
	UPSTREAM_OTHER,  /* one that was not tried yet, of another upstream if there is one */
	UPSTREAM_BESIDE, /* one that was not tried yet, as if none had been tried */
};

uint32_t upstream_random(struct upstreams *u);
/* The place to go next, or -1. Those in `full` do not count. */
int upstream_choose(
        struct upstreams *u, const struct upstream_ask *ask, uint64_t full, enum upstream_whom whom);

/* --- upstream_twice.c --- */

void upstream_twice_init(struct upstreams *u);
/* From now on somebody looks whether the answer to the try under way, at this place, takes too long. */
void upstream_watch(struct upstreams *u, struct upstream_ask *ask, unsigned index, uint64_t now_ms);
/* Another try than the one under way may still be answered, and not only by a connection that does not open.
 */
bool upstream_has_hope(const struct upstream_ask *ask, uint64_t now_ms);
/* Opens a connection there when it is time, and one elsewhere if nothing comes of it. */
void upstream_warm(struct upstreams *u, unsigned index, uint32_t after_ms);

#endif
