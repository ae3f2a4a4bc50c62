/*
 * The life of a question among the upstreams.
 *
 *    upstream_ask ─► advance ─► at a place ─► answered ─► done
 *                       ▲          │ lost, overdue, refused
 *                       └──────────┘          nobody left ─► done with a reason
 *
 * Each attempt is a try at a place. While it waits there, a second try may join it (upstream_twice.c), and
 * who answers first ends both; a try that fails while there is hope for the other is no loss.
 *
 * Attempts have one length, so those under way form a queue in the order of their ends, and one timer watches
 * its head. The last attempt has no limit of its own: it may take what time the asker has left.
 */
#include "upstream/upstream.h"

#include "base/clock.h"
#include "base/must.h"
#include "dns/hash.h"
#include "upstream/choose.h"
#include "upstream/nobody.h"
#include "upstream/upstream_inside.h"
#include "upstream/warm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	UPSTREAM_RESENDS = 20,   /* over connections that had worked; after that each counts as an attempt */
	UPSTREAM_WARM_FIRST = 4, /* places that get a connection at birth where several are first choice */
};

static void advance(struct upstreams *u, struct upstream_ask *ask);

uint32_t
upstream_random(struct upstreams *u)
{
	u->random ^= u->random << 13;
	u->random ^= u->random >> 7;
	u->random ^= u->random << 17;
	return (uint32_t)(u->random >> 32);
}

/* Another try of this question may still be answered. */
static bool
has_another(const struct upstream_ask *ask)
{
	return upstream_is_under_way(&ask->tries[0]) || upstream_is_under_way(&ask->tries[1]);
}

static void
withdraw_all(struct upstream_ask *ask)
{
	list_remove(&ask->watch);
	for (unsigned i = 0; i < UPSTREAM_TRIES; i++)
		place_withdraw(&ask->tries[i]);
}

static int
index_of(const struct upstreams *u, const struct place *place)
{
	for (unsigned i = 0; i < u->place_count; i++)
		if (u->places[i] == place)
			return (int)i;
	return -1;
}

/* What is known when no answer came. */
static void
reason(const struct upstreams *u, const struct upstream_ask *ask, struct upstream_result *result)
{
	*result = (struct upstream_result){.ede = EDNS_EDE_NO_REACHABLE_AUTHORITY, .upstream = ""};
	if (ask->last < 0) {
		nobody_text(
		        u->config, route_upstreams(u->routes, ask->group), result->why, sizeof result->why);
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
	list_remove(&ask->watch);
	reason(u, ask, &result);
	if (!ask->refusal.held) {
		u->done(u->arg, ask, &result);
		return;
	}
	uint8_t msg[REFUSAL_MESSAGE_BYTES];
	struct wire_answer answer = {.msg = msg,
	        .bytes = refusal_message(&ask->refusal, &ask->tries[0].on.query->question, msg),
	        .rcode = ask->refusal.rcode};
	answer.edns.ede_bytes = ask->refusal.ede_bytes;
	memcpy(answer.edns.ede, ask->refusal.ede, ask->refusal.ede_bytes);
	result.answer = &answer;
	u->done(u->arg, ask, &result);
}

/* The place of the group whose turn it is: counted in the group alone, so that each gets its share. */
static uint32_t
turn_of(const struct upstream_group *group)
{
	uint64_t places = group->places;
	if (places == 0)
		return 0; /* as long as no host's addresses are known */
	for (unsigned skip = group->turn % (unsigned)__builtin_popcountll(places); skip > 0; skip--)
		places &= places - 1;
	return (uint32_t)__builtin_ctzll(places);
}

int
upstream_choose(struct upstreams *u, const struct upstream_ask *ask, uint64_t full, enum upstream_whom whom)
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
	        .tried = whom == UPSTREAM_BESIDE ? 0 : ask->tried,
	        .broken = ask->broken | full | (whom == UPSTREAM_BESIDE ? ask->tried : 0),
	        .refused = ask->refused,
	        .name_hash = ask->name_hash,
	        .turn = turn_of(&u->groups[ask->group]),
	        .random = upstream_random(u),
	};
	return choose(u->config->forward.policy, places, u->place_count, &question, whom != UPSTREAM_ANY);
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
	list_remove(&ask->watch);
	if (upstream_is_under_way(&ask->tries[ask->try]))
		ask->try = !ask->try;
	struct place_ask *try = &ask->tries[ask->try];
	must(!upstream_is_under_way(try));
	try->insist = false;
	/* An upstream that refused is only given up for another; the same place again makes no sense. */
	bool other = ask->refusal.held || has_another(ask);
	enum upstream_whom whom = other ? UPSTREAM_OTHER : UPSTREAM_ANY;
	while (ask->attempts < u->config->forward.attempts) {
		int next = upstream_choose(u, ask, full, whom);
		if (next < 0 && full != 0) {
			full = 0;
			try->insist = true;
			continue;
		}
		if (next < 0)
			break;
		int failed = place_put(u->places[next], try, now_ms);
		if (failed == -EAGAIN && !try->insist) {
			full |= 1ull << next;
			continue;
		}
		ask->tried |= 1ull << next;
		ask->last = next;
		if (failed == 0) {
			ask->attempts++;
			clock_attempt(u, ask, now_ms);
			upstream_watch(u, ask, (unsigned)next, now_ms);
			return;
		}
		ask->broken |= 1ull << next;
	}
	if (!has_another(ask))
		finish_empty(u, ask);
}

/* A try has come to nothing. */
static void
try_elsewhere(struct upstreams *u, struct upstream_ask *ask)
{
	if (!upstream_has_hope(ask, clock_now_ms()))
		advance(u, ask);
}

/* The attempt of this question has run out of time. */
static void
overdue(struct upstreams *u, struct upstream_ask *ask, uint64_t now_ms)
{
	clock_attempt(u, ask, now_ms);
	for (unsigned i = 0; i < UPSTREAM_TRIES; i++)
		if (upstream_is_under_way(&ask->tries[i]) && place_overdue(&ask->tries[i], now_ms))
			return; /* lost() has taken care of it; the question may be gone */
	if (!has_another(ask) || upstream_choose(u, ask, 0, UPSTREAM_OTHER) < 0)
		return; /* nobody else to ask: the answer may still come */
	/* The older try gives way, if there are two; the answer to the other still counts. */
	if (upstream_is_under_way(&ask->tries[0]) && upstream_is_under_way(&ask->tries[1]))
		place_withdraw(&ask->tries[ask->tries[1].since_ms < ask->tries[0].since_ms]);
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
	struct upstream_ask *ask = at->asker;
	int index = index_of(u, place);
	if (at == &ask->tries[ask->try])
		list_remove(&ask->watch);
	if (answer == NULL) {
		ask->broken |= 1ull << index;
		try_elsewhere(u, ask);
		return;
	}
	if (answer->rcode == WIRE_RCODE_SERVFAIL || answer->rcode == WIRE_RCODE_REFUSED) {
		refusal_keep(&ask->refusal, answer);
		ask->refused |= 1ull << u->upstream_of[index];
		ask->refusing |= 1ull << index;
		if (upstream_has_hope(ask, clock_now_ms()))
			return;
		if (upstream_choose(u, ask, 0, UPSTREAM_OTHER) >= 0) {
			stats_one(u->stats, STATS_upstream_failed_over);
			advance(u, ask);
			return;
		}
		if (has_another(ask))
			return;
	} else {
		contradict(u, ask);
	}
	if (ask->hedged && at != &ask->tries[ask->try])
		stats_one(u->stats, STATS_upstream_hedge_won);
	withdraw_all(ask);
	list_remove(&ask->timer);
	struct upstream_result result = {
	        .answer = answer, .upstream = place_upstream(place)->name, .address = place_address(place)};
	u->done(u->arg, ask, &result);
}

static void
on_lost(void *arg, struct place *place, enum place_loss loss, struct list *orphans)
{
	struct upstreams *u = arg;
	uint64_t bit = 1ull << index_of(u, place), now_ms = clock_now_ms();
	while (!list_empty(orphans)) {
		struct uconn_ask *on = list_first(orphans, struct uconn_ask, link);
		struct place_ask *try = list_entry(on, struct place_ask, on);
		struct upstream_ask *ask = try->asker;
		list_remove(&on->link);
		if (probe_ended(u->probes, try))
			continue;
		if (try == &ask->tries[ask->try])
			list_remove(&ask->watch);
		/* Whose first question on a connection has been hung up on may be asked once more. */
		if (loss == PLACE_BROKEN || (loss == PLACE_HUNG_UP && (ask->hung_up & bit) != 0))
			ask->broken |= bit;
		if (loss == PLACE_HUNG_UP)
			ask->hung_up |= bit;
		if (upstream_has_hope(ask, now_ms))
			continue;
		stats_one(u->stats, STATS_upstream_resent);
		if (loss == PLACE_RETRY && ask->resends++ < UPSTREAM_RESENDS) {
			ask->tried &= ~bit;
			ask->attempts--;
		} else if (loss == PLACE_BROKEN || loss == PLACE_HUNG_UP) {
			/* It was never asked, or never answered anybody: there may be enough of those to use
			 * up all attempts. Each place can break once. */
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
			list_init(&u->watched[u->place_count]);
			u->upstream_of[u->place_count] = (unsigned)i;
			u->places[u->place_count++] = place_new(&settings, &upstream->addresses[j]);
		}
	}
}

static void
groups_make(struct upstreams *u)
{
	u->routes = route_new(u->config);
	u->groups = must_alloc(route_group_count(u->routes), sizeof *u->groups);
	for (unsigned g = 0; g < route_group_count(u->routes); g++) {
		uint64_t upstreams = route_upstreams(u->routes, g);
		u->groups[g].turn = upstream_random(u);
		for (unsigned i = 0; i < u->place_count; i++)
			if (upstreams & (1ull << u->upstream_of[i]))
				u->groups[g].places |= 1ull << i;
	}
}

static unsigned
group_of(const struct upstreams *u, const struct wire_query *query)
{
	return route_find_in(u->routes, query->view, query->question.name, query->question.name_bytes);
}

/* The place of the first question gets its connection now; where any may be the first, several do, of those
 * that are well as far as is known. */
static void
warm_first(struct upstreams *u)
{
	enum config_policy policy = u->config->forward.policy;
	bool any = policy == CONFIG_ROUND_ROBIN || policy == CONFIG_HASHED;
	struct upstream_ask nothing = {.last = -1, .broken = ~u->groups[0].places};
	int first = upstream_choose(u, &nothing, 0, UPSTREAM_ANY);
	if (!any && first >= 0)
		upstream_warm(u, (unsigned)first, warm_first_ms(0, upstream_random(u)));
	unsigned count = 0;
	for (unsigned i = 0; any && i < u->place_count && count < UPSTREAM_WARM_FIRST; i++)
		if (u->groups[0].places & (1ull << i) && place_usable(u->places[i], clock_now_ms()))
			upstream_warm(u, i, warm_first_ms(count++, upstream_random(u)));
}

void
upstreams_stay_cold(struct upstreams *u)
{
	u->warming = 0;
	for (unsigned i = 0; i < u->place_count; i++)
		place_stay_cold(u->places[i]);
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
	/* After all that has come was read: an answer that is there is not overdue, however late we are. */
	ev_set_priority(&u->timer, EV_MINPRI);
	upstream_twice_init(u);
	if (getrandom(&u->random, sizeof u->random, 0) < 0 || u->random == 0)
		u->random = clock_now_ms() | 1;
	places_make(u, room, tls, health);
	groups_make(u);
	u->probes = probes_new(loop, u->places, u->place_count, &config->forward);
	warm_first(u);
	return u;
}

void
upstreams_free(struct upstreams *u)
{
	if (u == NULL)
		return;
	must(list_empty(&u->attempts));
	ev_timer_stop(u->loop, &u->timer);
	ev_timer_stop(u->loop, &u->watch);
	probes_free(u->probes);
	for (unsigned i = 0; i < u->place_count; i++)
		place_free(u->places[i]);
	route_free(u->routes);
	free(u->groups);
	free(u);
}

/* All connections are gone before the first question is asked again, or it would be asked on one of them. */
/* Nothing has come of it anywhere yet. Whatever happens, nobody outside of the group hears of this name. */
static void
forget_tries(const struct upstreams *u, struct upstream_ask *ask)
{
	ask->tried = ask->hung_up = 0;
	ask->broken = ~u->groups[ask->group].places;
	ask->attempts = 0;
	ask->hedged = false;
}

void
upstreams_reconnect(struct upstreams *u)
{
	struct list orphans, anew;
	list_init(&orphans);
	list_init(&anew);
	for (unsigned i = 0; i < u->place_count; i++)
		place_forget(u->places[i], &orphans);
	/* All tries are let go of before the first question takes one up again: it may have had two. */
	while (!list_empty(&orphans)) {
		struct uconn_ask *on = list_first(&orphans, struct uconn_ask, link);
		struct place_ask *try = list_entry(on, struct place_ask, on);
		struct upstream_ask *ask = try->asker;
		list_remove(&on->link);
		if (probe_ended(u->probes, try))
			continue;
		list_remove(&ask->watch);
		list_append(&anew, &ask->watch);
	}
	while (!list_empty(&anew)) {
		struct upstream_ask *ask = list_first(&anew, struct upstream_ask, watch);
		list_remove(&ask->watch);
		stats_one(u->stats, STATS_upstream_resent);
		forget_tries(u, ask);
		advance(u, ask);
	}
}

bool
upstreams_down(const struct upstreams *u, const struct wire_query *query)
{
	uint64_t now_ms = clock_now_ms(), places = u->groups[group_of(u, query)].places;
	for (unsigned i = 0; i < u->place_count; i++) {
		enum health_state state = health_state(place_health(u->places[i]), now_ms);
		if (places & (1ull << i) && (state == HEALTH_WELL || state == HEALTH_DUE))
			return false;
	}
	return true;
}

void
upstream_ask(struct upstreams *u, struct upstream_ask *ask, const struct wire_query *query, uint64_t hash,
        uint32_t number)
{
	for (unsigned i = 0; i < UPSTREAM_TRIES; i++) {
		struct place_ask *try = &ask->tries[i];
		*try = (struct place_ask){
		        .asker = ask, .on.query = query, .on.hash = hash, .on.number = number};
		list_init(&try->link);
		list_init(&try->on.link);
	}
	list_init(&ask->timer);
	list_init(&ask->watch);
	ask->try = 0;
	hedge_earn(&u->budget);
	ask->group = group_of(u, query);
	forget_tries(u, ask);
	ask->refused = ask->refusing = 0;
	ask->resends = 0;
	ask->last = -1;
	ask->refusal.held = false;
	/* Without the secret seed: names keep their upstream over restarts, so that no upstream comes to see
	 * them all. */
	ask->name_hash = 0;
	if (u->config->forward.policy == CONFIG_HASHED)
		ask->name_hash =
		        (uint32_t)hash_name(query->question.name, query->question.name_bytes, 0, 0, 0);
	u->groups[ask->group].turn++;
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
	withdraw_all(ask);
	list_remove(&ask->timer);
	reason(u, ask, result);
}
