/*
 *    taken ─► waiting ─► header complete ─► the next taker's
 *        └───────┴─ not trusted, malformed, too late, gone ─► closed
 *
 * Read in exact pieces, the fixed part first and then as much as it announces, so that not one byte of what
 * comes behind is taken. All have the same time, so those who wait are in the order of their deadlines.
 */
#include "client/foyer.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/logflood.h"
#include "base/must.h"
#include "net/proxy.h"
#include "query/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct guest {
	struct foyer *foyer;
	struct list link;
	ev_io io;
	struct addr peer;
	void *arg;
	uint64_t until_ms;
	size_t held;
	uint8_t bytes[PROXY_MOST_BYTES];
};

struct foyer {
	struct ev_loop *loop;
	const struct config *config;
	struct stats_slab *stats;
	foyer_next_fn *next;
	struct list guests;
	unsigned count, wait_ms;
	ev_timer timer;
	struct log_limit limit;
};

static void
refuse(struct foyer *f, int fd, enum stats_counter counter, const char *why)
{
	stats_one(f->stats, counter);
	close(fd);
	log_limited(&f->limit, clock_now_ms(), LOG_LEVEL_INFO, "proxied TCP connection refused", "why=\"%s\"",
	        why);
}

/* Its descriptor is what remains. */
static int
guest_forget(struct guest *g)
{
	struct foyer *f = g->foyer;
	int fd = g->io.fd;
	ev_io_stop(f->loop, &g->io);
	list_remove(&g->link);
	f->count--;
	free(g);
	return fd;
}

static void
guest_refuse(struct guest *g, const char *why)
{
	struct foyer *f = g->foyer;
	refuse(f, guest_forget(g), STATS_proxy_malformed, why);
}

static void
guest_pass(struct guest *g, const struct proxy_header *header)
{
	struct foyer *f = g->foyer;
	struct addr client = header->says == PROXY_CLIENT ? header->source : g->peer;
	void *arg = g->arg;
	f->next(arg, guest_forget(g), &client);
}

/* The end of the stream. Who has said nothing only wanted to know whether somebody is here. */
static void
guest_left(struct guest *g)
{
	if (g->held > 0)
		guest_refuse(g, "closed in the middle of the header");
	else
		close(guest_forget(g));
}

/* Looks at what has come; false when the guest is gone. */
static bool
guest_heed(struct guest *g)
{
	struct proxy_header header;
	int bytes = proxy_parse(g->bytes, g->held, &header);
	if (bytes == 0)
		return true;
	if (bytes < 0)
		guest_refuse(g, "no header, or a malformed one");
	else if (header.says == PROXY_NOBODY)
		guest_refuse(g, "the header names no client");
	else
		guest_pass(g, &header);
	return false;
}

/* Takes what has come; false when the guest is gone. */
static bool
guest_read(struct guest *g)
{
	do {
		size_t wanted = proxy_bytes(g->bytes, g->held) - g->held;
		ssize_t got = recv(g->io.fd, g->bytes + g->held, wanted, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return true;
		if (got <= 0) {
			guest_left(g);
			return false;
		}
		g->held += (size_t)got;
	} while (guest_heed(g));
	return false;
}

static void
on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	(void)loop;
	(void)events;
	guest_read(io->data);
}

static void
timer_start(struct foyer *f)
{
	uint64_t now_ms = clock_now_ms(), until_ms = list_first(&f->guests, struct guest, link)->until_ms;
	ev_timer_stop(f->loop, &f->timer); /* libev ignores what is set while it runs */
	ev_timer_set(&f->timer, until_ms > now_ms ? (double)(until_ms - now_ms) / 1000. + 0.001 : 0., 0.);
	ev_timer_start(f->loop, &f->timer);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct foyer *f = timer->data;
	(void)loop;
	(void)events;
	while (!list_empty(&f->guests)) {
		struct guest *g = list_first(&f->guests, struct guest, link);
		if (g->until_ms > clock_now_ms()) {
			timer_start(f);
			return;
		}
		/* We may be the ones who were late. */
		if (guest_read(g))
			guest_refuse(g, "no header in time");
	}
}

struct foyer *
foyer_new(struct ev_loop *loop, const struct config *config, struct stats_slab *stats, foyer_next_fn *next)
{
	struct foyer *f = must_alloc(1, sizeof *f);
	f->loop = loop;
	f->config = config;
	f->stats = stats;
	f->next = next;
	f->wait_ms = config->limits.tcp_idle_timeout_ms;
	list_init(&f->guests);
	ev_init(&f->timer, on_timer);
	f->timer.data = f;
	return f;
}

void
foyer_free(struct foyer *f)
{
	if (f == NULL)
		return;
	ev_timer_stop(f->loop, &f->timer);
	log_limit_end(&f->limit);
	list_each_safe (at, after, &f->guests)
		close(guest_forget(list_entry(at, struct guest, link)));
	free(f);
}

static void
let_in(struct foyer *f, int fd, const struct addr *peer, void *arg)
{
	struct guest *g = calloc(1, sizeof *g);
	if (g == NULL) {
		close(fd);
		return;
	}
	g->foyer = f;
	g->peer = *peer;
	g->arg = arg;
	g->until_ms = clock_now_ms() + f->wait_ms;
	ev_io_init(&g->io, on_readable, fd, EV_READ);
	g->io.data = g;
	ev_io_start(f->loop, &g->io);
	list_append(&f->guests, &g->link);
	f->count++;
	if (!ev_is_active(&f->timer))
		timer_start(f);
	/* The header has usually come with the connection. */
	guest_read(g);
}

void
foyer_take(struct foyer *f, int fd, const struct addr *peer, const struct config_listen *by, void *arg)
{
	if (!policy_trusts_proxy(by, peer))
		refuse(f, fd, STATS_proxy_refused, "not in proxy_from");
	else if (f->count >= f->config->limits.tcp_clients)
		refuse(f, fd, STATS_tcp_refused, "limits.tcp_clients wait for their header");
	else
		let_in(f, fd, peer, arg);
}

void
foyer_drain(struct foyer *f, unsigned wait_ms)
{
	uint64_t until_ms = clock_now_ms() + wait_ms;
	f->wait_ms = wait_ms;
	list_each (at, &f->guests)
		list_entry(at, struct guest, link)->until_ms = until_ms;
	if (!list_empty(&f->guests))
		timer_start(f);
}

unsigned
foyer_count(const struct foyer *f)
{
	return f->count;
}
