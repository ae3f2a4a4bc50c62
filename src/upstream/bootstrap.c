/*
 * One query for each server of each host:
 *
 *    waiting ── its turn ──► connect ── handshake ── A ── AAAA ──► over
 *                               └───────── lost ───────────────────┘
 *
 * The questions go out one after the other, for there are servers that read one question of a record only; a
 * server that hangs up after an answer is connected to once more for the next. A host is done when a server
 * has given addresses, or when none is left.
 */
#include "upstream/bootstrap.h"

#include "base/clock.h"
#include "base/must.h"
#include "dns/addresses.h"
#include "net/stream.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { QUEUE_BYTES = 65536, PADDING = 128, UDP_BYTES = 1232 };

enum step { STEP_WAITING, STEP_CONNECT, STEP_HANDSHAKE, STEP_ASK, STEP_OVER };

static const uint16_t types[HOST_FAMILIES] = {ADDRESSES_TYPE_A, ADDRESSES_TYPE_AAAA};

struct server {
	struct inquiry *inquiry;
	const struct config_upstream *as; /* what a connection to it is to be like */
	const struct tls_profile *profile;
	struct stream *stream; /* while it is connected */
	ev_timer timer;
	enum step step;
	enum host_family family; /* that is asked for now; HOST_FAMILIES: all were */
	unsigned answers;        /* on this connection */
	uint16_t id;
	struct wire_query query;
	struct host_answer found;
};

/* All about one host. */
struct inquiry {
	struct bootstrap *b;
	size_t upstream;
	const char *host;
	bool wanted[HOST_FAMILIES]; /* of use from the source_address */
	struct server *servers;
	size_t server_count, begun;
	struct tls_store *store;
	ev_timer slow;
	bool over;
	char why[HOST_WHY_BYTES]; /* of all servers that failed */
};

struct bootstrap {
	struct config ground; /* upstreams: the servers */
	struct server *servers;
	struct inquiry *inquiries;
	size_t inquiry_count, running;
	struct ev_loop *loop;
	struct stream_room *room;
	ev_timer most;
	bootstrap_done_fn *done;
	void *arg;
};

static const struct stream_events stream_events;

static void server_begin(struct server *s);

static void
timer_set(struct ev_loop *loop, ev_timer *timer, unsigned ms)
{
	ev_timer_stop(loop, timer);
	ev_timer_set(timer, ms / 1000., 0.);
	ev_timer_start(loop, timer);
}

/* --- a host ----------------------------------------------------------------------------------------------
 */

static void
server_leave(struct server *s)
{
	ev_timer_stop(s->inquiry->b->loop, &s->timer);
	s->step = STEP_OVER;
	if (s->stream != NULL)
		stream_finish(&s->stream);
}

static void
inquiry_end(struct inquiry *q, const struct host_answer *answer)
{
	struct bootstrap *b = q->b;
	q->over = true;
	ev_timer_stop(b->loop, &q->slow);
	for (size_t i = 0; i < q->server_count; i++)
		server_leave(&q->servers[i]);
	b->done(b->arg, q->upstream, answer);
	if (--b->running == 0)
		ev_break(b->loop, EVBREAK_ALL);
}

static void
inquiry_fail(struct inquiry *q)
{
	struct host_answer nothing = {.count = 0};
	memcpy(nothing.why, q->why, sizeof nothing.why);
	inquiry_end(q, &nothing);
}

static bool
has_running(const struct inquiry *q)
{
	for (size_t i = 0; i < q->begun; i++)
		if (q->servers[i].step != STEP_OVER)
			return true;
	return false;
}

/* The next server, if there is one. Whoever fails at once calls this again from inside. */
static void
inquiry_next(struct inquiry *q)
{
	if (q->begun < q->server_count) {
		struct server *s = &q->servers[q->begun++];
		timer_set(q->b->loop, &q->slow, BOOTSTRAP_SLOW_MS);
		server_begin(s);
	} else if (!has_running(q)) {
		inquiry_fail(q);
	}
}

static void
on_slow(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct inquiry *q = timer->data;
	(void)loop;
	(void)events;
	if (q->begun < q->server_count)
		inquiry_next(q);
}

/* --- a server --------------------------------------------------------------------------------------------
 */

/* "9.9.9.9@853: Connection refused", behind those of others. */
static void
note(struct inquiry *q, const struct server *s)
{
	char address[ADDR_TEXT_BYTES];
	size_t used = strlen(q->why);
	snprintf(q->why + used, sizeof q->why - used, "%s%s: %s", used > 0 ? "; " : "",
	        addr_text(&s->as->addresses[0], address), s->found.why);
}

/* All that it had to say. */
static void
server_end(struct server *s)
{
	struct inquiry *q = s->inquiry;
	server_leave(s);
	if (s->found.count > 0) {
		inquiry_end(q, &s->found);
		return;
	}
	note(q, s);
	inquiry_next(q);
}

static void
server_fail(struct server *s, const char *why)
{
	snprintf(s->found.why, sizeof s->found.why, "%.*s", HOST_WHY_BYTES - 1, why);
	server_end(s);
}

static void
server_connect(struct server *s)
{
	struct bootstrap *b = s->inquiry->b;
	s->step = STEP_CONNECT;
	s->answers = 0;
	s->stream = stream_connect_from(b->room, &s->as->source_address, &s->as->addresses[0], s->profile,
	        &stream_events, s, QUEUE_BYTES);
	if (s->stream == NULL)
		server_fail(s, strerror(errno));
	else
		timer_set(b->loop, &s->timer, b->ground.forward.connect_timeout_ms);
}

/* On to the first family from here on that is wanted. */
static void
choose_family(struct server *s)
{
	while (s->family < HOST_FAMILIES && !s->inquiry->wanted[s->family])
		s->found.known[s->family++] = true;
}

static void
server_begin(struct server *s)
{
	s->family = HOST_IPV4;
	choose_family(s);
	server_connect(s);
}

static void
ask(struct server *s)
{
	struct bootstrap *b = s->inquiry->b;
	const struct edns_write opt = {.udp_bytes = UDP_BYTES, .padding_block = PADDING};
	size_t room = WIRE_UDP_FLOOR_BYTES + PADDING;
	s->step = STEP_ASK;
	if (getrandom(&s->id, sizeof s->id, 0) != sizeof s->id)
		s->id = (uint16_t)clock_now_us(); /* nothing depends on it: the stream is authenticated */
	s->query.question.type = types[s->family];
	uint8_t *msg = stream_reserve(s->stream, room);
	must(msg != NULL);
	stream_commit(s->stream, wire_ask(msg, room, s->id, &s->query, &opt));
	timer_set(b->loop, &s->timer, b->ground.forward.timeout_ms);
}

static void
next_family(struct server *s)
{
	s->family++;
	choose_family(s);
	if (s->family == HOST_FAMILIES)
		server_end(s);
	else if (s->stream == NULL)
		server_connect(s);
	else
		ask(s);
}

/* Those of one family, as far as they are of use. */
static void
take_addresses(struct server *s, const struct wire_answer *answer)
{
	struct host_answer *found = &s->found;
	struct addr *room = found->addresses + found->count;
	bool left_out = false;
	uint32_t ttl_s;
	int count = addresses_read(
	        answer, &s->query.question, room, HOST_ADDRESSES - found->count, &ttl_s, &left_out);
	if (count < 0) {
		snprintf(found->why, sizeof found->why, "its answer is malformed");
		return;
	}
	unsigned kept = 0;
	for (int i = 0; i < count; i++)
		if (host_address_fits(&room[i]))
			room[kept++] = room[i];
	if (kept == 0 && found->why[0] == '\0')
		snprintf(found->why, sizeof found->why, "%s has no address%s", s->inquiry->host,
		        count > 0 ? " that can be connected to" : "");
	if (kept > 0 && (found->count == 0 || ttl_s < found->ttl_s))
		found->ttl_s = ttl_s;
	found->count += kept;
	found->left_out |= left_out;
	found->known[s->family] = true;
}

static void
take_answer(struct server *s, const struct wire_answer *answer)
{
	char word[WIRE_WORD_BYTES];
	if (answer->rcode == WIRE_RCODE_NOERROR) {
		take_addresses(s, answer);
	} else if (answer->rcode == WIRE_RCODE_NXDOMAIN) {
		snprintf(s->found.why, sizeof s->found.why, "there is no %s", s->inquiry->host);
		s->found.known[s->family] = true;
	} else {
		snprintf(s->found.why, sizeof s->found.why, "it answers %s",
		        wire_rcode_text(answer->rcode, word));
	}
}

static void
on_connected(void *arg)
{
	struct server *s = arg;
	s->step = STEP_HANDSHAKE;
	timer_set(s->inquiry->b->loop, &s->timer, s->inquiry->b->ground.forward.handshake_timeout_ms);
}

static void
on_opened(void *arg)
{
	ask(arg);
}

/* A wrong answer is none: the time limit judges. */
static void
on_message(void *arg, uint8_t *msg, size_t bytes)
{
	struct server *s = arg;
	struct wire_answer answer;
	if (s->step != STEP_ASK || bytes < WIRE_HEADER_BYTES || wire_id(msg) != s->id ||
	        wire_answer_take(msg, bytes, &s->query.question, &answer) != WIRE_MATCH)
		return;
	s->answers++;
	take_answer(s, &answer);
	next_family(s);
}

static void
on_ended(void *arg, enum stream_end how, const char *why)
{
	struct server *s = arg;
	(void)how;
	ev_timer_stop(s->inquiry->b->loop, &s->timer);
	stream_close(&s->stream);
	if (s->answers > 0)
		server_connect(s);
	else
		server_fail(s, why);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	static const char *const what[] = {
	        [STEP_CONNECT] = "connection", [STEP_HANDSHAKE] = "TLS handshake", [STEP_ASK] = "answer"};
	struct server *s = timer->data;
	const struct config_forward *forward = &s->inquiry->b->ground.forward;
	char why[64];
	(void)loop;
	(void)events;
	snprintf(why, sizeof why, "no %s within %u ms", what[s->step],
	        s->step == STEP_CONNECT     ? forward->connect_timeout_ms
	        : s->step == STEP_HANDSHAKE ? forward->handshake_timeout_ms
	                                    : forward->timeout_ms);
	server_fail(s, why);
}

static const struct stream_events stream_events = {
        .connected = on_connected,
        .opened = on_opened,
        .message = on_message,
        .ended = on_ended,
};

/* --- all of them -----------------------------------------------------------------------------------------
 */

/* What has come so far must do. */
static void
on_most(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct bootstrap *b = timer->data;
	(void)loop;
	(void)events;
	for (size_t i = 0; i < b->inquiry_count; i++) {
		struct inquiry *q = &b->inquiries[i];
		struct server *with = NULL;
		for (size_t k = 0; k < q->begun && !q->over; k++) {
			struct server *s = &q->servers[k];
			with = s->found.count > 0 ? s : with;
			if (s->step != STEP_OVER && s->found.count == 0) {
				snprintf(s->found.why, sizeof s->found.why, "no answer within %d s",
				        BOOTSTRAP_MOST_MS / 1000);
				note(q, s);
			}
		}
		if (with != NULL)
			inquiry_end(q, &with->found);
		else if (!q->over)
			inquiry_fail(q);
	}
}

static void
as_upstream(struct config_upstream *out, const struct config_upstream *of, struct config_bootstrap *server)
{
	static char nothing[] = "";
	*out = (struct config_upstream){.name = of->name,
	        .addresses = &server->address,
	        .address_count = 1,
	        .host = nothing,
	        .auth_name = server->name,
	        .pins = server->pinned ? &server->pin : NULL,
	        .pin_count = server->pinned,
	        .ca_file = of->ca_file,
	        .tls_priority = of->tls_priority,
	        .source_address = of->source_address,
	        .only_tls13 = of->only_tls13,
	        .clock_bootstrap = of->clock_bootstrap,
	        .client_certificate = nothing,
	        .client_key = nothing};
}

static void
server_make(struct server *s, struct inquiry *q, const struct config_upstream *as)
{
	*s = (struct server){.inquiry = q, .as = as, .query.flags = WIRE_FLAG_RD, .query.question.class = 1};
	struct wire_question *question = &s->query.question;
	question->name_bytes = (uint16_t)name_from_text(q->host, question->name);
	must(question->name_bytes > 0); /* the configuration was checked */
	ev_init(&s->timer, on_timer);
	s->timer.data = s;
}

static void
inquiry_make(struct bootstrap *b, const struct config *config, size_t upstream)
{
	const struct config_upstream *of = &config->upstreams[upstream];
	struct inquiry *q = &b->inquiries[b->inquiry_count++];
	sa_family_t source = of->source_address.any.sa_family;
	char why[TLS_WHY_BYTES];
	*q = (struct inquiry){.b = b,
	        .upstream = upstream,
	        .host = of->host,
	        .wanted = {source != AF_INET6, source != AF_INET},
	        .servers = b->servers + b->ground.upstream_count};
	ev_init(&q->slow, on_slow);
	q->slow.data = q;
	struct config_upstream *as = b->ground.upstreams + b->ground.upstream_count;
	for (size_t i = 0; i < of->bootstrap_count; i++) {
		as_upstream(&as[i], of, &of->bootstrap[i]);
		server_make(&q->servers[i], q, &as[i]);
	}
	b->ground.upstream_count += of->bootstrap_count;
	q->store = tls_store_open(as, of->bootstrap_count, why);
	if (q->store == NULL) {
		snprintf(q->why, sizeof q->why, "%.*s", HOST_WHY_BYTES - 1, why);
		return;
	}
	q->server_count = of->bootstrap_count;
	for (size_t i = 0; i < q->server_count; i++)
		q->servers[i].profile = tls_store_profile(q->store, i);
}

static bool
is_asked_for(const struct config *config, uint64_t upstreams, size_t i)
{
	return (upstreams >> i & 1) != 0 && config_is_by_host(&config->upstreams[i]);
}

struct bootstrap *
bootstrap_new(const struct config *config, uint64_t upstreams)
{
	struct bootstrap *b = must_alloc(1, sizeof *b);
	size_t servers = 0;
	must(config->upstream_count <= 64);
	for (size_t i = 0; i < config->upstream_count; i++)
		if (is_asked_for(config, upstreams, i))
			servers += config->upstreams[i].bootstrap_count;
	b->ground = *config;
	b->ground.upstreams = must_alloc(servers, sizeof *b->ground.upstreams);
	b->ground.upstream_count = 0;
	b->servers = must_alloc(servers, sizeof *b->servers);
	b->inquiries = must_alloc(config->upstream_count, sizeof *b->inquiries);
	for (size_t i = 0; i < config->upstream_count; i++)
		if (is_asked_for(config, upstreams, i))
			inquiry_make(b, config, i);
	return b;
}

const struct config *
bootstrap_ground(const struct bootstrap *b)
{
	return &b->ground;
}

void
bootstrap_run(struct bootstrap *b, struct ev_loop *loop, bootstrap_done_fn *done, void *arg)
{
	b->loop = loop;
	b->done = done;
	b->arg = arg;
	b->room = stream_room_new(loop);
	b->running = b->inquiry_count;
	ev_now_update(loop); /* loading certificates took its time */
	ev_init(&b->most, on_most);
	b->most.data = b;
	timer_set(loop, &b->most, BOOTSTRAP_MOST_MS);
	for (size_t i = 0; i < b->inquiry_count; i++)
		inquiry_next(&b->inquiries[i]);
	if (b->running > 0)
		ev_run(loop, 0);
	ev_timer_stop(loop, &b->most);
	stream_room_free(b->room);
}

void
bootstrap_free(struct bootstrap *b)
{
	for (size_t i = 0; i < b->inquiry_count; i++)
		tls_store_close(b->inquiries[i].store);
	free(b->ground.upstreams);
	free(b->servers);
	free(b->inquiries);
	free(b);
}
