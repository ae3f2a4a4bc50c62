/*
 * Connections of a place that take too long to open.
 *
 * When packets are lost, the kernel sends the first one of a connection again after 1, 3 and 7 s; a network
 * that comes back is found by that much too late. So while somebody waits, the oldest attempt goes on, and
 * beside it runs a younger one that is replaced each time that it has had as long as a connection should
 * take. The oldest wins where the way is long, the younger one where the packets of the oldest were lost.
 *
 * Once TCP is connected somebody is there, who may just have much to do: then nothing is begun beside it.
 */
#include "upstream/place_inside.h"

#include "base/clock.h"

enum {
	RACE_USUAL = 3, /* so many times what it usually takes is too long */
};

static bool
is_opening(const struct uconn *conn)
{
	return !uconn_is_open(conn);
}

/*
 * How long a connection may take. Where it was never measured, as configured; where it was, three times as
 * long as usual, but a quick one is given time to be slow for once, and a slow one no more than it needs.
 */
static uint64_t
patience_us(const struct place *place)
{
	uint64_t usual_us = health_handshake_us(place->health);
	uint64_t set_us = (uint64_t)place->set.forward->connect_patience_ms * 1000;
	uint64_t least_us = set_us / 3 * 2, most_us = usual_us * 3 / 2 > set_us ? usual_us * 3 / 2 : set_us;
	if (usual_us == 0)
		return set_us;
	uint64_t long_us = RACE_USUAL * usual_us;
	return long_us < least_us ? least_us : long_us > most_us ? most_us : long_us;
}

uint64_t
place_stuck_at_us(const struct place *place)
{
	uint64_t begun_us = 0;
	for (unsigned i = 0; i < place->conn_count; i++) {
		const struct uconn *conn = place->conns[i];
		if (!is_opening(conn) && !uconn_is_suspect(conn))
			return 0;
		if (is_opening(conn) && (begun_us == 0 || uconn_begun_us(conn) < begun_us))
			begun_us = uconn_begun_us(conn);
	}
	return begun_us != 0 ? begun_us + patience_us(place) : 0;
}

bool
place_stuck(const struct place *place, uint64_t now_us)
{
	uint64_t at_us = place_stuck_at_us(place);
	return at_us != 0 && now_us >= at_us;
}

bool
place_is_waiting(const struct place_ask *ask)
{
	return ask->at != NULL && (ask->on.conn == NULL || is_opening(ask->on.conn));
}

/* The youngest that is being opened, and how many are; NULL when there is none, or somebody is there. */
static struct uconn *
youngest(const struct place *place, unsigned *count)
{
	struct uconn *found = NULL;
	*count = 0;
	for (unsigned i = 0; i < place->conn_count; i++) {
		if (!is_opening(place->conns[i]))
			continue;
		if (uconn_is_connected(place->conns[i]))
			return NULL;
		found = place->conns[i];
		(*count)++;
	}
	return found;
}

static bool
somebody_waits(const struct place *place, uint64_t now_ms)
{
	unsigned waiting = place->waiting_count;
	for (unsigned i = 0; i < place->conn_count; i++)
		if (is_opening(place->conns[i]))
			waiting += uconn_outstanding(place->conns[i]);
	return waiting > 0 && now_ms < place->wanted_ms + place->set.forward->timeout_ms;
}

static void
look_in_us(struct place *place, uint64_t us)
{
	ev_timer_stop(place->set.loop, &place->race);
	ev_timer_set(&place->race, (double)us / 1e6, 0.);
	ev_timer_start(place->set.loop, &place->race);
}

void
place_race_watch(struct place *place)
{
	look_in_us(place, patience_us(place));
}

/* What these had wanted of other connections they want of this one. */
static void
move_to(struct place *place, struct uconn *conn, struct list *orphans, uint64_t now_ms)
{
	while (!list_empty(orphans)) {
		struct uconn_ask *on = list_first(orphans, struct uconn_ask, link);
		list_remove(&on->link);
		place_ask_on(place, conn, list_entry(on, struct place_ask, on), now_ms);
	}
}

/* Gives it up without a word, and without blame: how the place does the others will tell. */
static void
give_up(struct place *place, struct uconn *conn, struct list *orphans)
{
	place_drop_conn(place, conn);
	uconn_leave(&conn, orphans);
}

/* The youngest gives way to another, or, if it is the only one, gets another beside it. */
static void
begin_another(struct place *place, struct uconn *last, unsigned count, uint64_t now_ms)
{
	struct list orphans;
	list_init(&orphans);
	if (count > 1)
		give_up(place, last, &orphans);
	struct uconn *conn = place_open_one(place);
	if (conn == NULL) { /* no way there at all, for the moment: whoever is left decides */
		conn = youngest(place, &count);
		place_race_watch(place);
	}
	move_to(place, conn, &orphans, now_ms);
}

void
place_race(struct place *place, uint64_t now_ms)
{
	unsigned count;
	struct uconn *last = youngest(place, &count);
	if (last == NULL || !somebody_waits(place, now_ms))
		return;
	uint64_t now_us = clock_now_us(), due_us = uconn_begun_us(last) + patience_us(place);
	if (now_us < due_us)
		look_in_us(place, due_us - now_us);
	else if (place->conn_count - (count > 1) > place->set.upstream->max_connections ||
	         !health_may_shake(place->health, now_ms))
		place_race_watch(place);
	else
		begin_another(place, last, count, now_ms);
}

static void
on_race(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	place_race(timer->data, clock_now_ms());
}

void
place_race_init(struct place *place)
{
	ev_init(&place->race, on_race);
	place->race.data = place;
}

void
place_race_won(struct place *place, struct uconn *conn)
{
	struct list orphans;
	list_init(&orphans);
	for (unsigned i = place->conn_count; i-- > 0;)
		if (is_opening(place->conns[i]))
			give_up(place, place->conns[i], &orphans);
	move_to(place, conn, &orphans, clock_now_ms());
}

void
place_race_lost(struct place *place, struct list *orphans)
{
	uint64_t now_ms = clock_now_ms();
	uint64_t limit_ms = place->set.forward->connect_timeout_ms;
	struct uconn *other = NULL;
	struct list young;
	for (unsigned i = 0; i < place->conn_count; i++)
		if (is_opening(place->conns[i]))
			other = place->conns[i];
	list_init(&young);
	if (other == NULL)
		return;
	list_each_safe (at, after, orphans) {
		struct uconn_ask *on = list_entry(at, struct uconn_ask, link);
		const struct place_ask *ask = list_entry(on, struct place_ask, on);
		if (now_ms + limit_ms / 8 >= ask->since_ms + limit_ms)
			continue;
		list_remove(at);
		list_append(&young, at);
	}
	move_to(place, other, &young, now_ms);
}
