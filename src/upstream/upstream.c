/*
 * The life of a question among the upstreams.
 *
 *    upstream_ask ─► advance ─► at a place ─► answered ─► done
 *                       ▲          │ lost, overdue, refused
 *                       └──────────┘          nobody left ─► done with a reason
 *
 * Attempts have one length, so those under way form a queue in the order of their ends, and one timer watches
 * its head. The last attempt has no limit of its own: it may take what time the asker has left.
 */
#include "upstream/upstream.h"

#include "base/clock.h"
#include "base/must.h"
#include "dns/hash.h"
#include "upstream/choose.h"
#include "upstream/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { UPSTREAM_RESENDS = 20 /* over connections that had worked; after that each counts as an attempt */ };

struct upstreams {
	struct ev_loop *loop;
	const struct config *config;
	struct place *places[UPSTREAM_PLACES];
	unsigned upstream_of[UPSTREAM_PLACES];
	unsigned place_count;
	struct probes *probes;
	struct list attempts; /* upstream_ask.timer */
	ev_timer timer;
	struct stats_slab *stats;
	upstream_done_fn *done;
	void *arg;
	uint32_t turn;
	uint64_t random;
};

static void advance(struct upstreams *u, struct upstream_ask *ask);

static uint32_t
next_random(struct upstreams *u)
{
	u->random ^= u->random << 13;
	u->random ^= u->random >> 7;
	u->random ^= u->random << 17;
	return (uint32_t)(u->random >> 32);
}

static struct upstream_ask *
ask_of(struct uconn_ask *on)
{
	struct place_ask *at = list_entry(on, struct place_ask, on);
	return list_entry(at, struct upstream_ask, place);
}

static int
index_of(const struct upstreams *u, const struct place *place)
{
	for (unsigned i = 0; i < u->place_count; i++)
		if (u->places[i] == place)
			return (int)i;
	return -1;
}

/* The refusal that was kept, as an answer: header and question without records. */
static size_t
refusal_message(const struct upstream_ask *ask, uint8_t *out)
{
	const struct wire_question *q = &ask->place.on.query->question;
	const uint16_t words[6] = {
	        0, (uint16_t)((ask->refusal.flags & ~WIRE_FLAG_RCODE) | (ask->refusal.rcode & 15)), 1};
	for (size_t i = 0; i < 6; i++) {
		out[i * 2] = (uint8_t)(words[i] >> 8);
		out[i * 2 + 1] = (uint8_t)words[i];
	}
	uint8_t *end = out + WIRE_HEADER_BYTES;
	memcpy(end, q->name, q->name_bytes);
	end += q->name_bytes;
	*end++ = (uint8_t)(q->type >> 8);
	*end++ = (uint8_t)q->type;
	*end++ = (uint8_t)(q->class >> 8);
	*end++ = (uint8_t)q->class;
	return (size_t)(end - out);
}

static void
refusal_keep(struct upstream_ask *ask, const struct wire_answer *answer)
{
	struct upstream_refusal *r = &ask->refusal;
	if (r->held)
		return;
	r->held = true;
	r->rcode = answer->rcode;
	r->flags = (uint16_t)(answer->msg[2] << 8 | answer->msg[3]);
	r->ede_bytes = answer->edns.ede_bytes;
	memcpy(r->ede, answer->edns.ede, answer->edns.ede_bytes);
}

/* What is known when no answer came. */
static void
reason(const struct upstreams *u, const struct upstream_ask *ask, struct upstream_result *result)
{
	*result = (struct upstream_result){.ede = EDNS_EDE_NO_REACHABLE_AUTHORITY, .upstream = ""};
	if (ask->last < 0) {
		snprintf(result->why, sizeof result->why, "no upstream left to ask");
		return;
	}
	const struct place *place = u->places[ask->last];
	const char *why = place_why(place);
	if (why[0] != '\0' && !place_unreachable(place))
		result->ede = EDNS_EDE_NETWORK_ERROR;
	snprintf(result->why, sizeof result->why, "%s %s: %s", place_upstream(place)->name, place_text(place),
	        why[0] != '\0' ? why : "no answer in time");
}

/* Done without an answer of substance: with the refusal that an upstream gave, or with a reason. */
static void
finish_empty(struct upstreams *u, struct upstream_ask *ask)
{
	struct upstream_result result;
	list_remove(&ask->timer);
	reason(u, ask, &result);
	if (!ask->refusal.held) {
		u->done(u->arg, ask, &result);
		return;
	}
	uint8_t msg[WIRE_HEADER_BYTES + NAME_BYTES + 4];
	struct wire_answer answer = {
	        .msg = msg, .bytes = refusal_message(ask, msg), .rcode = ask->refusal.rcode};
	answer.edns.ede_bytes = ask->refusal.ede_bytes;
	memcpy(answer.edns.ede, ask->refusal.ede, ask->refusal.ede_bytes);
	result.answer = &answer;
	u->done(u->arg, ask, &result);
}

/* The place to go next, or -1. Those in `full` do not count. */
static int
choose_next(struct upstreams *u, const struct upstream_ask *ask, uint64_t full, bool other_only)
{
	uint64_t now_us = clock_now_us(), now_ms = now_us / 1000;
	struct choose_place places[UPSTREAM_PLACES];
	for (unsigned i = 0; i < u->place_count; i++) {
		const struct health *health = place_health(u->places[i]);
		places[i] = (struct choose_place){
		        .key = (uint32_t)place_identity(u->places[i]),
		        .upstream = u->upstream_of[i],
		        .usable = place_usable(u->places[i], now_ms) && !place_stuck(u->places[i], now_us),
		        .backoff_until_ms = health_backoff_until_ms(health),
		        .latency_us = health_latency_us(health),
		        .load = place_load(u->places[i]),
		};
	}
	struct choose_question question = {
	        .tried = ask->tried,
	        .broken = ask->broken | full,
	        .refused = ask->refused,
	        .name_hash = ask->name_hash,
	        .turn = u->turn,
	        .random = next_random(u),
	};
	return choose(u->config->forward.policy, places, u->place_count, &question, other_only);
}

static void
timer_start(struct upstreams *u, uint64_t wait_ms)
{
	ev_timer_set(&u->timer, (double)wait_ms / 1000. + 0.001, 0.);
	ev_timer_start(u->loop, &u->timer);
}

/* The attempt begins; unless it is the last one it has a limit. */
static void
clock_attempt(struct upstreams *u, struct upstream_ask *ask, uint64_t now_ms)
{
	list_remove(&ask->timer);
	ask->attempt_ms = now_ms;
	if (ask->attempts >= u->config->forward.attempts)
		return;
	list_append(&u->attempts, &ask->timer);
	if (!ev_is_active(&u->timer))
		timer_start(u, u->config->forward.attempt_timeout_ms);
}

/*
 * While somebody is well, those whose back-off has ended are tried with questions of our own. With nobody
 * well, questions go there anyway, and are the trial.
 */
static void
probe_due(struct upstreams *u, uint64_t now_ms)
{
	bool due = false, well = false;
	for (unsigned i = 0; i < u->place_count; i++) {
		enum health_state state = health_state(place_health(u->places[i]), now_ms);
		due |= state == HEALTH_DUE;
		well |= state == HEALTH_WELL;
	}
	for (unsigned i = 0; due && well && i < u->place_count; i++)
		if (health_state(place_health(u->places[i]), now_ms) == HEALTH_DUE)
			probe_begin(u->probes, i, now_ms);
}

/* On to the next place, or done. */
static void
advance(struct upstreams *u, struct upstream_ask *ask)
{
	uint64_t now_ms = clock_now_ms(), full = 0;
	ask->place.insist = false;
	while (ask->attempts < u->config->forward.attempts) {
		/* An upstream that refused is only given up for another; the same place again makes no sense.
		 */
		int next = choose_next(u, ask, full, ask->refusal.held);
		if (next < 0 && full != 0) {
			full = 0;
			ask->place.insist = true;
			continue;
		}
		if (next < 0)
			break;
		int failed = place_put(u->places[next], &ask->place, now_ms);
		if (failed == -EAGAIN && !ask->place.insist) {
			full |= 1ull << next;
			continue;
		}
		ask->tried |= 1ull << next;
		ask->last = next;
		if (failed == 0) {
			ask->attempts++;
			clock_attempt(u, ask, now_ms);
			return;
		}
		ask->broken |= 1ull << next;
	}
	finish_empty(u, ask);
}

/* The attempt of this question has run out of time. */
static void
overdue(struct upstreams *u, struct upstream_ask *ask, uint64_t now_ms)
{
	if (ask->place.at == NULL || place_overdue(&ask->place, now_ms))
		return; /* lost() has taken care of it */
	if (choose_next(u, ask, 0, true) < 0) {
		clock_attempt(u, ask, now_ms); /* nobody else to ask: the answer may still come */
		return;
	}
	place_withdraw(&ask->place);
	advance(u, ask);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct upstreams *u = timer->data;
	uint64_t now_ms = clock_now_ms(), limit_ms = u->config->forward.attempt_timeout_ms;
	(void)loop;
	(void)events;
	while (!list_empty(&u->attempts)) {
		struct upstream_ask *ask = list_first(&u->attempts, struct upstream_ask, timer);
		if (ask->attempt_ms + limit_ms > now_ms) {
			ev_timer_stop(u->loop, &u->timer);
			timer_start(u, ask->attempt_ms + limit_ms - now_ms);
			return;
		}
		list_remove(&ask->timer);
		overdue(u, ask, now_ms);
	}
}

/* Somebody had an answer: those who refused one are at fault, and not the question. */
static void
contradict(struct upstreams *u, const struct upstream_ask *ask)
{
	for (unsigned i = 0; ask->refusing >> i != 0; i++)
		if (ask->refusing >> i & 1)
			place_contradicted(u->places[i], clock_now_ms());
}

static void
on_answered(void *arg, struct place *place, struct place_ask *at, const struct wire_answer *answer)
{
	struct upstreams *u = arg;
	if (probe_ended(u->probes, at))
		return;
	struct upstream_ask *ask = list_entry(at, struct upstream_ask, place);
	int index = index_of(u, place);
	if (answer == NULL) {
		ask->broken |= 1ull << index;
		advance(u, ask);
		return;
	}
	if (answer->rcode == WIRE_RCODE_SERVFAIL || answer->rcode == WIRE_RCODE_REFUSED) {
		refusal_keep(ask, answer);
		ask->refused |= 1ull << u->upstream_of[index];
		ask->refusing |= 1ull << index;
		if (choose_next(u, ask, 0, true) >= 0) {
			stats_one(u->stats, STATS_upstream_failed_over);
			advance(u, ask);
			return;
		}
	} else {
		contradict(u, ask);
	}
	list_remove(&ask->timer);
	struct upstream_result result = {.answer = answer, .upstream = place_upstream(place)->name};
	u->done(u->arg, ask, &result);
}

static void
on_lost(void *arg, struct place *place, enum place_loss loss, struct list *orphans)
{
	struct upstreams *u = arg;
	uint64_t bit = 1ull << index_of(u, place);
	while (!list_empty(orphans)) {
		struct uconn_ask *on = list_first(orphans, struct uconn_ask, link);
		struct upstream_ask *ask = ask_of(on);
		list_remove(&on->link);
		if (probe_ended(u->probes, &ask->place))
			continue;
		stats_one(u->stats, STATS_upstream_resent);
		if (loss == PLACE_RETRY && ask->resends++ < UPSTREAM_RESENDS) {
			ask->tried &= ~bit;
			ask->attempts--;
		} else if (loss == PLACE_BROKEN) {
			/* It was never asked, or never answered anybody: there may be enough of those to use
			 * up all attempts. Each place can break once. */
			ask->broken |= bit;
			ask->attempts--;
		}
		advance(u, ask);
	}
}

static const struct place_events place_events = {.answered = on_answered, .lost = on_lost};

static void
places_make(struct upstreams *u, struct stream_room *room, const struct tls_store *tls,
        struct health_table *health)
{
	for (size_t i = 0; i < u->config->upstream_count; i++) {
		const struct config_upstream *upstream = &u->config->upstreams[i];
		struct place_settings settings = {
		        .loop = u->loop,
		        .room = room,
		        .stats = u->stats,
		        .upstream = upstream,
		        .forward = &u->config->forward,
		        .profile = tls_store_profile(tls, i),
		        .health = health,
		        .events = &place_events,
		        .arg = u,
		};
		for (size_t j = 0; j < upstream->address_count; j++) {
			must(u->place_count < UPSTREAM_PLACES);
			u->upstream_of[u->place_count] = (unsigned)i;
			u->places[u->place_count++] = place_new(&settings, &upstream->addresses[j]);
		}
	}
}

struct upstreams *
upstreams_new(struct ev_loop *loop, struct stream_room *room, const struct config *config,
        const struct tls_store *tls, struct health_table *health, struct stats_slab *stats,
        upstream_done_fn *done, void *arg)
{
	struct upstreams *u = must_alloc(1, sizeof *u);
	u->loop = loop;
	u->config = config;
	u->stats = stats;
	u->done = done;
	u->arg = arg;
	list_init(&u->attempts);
	ev_init(&u->timer, on_timer);
	u->timer.data = u;
	if (getrandom(&u->random, sizeof u->random, 0) < 0 || u->random == 0)
		u->random = clock_now_ms() | 1;
	u->turn = (uint32_t)u->random;
	places_make(u, room, tls, health);
	u->probes = probes_new(loop, u->places, u->place_count, &config->forward);
	return u;
}

void
upstreams_free(struct upstreams *u)
{
	if (u == NULL)
		return;
	must(list_empty(&u->attempts));
	ev_timer_stop(u->loop, &u->timer);
	probes_free(u->probes);
	for (unsigned i = 0; i < u->place_count; i++)
		place_free(u->places[i]);
	free(u);
}

bool
upstreams_down(const struct upstreams *u)
{
	uint64_t now_ms = clock_now_ms();
	for (unsigned i = 0; i < u->place_count; i++)
		switch (health_state(place_health(u->places[i]), now_ms)) {
		case HEALTH_WELL:
		case HEALTH_DUE:
			return false;
		default:
			break;
		}
	return true;
}

void
upstream_ask(struct upstreams *u, struct upstream_ask *ask, const struct wire_query *query, uint64_t hash,
        uint32_t number)
{
	ask->place.at = NULL;
	ask->place.on.conn = NULL;
	ask->place.on.query = query;
	ask->place.on.hash = hash;
	ask->place.on.number = number;
	list_init(&ask->timer);
	list_init(&ask->place.link);
	list_init(&ask->place.on.link);
	ask->tried = ask->broken = ask->refused = ask->refusing = 0;
	ask->attempts = ask->resends = 0;
	ask->last = -1;
	ask->refusal.held = false;
	/* Without the secret seed: names keep their upstream over restarts, so that no upstream comes to see
	 * them all. */
	ask->name_hash = 0;
	if (u->config->forward.policy == CONFIG_HASHED)
		ask->name_hash =
		        (uint32_t)hash_name(query->question.name, query->question.name_bytes, 0, 0, 0);
	u->turn++;
	probe_due(u, clock_now_ms());
	advance(u, ask);
}

void
upstream_explain(const struct upstreams *u, const struct upstream_ask *ask, struct upstream_result *result)
{
	reason(u, ask, result);
}

void
upstream_withdraw(struct upstreams *u, struct upstream_ask *ask, struct upstream_result *result)
{
	place_withdraw(&ask->place);
	list_remove(&ask->timer);
	reason(u, ask, result);
}
