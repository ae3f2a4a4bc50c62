/*
 * Connections and queue of one upstream address.
 *
 * Invariant: questions wait in the queue only while no connection has room, and never without a connection
 * that will end or get room.
 */
#include "upstream/place.h"

#include "base/clock.h"
#include "base/must.h"
#include "upstream/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	PLACE_CONNECTIONS = 16,     /* the most that max_connections allows */
	PLACE_PATIENCE_US = 100000, /* with a connection that is being opened, at least */
};

struct place {
	struct place_settings set;
	struct uconn_target target;
	struct health *health;
	uint64_t identity;
	struct uconn *conns[PLACE_CONNECTIONS]; /* oldest first, without gaps */
	unsigned conn_count;
	struct list waiting;
	unsigned waiting_count;
	bool network_failure; /* what `why` is about */
	char why[TLS_WHY_BYTES];
};

static const struct uconn_events conn_events;
static const char refuses[] = "answers SERVFAIL or REFUSED to what other upstreams answer";

static uint32_t
random_word(void)
{
	uint32_t word = 0;
	if (getrandom(&word, sizeof word, GRND_NONBLOCK) < 0)
		word = (uint32_t)clock_now_ms();
	return word;
}

struct place *
place_new(const struct place_settings *settings, const struct addr *address)
{
	struct place *place = must_alloc(1, sizeof *place);
	place->set = *settings;
	place->target = (struct uconn_target){
	        .upstream = settings->upstream,
	        .forward = settings->forward,
	        .profile = settings->profile,
	        .address = *address,
	};
	addr_text(address, place->target.text);
	place->identity = upstream_identity(settings->upstream, address);
	const struct health_identity identity = {
	        .key = place->identity, .name = settings->upstream->name, .address = place->target.text};
	place->health = place->target.health = health_open(settings->health, &identity, clock_now_ms());
	list_init(&place->waiting);
	return place;
}

void
place_free(struct place *place)
{
	must(list_empty(&place->waiting));
	while (place->conn_count > 0)
		uconn_close(&place->conns[--place->conn_count]);
	health_close(place->health);
	free(place);
}

/* Says in the log what the others do not say. */
static void
tell(const struct place *place, enum health_news news, uint64_t now_ms)
{
	const char *name = place->set.upstream->name, *address = place->target.text;
	uint64_t until_ms = health_backoff_until_ms(place->health);
	unsigned long long wait_ms = until_ms > now_ms ? until_ms - now_ms : 0;
	switch (news) {
	case HEALTH_IS_DOWN:
		log_warn("upstream down upstream=%s address=%s why=\"%s\" retry=%llums", name, address,
		        place->why, wait_ms);
		return;
	case HEALTH_STAYS_BAD:
		log_info("upstream still down upstream=%s address=%s why=\"%s\" retry=%llums", name, address,
		        place->why, wait_ms);
		return;
	case HEALTH_IS_UP:
		log_notice("upstream up upstream=%s address=%s", name, address);
		return;
	case HEALTH_NO_NEWS:
	default:
		return;
	}
}

static void
note_failure(struct place *place, enum health_cause cause, const char *why, uint64_t now_ms)
{
	place->network_failure = cause != HEALTH_VERIFY;
	snprintf(place->why, sizeof place->why, "%s", why);
	stats_one(place->set.stats, STATS_upstream_failures);
	if (cause == HEALTH_VERIFY)
		stats_one(place->set.stats, STATS_upstream_unverified);
	tell(place, health_failed(place->health, cause, place->why, now_ms, random_word()), now_ms);
}

static void
show_gauge(const struct place *place)
{
	health_gauge(place->health, place->conn_count, place_load(place));
}

/* The connection to use: the oldest that is less than half full, so that the others can fall idle; else the
 * least full. Not one that may be dead. */
static struct uconn *
pick(const struct place *place)
{
	struct uconn *best = NULL;
	for (unsigned i = 0; i < place->conn_count; i++) {
		struct uconn *conn = place->conns[i];
		if (uconn_is_suspect(conn))
			continue;
		if (uconn_outstanding(conn) * 2 < place->set.upstream->max_outstanding)
			return conn;
		if (best == NULL || uconn_outstanding(conn) < uconn_outstanding(best))
			best = conn;
	}
	return best;
}

static bool
is_connecting(const struct place *place)
{
	for (unsigned i = 0; i < place->conn_count; i++)
		if (!uconn_is_open(place->conns[i]))
			return true;
	return false;
}

/* A connection more, or NULL with errno. */
static struct uconn *
open_one(struct place *place)
{
	struct uconn *conn = uconn_open(
	        place->set.room, place->set.loop, &place->target, place->set.stats, &conn_events, place);
	if (conn != NULL)
		place->conns[place->conn_count++] = conn;
	return conn;
}

static bool
may_open(const struct place *place, const struct uconn *best)
{
	if (best == NULL)
		return true;
	return uconn_outstanding(best) * 2 >= place->set.upstream->max_outstanding && !is_connecting(place) &&
	       place->conn_count < place->set.upstream->max_connections;
}

static void
wait_for_room(struct place *place, struct place_ask *ask)
{
	list_append(&place->waiting, &ask->link);
	place->waiting_count++;
}

static bool
ask_on(struct uconn *conn, struct place_ask *ask, uint64_t now_ms)
{
	ask->asked_us = clock_now_us();
	return uconn_ask(conn, &ask->on, now_ms);
}

int
place_put(struct place *place, struct place_ask *ask, uint64_t now_ms)
{
	struct uconn *conn = pick(place);
	/* With nobody well, a question is the trial; the others need not make it as well. */
	health_claim_probe(place->health, now_ms, place->set.forward->attempt_timeout_ms);
	/* All are suspect, and there may not be another: the oldest has had its chance. */
	if (conn == NULL && place->conn_count >= place->set.upstream->max_connections) {
		uconn_abandon(place->conns[0], "no answer, and others are waiting");
		conn = pick(place);
	}
	if (may_open(place, conn) && !health_may_shake(place->health, now_ms) && !ask->insist) {
		if (conn == NULL)
			return -EAGAIN;
	} else if (may_open(place, conn)) {
		struct uconn *another = open_one(place);
		if (another == NULL && conn == NULL) {
			int error = errno;
			note_failure(place, HEALTH_CONNECT, strerror(error), now_ms);
			return -error;
		}
		/* The new one is used once it is open; until then the old one still has room, if there is an
		 * old one. */
		if (conn == NULL)
			conn = another;
	}
	ask->at = place;
	list_init(&ask->link);
	if (place->waiting_count > 0 || !ask_on(conn, ask, now_ms))
		wait_for_room(place, ask);
	show_gauge(place);
	return 0;
}

/* Moves questions from the queue to wherever there is room. */
static void
pump(struct place *place)
{
	uint64_t now_ms = clock_now_ms();
	while (place->waiting_count > 0) {
		struct place_ask *ask = list_first(&place->waiting, struct place_ask, link);
		struct uconn *conn = pick(place);
		if (conn == NULL || !ask_on(conn, ask, now_ms))
			return;
		list_remove(&ask->link);
		place->waiting_count--;
	}
}

void
place_withdraw(struct place_ask *ask)
{
	struct place *place = ask->at;
	if (place == NULL)
		return;
	ask->at = NULL;
	if (ask->on.conn != NULL) {
		uconn_withdraw(&ask->on);
		pump(place);
		return;
	}
	if (!list_empty(&ask->link)) {
		list_remove(&ask->link);
		place->waiting_count--;
	}
}

static void
note_silence(struct place *place, const char *why, uint64_t now_ms)
{
	place->network_failure = true;
	snprintf(place->why, sizeof place->why, "%s", why);
	tell(place, health_silent(place->health, place->why, now_ms, random_word()), now_ms);
}

bool
place_overdue(struct place_ask *ask, uint64_t now_ms)
{
	struct place *place = ask->at;
	struct uconn *conn = ask->on.conn;
	stats_one(place->set.stats, STATS_upstream_timeouts);
	if (conn == NULL || !uconn_is_open(conn) || uconn_heard_ms(conn) > ask->on.asked_ms)
		return false;
	uint64_t silent_ms = now_ms - ask->on.asked_ms;
	char why[64];
	snprintf(why, sizeof why, "no answer for %llu ms", (unsigned long long)silent_ms);
	if (silent_ms < 2 * (uint64_t)place->set.forward->attempt_timeout_ms) {
		note_silence(place, why, now_ms);
		uconn_suspect(conn);
		return false;
	}
	uconn_abandon(conn, why);
	return true;
}

static void
on_opened(void *arg, struct uconn *conn)
{
	struct place *place = arg;
	(void)conn;
	pump(place);
}

/* Time that a question spent waiting for a connection to open is not the server's latency. */
static void
note_answer(struct place *place, const struct uconn *conn, const struct place_ask *ask,
        const struct wire_answer *answer)
{
	uint64_t now_ms = clock_now_ms(), opened_us = uconn_opened_us(conn);
	uint64_t took_us = clock_now_us() - (ask->asked_us > opened_us ? ask->asked_us : opened_us);
	bool refusal = answer->rcode == WIRE_RCODE_SERVFAIL || answer->rcode == WIRE_RCODE_REFUSED;
	uint32_t latency_us = took_us < UINT32_MAX ? (uint32_t)took_us : UINT32_MAX;
	if (refusal && health_is_refusing(place->health))
		tell(place, health_failed(place->health, HEALTH_REFUSAL, refuses, now_ms, random_word()),
		        now_ms);
	tell(place, health_answered(place->health, latency_us, refusal, now_ms), now_ms);
}

static void
on_answered(void *arg, struct uconn *conn, struct uconn_ask *on, const struct wire_answer *answer)
{
	struct place *place = arg;
	struct place_ask *ask = list_entry(on, struct place_ask, on);
	ask->at = NULL;
	if (answer == NULL) {
		place->network_failure = true;
		snprintf(place->why, sizeof place->why,
		        "the server's answer was malformed or to another question");
	} else {
		note_answer(place, conn, ask, answer);
	}
	show_gauge(place);
	place->set.events->answered(place->set.arg, place, ask, answer);
	pump(place);
}

static void
forget_conn(struct place *place, const struct uconn *conn)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < place->conn_count; i++)
		if (place->conns[i] != conn)
			place->conns[kept++] = place->conns[i];
	place->conn_count = kept;
}

/* A queue without a connection that will take from it would wait for ever: it goes back with the rest. */
static void
give_up_queue(struct place *place, struct list *orphans)
{
	list_each_safe (at, after, &place->waiting) {
		struct place_ask *ask = list_entry(at, struct place_ask, link);
		list_remove(&ask->link);
		list_append(orphans, &ask->on.link);
	}
	place->waiting_count = 0;
}

static void
leave_place(struct list *orphans)
{
	list_each (at, orphans) {
		struct uconn_ask *on = list_entry(at, struct uconn_ask, link);
		list_entry(on, struct place_ask, on)->at = NULL;
	}
}

/*
 * What the end of a connection says about the place. A close in order after answers is the server's right and
 * no failure; so is silence on a name that is slow to resolve, until it happens several times in a row.
 */
static enum place_loss
judge_end(struct place *place, const struct uconn *conn, enum uconn_end end, const char *why)
{
	uint64_t now_ms = clock_now_ms();
	bool worked = uconn_is_open(conn) && uconn_answers(conn) > 0;
	if (end == UCONN_IDLE || (worked && end == UCONN_CLOSED))
		return PLACE_RETRY;
	if ((worked || end == UCONN_SILENT) && place_usable(place, now_ms)) {
		note_silence(place, why, now_ms);
		return end == UCONN_SILENT ? PLACE_SILENT : PLACE_RETRY;
	}
	note_failure(place, uconn_blame(conn, end), why, now_ms);
	return PLACE_BROKEN;
}

static void
on_ended(void *arg, struct uconn *conn, enum uconn_end end, const char *why, struct list *orphans)
{
	struct place *place = arg;
	enum place_loss loss = judge_end(place, conn, end, why);
	forget_conn(place, conn);
	if (pick(place) == NULL)
		give_up_queue(place, orphans);
	leave_place(orphans);
	if (!list_empty(orphans))
		place->set.events->lost(place->set.arg, place, loss, orphans);
	pump(place);
	show_gauge(place);
}

static const struct uconn_events conn_events = {
        .opened = on_opened,
        .answered = on_answered,
        .ended = on_ended,
};

bool
place_usable(const struct place *place, uint64_t now_ms)
{
	return health_state(place->health, now_ms) == HEALTH_WELL;
}

bool
place_stuck(const struct place *place, uint64_t now_us)
{
	uint64_t begun_us = now_us;
	for (unsigned i = 0; i < place->conn_count; i++) {
		if (uconn_is_open(place->conns[i]))
			return false;
		if (uconn_begun_us(place->conns[i]) < begun_us)
			begun_us = uconn_begun_us(place->conns[i]);
	}
	uint64_t patience_us = 3 * (uint64_t)health_handshake_us(place->health);
	return now_us - begun_us > (patience_us > PLACE_PATIENCE_US ? patience_us : PLACE_PATIENCE_US);
}

struct health *
place_health(const struct place *place)
{
	return place->health;
}

uint64_t
place_identity(const struct place *place)
{
	return place->identity;
}

void
place_contradicted(struct place *place, uint64_t now_ms)
{
	enum health_news news = health_contradicted(place->health, refuses, now_ms, random_word());
	if (news == HEALTH_IS_DOWN) {
		place->network_failure = false;
		snprintf(place->why, sizeof place->why, "%s", refuses);
	}
	tell(place, news, now_ms);
}

unsigned
place_load(const struct place *place)
{
	unsigned load = place->waiting_count;
	for (unsigned i = 0; i < place->conn_count; i++)
		load += uconn_outstanding(place->conns[i]);
	return load;
}

const struct config_upstream *
place_upstream(const struct place *place)
{
	return place->set.upstream;
}

const char *
place_text(const struct place *place)
{
	return place->target.text;
}

const char *
place_why(const struct place *place)
{
	return place->why;
}

bool
place_unreachable(const struct place *place)
{
	return !place->network_failure;
}
