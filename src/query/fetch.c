/*
 * Fetches lie in a pool of fixed size, and those that can be joined in a table by their questions.
 *
 *    fetch_ask ─► joined one that flies ───────────────► done, for each
 *             └─► asks upstream ─► answered, or failed ─┘
 *                  ▲        └ time is up, nobody waits ─► withdrawn
 *                  └──────── time is up, somebody came later
 *
 * All ask for the same time, so those in flight form a queue in the order of their ends, and one timer
 * watches its head. That time is a little longer than a waiter's: who was there from the beginning has left
 * by then.
 *
 * Invariants: a fetch is in exactly one of the lists `free` and `flying`; one that flies and for which nobody
 * waits is in `alone` as well. There are as many fetches as there may be waiters, so when none is free there
 * is one for which nobody waits.
 */
#include "query/fetch.h"

#include "base/clock.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>

enum { FETCH_GRACE_MS = 100 };

struct fetch {
	struct list link;  /* in `free` or `flying` */
	struct list alone; /* in `alone`, when nobody waits */
	struct list waiters;
	struct fetch *next; /* in the same bucket */
	bool joinable;      /* in the table */
	bool unasked;
	bool told; /* that its time is up */
	uint64_t hash;
	uint64_t asked_ms;
	uint32_t number;
	struct upstream_ask ask;
	struct wire_query query;
};

struct fetches {
	struct ev_loop *loop;
	const struct config *config;
	struct stats_slab *stats;
	struct upstreams *upstreams;
	const struct fetch_events *events;
	void *arg;
	struct fetch *pool;
	unsigned touched; /* objects that have ever been used: a large pool costs address space only */
	struct list free, flying, alone;
	unsigned in_flight, alone_count;
	struct fetch **buckets;
	uint64_t mask;
	ev_timer timer;
};

/* --- The table --- */

static bool
same_question(const struct wire_query *a, const struct wire_query *b)
{
	const struct wire_question *p = &a->question, *q = &b->question;
	return p->name_bytes == q->name_bytes && p->type == q->type && p->class == q->class &&
	       a->edns.dnssec_ok == b->edns.dnssec_ok && a->view == b->view &&
	       ((a->flags ^ b->flags) & (WIRE_FLAG_RD | WIRE_FLAG_CD)) == 0 &&
	       name_equal(p->name, q->name, p->name_bytes);
}

static struct fetch **
bucket(const struct fetches *fs, uint64_t hash)
{
	return &fs->buckets[hash & fs->mask];
}

static struct fetch *
table_find(const struct fetches *fs, const struct wire_query *query, uint64_t hash)
{
	for (struct fetch *f = *bucket(fs, hash); f != NULL; f = f->next)
		if (f->hash == hash && same_question(&f->query, query))
			return f;
	return NULL;
}

static void
table_put(struct fetches *fs, struct fetch *f)
{
	struct fetch **at = bucket(fs, f->hash);
	f->next = *at;
	*at = f;
	f->joinable = true;
}

static void
table_remove(struct fetches *fs, struct fetch *f)
{
	if (!f->joinable)
		return;
	struct fetch **at = bucket(fs, f->hash);
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->joinable = false;
}

/* An answer made for a subnet is for whoever lives there. */
bool
fetch_is_shareable(const struct config *config, const struct wire_query *query)
{
	return !config->forward.client_subnet_forward || query->edns.subnet_bytes == 0;
}

/* --- The life of a fetch --- */

static void
alone_begin(struct fetches *fs, struct fetch *f)
{
	list_append(&fs->alone, &f->alone);
	fs->alone_count++;
}

static void
alone_end(struct fetches *fs, struct fetch *f)
{
	if (list_empty(&f->alone))
		return;
	list_remove(&f->alone);
	fs->alone_count--;
}

/* From now on nobody can join it, and its object is free; who waits is the caller's business. */
static void
end(struct fetches *fs, struct fetch *f)
{
	table_remove(fs, f);
	alone_end(fs, f);
	list_remove(&f->link);
	list_push(&fs->free, &f->link);
	fs->in_flight--;
}

static void
withdraw(struct fetches *fs, struct fetch *f)
{
	struct upstream_result result;
	must(list_empty(&f->waiters));
	upstream_withdraw(fs->upstreams, &f->ask, &result);
	end(fs, f);
}

/* Says what became of it; the answer for the waiters is in *result afterwards. */
static void
tell(struct fetches *fs, const struct fetch *f, struct upstream_result *result)
{
	struct fetch_end end = {
	        .query = &f->query, .hash = f->hash, .unasked = f->unasked, .result = *result};
	fs->events->ended(fs->arg, &end);
	*result = end.result;
}

static void
on_done(void *arg, struct upstream_ask *ask, const struct upstream_result *result)
{
	struct fetches *fs = arg;
	struct fetch *f = list_entry(ask, struct fetch, ask);
	struct upstream_result told = *result;
	struct list waiters;
	tell(fs, f, &told);
	/* Away from the fetch first: a waiter may ask anew from inside done(). */
	list_init(&waiters);
	list_take_all(&waiters, &f->waiters);
	end(fs, f);
	while (!list_empty(&waiters)) {
		struct fetch_wait *wait = list_first(&waiters, struct fetch_wait, link);
		list_remove(&wait->link);
		wait->fetch = NULL;
		fs->events->done(fs->arg, wait, &told);
	}
}

static uint64_t
round_ms(const struct fetches *fs)
{
	return fs->config->forward.timeout_ms + FETCH_GRACE_MS;
}

static void
timer_start(struct fetches *fs, uint64_t wait_ms)
{
	ev_timer_stop(fs->loop, &fs->timer); /* libev ignores what is set while it runs */
	ev_timer_set(&fs->timer, (double)wait_ms / 1000. + 0.001, 0.);
	ev_timer_start(fs->loop, &fs->timer);
}

/* May be over when this returns. */
static void
ask_upstream(struct fetches *fs, struct fetch *f)
{
	f->asked_ms = clock_now_ms();
	f->told = false;
	list_remove(&f->link);
	list_append(&fs->flying, &f->link);
	if (!ev_is_active(&fs->timer))
		timer_start(fs, round_ms(fs));
	upstream_ask(fs->upstreams, &f->ask, &f->query, f->hash, f->number);
}

/* No answer in time is a failure like any other, and is told once. */
static void
tell_late(struct fetches *fs, struct fetch *f, struct upstream_result *result)
{
	if (!f->told)
		tell(fs, f, result);
	f->told = true;
}

static void
time_is_up(struct fetches *fs, struct fetch *f)
{
	struct upstream_result result;
	upstream_withdraw(fs->upstreams, &f->ask, &result);
	tell_late(fs, f, &result);
	if (list_empty(&f->waiters))
		end(fs, f);
	else
		ask_upstream(fs, f);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct fetches *fs = timer->data;
	uint64_t now_ms = clock_now_ms();
	(void)loop;
	(void)events;
	while (!list_empty(&fs->flying)) {
		struct fetch *f = list_first(&fs->flying, struct fetch, link);
		uint64_t until_ms = f->asked_ms + round_ms(fs);
		if (until_ms > now_ms) {
			timer_start(fs, until_ms - now_ms);
			return;
		}
		time_is_up(fs, f);
	}
}

/* An object to use: a free one, one never used, or that of the fetch that has been alone for longest. */
static struct fetch *
take(struct fetches *fs)
{
	if (list_empty(&fs->free)) {
		if (fs->touched < fs->config->limits.queries_in_flight) {
			struct fetch *f = &fs->pool[fs->touched++];
			list_append(&fs->free, &f->link);
			return f;
		}
		must(!list_empty(&fs->alone));
		withdraw(fs, list_first(&fs->alone, struct fetch, alone));
	}
	return list_first(&fs->free, struct fetch, link);
}

static struct fetch *
begin(struct fetches *fs, const struct wire_query *query, uint64_t hash, uint32_t number)
{
	struct fetch *f = take(fs);
	f->hash = hash;
	f->number = number;
	f->query = *query;
	f->joinable = f->unasked = false;
	list_init(&f->waiters);
	list_init(&f->alone);
	if (fetch_is_shareable(fs->config, query))
		table_put(fs, f);
	fs->in_flight++;
	return f;
}

static void
attach(struct fetches *fs, struct fetch *f, struct fetch_wait *wait)
{
	alone_end(fs, f);
	f->unasked = false;
	wait->fetch = f;
	list_append(&f->waiters, &wait->link);
}

static struct fetch *
find(const struct fetches *fs, const struct wire_query *query, uint64_t hash)
{
	return fetch_is_shareable(fs->config, query) ? table_find(fs, query, hash) : NULL;
}

void
fetch_ask(struct fetches *fs, struct fetch_wait *wait, const struct wire_query *query, uint64_t hash,
        uint32_t number)
{
	struct fetch *f = find(fs, query, hash);
	if (f != NULL) {
		stats_one(fs->stats, STATS_cache_joined);
		attach(fs, f, wait);
		return;
	}
	f = begin(fs, query, hash, number);
	attach(fs, f, wait);
	ask_upstream(fs, f);
}

void
fetch_begin(struct fetches *fs, const struct wire_query *query, uint64_t hash, uint32_t number, bool unasked)
{
	unsigned most = fs->config->limits.queries_in_flight;
	if (find(fs, query, hash) != NULL || fs->in_flight >= most || fs->alone_count > most / 4)
		return;
	struct fetch *f = begin(fs, query, hash, number);
	f->unasked = unasked;
	alone_begin(fs, f);
	ask_upstream(fs, f);
}

/* Nearly so: who asked first looked at the clock a little earlier. */
static bool
is_overdue(const struct fetches *fs, const struct fetch *f)
{
	return clock_now_ms() + FETCH_GRACE_MS / 2 >= f->asked_ms + fs->config->forward.timeout_ms;
}

void
fetch_leave(struct fetches *fs, struct fetch_wait *wait, struct upstream_result *result)
{
	struct fetch *f = wait->fetch;
	upstream_explain(fs->upstreams, &f->ask, result);
	if (is_overdue(fs, f))
		tell_late(fs, f, result);
	list_remove(&wait->link);
	wait->fetch = NULL;
	if (list_empty(&f->waiters))
		alone_begin(fs, f);
}

bool
fetches_hopeless(const struct fetches *fs, const struct wire_query *query)
{
	return upstreams_down(fs->upstreams, query);
}

void
fetches_reconnect(struct fetches *fs)
{
	upstreams_reconnect(fs->upstreams);
}

void
fetches_stay_cold(struct fetches *fs)
{
	upstreams_stay_cold(fs->upstreams);
}

unsigned
fetches_in_flight(const struct fetches *fs)
{
	return fs->in_flight;
}

/* --- All of them --- */

struct fetches *
fetches_new(struct ev_loop *loop, struct stream_room *room, const struct config *config,
        const struct tls_store *tls, struct health_table *health, struct stats_slab *stats,
        const struct fetch_events *events, void *arg)
{
	struct fetches *fs = must_alloc(1, sizeof *fs);
	uint64_t buckets = 1;
	while (buckets < config->limits.queries_in_flight)
		buckets *= 2;
	fs->loop = loop;
	fs->config = config;
	fs->stats = stats;
	fs->events = events;
	fs->arg = arg;
	fs->pool = must_alloc(config->limits.queries_in_flight, sizeof *fs->pool);
	fs->buckets = must_alloc(buckets, sizeof *fs->buckets);
	fs->mask = buckets - 1;
	list_init(&fs->free);
	list_init(&fs->flying);
	list_init(&fs->alone);
	ev_init(&fs->timer, on_timer);
	fs->timer.data = fs;
	fs->upstreams = upstreams_new(loop, room, config, tls, health, stats, on_done, fs);
	return fs;
}

void
fetches_free(struct fetches *fs)
{
	if (fs == NULL)
		return;
	while (!list_empty(&fs->flying))
		withdraw(fs, list_first(&fs->flying, struct fetch, link));
	ev_timer_stop(fs->loop, &fs->timer);
	upstreams_free(fs->upstreams);
	free(fs->buckets);
	free(fs->pool);
	free(fs);
}
