/*
 * TCP clients live in slots; a question carries its client's slot and which life of the slot it was, so that
 * an answer to one that has gone is recognised and thrown away.
 *
 *    accept ─► handshake (TLS) ─► serving ─► peer's end of stream ─► last answer sent ─► closed
 *                   └─ failed, too slow ─┴─ idle, cut off, lost ────────────────────────────► closed
 *
 * Activity is a complete question or an answer that left; a client that sends a byte now and then is idle all
 * the same.
 */
#include "client/listener_stream.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/logflood.h"
#include "base/must.h"
#include "client/foyer.h"
#include "client/handshakes.h"
#include "query/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum {
	TCP_BUCKETS = 256,            /* by client address, to count them */
	TCP_PAUSE_BYTES = 128 * 1024, /* unsent answers after which no more questions are read */
	TCP_OUT_BYTES = 1024 * 1024,  /* unsent answers after which a client that does not read is cut off */
	TCP_ACCEPTS = 32,             /* per turn */
	TCP_DRAIN_IDLE_MS = 100,      /* when stopping: time for what a client has already sent */
	TLS_DRAIN_MS = 1000,          /* when stopping: how long a handshake may take */
};

struct client {
	struct listener_stream *listener;
	struct stream *stream; /* NULL: the slot is free */
	struct addr peer;
	struct list link; /* idle order, or the free slots; or alone, in a handshake */
	struct handshake handshake;
	struct list bucket; /* others of the same hash */
	uint64_t active_ms;
	uint32_t life;
	uint32_t listen;
	unsigned outstanding;
	bool eof; /* has sent its last question */
	bool tls;
};

struct accepting {
	struct accepting *next;
	struct listener_stream *listener;
	ev_io io;
	uint32_t listen;
	const struct config_listen *by; /* a PROXY header comes first, as this says; NULL: none does */
	const struct tls_server *tls;   /* NULL: plain TCP */
};

struct listener_stream {
	struct ev_loop *loop;
	struct stream_room *room;
	struct queries *queries;
	const struct config *config;
	struct stats_slab *stats;
	struct query_door door;
	struct accepting *accepting;
	struct foyer *foyer; /* whose client is not known yet */
	struct client *clients;
	unsigned count;
	struct list free, idle; /* idle: longest first */
	struct list buckets[TCP_BUCKETS];
	ev_timer timer;
	struct handshakes handshakes;
	ev_timer shaking; /* of those */
	struct log_limit limit, tls_limit;
	bool holding; /* no TLS clients are accepted: there is no room for another handshake */
	bool draining;
};

static void
client_forget(struct client *c)
{
	struct listener_stream *l = c->listener;
	list_remove(&c->bucket);
	list_remove(&c->link);
	list_append(&l->free, &c->link);
	c->life++;
	l->count--;
}

/* What is queued still leaves. */
static void
client_close(struct client *c)
{
	stream_finish(&c->stream);
	client_forget(c);
}

static void
client_reset(struct client *c)
{
	stream_reset(&c->stream);
	client_forget(c);
}

static uint64_t
idle_limit_ms(const struct listener_stream *l)
{
	uint64_t limit_ms = l->config->limits.tcp_idle_timeout_ms;
	if (l->draining)
		return TCP_DRAIN_IDLE_MS;
	/* Nearly full: room for others is worth more than a connection that may be used again. */
	return l->count * 5 > l->config->limits.tcp_clients * 4 ? limit_ms / 4 : limit_ms;
}

static void
timer_set(struct listener_stream *l, ev_timer *timer, uint64_t wait_ms)
{
	ev_timer_stop(l->loop, timer); /* libev ignores what is set while it runs */
	ev_timer_set(timer, (double)wait_ms / 1000. + 0.001, 0.);
	ev_timer_start(l->loop, timer);
}

static void
timer_start(struct listener_stream *l, uint64_t wait_ms)
{
	timer_set(l, &l->timer, wait_ms);
}

static void
client_active(struct client *c)
{
	struct listener_stream *l = c->listener;
	c->active_ms = clock_now_ms();
	list_remove(&c->link);
	list_append(&l->idle, &c->link);
	if (!ev_is_active(&l->timer))
		timer_start(l, idle_limit_ms(l));
}

/* A connection that waits for our answer is not idle, unless the client does not take what is there already.
 */
static bool
client_is_idle(const struct client *c)
{
	return c->outstanding == 0 || stream_unsent(c->stream) > 0;
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct listener_stream *l = timer->data;
	uint64_t now_ms = clock_now_ms();
	(void)loop;
	(void)events;
	while (!list_empty(&l->idle)) {
		struct client *c = list_first(&l->idle, struct client, link);
		uint64_t until_ms = c->active_ms + idle_limit_ms(l);
		if (until_ms > now_ms) {
			timer_start(l, until_ms - now_ms);
			return;
		}
		if (!client_is_idle(c)) {
			client_active(c);
			continue;
		}
		if (stream_unsent(c->stream) > 0) {
			stats_one(l->stats, STATS_tcp_cut_off);
			client_reset(c);
		} else {
			client_close(c);
		}
	}
}

/* Closes a client that has nothing more to get and nothing more to ask. When we are to stop, the moment right
 * behind an answer is the best one: the client learns of it before it asks again. */
static void
client_settle(struct client *c)
{
	if (c->outstanding > 0)
		return;
	if (c->eof || (c->listener->draining && !stream_has_more(c->stream)))
		client_close(c);
}

static void
client_pace(struct client *c)
{
	bool enough = c->outstanding >= c->listener->config->limits.tcp_queries_per_client;
	stream_pause(c->stream, enough || stream_unsent(c->stream) > TCP_PAUSE_BYTES);
}

static struct client *
client_of(struct listener_stream *l, const struct query_from *from)
{
	struct client *c = &l->clients[from->client];
	return c->life == from->client_life && c->stream != NULL ? c : NULL;
}

static uint8_t *
door_reserve(void *arg, const struct query_from *from, size_t bytes)
{
	struct listener_stream *l = arg;
	struct client *c = client_of(l, from);
	if (c == NULL) {
		stats_one(l->stats, STATS_dropped_gone);
		return NULL;
	}
	uint8_t *room = stream_reserve(c->stream, bytes);
	if (room == NULL) {
		/* It asks and does not read. */
		stats_one(l->stats, STATS_tcp_cut_off);
		client_reset(c);
	}
	return room;
}

static void
door_commit(void *arg, const struct query_from *from, size_t bytes)
{
	struct client *c = client_of(arg, from);
	if (c == NULL)
		return;
	must(c->outstanding > 0);
	c->outstanding--;
	if (bytes > 0)
		stream_commit(c->stream, bytes);
	client_settle(c);
	if (c->stream != NULL)
		client_pace(c);
}

/* --- handshakes --- */

static void hold(struct listener_stream *l);
static void accept_again(struct listener_stream *l);

static struct client *
client_in(struct handshake *h)
{
	return list_entry(h, struct client, handshake);
}

static bool
is_ahead_of_us(const struct handshake *h)
{
	return stream_is_ahead(list_entry(h, struct client, handshake)->stream);
}

static void
handshake_over(struct client *c)
{
	handshake_end(&c->listener->handshakes, &c->handshake);
	accept_again(c->listener);
}

static void
handshake_failed(struct client *c, const char *why)
{
	struct listener_stream *l = c->listener;
	stats_one(l->stats, STATS_tls_failed);
	log_limited(&l->tls_limit, clock_now_ms(), LOG_LEVEL_INFO, "TLS client lost in the handshake",
	        "why=\"%s\"", why);
	stream_close(&c->stream);
	client_forget(c);
	handshake_over(c);
}

/* One whose client does not go on with it, or NULL. */
static struct handshake *
stalled(struct listener_stream *l)
{
	return handshakes_stalled(&l->handshakes, clock_now_ms(), is_ahead_of_us);
}

static bool
has_room_for_handshake(struct listener_stream *l)
{
	return !handshakes_full(&l->handshakes) || stalled(l) != NULL;
}

/* Ends such a handshake, if there is one. */
static bool
make_way(struct listener_stream *l)
{
	struct handshake *h = stalled(l);
	if (h == NULL)
		return false;
	handshake_failed(client_in(h), "it stood still, and limits.tls_handshakes are under way");
	return true;
}

static void
handshakes_watch(struct listener_stream *l)
{
	uint64_t now_ms = clock_now_ms(), next_ms = handshakes_next_ms(&l->handshakes, now_ms);
	if (next_ms != UINT64_MAX)
		timer_set(l, &l->shaking, next_ms > now_ms ? next_ms - now_ms : 0);
}

static void
on_shaking(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct listener_stream *l = timer->data;
	struct handshake *h;
	(void)loop;
	(void)events;
	while ((h = handshakes_overdue(&l->handshakes, clock_now_ms())) != NULL)
		handshake_failed(client_in(h), "limits.tls_handshake_timeout_ms");
	if (l->holding && has_room_for_handshake(l))
		accept_again(l);
	handshakes_watch(l);
}

static void
on_message(void *arg, uint8_t *msg, size_t bytes)
{
	struct client *c = arg;
	struct listener_stream *l = c->listener;
	struct query_from from = {
	        .peer = c->peer,
	        .listen = c->listen,
	        .client = (uint32_t)(c - l->clients),
	        .client_life = c->life,
	        .stream = true,
	        .tls = c->tls,
	};
	client_active(c);
	c->outstanding++;
	client_pace(c);
	query_begin(l->queries, msg, bytes, query_hash(l->queries, msg, bytes), &from);
}

static void
on_ended(void *arg, enum stream_end end, const char *why)
{
	struct client *c = arg;
	if (handshake_is_under_way(&c->handshake)) {
		handshake_failed(c, why);
		return;
	}
	if (end != STREAM_EOF) {
		stream_close(&c->stream);
		client_forget(c);
		return;
	}
	c->eof = true;
	client_settle(c);
}

static void
on_sent(void *arg)
{
	struct client *c = arg;
	if (handshake_is_under_way(&c->handshake))
		return;
	client_active(c);
	client_pace(c);
}

static void
on_opened(void *arg)
{
	struct client *c = arg;
	struct listener_stream *l = c->listener;
	bool resumed = stream_tls_resumed(c->stream);
	handshake_over(c);
	stats_one(l->stats, STATS_tls_handshakes);
	stats_add(l->stats, STATS_tls_resumed, resumed);
	log_debug("TLS client connected tls=%s resumed=%s", stream_tls_version(c->stream),
	        resumed ? "yes" : "no");
	client_active(c);
}

static const struct stream_events events = {
        .opened = on_opened, .message = on_message, .ended = on_ended, .sent = on_sent};

static struct list *
bucket_of(struct listener_stream *l, const struct addr *peer)
{
	size_t count;
	const uint8_t *host = addr_host(peer, &count);
	return &l->buckets[XXH3_64bits(host, count) % TCP_BUCKETS];
}

static unsigned
clients_of_host(struct listener_stream *l, const struct addr *peer)
{
	unsigned count = 0;
	list_each (at, bucket_of(l, peer)) {
		if (addr_same_host(&list_entry(at, struct client, bucket)->peer, peer))
			count++;
	}
	return count;
}

/* Closes the client that has been idle the longest, if there is one that waits for nothing. */
static bool
close_idlest(struct listener_stream *l)
{
	list_each (at, &l->idle) {
		struct client *c = list_entry(at, struct client, link);
		if (c->outstanding == 0) {
			client_close(c);
			return true;
		}
	}
	return false;
}

/* Why this client is not let in, or NULL. */
static const char *
objection(struct listener_stream *l, const struct addr *peer)
{
	if (policy_judge(&l->config->access, peer) == POLICY_DROP)
		return "not allowed";
	if (clients_of_host(l, peer) >= l->config->limits.tcp_clients_per_address)
		return "limits.tcp_clients_per_address";
	if (l->count == l->config->limits.tcp_clients && !close_idlest(l) && !make_way(l))
		return "limits.tcp_clients";
	return NULL;
}

static void
client_refuse(struct listener_stream *l, int fd, const char *why)
{
	stats_one(l->stats, STATS_tcp_refused);
	close(fd);
	log_limited(&l->limit, clock_now_ms(), LOG_LEVEL_INFO, "TCP client refused", "why=\"%s\"", why);
}

static void
client_serve(struct client *c, bool tls)
{
	struct listener_stream *l = c->listener;
	c->tls = tls;
	stats_one(l->stats, tls ? STATS_tls_clients : STATS_tcp_clients);
	if (!tls) {
		client_active(c);
		return;
	}
	list_remove(&c->link);
	handshake_begin(&l->handshakes, &c->handshake, clock_now_ms());
	if (!ev_is_active(&l->shaking))
		handshakes_watch(l);
}

static void
client_admit(struct accepting *a, int fd, const struct addr *peer)
{
	struct listener_stream *l = a->listener;
	const char *why = objection(l, peer);
	if (why == NULL && a->tls != NULL && handshakes_full(&l->handshakes) && !make_way(l))
		why = "limits.tls_handshakes"; /* the one that could has gone on meanwhile */
	if (why != NULL) {
		client_refuse(l, fd, why);
		return;
	}
	struct client *c = list_first(&l->free, struct client, link);
	c->stream = a->tls != NULL ? stream_adopt_tls(l->room, fd, a->tls, &events, c, TCP_OUT_BYTES)
	                           : stream_adopt(l->room, fd, &events, c, TCP_OUT_BYTES);
	if (c->stream == NULL)
		return;
	c->peer = *peer;
	c->listen = a->listen;
	c->outstanding = 0;
	c->eof = false;
	l->count++;
	list_append(bucket_of(l, peer), &c->bucket);
	client_serve(c, a->tls != NULL);
}

/* Its proxy has said who it is. */
static void
on_introduced(void *arg, int fd, const struct addr *client)
{
	client_admit(arg, fd, client);
}

static void
let_in(struct accepting *a, int fd, const struct addr *peer)
{
	if (a->by != NULL)
		foyer_take(a->listener->foyer, fd, peer, a->by, a);
	else
		client_admit(a, fd, peer);
}

/* Accepts what is queued, up to `most`. */
static void
accept_some(struct accepting *a, unsigned most)
{
	for (unsigned i = 0; i < most; i++) {
		struct addr peer = {0};
		if (a->tls != NULL && !has_room_for_handshake(a->listener)) {
			hold(a->listener);
			return;
		}
		socklen_t bytes = sizeof peer;
		int fd = accept4(a->io.fd, &peer.any, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			let_in(a, fd, &peer);
		else if ((errno == EMFILE || errno == ENFILE) && close_idlest(a->listener))
			continue;
		else if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

/* Who comes now waits in the kernel's queue. */
static void
hold(struct listener_stream *l)
{
	l->holding = true;
	for (struct accepting *a = l->accepting; a != NULL; a = a->next)
		if (a->tls != NULL)
			ev_io_stop(l->loop, &a->io);
	handshakes_watch(l);
}

static void
accept_again(struct listener_stream *l)
{
	if (!l->holding || l->draining)
		return;
	l->holding = false;
	for (struct accepting *a = l->accepting; a != NULL; a = a->next)
		if (a->tls != NULL)
			ev_io_start(l->loop, &a->io);
}

static void
on_acceptable(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	accept_some(io->data, TCP_ACCEPTS);
}

struct listener_stream *
listener_stream_new(struct ev_loop *loop, struct stream_room *room, struct queries *queries,
        const struct config *config, struct stats_slab *stats)
{
	struct listener_stream *l = must_alloc(1, sizeof *l);
	l->loop = loop;
	l->room = room;
	l->queries = queries;
	l->config = config;
	l->stats = stats;
	l->door = (struct query_door){.arg = l, .reserve = door_reserve, .commit = door_commit};
	l->foyer = foyer_new(loop, config, stats, on_introduced);
	queries_set_stream_door(queries, &l->door);
	list_init(&l->free);
	list_init(&l->idle);
	for (unsigned i = 0; i < TCP_BUCKETS; i++)
		list_init(&l->buckets[i]);
	l->clients = must_alloc(config->limits.tcp_clients, sizeof *l->clients);
	for (unsigned i = 0; i < config->limits.tcp_clients; i++) {
		l->clients[i].listener = l;
		list_init(&l->clients[i].bucket);
		list_init(&l->clients[i].handshake.link);
		list_append(&l->free, &l->clients[i].link);
	}
	handshakes_init(
	        &l->handshakes, config->limits.tls_handshakes, config->limits.tls_handshake_timeout_ms);
	ev_init(&l->timer, on_timer);
	ev_init(&l->shaking, on_shaking);
	l->timer.data = l->shaking.data = l;
	return l;
}

void
listener_stream_add(struct listener_stream *l, int fd, uint32_t listen, const struct config_listen *by,
        const struct tls_server *server)
{
	struct accepting *a = must_alloc(1, sizeof *a);
	a->next = l->accepting;
	l->accepting = a;
	a->listener = l;
	a->listen = listen;
	a->by = by != NULL && by->proxy_protocol ? by : NULL;
	a->tls = server;
	ev_io_init(&a->io, on_acceptable, fd, EV_READ);
	a->io.data = a;
	ev_io_start(l->loop, &a->io);
}

static void
accepting_stop(struct listener_stream *l)
{
	for (struct accepting *a = l->accepting; a != NULL; a = a->next)
		ev_io_stop(l->loop, &a->io);
}

void
listener_stream_drain(struct listener_stream *l)
{
	if (l->draining)
		return;
	accepting_stop(l);
	for (struct accepting *a = l->accepting; a != NULL; a = a->next)
		if (a->tls == NULL)
			accept_some(a, l->config->limits.tcp_clients);
	l->draining = true;
	foyer_drain(l->foyer, TCP_DRAIN_IDLE_MS);
	if (l->handshakes.limit_ms > TLS_DRAIN_MS)
		l->handshakes.limit_ms = TLS_DRAIN_MS;
	handshakes_watch(l);
	uint64_t now_ms = clock_now_ms();
	list_each (at, &l->idle)
		list_entry(at, struct client, link)->active_ms = now_ms;
	ev_timer_stop(l->loop, &l->timer);
	if (!list_empty(&l->idle))
		timer_start(l, idle_limit_ms(l));
}

void
listener_stream_free(struct listener_stream *l)
{
	if (l == NULL)
		return;
	accepting_stop(l);
	for (struct accepting *a = l->accepting, *next; a != NULL; a = next) {
		next = a->next;
		free(a);
	}
	foyer_free(l->foyer);
	log_limit_end(&l->limit);
	log_limit_end(&l->tls_limit);
	ev_timer_stop(l->loop, &l->timer);
	ev_timer_stop(l->loop, &l->shaking);
	for (unsigned i = 0; i < l->config->limits.tcp_clients; i++)
		if (l->clients[i].stream != NULL)
			stream_close(&l->clients[i].stream);
	free(l->clients);
	free(l);
}

unsigned
listener_stream_clients(const struct listener_stream *l)
{
	return l->count + foyer_count(l->foyer);
}
