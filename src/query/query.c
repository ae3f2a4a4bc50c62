/*
 * Who asked, and since when; what is asked upstream for them is fetch.c's business.
 *
 * Questions live in a pool of fixed size. All have the same time to live, so those in flight form a queue in
 * the order of their deadlines, and one timer watches its head.
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
#include "dns/hash.h"
#include "query/fetch.h"
#include "query/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUERY_OPT_BYTES = 320,     /* the most that our OPT adds to an answer */
	QUERY_REFUSAL_BYTES = 640, /* the most that an answer without records needs */
	QUERY_DOORS = 64,
	QUERY_LIVES = 10, /* a question is taken up by so many successors at most */
};

enum query_life { QUERY_FREE, QUERY_FLYING };

/* What a successor needs to know. Plain data, in shared memory. */
struct query {
	_Atomic uint32_t life;
	uint32_t lives; /* successors that have taken it up */
	uint64_t begun_ms;
	uint64_t hash;
	uint32_t number;
	struct query_from from;
	struct wire_query wire;
};

/* What only this process knows of the query with the same index. */
struct flight {
	struct list link;
	struct fetch_wait wait;
	struct query *query;
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
	struct stats_slab *stats;
	const struct query_door *udp_doors[QUERY_DOORS];
	const struct query_door *stream_door;
	struct query_memory *memory;
	struct flight *flights;
	struct query *spare; /* to take a message apart when the pool is empty */
	struct list free, flying;
	unsigned in_flight;
	uint32_t number;
	ev_timer timer;
	bool draining;
};

static struct flight *
flight_of(const struct queries *qs, const struct query *q)
{
	return &qs->flights[q - qs->memory->pool];
}

static struct query *
first_of(const struct list *head)
{
	return list_first(head, struct flight, link)->query;
}

static const struct query_door *
door_of(const struct queries *qs, const struct query *q)
{
	return q->from.stream ? qs->stream_door : qs->udp_doors[q->from.listen];
}

static uint8_t *
door_reserve(const struct queries *qs, const struct query *q, size_t bytes)
{
	const struct query_door *door = door_of(qs, q);
	return door->reserve(door->arg, &q->from, bytes);
}

static void
door_commit(const struct queries *qs, const struct query *q, size_t bytes)
{
	const struct query_door *door = door_of(qs, q);
	door->commit(door->arg, &q->from, bytes);
}

static const char *
protocol(const struct query *q)
{
	return q->from.stream ? "tcp" : "udp";
}

/* The one line about a question that an administrator can ask for with log.queries. */
static void
log_answered(
        const struct queries *qs, const struct query *q, uint16_t rcode, size_t bytes, const char *source)
{
	bool wanted = qs->config->log.queries;
	if (!wanted && !log_wants(LOG_LEVEL_DEBUG))
		return;
	char peer[ADDR_TEXT_BYTES], name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES], word[WIRE_WORD_BYTES];
	log_write(wanted ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG,
	        "q=%u answered client=%s protocol=%s name=%s type=%s rcode=%s bytes=%zu ms=%llu from=\"%s\"",
	        q->number, addr_text(&q->from.peer, peer), protocol(q),
	        name_text(q->wire.question.name, q->wire.question.name_bytes, name),
	        wire_type_text(q->wire.question.type, type), wire_rcode_text(rcode, word), bytes,
	        (unsigned long long)(clock_now_ms() - q->begun_ms), source);
}

static void
log_begun(const struct query *q, size_t bytes)
{
	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	char peer[ADDR_TEXT_BYTES], name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES];
	log_write(LOG_LEVEL_DEBUG, "q=%u asked client=%s protocol=%s bytes=%zu name=%s type=%s", q->number,
	        addr_text(&q->from.peer, peer), protocol(q), bytes,
	        name_text(q->wire.question.name, q->wire.question.name_bytes, name),
	        wire_type_text(q->wire.question.type, type));
}

static size_t
room_for(const struct queries *qs, const struct query *q)
{
	if (q->from.stream)
		return WIRE_MESSAGE_BYTES;
	return wire_udp_room(&q->wire, qs->config->limits.udp_answer_size);
}

/* What our OPT tells this client; RFC 7828 section 3.3.2 for the keepalive. */
static struct edns_write
opt_for(const struct queries *qs, const struct query *q)
{
	bool keepalive = q->from.stream && q->wire.edns.keepalive;
	return (struct edns_write){
	        .udp_bytes = (uint16_t)qs->config->limits.udp_answer_size,
	        .keepalive = keepalive,
	        .keepalive_value = keepalive,
	        .keepalive_tenths =
	                qs->draining ? 0 : (uint16_t)(qs->config->limits.tcp_idle_timeout_ms / 100),
	};
}

static void
silence(const struct queries *qs, const struct query *q)
{
	door_commit(qs, q, 0);
}

/* A written answer leaves. */
static void
leave(struct queries *qs, const struct query *q, const uint8_t *out, size_t bytes, uint16_t rcode,
        const char *source)
{
	must(bytes > 0);
	if (out[2] & (WIRE_FLAG_TC >> 8))
		stats_one(qs->stats, STATS_truncated);
	stats_one(qs->stats, STATS_answered);
	log_answered(qs, q, rcode, bytes, source);
	door_commit(qs, q, bytes);
}

/* An answer of our own. */
static void
refuse(struct queries *qs, const struct query *q, uint16_t rcode, enum edns_ede ede, const char *text)
{
	size_t room = room_for(qs, q);
	if (room > QUERY_REFUSAL_BYTES)
		room = QUERY_REFUSAL_BYTES;
	uint8_t *out = door_reserve(qs, q, room);
	if (out == NULL) {
		silence(qs, q);
		return;
	}
	struct edns_write opt = opt_for(qs, q);
	size_t bytes = wire_refuse(out, room, &q->wire, rcode, ede, text, &opt);
	leave(qs, q, out, bytes, rcode, text != NULL ? text : "dotward");
}

static void
pass_on(struct queries *qs, const struct query *q, const struct wire_answer *answer, const char *upstream)
{
	size_t room = room_for(qs, q), need = answer->bytes + QUERY_OPT_BYTES;
	if (need < WIRE_UDP_FLOOR_BYTES)
		need = WIRE_UDP_FLOOR_BYTES;
	if (room > need)
		room = need;
	uint8_t *out = door_reserve(qs, q, room);
	if (out == NULL) {
		silence(qs, q);
		return;
	}
	struct edns_write opt = opt_for(qs, q);
	if (qs->config->forward.client_subnet_forward && q->wire.edns.subnet_bytes > 0) {
		opt.subnet = answer->edns.subnet;
		opt.subnet_bytes = answer->edns.subnet_bytes;
	}
	size_t bytes = wire_fit(out, room, &q->wire, answer, &opt);
	leave(qs, q, out, bytes, answer->rcode, upstream);
}

static void
give_back(struct queries *qs, struct query *q)
{
	atomic_store_explicit(&q->life, QUERY_FREE, memory_order_release);
	struct flight *flight = flight_of(qs, q);
	list_remove(&flight->link);
	list_push(&qs->free, &flight->link); /* the next one finds it warm */
	qs->in_flight--;
}

static void
answer(struct queries *qs, struct query *q, const struct upstream_result *result)
{
	if (result->answer != NULL) {
		pass_on(qs, q, result->answer, result->upstream);
		return;
	}
	stats_one(qs->stats, STATS_servfail);
	refuse(qs, q, WIRE_RCODE_SERVFAIL, result->ede, result->why);
}

static void
on_done(void *arg, struct fetch_wait *wait, const struct upstream_result *result)
{
	struct queries *qs = arg;
	struct query *q = list_entry(wait, struct flight, wait)->query;
	answer(qs, q, result);
	give_back(qs, q);
}

static void
timer_start(struct queries *qs, uint64_t wait_ms)
{
	ev_timer_stop(qs->loop, &qs->timer); /* libev ignores what is set while it runs */
	ev_timer_set(&qs->timer, (double)wait_ms / 1000. + 0.001, 0.);
	ev_timer_start(qs->loop, &qs->timer);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct queries *qs = timer->data;
	uint64_t now_ms = clock_now_ms();
	(void)loop;
	(void)events;
	while (!list_empty(&qs->flying)) {
		struct query *q = first_of(&qs->flying);
		uint64_t until_ms = q->begun_ms + qs->config->forward.timeout_ms;
		if (until_ms > now_ms) {
			timer_start(qs, until_ms - now_ms);
			return;
		}
		struct upstream_result result;
		fetch_leave(qs->fetches, &flight_of(qs, q)->wait, &result);
		answer(qs, q, &result);
		give_back(qs, q);
	}
}

/* Answers everything that is not a question for an upstream. True when that was it. */
static bool
settle(struct queries *qs, const struct query *q, enum wire_verdict verdict)
{
	if (verdict == WIRE_SILENCE) {
		stats_one(qs->stats, STATS_dropped_malformed);
		silence(qs, q);
		return true;
	}
	switch (policy_judge(&qs->config->access, &q->from.peer)) {
	case POLICY_DROP:
		stats_one(qs->stats, STATS_dropped_denied);
		silence(qs, q);
		return true;
	case POLICY_REFUSE:
		stats_one(qs->stats, STATS_refused_denied);
		refuse(qs, q, WIRE_RCODE_REFUSED, EDNS_EDE_PROHIBITED, "client not allowed");
		return true;
	case POLICY_ALLOW:
		break;
	}
	static const struct {
		enum stats_counter counter;
		uint16_t rcode;
	} errors[] = {
	        [WIRE_FORMERR] = {STATS_formerr, WIRE_RCODE_FORMERR},
	        [WIRE_NOTIMP] = {STATS_notimp, WIRE_RCODE_NOTIMP},
	        [WIRE_BADVERS] = {STATS_badvers, WIRE_RCODE_BADVERS},
	};
	if (verdict != WIRE_QUERY) {
		stats_one(qs->stats, errors[verdict].counter);
		refuse(qs, q, errors[verdict].rcode, EDNS_EDE_NONE, NULL);
		return true;
	}
	/* A transfer has many messages for an answer; nothing here is made for that. */
	if (q->wire.question.type == WIRE_TYPE_AXFR || q->wire.question.type == WIRE_TYPE_IXFR) {
		stats_one(qs->stats, STATS_refused_transfer);
		refuse(qs, q, WIRE_RCODE_REFUSED, EDNS_EDE_NOT_SUPPORTED, "zone transfers are not forwarded");
		return true;
	}
	return false;
}

/* The query with this index is used for the first time in this life. */
static void
flight_begin(struct queries *qs, struct query *q)
{
	struct flight *flight = flight_of(qs, q);
	flight->query = q;
	list_append(&qs->free, &flight->link);
}

/* An object to use, or the spare one when all are in use. */
static struct query *
take(struct queries *qs)
{
	if (!list_empty(&qs->free))
		return first_of(&qs->free);
	if (qs->memory->touched == qs->config->limits.queries_in_flight)
		return qs->spare;
	struct query *q = &qs->memory->pool[qs->memory->touched];
	atomic_store_explicit(&q->life, QUERY_FREE, memory_order_release);
	qs->memory->touched++;
	flight_begin(qs, q);
	return q;
}

/* A question of a predecessor's has used up some of its time already. */
static uint64_t
time_left(const struct queries *qs, const struct query *q)
{
	uint64_t age_ms = clock_now_ms() - q->begun_ms;
	return age_ms < qs->config->forward.timeout_ms ? qs->config->forward.timeout_ms - age_ms : 0;
}

/* Into the air. */
static void
launch(struct queries *qs, struct query *q)
{
	atomic_store_explicit(&q->life, QUERY_FLYING, memory_order_release);
	struct flight *flight = flight_of(qs, q);
	list_remove(&flight->link);
	list_append(&qs->flying, &flight->link);
	qs->in_flight++;
	if (!ev_is_active(&qs->timer))
		timer_start(qs, time_left(qs, q));
	fetch_ask(qs->fetches, &flight->wait, &q->wire, q->hash, q->number);
}

/* A question that has killed workers is answered without being looked at. */
static bool
is_poison(struct queries *qs, struct query *q, const uint8_t *msg, size_t bytes)
{
	if (!quarantine_holds(qs->set.quarantine, q->hash, q->begun_ms))
		return false;
	stats_one(qs->stats, STATS_quarantined);
	if (wire_query_peek(msg, bytes, &q->wire))
		refuse(qs, q, WIRE_RCODE_SERVFAIL, EDNS_EDE_OTHER,
		        "this question crashed the server; not asked for ten minutes");
	else
		silence(qs, q);
	return true;
}

static void
begin(struct queries *qs, struct query *q, const uint8_t *msg, size_t bytes)
{
	if (is_poison(qs, q, msg, bytes))
		return;
	enum wire_verdict verdict = wire_query_parse(msg, bytes, &q->wire);
	if (verdict != WIRE_SILENCE) {
		log_begun(q, bytes);
		fault_pass("begin", q->wire.question.name, q->wire.question.name_bytes);
	}
	if (settle(qs, q, verdict))
		return;
	if (q == qs->spare) {
		stats_one(qs->stats, STATS_refused_overload);
		refuse(qs, q, WIRE_RCODE_REFUSED, EDNS_EDE_NETWORK_ERROR, "overloaded");
		return;
	}
	launch(qs, q);
}

static void
begin_hashed(
        struct queries *qs, const uint8_t *msg, size_t bytes, const struct query_from *from, uint64_t hash)
{
	struct query *q = take(qs);
	q->from = *from;
	q->begun_ms = clock_now_ms();
	q->number = ++qs->number;
	q->lives = 0;
	q->hash = hash;
	stats_one(qs->stats, STATS_queries);
	stats_one(qs->stats, from->stream ? STATS_queries_tcp : STATS_queries_udp);
	lastwords_take_hand(hash);
	begin(qs, q, msg, bytes);
	lastwords_drop_hand();
}

void
query_begin(struct queries *qs, const uint8_t *msg, size_t bytes, const struct query_from *from)
{
	begin_hashed(qs, msg, bytes, from, hash_question(msg, bytes, qs->set.seed));
}

void
query_begin_again(
        struct queries *qs, const uint8_t *msg, size_t bytes, const struct query_from *from, uint64_t skip)
{
	uint64_t hash = hash_question(msg, bytes, qs->set.seed);
	if (hash == skip)
		return;
	stats_one(qs->stats, STATS_replayed);
	begin_hashed(qs, msg, bytes, from, hash);
}

size_t
queries_footprint(const struct config *config)
{
	return sizeof(struct query_memory) + (config->limits.queries_in_flight + 1) * sizeof(struct query);
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
	qs->memory = setup->memory;
	qs->flights = must_alloc(qs->config->limits.queries_in_flight, sizeof *qs->flights);
	qs->spare = &qs->memory->pool[qs->config->limits.queries_in_flight];
	ev_init(&qs->timer, on_timer);
	qs->timer.data = qs;
	qs->fetches = fetches_new(qs->loop, setup->room, qs->config, setup->tls, qs->stats, on_done, qs);
	return qs;
}

void
queries_set_udp_door(struct queries *qs, uint32_t listen, const struct query_door *door)
{
	must(listen < QUERY_DOORS);
	qs->udp_doors[listen] = door;
}

void
queries_set_stream_door(struct queries *qs, const struct query_door *door)
{
	qs->stream_door = door;
}

static int
by_age(const void *a, const void *b)
{
	const struct query *const *left = a, *const *right = b;
	return ((*left)->begun_ms > (*right)->begun_ms) - ((*left)->begun_ms < (*right)->begun_ms);
}

static bool
is_sound_question(const struct wire_query *q)
{
	size_t bytes = q->question.name_bytes;
	return bytes > 0 && bytes <= NAME_BYTES && name_plain_bytes(q->question.name, bytes, 0) == bytes &&
	       q->edns.subnet_bytes <= EDNS_SUBNET_BYTES;
}

/* Is this one to be asked again? What lies here was written by a process that died at any instant: nothing in
 * it is believed but for its bounds. */
static bool
is_replayable(const struct queries *qs, const struct query *q, uint64_t skip, uint64_t now_ms)
{
	if (atomic_load_explicit(&q->life, memory_order_acquire) != QUERY_FLYING || q->from.stream)
		return false;
	if (q->from.listen >= QUERY_DOORS || qs->udp_doors[q->from.listen] == NULL ||
	        !is_sound_question(&q->wire))
		return false;
	return q->hash != skip && !quarantine_holds(qs->set.quarantine, q->hash, now_ms) &&
	       q->lives < QUERY_LIVES && q->begun_ms <= now_ms &&
	       now_ms - q->begun_ms < qs->config->forward.timeout_ms;
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
	for (unsigned i = 0; i < count; i++) {
		again[i]->lives++;
		lastwords_take_hand(again[i]->hash);
		launch(qs, again[i]);
		lastwords_drop_hand();
	}
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
		struct query *q = first_of(&qs->flying);
		struct upstream_result result;
		fetch_leave(qs->fetches, &flight_of(qs, q)->wait, &result);
		give_back(qs, q);
	}
	ev_timer_stop(qs->loop, &qs->timer);
	fetches_free(qs->fetches);
	free(qs->flights);
	free(qs);
}

unsigned
queries_in_flight(const struct queries *qs)
{
	return qs->in_flight;
}

void
queries_drain(struct queries *qs)
{
	qs->draining = true;
}
