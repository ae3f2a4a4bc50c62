/*
 * Who asked, and since when. What is asked upstream for them is fetch.c's business, what the cache has for
 * them recall.c's, and how the answer leaves reply.c's.
 *
 *    query_begin ─► settled, or found in the cache ─────────────────────────────────────► reply
 *              └─► flying ─► fetched ───────────────────────────────────────────────────┘
 *                      └──► waits for too long and there is a stale answer, or time is up ┘
 *
 * Questions live in a pool of fixed size. All have the same time to live, so those in flight form a queue in
 * the order of their deadlines, and one timer watches its head. Those with a stale answer to fall back on are
 * in another such queue as well; what they fall back on is looked for when the time comes.
 *
 * The pool lies in shared memory, so that a successor finds what a dead worker had taken in. For it only
 * `life`, `wire`, `from` and the times mean anything; links and everything else that points into the dead
 * process is made anew.
 *
 * Invariants: a query is in exactly one of the lists `free` and `flying`. `life` says FLYING from when wire
 * and from are complete until the answer is in the door's hands, so that at no instant a question is nowhere.
 */
#include "query/query.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/lastwords.h"
#include "base/must.h"
#include "config/list.h"
#include "dns/hash.h"
#include "query/fetch.h"
#include "query/groups.h"
#include "query/inside.h"
#include "query/judge.h"
#include "query/meter.h"
#include "query/proof.h"
#include "query/recall.h"
#include "query/remains.h"
#include "query/reply.h"
#include "query/shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUERY_LIVES = 10 /* a question is taken up by so many successors at most */ };

/* What only this process knows of the query with the same index. */
struct flight {
	struct list link;     /* in `free` or `flying` */
	struct list fallback; /* in `falling_back`, or in none */
	struct fetch_wait wait;
	struct query *query;
	struct share *share; /* of its client's network in what is under way */
};

/* In shared memory, the pool behind it; the last of its objects is the spare. */
struct query_memory {
	uint32_t touched; /* objects that have ever been used: a large pool costs address space only */
	_Alignas(64) struct query pool[];
};

struct queries {
	struct queries_setup set;
	struct ev_loop *loop;
	const struct config *config;
	struct fetches *fetches;
	struct recall *recall;
	struct judge *judge;
	struct groups *groups;
	struct meter *meter;
	struct shares *shares;
	struct proof proof;
	struct stats_slab *stats;
	struct replies replies;
	struct teller teller;
	struct query_memory *memory;
	struct flight *flights;
	struct query *spare; /* to take a message apart when the pool is empty */
	struct list free, flying, falling_back;
	int hit_rows[CONFIG_LISTS_MOST]; /* by list of names */
	unsigned in_flight;
	uint32_t number;
	ev_timer deadline, patience; /* of the heads of `flying` and `falling_back` */
};

static struct flight *
flight_of(const struct queries *qs, const struct query *q)
{
	return &qs->flights[q - qs->memory->pool];
}

/* Names and clients are in the log only where the administrator wants them there. */
static void
log_begun(const struct queries *qs, const struct query *q, size_t bytes)
{
	if (!log_wants(LOG_LEVEL_DEBUG) || q->unlogged)
		return;
	bool named = qs->config->log.queries;
	char peer[ADDR_TEXT_BYTES], name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES];
	log_write(LOG_LEVEL_DEBUG, "q=%u asked protocol=%s bytes=%zu type=%s%s%s%s%s", q->number,
	        stats_protocol_words[query_protocol(&q->from)], bytes,
	        wire_type_text(q->wire.question.type, type), named ? " client=" : "",
	        named ? addr_text(&q->from.peer, peer) : "", named ? " name=" : "",
	        named ? name_text(q->wire.question.name, q->wire.question.name_bytes, name) : "");
}

static void
give_back(struct queries *qs, struct query *q)
{
	atomic_store_explicit(&q->life, QUERY_FREE, memory_order_release);
	struct flight *flight = flight_of(qs, q);
	list_remove(&flight->fallback);
	list_remove(&flight->link);
	list_push(&qs->free, &flight->link); /* the next one finds it warm */
	shares_give(qs->shares, flight->share);
	qs->in_flight--;
}

/* Upstream had its chance. True: there was an answer to fall back on, and the client has it. */
static bool
fall_back(struct queries *qs, const struct query *q)
{
	struct recalled recalled;
	if (!recall_last_resort(qs->recall, &q->wire, q->hash, clock_boot_ms(), &recalled))
		return false;
	if (recalled.stale)
		recall_rest(qs->recall, &q->wire, q->hash, clock_boot_ms(), &recalled);
	reply_recalled(&qs->replies, q, &recalled);
	return true;
}

/* RFC 8767 section 4: other rcodes do not say that the data has changed. */
static bool
is_failure(const struct upstream_result *result)
{
	return result->answer == NULL ||
	       (result->answer->rcode != WIRE_RCODE_NOERROR && result->answer->rcode != WIRE_RCODE_NXDOMAIN);
}

static void
answer(struct queries *qs, const struct query *q, const struct upstream_result *result)
{
	if (is_failure(result) && fall_back(qs, q))
		return;
	reply_answer(&qs->replies, q, result);
}

static void
on_ended(void *arg, struct fetch_end *end)
{
	struct queries *qs = arg;
	recall_keep(qs->recall, end, clock_boot_ms());
}

static void
on_done(void *arg, struct fetch_wait *wait, const struct upstream_result *result)
{
	struct queries *qs = arg;
	struct query *q = list_entry(wait, struct flight, wait)->query;
	answer(qs, q, result);
	give_back(qs, q);
}

static const struct fetch_events fetch_events = {.ended = on_ended, .done = on_done};

static void
timer_start(const struct queries *qs, ev_timer *timer, uint64_t wait_ms)
{
	ev_timer_stop(qs->loop, timer); /* libev ignores what is set while it runs */
	ev_timer_set(timer, (double)wait_ms / 1000. + 0.001, 0.);
	ev_timer_start(qs->loop, timer);
}

/* What is left of `limit_ms`: a question of a predecessor's has used up some of its time already. */
static uint64_t
time_left(const struct query *q, uint64_t limit_ms)
{
	uint64_t age_ms = clock_now_ms() - q->begun_ms;
	return age_ms < limit_ms ? limit_ms - age_ms : 0;
}

/* It waits no longer, and gets what there is. */
static void
give_up(struct queries *qs, struct query *q)
{
	struct upstream_result result;
	lastwords_take_hand(q->hash);
	fetch_leave(qs->fetches, &flight_of(qs, q)->wait, &result);
	answer(qs, q, &result);
	give_back(qs, q);
	lastwords_drop_hand();
}

static void
on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct queries *qs = timer->data;
	(void)loop;
	(void)events;
	while (!list_empty(&qs->flying)) {
		struct query *q = list_first(&qs->flying, struct flight, link)->query;
		uint64_t left_ms = time_left(q, qs->config->forward.timeout_ms);
		if (left_ms > 0) {
			timer_start(qs, timer, left_ms);
			return;
		}
		give_up(qs, q);
	}
}

/* The answer to fall back on may have gone meanwhile; then the question waits on. */
static void
out_of_patience(struct queries *qs, struct query *q)
{
	struct recalled recalled;
	list_remove(&flight_of(qs, q)->fallback);
	if (recall_last_resort(qs->recall, &q->wire, q->hash, clock_boot_ms(), &recalled))
		give_up(qs, q);
}

static void
on_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct queries *qs = timer->data;
	(void)loop;
	(void)events;
	while (!list_empty(&qs->falling_back)) {
		struct query *q = list_first(&qs->falling_back, struct flight, fallback)->query;
		uint64_t left_ms = time_left(q, qs->config->cache.stale_wait_ms);
		if (left_ms > 0) {
			timer_start(qs, timer, left_ms);
			return;
		}
		out_of_patience(qs, q);
	}
}

/* Is it one too many of its client's? Then the client has been told, or is left without an answer. */
static bool
is_excess(struct queries *qs, const struct query *q, const struct config_rate *rate)
{
	return rate->per_second > 0 &&
	       reply_metered(&qs->replies, q,
	               meter_question(qs->meter, rate, &q->from.peer, query_is_proven(q), clock_now_us()));
}

/* From now on the question is for the name that an alias of ours leads to. */
static void
follow_alias(const struct queries *qs, struct query *q, const struct judgement *judgement)
{
	struct wire_question *question = &q->wire.question;
	memcpy(q->alias, question->name, question->name_bytes);
	q->alias_bytes = question->name_bytes;
	memcpy(question->name, judgement->alias, judgement->alias_bytes);
	question->name_bytes = (uint16_t)judgement->alias_bytes;
	q->hash = hash_name(
	        question->name, question->name_bytes, question->type, question->class, qs->set.seed);
}

/* Answers everything that is not a question for an upstream. True when that was it. */
static bool
settle(struct queries *qs, struct query *q, enum wire_verdict verdict, const struct group *group)
{
	struct judgement judgement;
	judge_question(qs->judge,
	        &(struct judge_case){.client = &q->from.peer,
	                .verdict = verdict,
	                .query = &q->wire,
	                .group = group,
	                .stream = q->from.stream},
	        &judgement);
	/* What is answered here counts as well, but who may not ask has nothing to use up. */
	if (judgement.action != JUDGE_SILENCE && judgement.by != JUDGE_BY_ACCESS && q->alias_bytes == 0 &&
	        is_excess(qs, q, groups_rate(qs->config, group)))
		return true;
	if (judgement.counter != STATS_COUNT)
		stats_one(qs->stats, judgement.counter);
	if (judgement.list >= 0)
		hits_one(qs->set.hits, qs->hit_rows[judgement.list], qs->set.slot);
	if (judgement.alias_bytes > 0) {
		follow_alias(qs, q, &judgement);
		return settle(qs, q, verdict, group); /* not ours, so this comes once */
	}
	return reply_judged(&qs->replies, q, &judgement);
}

/* The query with this index is used for the first time in this life. */
static void
flight_begin(struct queries *qs, struct query *q)
{
	struct flight *flight = flight_of(qs, q);
	flight->query = q;
	list_init(&flight->fallback);
	list_append(&qs->free, &flight->link);
}

/* An object to use, or the spare one when all are in use. */
static struct query *
take(struct queries *qs)
{
	if (!list_empty(&qs->free))
		return list_first(&qs->free, struct flight, link)->query;
	if (qs->memory->touched == qs->config->limits.queries_in_flight)
		return qs->spare;
	struct query *q = &qs->memory->pool[qs->memory->touched];
	atomic_store_explicit(&q->life, QUERY_FREE, memory_order_release);
	qs->memory->touched++;
	flight_begin(qs, q);
	return q;
}

static uint64_t
network_of(const struct queries *qs, const struct query *q)
{
	return meter_network(&qs->config->limits.rate, &q->from.peer, qs->set.seed);
}

/* From now on a successor would take it up. */
static void
take_off(struct queries *qs, struct query *q, uint64_t network)
{
	atomic_store_explicit(&q->life, QUERY_FLYING, memory_order_release);
	struct flight *flight = flight_of(qs, q);
	list_remove(&flight->link);
	list_append(&qs->flying, &flight->link);
	flight->share = shares_take(qs->shares, network);
	qs->in_flight++;
	if (!ev_is_active(&qs->deadline))
		timer_start(qs, &qs->deadline, time_left(q, qs->config->forward.timeout_ms));
}

/* May be over when this returns. */
static void
fetch(struct queries *qs, struct query *q, bool can_fall_back)
{
	struct flight *flight = flight_of(qs, q);
	if (can_fall_back) {
		list_append(&qs->falling_back, &flight->fallback);
		if (!ev_is_active(&qs->patience))
			timer_start(qs, &qs->patience, time_left(q, qs->config->cache.stale_wait_ms));
	}
	fetch_ask(qs->fetches, &flight->wait, &q->wire, q->hash, q->number);
}

/* Gives what the cache had, then asks upstream without the client. */
static void
reply_and_renew(struct queries *qs, const struct query *q, const struct recalled *recalled)
{
	/* Once the answer has left, what answered it is gone, and the question may be another one. */
	struct wire_query wire = q->wire;
	uint64_t hash = q->hash;
	uint32_t number = q->number;
	bool unasked = !recalled->stale;
	reply_recalled(&qs->replies, q, recalled);
	fetch_begin(qs->fetches, &wire, hash, number, unasked);
}

/* Answers from the cache. False: that is not to be, or not yet; then *can_fall_back says whether it can be.
 */
static bool
recall(struct queries *qs, const struct query *q, bool *can_fall_back)
{
	struct recalled recalled;
	enum recall_verdict verdict = recall_find(qs->recall, &q->wire, q->hash, clock_boot_ms(), &recalled);
	*can_fall_back = verdict == RECALL_FALLBACK;
	if (verdict == RECALL_NONE)
		return false;
	if (verdict == RECALL_FALLBACK && q != qs->spare) {
		/* Nothing better can be hoped for in time, but upstream is asked all the same. */
		if (qs->config->cache.stale_wait_ms > 0 && !fetches_hopeless(qs->fetches, &q->wire))
			return false;
		recall_rest(qs->recall, &q->wire, q->hash, clock_boot_ms(), &recalled);
		recalled.renew = true;
	}
	if (recalled.renew)
		reply_and_renew(qs, q, &recalled);
	else
		reply_recalled(&qs->replies, q, &recalled);
	return true;
}

/* A question that has killed workers is answered without being looked at. */
static bool
is_poison(struct queries *qs, struct query *q, const uint8_t *msg, size_t bytes)
{
	if (!quarantine_holds(qs->set.quarantine, q->hash, q->begun_ms))
		return false;
	stats_one(qs->stats, STATS_quarantined);
	if (wire_query_peek(msg, bytes, &q->wire))
		reply_refuse(&qs->replies, q, WIRE_RCODE_SERVFAIL, EDNS_EDE_OTHER,
		        "this question crashed the server; not asked for ten minutes", TALE_POISON);
	else
		reply_silence(&qs->replies, q, TALE_POISON, NULL);
	return true;
}

/* There is no room for it, or none for one more of its network's. */
static void
turn_away(struct queries *qs, const struct query *q, bool full, bool can_fall_back)
{
	if (can_fall_back && fall_back(qs, q))
		return;
	stats_one(qs->stats, full ? STATS_refused_overload : STATS_fair_refused);
	reply_refuse(&qs->replies, q, WIRE_RCODE_REFUSED, EDNS_EDE_NETWORK_ERROR,
	        full ? "overloaded" : "overloaded, and your network has its share", TALE_LIMIT);
}

static void
begin(struct queries *qs, struct query *q, const uint8_t *msg, size_t bytes)
{
	const struct group *group = groups_find(qs->groups, &q->from.peer, NULL);
	q->unlogged = groups_hides(group);
	q->wire.question.name_bytes = 0; /* of the one before, whatever comes now */
	teller_asked(&qs->teller, q);
	proof_none(q);
	if (group != NULL)
		stats_one(qs->stats, STATS_grouped);
	if (is_poison(qs, q, msg, bytes))
		return;
	enum wire_verdict verdict = wire_query_parse(msg, bytes, &q->wire);
	q->wire.view = groups_view(group);
	if (verdict != WIRE_SILENCE) {
		log_begun(qs, q, bytes);
		fault_pass("begin", q->wire.question.name, q->wire.question.name_bytes);
		if (q->wire.edns.cookie_bytes > 0)
			proof_look(&qs->proof, q, clock_wall_ms() / 1000);
	}
	bool can_fall_back = false;
	if (settle(qs, q, verdict, group) || recall(qs, q, &can_fall_back))
		return;
	bool full = q == qs->spare;
	uint64_t network = network_of(qs, q);
	if (full || !shares_allow(qs->shares, network)) {
		turn_away(qs, q, full, can_fall_back);
		return;
	}
	take_off(qs, q, network);
	fetch(qs, q, can_fall_back);
}

static void
count_apart(struct stats_slab *stats, const struct query_from *from)
{
	stats_asked(stats, query_protocol(from),
	        from->peer.any.sa_family == AF_INET6 ? STATS_BY_IPV6 : STATS_BY_IPV4);
}

void
query_begin(
        struct queries *qs, const uint8_t *msg, size_t bytes, uint64_t hash, const struct query_from *from)
{
	struct query *q = take(qs);
	q->from = *from;
	q->begun_us = clock_now_us();
	q->begun_ms = q->begun_us / 1000;
	q->number = ++qs->number;
	q->lives = 0;
	q->alias_bytes = 0;
	q->hash = hash;
	stats_one(qs->stats, STATS_queries);
	stats_one(qs->stats, from->tls      ? STATS_queries_tls
	                     : from->stream ? STATS_queries_tcp
	                                    : STATS_queries_udp);
	count_apart(qs->stats, from);
	lastwords_take_hand(hash);
	teller_take_in(&qs->teller, q, msg, bytes);
	begin(qs, q, msg, bytes);
	teller_taken_in(&qs->teller);
	lastwords_drop_hand();
}

uint64_t
query_hash(const struct queries *qs, const uint8_t *msg, size_t bytes)
{
	return hash_question(msg, bytes, qs->set.seed);
}

void
query_expect(const struct queries *qs, const uint64_t *hashes, unsigned count)
{
	if (qs->set.cache == NULL)
		return;
	for (unsigned hint = CACHE_HINT_INDEX; hint <= CACHE_HINT_ENTRY; hint++)
		for (unsigned i = 0; i < count; i++)
			cache_hint(qs->set.cache, hashes[i], (enum cache_hint)hint);
}

void
query_begin_again(
        struct queries *qs, const uint8_t *msg, size_t bytes, const struct query_from *from, uint64_t skip)
{
	uint64_t hash = hash_question(msg, bytes, qs->set.seed);
	if (hash == skip)
		return;
	stats_one(qs->stats, STATS_replayed);
	query_begin(qs, msg, bytes, hash, from);
}

size_t
queries_footprint(const struct config *config)
{
	return sizeof(struct query_memory) + (config->limits.queries_in_flight + 1) * sizeof(struct query);
}

static void
find_hit_rows(struct queries *qs)
{
	for (size_t i = 0; i < config_lists_count(qs->config); i++)
		qs->hit_rows[i] = qs->set.hits != NULL
		                          ? hits_row(qs->set.hits, config_lists_at(qs->config, i)->name)
		                          : HITS_NONE;
}

struct queries *
queries_new(const struct queries_setup *setup)
{
	struct queries *qs = must_alloc(1, sizeof *qs);
	qs->set = *setup;
	qs->loop = setup->loop;
	qs->config = setup->config;
	qs->stats = setup->stats;
	list_init(&qs->free);
	list_init(&qs->flying);
	list_init(&qs->falling_back);
	qs->memory = setup->memory;
	qs->flights = must_alloc(qs->config->limits.queries_in_flight, sizeof *qs->flights);
	qs->spare = &qs->memory->pool[qs->config->limits.queries_in_flight];
	ev_init(&qs->deadline, on_deadline);
	ev_init(&qs->patience, on_patience);
	qs->deadline.data = qs->patience.data = qs;
	qs->judge = judge_new(qs->config);
	qs->groups = groups_new(qs->config);
	find_hit_rows(qs);
	qs->proof = (struct proof){.config = qs->config, .cookies = setup->cookies, .stats = qs->stats};
	qs->recall = recall_new(setup->cache, qs->config, qs->stats);
	qs->meter = meter_new(qs->config, setup->limits, qs->stats, setup->seed);
	qs->shares = shares_new(qs->config->limits.queries_in_flight);
	qs->replies = (struct replies){
	        .config = qs->config, .stats = qs->stats, .recall = qs->recall, .meter = qs->meter};
	qs->replies.alias = alias_new(qs->config->names.table);
	qs->replies.screen = screen_new(qs->config);
	qs->replies.teller = &qs->teller;
	qs->fetches = fetches_new(
	        qs->loop, setup->room, qs->config, setup->tls, setup->health, qs->stats, &fetch_events, qs);
	return qs;
}

void
queries_set_lists(struct queries *qs, const struct lists *lists)
{
	judge_set_lists(qs->judge, lists);
}

void
queries_set_udp_door(struct queries *qs, uint32_t listen, const struct query_door *door)
{
	must(listen < REPLY_DOORS);
	qs->replies.udp_doors[listen] = door;
}

void
queries_set_stream_door(struct queries *qs, const struct query_door *door)
{
	qs->replies.stream_door = door;
}

void
queries_add_hearer(struct queries *qs, const struct tale_hearer *hearer)
{
	teller_add(&qs->teller, hearer);
}

static int
by_age(const void *a, const void *b)
{
	const struct query *const *left = a, *const *right = b;
	return ((*left)->begun_ms > (*right)->begun_ms) - ((*left)->begun_ms < (*right)->begun_ms);
}

/* Is this one to be asked again? What lies here was written by a process that died at any instant: nothing in
 * it is believed but for its bounds. */
static bool
is_replayable(const struct queries *qs, const struct query *q, uint64_t skip, uint64_t now_ms)
{
	if (atomic_load_explicit(&q->life, memory_order_acquire) != QUERY_FLYING || q->from.stream)
		return false;
	if (q->from.listen >= REPLY_DOORS || qs->replies.udp_doors[q->from.listen] == NULL ||
	        !remains_are_sound(q, qs->replies.alias != NULL))
		return false;
	return q->hash != skip && !quarantine_holds(qs->set.quarantine, q->hash, now_ms) &&
	       q->lives < QUERY_LIVES && q->begun_ms <= now_ms &&
	       now_ms - q->begun_ms < qs->config->forward.timeout_ms;
}

/* Meanwhile the cache may have got the answer. */
static void
resume(struct queries *qs, struct query *q)
{
	bool can_fall_back;
	q->lives++;
	q->begun_us = q->begun_ms * 1000;
	const struct group *group = groups_find(qs->groups, &q->from.peer, NULL);
	q->unlogged = groups_hides(group); /* what the predecessor wrote is not believed */
	q->wire.view = groups_view(group);
	lastwords_take_hand(q->hash);
	if (recall(qs, q, &can_fall_back))
		give_back(qs, q);
	else
		fetch(qs, q, can_fall_back);
	lastwords_drop_hand();
}

unsigned
queries_recover(struct queries *qs, uint64_t skip)
{
	uint64_t now_ms = clock_now_ms();
	unsigned count = 0, touched = qs->memory->touched;
	if (touched > qs->config->limits.queries_in_flight)
		touched = qs->memory->touched = qs->config->limits.queries_in_flight;
	struct query **again = must_alloc(touched, sizeof(struct query *));
	for (unsigned i = 0; i < touched; i++) {
		struct query *q = &qs->memory->pool[i];
		flight_begin(qs, q);
		if (is_replayable(qs, q, skip, now_ms))
			again[count++] = q;
		else
			atomic_store_explicit(&q->life, QUERY_FREE, memory_order_release);
	}
	/* The queue of deadlines is in order of age. */
	qsort(again, count, sizeof(struct query *), by_age);
	for (unsigned i = 0; i < count; i++)
		take_off(qs, again[i], network_of(qs, again[i]));
	for (unsigned i = 0; i < count; i++)
		resume(qs, again[i]);
	free(again);
	stats_add(qs->stats, STATS_replayed, count);
	return count;
}

void
queries_free(struct queries *qs)
{
	if (qs == NULL)
		return;
	while (!list_empty(&qs->flying)) {
		struct query *q = list_first(&qs->flying, struct flight, link)->query;
		struct upstream_result result;
		fetch_leave(qs->fetches, &flight_of(qs, q)->wait, &result);
		give_back(qs, q);
	}
	ev_timer_stop(qs->loop, &qs->deadline);
	ev_timer_stop(qs->loop, &qs->patience);
	fetches_free(qs->fetches);
	recall_free(qs->recall);
	judge_free(qs->judge);
	groups_free(qs->groups);
	meter_free(qs->meter);
	shares_free(qs->shares);
	alias_free(qs->replies.alias);
	screen_free(qs->replies.screen);
	free(qs->flights);
	free(qs);
}

unsigned
queries_in_flight(const struct queries *qs)
{
	return qs->in_flight;
}

void
queries_reconnect(struct queries *qs)
{
	fetches_reconnect(qs->fetches);
}

void
queries_stay_cold(struct queries *qs)
{
	fetches_stay_cold(qs->fetches);
}

void
queries_drain(struct queries *qs)
{
	qs->replies.draining = true;
}
