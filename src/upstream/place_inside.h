/*
 * A place as its own files see it.
 */
#ifndef DOTWARD_UPSTREAM_PLACE_INSIDE_H
#define DOTWARD_UPSTREAM_PLACE_INSIDE_H

#include "upstream/place.h"
#include "upstream/quota.h"

enum { PLACE_CONNECTIONS = 16 + 1 /* the most that max_connections allows, and one that races another */ };

struct place {
	struct place_settings set;
	struct uconn_target target;
	struct health *health;
	uint64_t identity;
	struct uconn *conns[PLACE_CONNECTIONS]; /* oldest first, without gaps */
	unsigned conn_count;
	struct list waiting;
	unsigned waiting_count;
	ev_timer warm;
	ev_timer race;               /* runs while a connection is being opened */
	uint64_t wanted_ms;          /* the last question that a client waits for */
	uint64_t asked_ms, begun_ms; /* the last question and the last connection; 0: none */
	uint64_t doubt_ms;           /* since when it is silent, until a sign of life; 0: it is not */
	struct quota quota;
	bool useless;         /* the last connection ended without an answer */
	bool doubted;         /* profile "opportunistic": the last connection was not verified */
	bool network_failure; /* what `why` is about */
	char why[TLS_WHY_BYTES];
};

static inline bool
place_has_room(const struct place *place)
{
	return place->conn_count < place->set.upstream->max_connections;
}

/* --- place.c --- */

/* A connection more, or NULL with errno. */
struct uconn *place_open_one(struct place *place);
/* It is none of the place's any more. */
void place_drop_conn(struct place *place, const struct uconn *conn);
/* Puts it on this connection, or among those that wait for room. */
void place_ask_on(struct place *place, struct uconn *conn, struct place_ask *ask, uint64_t now_ms);

/* --- place_spent.c --- */

/* It has been asked as much as the server answers on one connection. */
bool place_is_spent(const struct place *place, const struct uconn *conn);
bool place_has_spent(const struct place *place);
/* While questions wait for spent connections somebody looks in time what became of those. True when they do.
 */
bool place_mind_spent(struct place *place);
/* Questions may wait only because connections are spent: they get another one, if there may be one more, or
 * the limit turns out to be none. */
void place_relieve(struct place *place, uint64_t now_ms);
/* The server closed this one, with questions on it or without. */
void place_note_end(struct place *place, const struct uconn *conn, bool unanswered);

/* --- place_race.c --- */

void place_race_init(struct place *place);
/* A connection was begun: somebody looks in time how it does. */
void place_race_watch(struct place *place);
/* Somebody waits for a connection: if those that are being opened have had their time, another one is begun.
 */
void place_race(struct place *place, uint64_t now_ms);
/* This one has opened: it gets all that wait for others to open, and those are given up. */
void place_race_won(struct place *place, struct uconn *conn);
/* One that was being opened has run out of time, and left these: those that have not waited for as long go to
 * another one, if there is any. */
void place_race_lost(struct place *place, struct list *orphans);

#endif
