/*
 * A connection keeps its questions in slots; the slot is the lower part of the id on the wire, the upper part
 * changes with each use, so that a late answer to a withdrawn question is not taken for one to its successor.
 *
 * Invariant: slots[id & mask] is the question with that id, and every question in `outstanding` has a slot.
 */
#include "upstream/uconn.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/lastwords.h"
#include "base/must.h"
#include "upstream/uconn_tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	UCONN_ASK_BYTES =
	        1152, /* header, longest question, OPT with client subnet, padding to the next 512 */
	UCONN_RESTED_MS = 300,
	UCONN_WAITS_MS = 1000, /* how long one that may not rest yet waits for its successor, at most */
	UCONN_UDP_BYTES =
	        1232, /* what our OPT announces; means nothing over TLS, but some servers look at it */
};

struct uconn {
	struct stream *stream;
	struct ev_loop *loop;
	ev_timer timer; /* connect, then handshake, then idle */
	const struct uconn_target *target;
	const struct uconn_events *events;
	void *arg;
	struct stats_slab *stats;
	struct addr local; /* as far as the tap has asked for it */
	struct uconn_ask **slots;
	uint16_t *free_slots;
	uint16_t *turns; /* upper part of the id, by slot */
	unsigned slot_bits, free_count, capacity;
	struct list outstanding;
	unsigned asked, answers;
	unsigned idle_ms; /* as the administrator or the server said; 0: neither has */
	uint64_t heard_ms, active_ms;
	uint64_t rested_ms; /* for how long it had been idle when it was last asked */
	uint64_t begun_us, opened_us;
	bool open, connected;
	bool late; /* the time to connect or to shake hands ran out */
	bool suspect;
	bool fell_early;
	bool waits; /* it may close, and waits for another that is being opened */
};

static const struct stream_events stream_events;

static void
uconn_free(struct uconn *conn)
{
	ev_timer_stop(conn->loop, &conn->timer);
	free(conn->slots);
	free(conn->free_slots);
	free(conn->turns);
	free(conn);
}

static void
hand_back(struct uconn *conn, struct list *orphans)
{
	list_each (at, &conn->outstanding)
		list_entry(at, struct uconn_ask, link)->conn = NULL;
	list_take_all(orphans, &conn->outstanding);
}

/* Hands everything back and is gone. The stream is closed. */
static void
end(struct uconn *conn, enum uconn_end how, const char *why)
{
	struct list orphans;
	list_init(&orphans);
	hand_back(conn, &orphans);
	conn->events->ended(conn->arg, conn, how, why, &orphans);
	uconn_free(conn);
}

static void
timer_set(struct uconn *conn, unsigned ms)
{
	ev_timer_stop(conn->loop, &conn->timer);
	ev_timer_set(&conn->timer, ms / 1000., 0.);
	ev_timer_start(conn->loop, &conn->timer);
}

static unsigned
idle_limit_ms(const struct uconn *conn)
{
	if (conn->idle_ms != 0)
		return conn->idle_ms;
	return health_idle_ms(conn->target->health);
}

static void
rest(struct uconn *conn)
{
	log_debug("upstream connection closed upstream=%s address=%s why=idle answers=%u",
	        conn->target->upstream->name, conn->target->text, conn->answers);
	if (conn->target->upstream->idle_timeout_ms == 0)
		health_idle_outlived(conn->target->health);
	stream_finish(&conn->stream);
	end(conn, UCONN_IDLE, "idle");
}

/* Before its time is over by so much another one has to be begun, if it is to be open then. */
static unsigned
ahead_ms(const struct uconn *conn, unsigned limit_ms)
{
	uint32_t shake_ms = health_handshake_us(conn->target->health) / 1000;
	uint32_t wanted_ms = shake_ms + shake_ms / 2 + 1;
	return shake_ms == 0 ? 0 : wanted_ms < limit_ms / 4 ? wanted_ms : limit_ms / 4;
}

/* It has just been active: looks when a successor may have to be begun. */
static void
look_in_time(struct uconn *conn, unsigned limit_ms)
{
	timer_set(conn, limit_ms - ahead_ms(conn, limit_ms) + 1);
}

/* Closes if idle for long enough, else looks again when it could be. Shortly before, another one may be begun
 * in its place (may_rest), and until that is open this one serves. */
static void
check_idle(struct uconn *conn)
{
	unsigned limit_ms = idle_limit_ms(conn), patience_ms = limit_ms / 20;
	uint64_t now_ms = clock_now_ms(), until_ms = conn->active_ms + limit_ms;
	uint64_t early_ms = until_ms - ahead_ms(conn, limit_ms);
	bool idle = conn->free_count == conn->capacity, due = idle && now_ms >= until_ms;
	bool asked = conn->waits;
	conn->waits = idle && now_ms >= early_ms;
	if (conn->waits && !asked)
		asked = conn->events->may_rest(conn->arg, conn);
	if (due && asked) {
		rest(conn);
		return;
	}
	/* If something is outstanding, its answer will say when the connection became idle. */
	if (due)
		timer_set(conn, (patience_ms < UCONN_WAITS_MS ? patience_ms : UCONN_WAITS_MS) + 1);
	else if (conn->waits)
		timer_set(conn, (unsigned)(until_ms - now_ms) + 1);
	else
		timer_set(conn, early_ms > now_ms ? (unsigned)(early_ms - now_ms) + 1 : limit_ms + 1);
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct uconn *conn = timer->data;
	(void)loop;
	(void)events;
	char why[64];
	if (conn->open) {
		check_idle(conn);
		return;
	}
	if (conn->connected)
		snprintf(why, sizeof why, "no TLS handshake within %u ms",
		        conn->target->forward->handshake_timeout_ms);
	else
		snprintf(why, sizeof why, "no connection within %u ms",
		        conn->target->forward->connect_timeout_ms);
	conn->late = true;
	uconn_abandon(conn, why);
}

static void
on_connected(void *arg)
{
	struct uconn *conn = arg;
	conn->connected = true;
	timer_set(conn, conn->target->forward->handshake_timeout_ms);
}

static const char *
early_text(const struct uconn *conn)
{
	enum stream_early early = stream_early(conn->stream);
	return early == STREAM_EARLY_TAKEN ? " early" : early == STREAM_EARLY_REFUSED ? " early-refused" : "";
}

static void
note_early(const struct uconn *conn)
{
	enum stream_early early = stream_early(conn->stream);
	stats_add(conn->stats, STATS_upstream_early, early == STREAM_EARLY_TAKEN);
	stats_add(conn->stats, STATS_upstream_early_refused, early == STREAM_EARLY_REFUSED);
	if (early == STREAM_EARLY_TAKEN)
		health_seen(conn->target->health, HEALTH_EARLY_DATA);
}

/* Before the stream is closed. A server, or what stands before it, that stumbles over early data (RFC 8446
 * section D.3) would do so with every second connection. */
static void
note_fall(struct uconn *conn, enum uconn_end how)
{
	if (conn->open || how == UCONN_UNVERIFIED || stream_early(conn->stream) != STREAM_EARLY_SENT)
		return;
	conn->fell_early = true;
	health_early_failed(conn->target->health, clock_now_ms());
}

static void
on_opened(void *arg)
{
	struct uconn *conn = arg;
	conn->open = true;
	conn->active_ms = clock_now_ms();
	conn->opened_us = clock_now_us();
	health_shaken(conn->target->health, stream_tls_resumed(conn->stream),
	        stream_tls_version(conn->stream), (uint32_t)(conn->opened_us - conn->begun_us));
	look_in_time(conn, idle_limit_ms(conn));
	stats_one(conn->stats, STATS_upstream_handshakes);
	stats_add(conn->stats, STATS_upstream_doubted, *stream_tls_doubt(conn->stream) != '\0');
	stats_add(conn->stats, STATS_upstream_resumed, stream_tls_resumed(conn->stream));
	note_early(conn);
	log_info("upstream connected upstream=%s address=%s tls=%s%s%s", conn->target->upstream->name,
	        conn->target->text, stream_tls_version(conn->stream),
	        stream_tls_resumed(conn->stream) ? " resumed" : "", early_text(conn));
	if (stream_tls_undated(conn->stream))
		log_warn("upstream is verified but for its dates, as the clock is wrong upstream=%s "
		         "address=%s",
		        conn->target->upstream->name, conn->target->text);
	conn->events->opened(conn->arg, conn);
}

static unsigned
slot_of(const struct uconn *conn, uint16_t id)
{
	return id & ((1u << conn->slot_bits) - 1);
}

static void
slot_release(struct uconn *conn, struct uconn_ask *ask)
{
	unsigned slot = slot_of(conn, ask->id);
	must(conn->slots[slot] == ask);
	conn->slots[slot] = NULL;
	conn->free_slots[conn->free_count++] = (uint16_t)slot;
	list_remove(&ask->link);
	ask->conn = NULL;
}

/* RFC 7828: the server's word on how long an idle connection may stay; a margin, so that we are the one who
 * closes. */
static void
heed_keepalive(struct uconn *conn, const struct edns *edns)
{
	if (!edns->keepalive_value)
		return;
	unsigned before_ms = idle_limit_ms(conn);
	health_told_keepalive(conn->target->health, edns->keepalive_tenths * 100u);
	if (conn->target->upstream->idle_timeout_ms != 0)
		return;
	conn->idle_ms = health_idle_ms(conn->target->health);
	if (conn->idle_ms < before_ms) /* the timer that runs may be too long now */
		look_in_time(conn, conn->idle_ms);
}

/* The question that this message claims to answer, or NULL. */
static struct uconn_ask *
asker(const struct uconn *conn, const uint8_t *msg)
{
	uint16_t id = wire_id(msg);
	unsigned slot = slot_of(conn, id);
	struct uconn_ask *ask = slot < conn->capacity ? conn->slots[slot] : NULL;
	return ask != NULL && ask->id == id ? ask : NULL;
}

/* What the server does without being asked for more than it must. */
static void
note_manners(const struct uconn *conn, const struct uconn_ask *ask, const struct edns *edns)
{
	if (conn->outstanding.next != &ask->link)
		health_seen(conn->target->health, HEALTH_OUT_OF_ORDER);
	if (edns->padding)
		health_seen(conn->target->health, HEALTH_PADDING);
}

static void
on_message(void *arg, uint8_t *msg, size_t bytes)
{
	struct uconn *conn = arg;
	conn->heard_ms = conn->active_ms = clock_now_ms();
	conn->suspect = false;
	conn->rested_ms = 0;
	if (bytes < WIRE_HEADER_BYTES) {
		stats_one(conn->stats, STATS_upstream_bad_answers);
		uconn_abandon(conn, "the server sent a message that is shorter than a DNS header");
		return;
	}
	struct uconn_ask *ask = asker(conn, msg);
	if (ask == NULL) {
		stats_one(conn->stats, STATS_upstream_stray);
		log_debug("stray answer upstream=%s address=%s id=%u bytes=%zu", conn->target->upstream->name,
		        conn->target->text, wire_id(msg), bytes);
		return;
	}
	struct wire_answer answer;
	if (ask->tapped_us != 0)
		uconn_tap_answer(ask->tapped_us, &conn->local, &conn->target->address, msg, bytes);
	lastwords_take_hand(ask->hash);
	fault_pass("answer", ask->query->question.name, ask->query->question.name_bytes);
	enum wire_match match = wire_answer_take(msg, bytes, &ask->query->question, &answer);
	if (match == WIRE_MATCH)
		note_manners(conn, ask, &answer.edns);
	slot_release(conn, ask);
	if (match == WIRE_MATCH) {
		conn->answers++;
		stats_one(conn->stats, STATS_upstream_answered);
		heed_keepalive(conn, &answer.edns);
	} else {
		stats_one(conn->stats, STATS_upstream_bad_answers);
	}
	log_debug("q=%u answer from upstream=%s address=%s id=%u bytes=%zu tls=%s ms=%llu %s", ask->number,
	        conn->target->upstream->name, conn->target->text, ask->id, bytes,
	        stream_tls_version(conn->stream), (unsigned long long)(conn->heard_ms - ask->asked_ms),
	        match == WIRE_MATCH     ? "good"
	        : match == WIRE_GARBAGE ? "malformed"
	                                : "to another question");
	conn->events->answered(conn->arg, conn, ask, match == WIRE_MATCH ? &answer : NULL);
	lastwords_drop_hand();
}

static void
on_ended(void *arg, enum stream_end how, const char *why)
{
	struct uconn *conn = arg;
	bool idle = conn->open && list_empty(&conn->outstanding) && how != STREAM_UNVERIFIED;
	enum uconn_end as = how == STREAM_UNVERIFIED          ? UCONN_UNVERIFIED
	                    : idle                            ? UCONN_SHUT
	                    : how == STREAM_EOF && conn->open ? UCONN_CLOSED
	                                                      : UCONN_FAILED;
	log_debug("upstream connection ended upstream=%s address=%s why=\"%s\" answers=%u",
	        conn->target->upstream->name, conn->target->text, why, conn->answers);
	/* Sooner is no idle time: the server had done with us. */
	uint64_t idle_ms = uconn_idle_ms(conn, clock_now_ms());
	if (as == UCONN_SHUT && how == STREAM_EOF && idle_ms >= UCONN_RESTED_MS)
		health_idle_closed(conn->target->health, (uint32_t)idle_ms);
	note_fall(conn, as);
	stream_close(&conn->stream);
	end(conn, as, why);
}

static const struct stream_events stream_events = {
        .connected = on_connected,
        .opened = on_opened,
        .message = on_message,
        .ended = on_ended,
};

/* The slots for this many outstanding questions, and random upper parts of their ids. */
static void
slots_make(struct uconn *conn, unsigned capacity)
{
	conn->capacity = capacity;
	while ((1u << conn->slot_bits) < capacity)
		conn->slot_bits++;
	conn->slots = must_alloc(capacity, sizeof(struct uconn_ask *));
	conn->free_slots = must_alloc(capacity, sizeof *conn->free_slots);
	conn->turns = must_alloc(capacity, sizeof *conn->turns);
	if (getrandom(conn->turns, capacity * sizeof *conn->turns, 0) < 0)
		conn->turns[0] = 0; /* nothing depends on it: the stream is authenticated */
	while (conn->free_count < capacity) {
		conn->free_slots[conn->free_count] = (uint16_t)(capacity - 1 - conn->free_count);
		conn->free_count++;
	}
}

struct uconn *
uconn_open(struct stream_room *room, struct ev_loop *loop, const struct uconn_target *target,
        struct stats_slab *stats, const struct uconn_events *events, void *arg)
{
	unsigned capacity = target->upstream->max_outstanding;
	struct uconn *conn = must_alloc(1, sizeof *conn);
	conn->loop = loop;
	conn->target = target;
	conn->events = events;
	conn->arg = arg;
	conn->stats = stats;
	conn->begun_us = clock_now_us();
	conn->idle_ms = target->upstream->idle_timeout_ms;
	list_init(&conn->outstanding);
	ev_init(&conn->timer, on_timer);
	conn->timer.data = conn;
	stats_one(stats, STATS_upstream_connections);
	conn->stream = stream_connect_from(room, &target->upstream->source_address, &target->address,
	        target->profile, &stream_events, conn, (size_t)(capacity + 1) * UCONN_ASK_BYTES);
	if (conn->stream == NULL) {
		int error = errno;
		uconn_free(conn);
		errno = error;
		return NULL;
	}
	if (target->upstream->early_data && health_may_early(target->health, clock_now_ms()))
		stream_allow_early(conn->stream);
	slots_make(conn, capacity);
	timer_set(conn, target->forward->connect_timeout_ms);
	return conn;
}

void
uconn_close(struct uconn **at)
{
	struct uconn *conn = *at;
	*at = NULL;
	must(list_empty(&conn->outstanding));
	stream_finish(&conn->stream);
	uconn_free(conn);
}

/*
 * No word of farewell: on another network it would tell who we were on the last one, and where nobody hears
 * it the kernel would say it again and again, and keep the neighbour's entry in a state in which a new
 * connection has to wait for up to a second.
 */
void
uconn_leave(struct uconn **at, struct list *orphans)
{
	struct uconn *conn = *at;
	*at = NULL;
	hand_back(conn, orphans);
	stream_reset(&conn->stream);
	uconn_free(conn);
}

void
uconn_abandon(struct uconn *conn, const char *why)
{
	note_fall(conn, UCONN_FAILED);
	stream_close(&conn->stream);
	end(conn, conn->open ? UCONN_SILENT : UCONN_FAILED, why);
}

void
uconn_suspect(struct uconn *conn)
{
	conn->suspect = true;
}

bool
uconn_is_suspect(const struct uconn *conn)
{
	return conn->suspect || (stream_tls_undated(conn->stream) && !clock_is_wrong(clock_date()));
}

bool
uconn_is_open(const struct uconn *conn)
{
	return conn->open;
}

bool
uconn_is_connected(const struct uconn *conn)
{
	return conn->connected;
}

unsigned
uconn_outstanding(const struct uconn *conn)
{
	return conn->capacity - conn->free_count;
}

uint64_t
uconn_oldest_ms(const struct uconn *conn)
{
	if (list_empty(&conn->outstanding))
		return 0;
	return list_entry(conn->outstanding.next, const struct uconn_ask, link)->asked_ms;
}

unsigned
uconn_asked(const struct uconn *conn)
{
	return conn->asked;
}

unsigned
uconn_answers(const struct uconn *conn)
{
	return conn->answers;
}

uint64_t
uconn_heard_ms(const struct uconn *conn)
{
	return conn->heard_ms;
}

unsigned
uconn_unanswered(const struct uconn *conn, uint64_t *since_ms)
{
	unsigned count = 0;
	list_each (at, &conn->outstanding) {
		const struct uconn_ask *ask = list_entry(at, struct uconn_ask, link);
		if (ask->asked_ms <= conn->heard_ms)
			continue; /* only slow: others were answered after it */
		if (count++ == 0)
			*since_ms = ask->asked_ms;
	}
	return count;
}

uint64_t
uconn_idle_ms(const struct uconn *conn, uint64_t now_ms)
{
	return conn->open && now_ms > conn->active_ms ? now_ms - conn->active_ms : 0;
}

bool
uconn_was_rested(const struct uconn *conn)
{
	return conn->rested_ms >= UCONN_RESTED_MS;
}

const char *
uconn_doubt(const struct uconn *conn)
{
	return stream_tls_doubt(conn->stream);
}

const char *
uconn_tls_version(const struct uconn *conn)
{
	return stream_tls_version(conn->stream);
}

enum health_cause
uconn_blame(const struct uconn *conn, enum uconn_end how)
{
	if (how == UCONN_UNVERIFIED)
		return HEALTH_VERIFY;
	if (conn->late)
		return HEALTH_TIMEOUT;
	if (conn->open)
		return how == UCONN_SILENT ? HEALTH_SILENCE : HEALTH_RESET;
	return conn->connected ? HEALTH_HANDSHAKE : HEALTH_CONNECT;
}

bool
uconn_took_early(const struct uconn *conn)
{
	return stream_early(conn->stream) == STREAM_EARLY_TAKEN;
}

bool
uconn_fell_early(const struct uconn *conn)
{
	return conn->fell_early && !conn->late;
}

uint64_t
uconn_begun_us(const struct uconn *conn)
{
	return conn->begun_us;
}

uint64_t
uconn_opened_us(const struct uconn *conn)
{
	return conn->opened_us;
}

/* What every question of ours carries: keepalive, padding, and the client's subnet if the administrator lets
 * it pass. */
static struct edns_write
opt_for(const struct uconn *conn, const struct wire_query *query)
{
	const struct config_forward *forward = conn->target->forward;
	bool subnet = forward->client_subnet_forward && query->edns.present && query->edns.subnet_bytes > 0;
	return (struct edns_write){
	        .udp_bytes = UCONN_UDP_BYTES,
	        .dnssec_ok = query->edns.present && query->edns.dnssec_ok,
	        .keepalive = true,
	        .subnet = subnet ? query->edns.subnet : NULL,
	        .subnet_bytes = subnet ? query->edns.subnet_bytes : 0,
	        .padding_block = forward->padding,
	};
}

bool
uconn_ask(struct uconn *conn, struct uconn_ask *ask, uint64_t now_ms)
{
	uint8_t *msg = conn->free_count > 0 ? stream_reserve(conn->stream, UCONN_ASK_BYTES) : NULL;
	if (msg == NULL)
		return false;
	unsigned slot = conn->free_slots[--conn->free_count];
	conn->turns[slot]++;
	conn->asked++;
	ask->id = (uint16_t)(((unsigned)conn->turns[slot] << conn->slot_bits) | slot);
	ask->conn = conn;
	if (list_empty(&conn->outstanding))
		conn->rested_ms = uconn_idle_ms(conn, now_ms);
	ask->asked_ms = conn->active_ms = now_ms;
	conn->slots[slot] = ask;
	list_append(&conn->outstanding, &ask->link);
	struct edns_write opt = opt_for(conn, ask->query);
	size_t bytes = wire_ask(msg, UCONN_ASK_BYTES, ask->id, ask->query, &opt);
	must(bytes > 0);
	ask->tapped_us = 0;
	if (tap_has_forwarder())
		ask->tapped_us = uconn_tap_ask(
		        ask->number, conn->stream, &conn->local, &conn->target->address, msg, bytes);
	stream_commit(conn->stream, bytes);
	stats_one(conn->stats, STATS_upstream_asked);
	health_asked(conn->target->health);
	log_debug("q=%u asks upstream=%s address=%s id=%u bytes=%zu tls=%s", ask->number,
	        conn->target->upstream->name, conn->target->text, ask->id, bytes,
	        conn->open ? stream_tls_version(conn->stream) : "connecting");
	return true;
}

void
uconn_withdraw(struct uconn_ask *ask)
{
	if (ask->conn != NULL)
		slot_release(ask->conn, ask);
}
