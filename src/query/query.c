/*
 * Questions live in a pool of fixed size. All have the same time to live, so those in flight form a queue in
 * the order of their deadlines, and one timer watches its head.
 *
 * Invariant: a query is in exactly one of the lists `free` and `flying`.
 */
#include "query/query.h"

#include "base/clock.h"
#include "base/must.h"
#include "query/policy.h"
#include "upstream/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	QUERY_OPT_BYTES = 320,     /* the most that our OPT adds to an answer */
	QUERY_REFUSAL_BYTES = 640, /* the most that an answer without records needs */
};

struct query {
	struct list link;
	struct upstream_ask ask;
	struct wire_query wire;
	struct query_from from;
	uint64_t begun_ms;
	uint32_t number;
};

struct queries {
	struct ev_loop *loop;
	const struct config *config;
	struct upstreams *upstreams;
	struct stats_slab *stats;
	struct query *pool;
	struct query *spare; /* to take a message apart when the pool is empty */
	unsigned touched;    /* objects of the pool that have ever been used */
	struct list free, flying;
	unsigned in_flight;
	uint32_t number;
	ev_timer timer;
	bool draining;
};

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
silence(const struct query *q)
{
	q->from.door->commit(q->from.door->arg, &q->from, 0);
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
	q->from.door->commit(q->from.door->arg, &q->from, bytes);
}

/* An answer of our own. */
static void
refuse(struct queries *qs, const struct query *q, uint16_t rcode, enum edns_ede ede, const char *text)
{
	size_t room = room_for(qs, q);
	if (room > QUERY_REFUSAL_BYTES)
		room = QUERY_REFUSAL_BYTES;
	uint8_t *out = q->from.door->reserve(q->from.door->arg, &q->from, room);
	if (out == NULL) {
		silence(q);
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
	uint8_t *out = q->from.door->reserve(q->from.door->arg, &q->from, room);
	if (out == NULL) {
		silence(q);
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
	list_remove(&q->link);
	list_push(&qs->free, &q->link); /* the next one finds it warm */
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
on_done(void *arg, struct upstream_ask *ask, const struct upstream_result *result)
{
	struct queries *qs = arg;
	struct query *q = list_entry(ask, struct query, ask);
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
		struct query *q = list_first(&qs->flying, struct query, link);
		uint64_t until_ms = q->begun_ms + qs->config->forward.timeout_ms;
		if (until_ms > now_ms) {
			timer_start(qs, until_ms - now_ms);
			return;
		}
		struct upstream_result result;
		upstream_withdraw(qs->upstreams, &q->ask, &result);
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
		silence(q);
		return true;
	}
	switch (policy_judge(&qs->config->access, &q->from.peer)) {
	case POLICY_DROP:
		stats_one(qs->stats, STATS_dropped_denied);
		silence(q);
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

/* An object to use, or the spare one when all are in use. Objects are touched only when needed: a large pool
 * costs address space. */
static struct query *
take(struct queries *qs)
{
	if (!list_empty(&qs->free))
		return list_first(&qs->free, struct query, link);
	if (qs->touched == qs->config->limits.queries_in_flight)
		return qs->spare;
	struct query *q = &qs->pool[qs->touched++];
	list_append(&qs->free, &q->link);
	return q;
}

void
query_begin(struct queries *qs, const uint8_t *msg, size_t bytes, const struct query_from *from)
{
	struct query *q = take(qs);
	q->from = *from;
	q->begun_ms = clock_now_ms();
	q->number = ++qs->number;
	stats_one(qs->stats, STATS_queries);
	stats_one(qs->stats, from->stream ? STATS_queries_tcp : STATS_queries_udp);
	enum wire_verdict verdict = wire_query_parse(msg, bytes, &q->wire);
	if (verdict != WIRE_SILENCE)
		log_begun(q, bytes);
	if (settle(qs, q, verdict))
		return;
	if (q == qs->spare) {
		stats_one(qs->stats, STATS_refused_overload);
		refuse(qs, q, WIRE_RCODE_REFUSED, EDNS_EDE_NETWORK_ERROR, "overloaded");
		return;
	}
	list_remove(&q->link);
	list_append(&qs->flying, &q->link);
	qs->in_flight++;
	if (!ev_is_active(&qs->timer))
		timer_start(qs, qs->config->forward.timeout_ms);
	upstream_ask(qs->upstreams, &q->ask, &q->wire, q->number);
}

struct queries *
queries_new(struct ev_loop *loop, struct stream_room *room, const struct config *config,
        const struct tls_store *tls, struct stats_slab *stats)
{
	struct queries *qs = must_alloc(1, sizeof *qs);
	unsigned count = config->limits.queries_in_flight;
	qs->loop = loop;
	qs->config = config;
	qs->stats = stats;
	list_init(&qs->free);
	list_init(&qs->flying);
	qs->pool = must_alloc(count + 1, sizeof *qs->pool);
	qs->spare = &qs->pool[count];
	ev_init(&qs->timer, on_timer);
	qs->timer.data = qs;
	qs->upstreams = upstreams_new(loop, room, config, tls, stats, on_done, qs);
	return qs;
}

void
queries_free(struct queries *qs)
{
	if (qs == NULL)
		return;
	while (!list_empty(&qs->flying)) {
		struct query *q = list_first(&qs->flying, struct query, link);
		struct upstream_result result;
		upstream_withdraw(qs->upstreams, &q->ask, &result);
		give_back(qs, q);
	}
	ev_timer_stop(qs->loop, &qs->timer);
	upstreams_free(qs->upstreams);
	free(qs->pool);
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
