/*
 * Asking twice: what becomes of questions that wait for longer than they should.
 *
 *    slow      the answer takes longer than nearly all: asked again, within the budget (hedge.h)
 *    silent    several wait on a connection, and nothing comes: all of them are asked again at once
 *    unopened  the connection takes too long to open (RFC 8305): all that wait for it are asked elsewhere as
 *              well, first where the addresses are of the other family, and so on until a connection opens
 *
 * Who is first wins. Nobody is blamed here: whether a place has failed its own time limits tell.
 *
 * Invariant: a question is watched by its newest try (upstream_ask.try) unless it was asked twice for being
 * slow, and an unopened connection with questions is looked at in time.
 */
#include "upstream/upstream_inside.h"

#include "base/clock.h"

enum { TWICE_AGAIN_MS = 20 /* when to look again at questions for whose hedge there was no budget */ };

static uint32_t
after_ms(const struct upstreams *u, unsigned index)
{
	return hedge_after_ms(place_slow_us(u->places[index]));
}

/* When a place may have to be given up for not opening a connection; 0: it has one. */
static uint64_t
stuck_at_ms(const struct upstreams *u, unsigned index)
{
	return (place_stuck_at_us(u->places[index]) + 999) / 1000;
}

static void
watch_until(struct upstreams *u, uint64_t until_ms)
{
	uint64_t now_ms = clock_now_ms();
	/* Pending is not active, and stopping it would lose what has come due. */
	if ((ev_is_active(&u->watch) || ev_is_pending(&u->watch)) && u->watch_ms <= until_ms)
		return;
	ev_timer_stop(u->loop, &u->watch);
	u->watch_ms = until_ms;
	ev_timer_set(&u->watch, until_ms > now_ms ? (double)(until_ms - now_ms) / 1000. : 0., 0.);
	ev_timer_start(u->loop, &u->watch);
}

void
upstream_watch(struct upstreams *u, struct upstream_ask *ask, unsigned index, uint64_t now_ms)
{
	uint64_t stuck_ms = stuck_at_ms(u, index);
	list_remove(&ask->watch);
	ask->cornered = false;
	if (!u->config->forward.hedge && stuck_ms == 0)
		return;
	list_append(&u->watched[index], &ask->watch);
	if (u->config->forward.hedge)
		watch_until(u, now_ms + after_ms(u, index));
	if (stuck_ms != 0)
		watch_until(u, stuck_ms);
}

bool
upstream_has_hope(const struct upstream_ask *ask, uint64_t now_ms)
{
	for (unsigned i = 0; i < UPSTREAM_TRIES; i++)
		if (upstream_is_under_way(&ask->tries[i]) && !place_stuck(ask->tries[i].at, now_ms * 1000))
			return true;
	return false;
}

/* --- Slow and silent --- */

/* It is asked twice already, and not only of a connection that does not open. */
static bool
is_asked_twice(const struct upstream_ask *ask, uint64_t now_ms)
{
	const struct place_ask *second = &ask->tries[!ask->try];
	return upstream_is_under_way(second) && !place_stuck(second->at, now_ms * 1000);
}

/* Where a second try goes: another place that is well, or another connection of the same one. */
static bool
try_again(struct upstreams *u, struct upstream_ask *ask, uint64_t now_ms, bool insist)
{
	const struct place_ask *first = &ask->tries[ask->try];
	struct place_ask *second = &ask->tries[!ask->try];
	struct place *place = first->at;
	place_withdraw(second);
	second->insist = insist;
	int next = upstream_choose(u, ask, 0, UPSTREAM_OTHER);
	if (next < 0 || !place_usable(u->places[next], now_ms))
		return place_put_beside(place, second, first->on.conn, now_ms) == 0;
	ask->tried |= 1ull << next;
	return place_put(u->places[next], second, now_ms) == 0;
}

/* The questions at a place that has just fallen silent: more than any budget, but only once. */
static void
resend_silent(struct upstreams *u, unsigned index, uint64_t now_ms)
{
	struct list silent;
	list_init(&silent);
	list_each_safe (at, after, &u->watched[index]) {
		struct upstream_ask *ask = list_entry(at, struct upstream_ask, watch);
		if (!place_is_unheard(&ask->tries[ask->try]))
			continue;
		list_remove(at);
		list_append(&silent, at);
	}
	while (!list_empty(&silent)) {
		struct upstream_ask *ask = list_first(&silent, struct upstream_ask, watch);
		list_remove(&ask->watch);
		if (upstream_is_under_way(&ask->tries[ask->try]) && !is_asked_twice(ask, now_ms) &&
		        try_again(u, ask, now_ms, true))
			stats_one(u->stats, STATS_upstream_resent);
	}
}

/* Asks once more what has waited for too long here; when there is something to look at again, or 0. */
static uint64_t
hedge_slow(struct upstreams *u, unsigned index, uint64_t now_ms)
{
	while (!list_empty(&u->watched[index])) {
		struct upstream_ask *ask = list_first(&u->watched[index], struct upstream_ask, watch);
		uint64_t due_ms = ask->tries[ask->try].on.asked_ms + after_ms(u, index);
		/* It waits for room or for a connection, and is not asked yet. */
		if (place_is_waiting(&ask->tries[ask->try]))
			due_ms = now_ms + HEDGE_LEAST_MS;
		if (due_ms > now_ms)
			return due_ms;
		if (is_asked_twice(ask, now_ms)) {
			list_remove(&ask->watch);
			continue;
		}
		if (!hedge_spend(&u->budget))
			return now_ms + TWICE_AGAIN_MS;
		list_remove(&ask->watch);
		ask->hedged = try_again(u, ask, now_ms, false);
		if (ask->hedged)
			stats_one(u->stats, STATS_upstream_hedged);
	}
	return 0;
}

/* --- Unopened --- */

static uint64_t
same_family(const struct upstreams *u, unsigned index)
{
	uint64_t same = 0;
	for (unsigned i = 0; i < u->place_count; i++)
		if (place_family(u->places[i]) == place_family(u->places[index]))
			same |= 1ull << i;
	return same;
}

static bool
is_well(const struct upstreams *u, int index, uint64_t now_us)
{
	return index >= 0 && place_usable(u->places[index], now_us / 1000) &&
	       !place_stuck(u->places[index], now_us);
}

/* Of the other family if one of those is well, for it may be the family that is dead. */
static int
other_way(struct upstreams *u, const struct upstream_ask *ask, unsigned index, uint64_t full, uint64_t now_us)
{
	int next = upstream_choose(u, ask, full | same_family(u, index), UPSTREAM_BESIDE);
	return is_well(u, next, now_us) ? next : upstream_choose(u, ask, full, UPSTREAM_BESIDE);
}

/* The try to give up for another: one that is nowhere; else the older, unless there is hope for it. */
static unsigned
spare(const struct upstream_ask *ask, uint64_t now_us)
{
	const struct place_ask *older = &ask->tries[!ask->try];
	bool hope = upstream_is_under_way(older) && !place_stuck(older->at, now_us);
	return hope ? ask->
	try:
		!ask->try;
}

/* With nobody well any two are tried together, but no try is given up. */
static bool
ask_elsewhere(struct upstreams *u, struct upstream_ask *ask, unsigned index, uint64_t now_us)
{
	unsigned at = spare(ask, now_us);
	struct place_ask *try = &ask->tries[at];
	uint64_t full = 0;
	for (;;) {
		int next = other_way(u, ask, index, full, now_us);
		bool well = is_well(u, next, now_us);
		if (next < 0 || (!well && upstream_is_under_way(try)))
			return false;
		place_withdraw(try);
		try->insist = well;
		full |= 1ull << next;
		if (place_put(u->places[next], try, now_us / 1000) < 0)
			continue;
		ask->try = at;
		ask->tried |= 1ull << next;
		ask->last = next;
		stats_one(u->stats, STATS_upstream_raced);
		upstream_watch(u, ask, (unsigned)next, now_us / 1000);
		return true;
	}
}

/* Takes what waits here for a connection elsewhere; when to look again, or 0. */
static uint64_t
race_unopened(struct upstreams *u, unsigned index, uint64_t now_us)
{
	struct list waiting;
	uint64_t at_us = place_stuck_at_us(u->places[index]);
	if (at_us == 0 || now_us < at_us)
		return stuck_at_ms(u, index);
	list_init(&waiting);
	list_each_safe (at, after, &u->watched[index]) {
		struct upstream_ask *ask = list_entry(at, struct upstream_ask, watch);
		if (ask->cornered || !place_is_waiting(&ask->tries[ask->try]))
			continue;
		list_remove(at);
		list_append(&waiting, at);
	}
	while (!list_empty(&waiting)) {
		struct upstream_ask *ask = list_first(&waiting, struct upstream_ask, watch);
		list_remove(&ask->watch);
		ask->cornered = !ask_elsewhere(u, ask, index, now_us);
		if (ask->cornered && upstream_is_under_way(&ask->tries[ask->try]))
			list_push(&u->watched[index], &ask->watch);
	}
	return 0;
}

/* --- Before the first question --- */

void
upstream_warm(struct upstreams *u, unsigned index, uint32_t after_ms)
{
	u->warming |= 1ull << index;
	place_prepare(u->places[index], after_ms);
	watch_until(u, clock_now_ms() + after_ms + u->config->forward.connect_patience_ms);
}

/* What is opened ahead is to be there when the first question comes, so nobody is waited for longer than a
 * question would. When to look again, or 0. */
static uint64_t
look_at_warming(struct upstreams *u, uint64_t now_us)
{
	struct upstream_ask nothing = {.last = -1, .broken = ~u->groups[0].places};
	uint64_t next_ms = 0, warming = u->warming;
	for (unsigned i = 0; i < u->place_count; i++) {
		uint64_t at_ms = stuck_at_ms(u, i);
		bool lost = !is_well(u, (int)i, now_us);
		if (!(warming >> i & 1))
			continue;
		if (!lost && at_ms != 0) {
			next_ms = next_ms == 0 || at_ms < next_ms ? at_ms : next_ms;
			continue;
		}
		u->warming &= ~(1ull << i);
		nothing.tried |= 1ull << i;
		int next = lost ? other_way(u, &nothing, i, u->warming, now_us) : -1;
		if (is_well(u, next, now_us) && place_stuck_at_us(u->places[next]) == 0)
			upstream_warm(u, (unsigned)next, 0);
	}
	return next_ms;
}

static void
sooner(uint64_t *next_ms, uint64_t due_ms)
{
	if (due_ms != 0 && (*next_ms == 0 || due_ms < *next_ms))
		*next_ms = due_ms;
}

static void
on_watch(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct upstreams *u = timer->data;
	uint64_t now_us = clock_now_us(), now_ms = now_us / 1000, next_ms = 0;
	(void)loop;
	(void)events;
	if (u->warming != 0)
		sooner(&next_ms, look_at_warming(u, now_us));
	for (unsigned i = 0; i < u->place_count; i++) {
		if (list_empty(&u->watched[i]))
			continue;
		sooner(&next_ms, race_unopened(u, i, now_us));
		if (!u->config->forward.hedge)
			continue;
		if (place_listen(u->places[i], now_ms, after_ms(u, i)))
			resend_silent(u, i, now_ms);
		sooner(&next_ms, hedge_slow(u, i, now_ms));
	}
	if (next_ms != 0)
		watch_until(u, next_ms);
}

void
upstream_twice_init(struct upstreams *u)
{
	ev_init(&u->watch, on_watch);
	/* After all that has come was read: an answer that is there is not overdue, however late we are. */
	ev_set_priority(&u->watch, EV_MINPRI);
	u->watch.data = u;
}
