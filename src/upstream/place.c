/*
 * Connections and queue of one upstream address.
 *
 * Between questions it sees to it that one of the connections stays open (warm.h).
 *
 * Invariant: questions wait in the queue only while no connection has room, and never without a connection
 * that will end or get room.
 */
#include "upstream/place_inside.h"

#include "base/clock.h"
#include "base/must.h"
#include "upstream/identity.h"
#include "upstream/warm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	PLACE_CROWD = 4,      /* so many unanswered questions are no slow name any more */
	PLACE_BURST_MS = 25,  /* what comes at once needs no second connection */
	PLACE_AGAIN_MS = 250, /* when to look whether there is budget for a handshake again */
};

static const struct uconn_events conn_events;
static const char refuses[] = "answers SERVFAIL or REFUSED to what other upstreams answer";

static void on_warm(struct ev_loop *loop, ev_timer *timer, int events);
static void pump(struct place *place);

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
	ev_init(&place->warm, on_warm);
	place->warm.data = place;
	place_race_init(place);
	return place;
}

void
place_free(struct place *place)
{
	must(list_empty(&place->waiting));
	ev_timer_stop(place->set.loop, &place->warm);
	ev_timer_stop(place->set.loop, &place->race);
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

static void
note_silence(struct place *place, const char *why, uint64_t now_ms)
{
	place->network_failure = true;
	snprintf(place->why, sizeof place->why, "%s", why);
	tell(place, health_silent(place->health, place->why, now_ms, random_word()), now_ms);
}

/* It gets new questions: it is not suspected of being dead, and good for more than it was asked. */
static bool
takes_questions(const struct place *place, const struct uconn *conn)
{
	return !uconn_is_suspect(conn) && !place_is_spent(place, conn);
}

/* How ready a connection is for one more question; the least is best. */
static unsigned
reluctance(const struct place *place, const struct uconn *conn)
{
	unsigned most = place->set.upstream->max_outstanding, now = uconn_outstanding(conn);
	if (uconn_is_open(conn) && now * 2 < most)
		return 0;
	if (now >= most)
		return 3 * most;
	return (uconn_is_open(conn) ? 1 : most) + now;
}

/* The connection to use: the oldest that is less than half full, so that the others can fall idle; else the
 * least full, and one that is still shaking hands only if there is no room elsewhere. Not one that may be
 * dead. */
static struct uconn *
pick(const struct place *place)
{
	struct uconn *best = NULL;
	for (unsigned i = 0; i < place->conn_count; i++) {
		struct uconn *conn = place->conns[i];
		if (takes_questions(place, conn) &&
		        (best == NULL || reluctance(place, conn) < reluctance(place, best)))
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

struct uconn *
place_open_one(struct place *place)
{
	must(place->conn_count < PLACE_CONNECTIONS);
	struct uconn *conn = uconn_open(
	        place->set.room, place->set.loop, &place->target, place->set.stats, &conn_events, place);
	if (conn != NULL) {
		place->conns[place->conn_count++] = conn;
		place->begun_ms = clock_now_ms();
		place_race_watch(place);
	}
	return conn;
}

/* Half full for longer than a burst takes to be answered, or nearly full. */
static bool
is_pressed(const struct place *place, const struct uconn *conn, uint64_t now_ms)
{
	unsigned most = place->set.upstream->max_outstanding, now = uconn_outstanding(conn);
	return now * 4 >= most * 3 || (now * 2 >= most && now_ms >= uconn_oldest_ms(conn) + PLACE_BURST_MS);
}

static bool
may_open(const struct place *place, const struct uconn *best, uint64_t now_ms)
{
	if (best == NULL)
		return true;
	return is_pressed(place, best, now_ms) && !is_connecting(place) && place_has_room(place);
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

void
place_ask_on(struct place *place, struct uconn *conn, struct place_ask *ask, uint64_t now_ms)
{
	ask->at = place;
	list_init(&ask->link);
	if (conn == NULL || !ask_on(conn, ask, now_ms))
		wait_for_room(place, ask);
}

int
place_put(struct place *place, struct place_ask *ask, uint64_t now_ms)
{
	struct uconn *conn = pick(place);
	place->asked_ms = ask->since_ms = now_ms;
	if (!ask->patient)
		place->wanted_ms = now_ms;
	/* With nobody well, a question is the trial; the others need not make it as well. */
	health_claim_probe(place->health, now_ms, place->set.forward->attempt_timeout_ms);
	if (conn == NULL) {
		place_relieve(place, now_ms);
		conn = pick(place);
	}
	if (conn == NULL && !place_has_room(place) && place_has_spent(place)) {
		place_ask_on(place, NULL, ask, now_ms); /* one of them is about to end */
		place_mind_spent(place);
		show_gauge(place);
		return 0;
	}
	/* All are suspect, and there may not be another: the oldest has had its chance. */
	if (conn == NULL && !place_has_room(place)) {
		uconn_abandon(place->conns[0], "no answer, and others are waiting");
		conn = pick(place);
	}
	if (may_open(place, conn, now_ms) && !ask->insist && !health_may_shake(place->health, now_ms)) {
		if (conn == NULL)
			return -EAGAIN;
	} else if (may_open(place, conn, now_ms)) {
		struct uconn *another = place_open_one(place);
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
	place_ask_on(place, place->waiting_count > 0 ? NULL : conn, ask, now_ms);
	if (!uconn_is_open(conn))
		place_race(place, now_ms);
	show_gauge(place);
	return 0;
}

int
place_put_beside(struct place *place, struct place_ask *ask, const struct uconn *beside, uint64_t now_ms)
{
	struct uconn *conn = NULL;
	if (beside != NULL && !uconn_is_open(beside))
		return -EBUSY; /* which of them opens first gets it anyway */
	for (unsigned i = 0; i < place->conn_count && conn == NULL; i++)
		if (place->conns[i] != beside && takes_questions(place, place->conns[i]))
			conn = place->conns[i];
	if (conn == NULL && !place_has_room(place))
		return -EBUSY;
	if (conn == NULL && !ask->insist && !health_may_shake(place->health, now_ms))
		return -EAGAIN;
	if (conn == NULL && (conn = place_open_one(place)) == NULL)
		return -errno;
	if (!ask_on(conn, ask, now_ms))
		return -EBUSY;
	ask->at = place;
	ask->since_ms = place->wanted_ms = now_ms;
	list_init(&ask->link);
	if (!uconn_is_open(conn))
		place_race(place, now_ms);
	return 0;
}

/* --- Keeping it warm --- */

/* A connection that will take the next question, or is about to; other than this one. */
static bool
is_lively(const struct place *place, const struct uconn *but)
{
	for (unsigned i = 0; i < place->conn_count; i++)
		if (place->conns[i] != but && takes_questions(place, place->conns[i]))
			return true;
	return false;
}

static uint64_t
warm_due_ms(const struct place *place, const struct uconn *but, uint64_t now_ms)
{
	unsigned idle_ms = place->set.upstream->idle_timeout_ms;
	/* One that is not well is tried by a probe of one worker (probe.h), not by all. */
	bool well = health_state(place->health, now_ms) == HEALTH_WELL;
	const struct warm_view view = {
	        .asked_ms = place->asked_ms,
	        .begun_ms = place->begun_ms,
	        .idle_ms = idle_ms != 0 ? idle_ms : health_idle_ms(place->health),
	        .well = well,
	        .lively = is_lively(place, but),
	        .useless = place->useless,
	};
	return warm_at_ms(&view, now_ms);
}

void
place_prepare(struct place *place, uint32_t after_ms)
{
	ev_timer_stop(place->set.loop, &place->warm);
	ev_timer_set(&place->warm, after_ms / 1000., 0.);
	ev_timer_start(place->set.loop, &place->warm);
}

void
place_stay_cold(struct place *place)
{
	ev_timer_stop(place->set.loop, &place->warm);
}

static void
open_ahead(struct place *place, uint64_t now_ms)
{
	if (!health_may_shake(place->health, now_ms)) {
		place_prepare(place, PLACE_AGAIN_MS + random_word() % PLACE_AGAIN_MS);
		return;
	}
	struct uconn *conn = place_open_one(place);
	if (conn == NULL)
		note_failure(place, HEALTH_CONNECT, strerror(errno), now_ms);
	else
		stats_one(place->set.stats, STATS_upstream_warmed);
}

/* Opens one, or sees to it that somebody looks again when it is time. */
static void
keep_warm(struct place *place)
{
	uint64_t now_ms = clock_now_ms(), due_ms = warm_due_ms(place, NULL, now_ms);
	if (place_mind_spent(place) || due_ms == WARM_NEVER || !place_has_room(place))
		return;
	if (due_ms <= now_ms)
		open_ahead(place, now_ms);
	else
		place_prepare(place, (uint32_t)(due_ms - now_ms) + 1);
}

/* At first there was no question yet, and there shall be a connection all the same; not to where others have
 * found that there is none to be had. */
static void
on_warm(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct place *place = timer->data;
	(void)loop;
	(void)events;
	uint64_t now_ms = clock_now_ms();
	place_relieve(place, now_ms);
	pump(place);
	if (place->begun_ms != 0)
		keep_warm(place);
	else if (health_state(place->health, now_ms) == HEALTH_WELL)
		open_ahead(place, now_ms);
}

/* An idle connection goes when its successor is there, if there is to be one. */
static bool
on_may_rest(void *arg, struct uconn *conn)
{
	struct place *place = arg;
	uint64_t now_ms = clock_now_ms();
	if (warm_due_ms(place, conn, now_ms) > now_ms || !place_has_room(place))
		return true;
	open_ahead(place, now_ms);
	return false;
}

/* --- Silence --- */

static bool
is_silent(const struct uconn *conn, uint64_t now_ms, uint32_t after_ms)
{
	uint64_t since_ms = 0;
	return uconn_is_open(conn) && !uconn_is_suspect(conn) &&
	       uconn_unanswered(conn, &since_ms) >= PLACE_CROWD && now_ms >= since_ms + after_ms;
}

/* Room for a connection that finds out: a suspect one that nobody waits on is of no use. */
static void
drop_useless(struct place *place)
{
	for (unsigned i = 0; i < place->conn_count; i++) {
		struct uconn *conn = place->conns[i];
		if (!uconn_is_suspect(conn) || uconn_outstanding(conn) > 0)
			continue;
		place_drop_conn(place, conn);
		uconn_close(&conn);
		return;
	}
}

bool
place_listen(struct place *place, uint64_t now_ms, uint32_t after_ms)
{
	bool found = false;
	for (unsigned i = 0; i < place->conn_count; i++)
		if (is_silent(place->conns[i], now_ms, after_ms)) {
			uconn_suspect(place->conns[i]);
			found = true;
		}
	if (!found)
		return false;
	char why[64];
	snprintf(why, sizeof why, "no answer for %u ms, and several are waiting", after_ms);
	log_info("upstream silent upstream=%s address=%s why=\"%s\"", place->set.upstream->name,
	        place->target.text, why);
	note_silence(place, why, now_ms);
	place->doubt_ms = now_ms;
	if (!place_has_room(place))
		drop_useless(place);
	keep_warm(place);
	return true;
}

bool
place_is_unheard(const struct place_ask *ask)
{
	const struct uconn *conn = ask->on.conn;
	return ask->at != NULL && (conn == NULL || uconn_is_suspect(conn) || !uconn_is_open(conn));
}

uint32_t
place_slow_us(const struct place *place)
{
	return health_slow_us(place->health);
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
	} else if (!list_empty(&ask->link)) {
		list_remove(&ask->link);
		place->waiting_count--;
	}
	show_gauge(place);
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

/* Once each time that it changes, not with every connection. */
static void
note_doubt(struct place *place, const char *doubt)
{
	bool doubted = *doubt != '\0';
	if (doubted == place->doubted)
		return;
	place->doubted = doubted;
	if (doubted)
		log_warn("upstream is not verified, and asked nevertheless upstream=%s address=%s why=\"%s\"",
		        place->set.upstream->name, place->target.text, doubt);
	else
		log_notice("upstream is verified again upstream=%s address=%s", place->set.upstream->name,
		        place->target.text);
}

static void
on_opened(void *arg, struct uconn *conn)
{
	struct place *place = arg;
	place->doubt_ms = 0;
	note_doubt(place, uconn_doubt(conn));
	place_race_won(place, conn);
	pump(place);
	show_gauge(place);
}

/* How long the server took, as far as is known; 0: not at all. Time that a question spent waiting for a
 * connection to open is not its latency, and one that went with the handshake was answered by its end. */
static uint32_t
latency_us(const struct uconn *conn, const struct place_ask *ask)
{
	uint64_t opened_us = uconn_opened_us(conn);
	if (uconn_took_early(conn) && ask->asked_us < opened_us)
		return 0;
	uint64_t took_us = clock_now_us() - (ask->asked_us > opened_us ? ask->asked_us : opened_us);
	return took_us < UINT32_MAX ? (uint32_t)took_us : UINT32_MAX;
}

static void
note_answer(struct place *place, const struct uconn *conn, const struct place_ask *ask,
        const struct wire_answer *answer)
{
	uint64_t now_ms = clock_now_ms();
	bool refusal = answer->rcode == WIRE_RCODE_SERVFAIL || answer->rcode == WIRE_RCODE_REFUSED;
	if (refusal && health_is_refusing(place->health))
		tell(place, health_failed(place->health, HEALTH_REFUSAL, refuses, now_ms, random_word()),
		        now_ms);
	tell(place, health_answered(place->health, latency_us(conn, ask), refusal, now_ms), now_ms);
}

static void
on_answered(void *arg, struct uconn *conn, struct uconn_ask *on, const struct wire_answer *answer)
{
	struct place *place = arg;
	struct place_ask *ask = list_entry(on, struct place_ask, on);
	ask->at = NULL;
	place->doubt_ms = 0;
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
	/* The server may not close at once, or at all. */
	place_mind_spent(place);
}

void
place_drop_conn(struct place *place, const struct uconn *conn)
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
	bool opened = uconn_is_open(conn), worked = opened && uconn_answers(conn) > 0;
	bool raced = uconn_is_open(conn) && uconn_was_rested(conn) && end != UCONN_SILENT;
	if (end == UCONN_IDLE || end == UCONN_SHUT || raced || (worked && end == UCONN_CLOSED) ||
	        uconn_fell_early(conn))
		return PLACE_RETRY;
	if ((worked || end == UCONN_SILENT) && health_state(place->health, now_ms) == HEALTH_WELL) {
		note_silence(place, why, now_ms);
		return end == UCONN_SILENT ? PLACE_SILENT : PLACE_RETRY;
	}
	note_failure(place, uconn_blame(conn, end), why, now_ms);
	return opened && end != UCONN_UNVERIFIED ? PLACE_HUNG_UP : PLACE_BROKEN;
}

static void
on_ended(void *arg, struct uconn *conn, enum uconn_end end, const char *why, struct list *orphans)
{
	struct place *place = arg;
	enum place_loss loss = judge_end(place, conn, end, why);
	place->useless = uconn_answers(conn) == 0;
	if (end == UCONN_CLOSED || end == UCONN_SHUT)
		place_note_end(place, conn, !list_empty(orphans));
	place_drop_conn(place, conn);
	place_relieve(place, clock_now_ms());
	if (uconn_blame(conn, end) == HEALTH_TIMEOUT)
		place_race_lost(place, orphans);
	if (pick(place) == NULL && !place_has_spent(place))
		give_up_queue(place, orphans);
	leave_place(orphans);
	if (!list_empty(orphans))
		place->set.events->lost(place->set.arg, place, loss, orphans);
	pump(place);
	keep_warm(place);
	show_gauge(place);
}

static const struct uconn_events conn_events = {
        .opened = on_opened,
        .may_rest = on_may_rest,
        .answered = on_answered,
        .ended = on_ended,
};

void
place_forget(struct place *place, struct list *orphans)
{
	struct list ours;
	list_init(&ours);
	while (place->conn_count > 0)
		uconn_leave(&place->conns[--place->conn_count], &ours);
	give_up_queue(place, &ours);
	leave_place(&ours);
	list_take_all(orphans, &ours);
	place->doubt_ms = 0;
	place->useless = false;
	place->begun_ms = 0;
	place->why[0] = '\0';
	show_gauge(place);
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
