/*
 * One probe for each address:
 *
 *    round 0   connect ── handshake ── facts ── ASKS questions one by one ── a burst ── ticket
 *    round 1   connect ── resumed? ── a question
 *    round 2.. connect ── handshake ── a question
 *
 * What goes wrong before the first answer is the verdict; what goes wrong later is a note, and the next round
 * begins. Invariant: a probe that is not over has a stream.
 */
#include "process/live.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "dns/wire.h"
#include "net/stream.h"

#include <errno.h>
#include <ev.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
	LIVE_ROUNDS = 4,
	LIVE_ASKS = 3,
	LIVE_BURST = 5, /* the slow one is the first */
	LIVE_QUEUE_BYTES = 65536,
	LIVE_UDP_BYTES = 1232,
	LIVE_PADDING = 128,
	LIVE_LABEL_BYTES = 24,
	LIVE_TYPE_NS = 2,
	LIVE_TYPE_A = 1,
};

enum live_step { STEP_CONNECT, STEP_HANDSHAKE, STEP_ASK, STEP_BURST };

struct probe {
	struct live *live;
	struct live_finding *finding;
	const struct tls_profile *profile;
	struct stream *stream;
	ev_timer timer;
	struct facts_ticket *ticket;
	enum live_step step;
	unsigned round, asked;
	uint64_t begun_us;
	uint16_t id;      /* of the question that is out, or of the burst's first */
	unsigned awaited; /* bits of the burst */
	bool quick_came;  /* before the slow one */
};

struct live {
	const struct config *config;
	struct ev_loop *loop;
	struct stream_room *room;
	struct wire_query query, slow; /* the question, and one below it that nobody has asked before */
	struct probe *probes;
	size_t probe_count, room_for; /* findings of those without an address come behind those of probes */
	unsigned running;
	struct live_report report;
};

static const struct stream_events stream_events;

/* --- rounds ----------------------------------------------------------------------------------------------
 */

static void
timer_set(struct probe *p, unsigned ms)
{
	ev_timer_stop(p->live->loop, &p->timer);
	ev_timer_set(&p->timer, ms / 1000., 0.);
	ev_timer_start(p->live->loop, &p->timer);
}

static void
finish(struct probe *p)
{
	ev_timer_stop(p->live->loop, &p->timer);
	if (--p->live->running == 0)
		ev_break(p->live->loop, EVBREAK_ALL);
}

/* Without a reason where it is known already. */
static void
verdict(struct probe *p, enum live_state state, const char *why)
{
	p->finding->state = state;
	if (why != NULL)
		snprintf(p->finding->why, sizeof p->finding->why, "%s", why);
	finish(p);
}

/* At once, so it is this machine that says so, and not a router or a silent host. */
static bool
is_no_route(int error)
{
	return error == ENETUNREACH || error == EHOSTUNREACH || error == EADDRNOTAVAIL ||
	       error == EAFNOSUPPORT;
}

static void next_round(struct probe *p);

/* The connection is gone, or of no more use, before it did what it was for. The stream is closed. */
static void
lost(struct probe *p, enum live_state state, const char *why)
{
	struct live_finding *f = p->finding;
	if (p->round == 0 && f->answers == 0) {
		verdict(p, state, why);
		return;
	}
	if (p->round > 0) {
		f->lost++;
		snprintf(f->lost_why, sizeof f->lost_why, "%s", why);
	}
	next_round(p);
}

static void
begin_round(struct probe *p)
{
	struct live *live = p->live;
	p->step = STEP_CONNECT;
	p->asked = 0;
	p->begun_us = clock_now_us();
	p->stream = stream_connect(
	        live->room, &p->finding->address, p->profile, &stream_events, p, LIVE_QUEUE_BYTES);
	if (p->stream == NULL) {
		int error = errno;
		lost(p, is_no_route(error) ? LIVE_NO_ROUTE : LIVE_UNREACHABLE, strerror(error));
		return;
	}
	if (p->round == 1 && p->ticket != NULL && facts_ticket_use(p->ticket, stream_tls(p->stream)) < 0)
		log_debug("check-live: a ticket cannot be used again");
	timer_set(p, live->config->forward.connect_timeout_ms);
}

static void
next_round(struct probe *p)
{
	if (++p->round < LIVE_ROUNDS)
		begin_round(p);
	else
		finish(p);
}

/* The round has done what it was for. */
static void
round_done(struct probe *p)
{
	if (p->round == 0)
		p->ticket = facts_ticket_take(stream_tls(p->stream));
	if (p->stream != NULL)
		stream_finish(&p->stream);
	next_round(p);
}

/* --- questions -------------------------------------------------------------------------------------------
 */

static bool
put(struct probe *p, const struct wire_query *query, uint16_t id)
{
	const struct edns_write opt = {
	        .udp_bytes = LIVE_UDP_BYTES, .keepalive = true, .padding_block = LIVE_PADDING};
	size_t room = WIRE_UDP_FLOOR_BYTES + LIVE_PADDING;
	uint8_t *msg = stream_reserve(p->stream, room);
	size_t bytes = msg != NULL ? wire_ask(msg, room, id, query, &opt) : 0;
	if (bytes > 0)
		stream_commit(p->stream, bytes);
	return bytes > 0;
}

static uint16_t
random_id(void)
{
	uint16_t id;
	if (getrandom(&id, sizeof id, 0) != sizeof id)
		id = (uint16_t)clock_now_us(); /* nothing depends on it: the stream is authenticated */
	return id;
}

static void
ask(struct probe *p)
{
	p->step = STEP_ASK;
	p->id = random_id();
	p->begun_us = clock_now_us();
	p->asked++;
	must(put(p, &p->live->query, p->id));
	timer_set(p, p->live->config->forward.timeout_ms);
}

static void
ask_burst(struct probe *p)
{
	p->step = STEP_BURST;
	p->id = random_id();
	p->awaited = (1u << LIVE_BURST) - 1;
	p->finding->burst = LIVE_BURST;
	for (unsigned i = 0; i < LIVE_BURST; i++)
		must(put(p, i == 0 ? &p->live->slow : &p->live->query, (uint16_t)(p->id + i)));
	timer_set(p, p->live->config->forward.timeout_ms);
}

static void
next_question(struct probe *p)
{
	if (p->round == 0 && p->asked < LIVE_ASKS)
		ask(p);
	else if (p->round == 0)
		ask_burst(p);
	else
		round_done(p);
}

static void
note_features(struct live_finding *f, const struct edns *edns)
{
	f->padding |= edns->padding;
	if (edns->keepalive_value) {
		f->keepalive = true;
		f->keepalive_ms = edns->keepalive_tenths * 100u;
	}
}

static void
judge_rcode(struct live_finding *f, uint16_t rcode)
{
	char word[WIRE_WORD_BYTES];
	f->rcode = rcode;
	if (rcode == WIRE_RCODE_NOERROR || rcode == WIRE_RCODE_NXDOMAIN) {
		f->state = LIVE_GOOD;
		f->why[0] = '\0';
		return;
	}
	f->state = LIVE_REFUSING;
	snprintf(f->why, sizeof f->why, "it answers %s", wire_rcode_text(rcode, word));
}

static void
take_burst(struct probe *p, uint8_t *msg, size_t bytes)
{
	struct live_finding *f = p->finding;
	unsigned which = (uint16_t)(wire_id(msg) - p->id);
	struct wire_answer answer;
	if (which >= LIVE_BURST || (p->awaited & 1u << which) == 0 ||
	        wire_answer_take(msg, bytes, which == 0 ? &p->live->slow.question : &p->live->query.question,
	                &answer) != WIRE_MATCH)
		return;
	/* any that overtakes a lower one */
	p->quick_came |= (p->awaited & ((1u << which) - 1)) != 0;
	p->awaited &= ~(1u << which);
	f->burst_answered++;
	note_features(f, &answer.edns);
	if (p->awaited != 0)
		return;
	f->out_of_order = p->quick_came ? LIVE_YES : LIVE_NO;
	round_done(p);
}

/* A wrong answer is none: the time limit judges. */
static void
take_answer(struct probe *p, uint8_t *msg, size_t bytes)
{
	struct live_finding *f = p->finding;
	struct wire_answer answer;
	if (wire_id(msg) != p->id ||
	        wire_answer_take(msg, bytes, &p->live->query.question, &answer) != WIRE_MATCH)
		return;
	live_time_add(&f->answer, clock_now_us() - p->begun_us);
	note_features(f, &answer.edns);
	if (p->round == 0) {
		f->answers++;
		judge_rcode(f, answer.rcode);
	}
	next_question(p);
}

/* --- the stream's events ---------------------------------------------------------------------------------
 */

static void
on_connected(void *arg)
{
	struct probe *p = arg;
	uint64_t now_us = clock_now_us();
	live_time_add(&p->finding->connect, now_us - p->begun_us);
	p->begun_us = now_us;
	p->step = STEP_HANDSHAKE;
	timer_set(p, p->live->config->forward.handshake_timeout_ms);
}

static void
read_facts(struct probe *p, struct facts *out)
{
	const struct live_finding *f = p->finding;
	facts_read(stream_tls(p->stream), f->upstream->auth_name, &f->address, out);
}

static void
on_opened(void *arg)
{
	struct probe *p = arg;
	struct live_finding *f = p->finding;
	struct facts facts;
	if (p->round != 1)
		live_time_add(&f->handshake, clock_now_us() - p->begun_us);
	if (p->round == 0) {
		read_facts(p, &f->facts);
		/* Profile "opportunistic" would ask it all the same; an administrator wants to know. */
		if (tls_doubt(stream_tls(p->stream))[0] != '\0') {
			snprintf(f->why, sizeof f->why, "%s", tls_doubt(stream_tls(p->stream)));
			stream_close(&p->stream);
			verdict(p, LIVE_UNVERIFIED, NULL);
			return;
		}
	} else if (p->round == 1) {
		read_facts(p, &facts);
		f->resumed = facts.resumed ? LIVE_YES : LIVE_NO;
	}
	ask(p);
}

static void
on_message(void *arg, uint8_t *msg, size_t bytes)
{
	struct probe *p = arg;
	if (bytes < WIRE_HEADER_BYTES)
		return;
	if (p->step == STEP_BURST)
		take_burst(p, msg, bytes);
	else
		take_answer(p, msg, bytes);
}

/* How far it came. */
static enum live_state
state_of(const struct probe *p)
{
	return p->step == STEP_CONNECT     ? LIVE_UNREACHABLE
	       : p->step == STEP_HANDSHAKE ? LIVE_NO_TLS
	                                   : LIVE_SILENT;
}

static void
on_ended(void *arg, enum stream_end how, const char *why)
{
	struct probe *p = arg;
	struct live_finding *f = p->finding;
	if (p->round == 0 && p->step == STEP_HANDSHAKE)
		read_facts(p, &f->facts);
	if (p->round == 0 && f->answers > 0) {
		f->closes_early = true;
		p->ticket = facts_ticket_take(stream_tls(p->stream));
	}
	stream_close(&p->stream);
	lost(p, how == STREAM_UNVERIFIED ? LIVE_UNVERIFIED : state_of(p), why);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	static const char *const what[] = {[STEP_CONNECT] = "connection",
	        [STEP_HANDSHAKE] = "TLS handshake",
	        [STEP_ASK] = "answer",
	        [STEP_BURST] = "answer"};
	struct probe *p = timer->data;
	const struct config_forward *forward = &p->live->config->forward;
	char why[64];
	(void)loop;
	(void)events;
	if (p->step == STEP_BURST) {
		round_done(p);
		return;
	}
	snprintf(why, sizeof why, "no %s within %u ms", what[p->step],
	        p->step == STEP_CONNECT     ? forward->connect_timeout_ms
	        : p->step == STEP_HANDSHAKE ? forward->handshake_timeout_ms
	                                    : forward->timeout_ms);
	stream_close(&p->stream);
	lost(p, state_of(p), why);
}

static const struct stream_events stream_events = {
        .connected = on_connected,
        .opened = on_opened,
        .message = on_message,
        .ended = on_ended,
};

/* --- all of them -----------------------------------------------------------------------------------------
 */

static bool
read_question(const struct live_question *question, struct wire_query *out)
{
	struct wire_question *q = &out->question;
	*out = (struct wire_query){.flags = WIRE_FLAG_RD, .question = {.type = LIVE_TYPE_NS, .class = 1}};
	if (question->name != NULL)
		q->type = LIVE_TYPE_A;
	q->name_bytes = (uint16_t)name_from_text(question->name != NULL ? question->name : ".", q->name);
	return q->name_bytes > 0 && (question->type == NULL || wire_type_find(question->type, &q->type));
}

int
live_check_question(const struct live_question *question)
{
	struct wire_query query;
	return read_question(question, &query) ? 0 : -EINVAL;
}

/* A name below the other one that no cache can hold; the same where there is no room for it. */
static void
make_slow(struct live *live)
{
	struct wire_question *q = &live->slow.question;
	char label[LIVE_LABEL_BYTES];
	uint32_t random = (uint32_t)random_id() << 16 | random_id();
	live->slow = live->query;
	int bytes = snprintf(label, sizeof label, "dotward-check-%08" PRIx32, random);
	if (q->name_bytes + 1u + (unsigned)bytes > NAME_BYTES)
		return;
	memmove(q->name + 1 + bytes, q->name, q->name_bytes);
	q->name[0] = (uint8_t)bytes;
	memcpy(q->name + 1, label, (size_t)bytes);
	q->name_bytes = (uint16_t)(q->name_bytes + 1 + bytes);
}

static void
describe_question(struct live *live)
{
	char name[NAME_TEXT_BYTES], type[WIRE_WORD_BYTES];
	const struct wire_question *q = &live->query.question;
	snprintf(live->report.question, sizeof live->report.question, "%.200s %s",
	        name_text(q->name, q->name_bytes, name), wire_type_text(q->type, type));
}

static void
add_probe(struct live *live, const struct tls_store *store, size_t upstream, size_t address)
{
	struct probe *p = &live->probes[live->report.count];
	struct live_finding *f = &live->report.findings[live->report.count++];
	f->upstream = &live->config->upstreams[upstream];
	f->address = f->upstream->addresses[address];
	*p = (struct probe){.live = live, .finding = f, .profile = tls_store_profile(store, upstream)};
	ev_init(&p->timer, on_timer);
	p->timer.data = p;
}

void
live_no_address(struct live *live, size_t upstream, const char *why)
{
	struct live_finding *f = &live->report.findings[live->report.count++];
	must(live->report.count <= live->room_for);
	*f = (struct live_finding){.upstream = &live->config->upstreams[upstream], .state = LIVE_NO_ADDRESS};
	snprintf(f->why, sizeof f->why, "%.*s", TLS_WHY_BYTES - 1, why);
}

struct live *
live_new(struct ev_loop *loop, const struct config *config, const struct tls_store *store,
        const struct live_question *question)
{
	struct live *live = must_alloc(1, sizeof *live);
	size_t count = 0;
	live->config = config;
	live->loop = loop;
	live->room = stream_room_new(live->loop);
	must(read_question(question, &live->query));
	make_slow(live);
	describe_question(live);
	for (size_t i = 0; i < config->upstream_count; i++)
		count += config->upstreams[i].address_count;
	live->probes = must_alloc(count, sizeof *live->probes);
	live->room_for = count + config->upstream_count;
	live->report.findings = must_alloc(live->room_for, sizeof *live->report.findings);
	for (size_t i = 0; i < config->upstream_count; i++)
		for (size_t k = 0; k < config->upstreams[i].address_count; k++)
			add_probe(live, store, i, k);
	live->probe_count = live->report.count;
	return live;
}

const struct live_report *
live_run(struct live *live)
{
	live->running = (unsigned)live->probe_count;
	for (size_t i = 0; i < live->probe_count; i++)
		begin_round(&live->probes[i]);
	if (live->running > 0)
		ev_run(live->loop, 0);
	live->report.answer_limit_ms = live->config->forward.timeout_ms;
	live->report.now_s = time(NULL);
	return &live->report;
}

void
live_free(struct live *live)
{
	for (size_t i = 0; i < live->probe_count; i++)
		facts_ticket_free(live->probes[i].ticket);
	stream_room_free(live->room);
	free(live->probes);
	free(live->report.findings);
	free(live);
}
