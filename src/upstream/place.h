/*
 * One address of one upstream: this worker's connections to it, the questions that wait for room on them, and
 * its health, which all workers share.
 *
 * A connection more opens when the ones there are half full for longer than a burst takes, or nearly full, up
 * to the upstream's bound; a handshake in progress takes the questions that wait for it. One connection is
 * kept open as long as there are questions, also while there are none for a moment (warm.h).
 *
 * While somebody waits for a connection that hears nothing from the other side, another one is begun every
 * now and then, and the first that opens gets all that wait: what the kernel sends again it sends after a
 * second, after three, after seven, and the network may be back long before.
 */
#ifndef DOTWARD_UPSTREAM_PLACE_H
#define DOTWARD_UPSTREAM_PLACE_H

#include "shared/health.h"
#include "upstream/uconn.h"

struct place;

/* A question at a place, part of the asker's own object. */
struct place_ask {
	struct uconn_ask on;
	void *asker;       /* the asker's own, untouched here */
	struct list link;  /* in the place's queue while there is no room on a connection */
	struct place *at;  /* NULL: nowhere */
	uint64_t asked_us; /* when it was put on its connection */
	uint64_t since_ms; /* when it was brought to the place */
	bool insist;       /* a handshake is worth it even when the budget of them is exhausted */
	bool patient;      /* no client waits for it */
};

enum place_loss {
	PLACE_RETRY,   /* the connection had worked and was lost: asking here again is as good as anywhere */
	PLACE_SILENT,  /* the connection was open and nothing came */
	PLACE_HUNG_UP, /* the connection opened and was lost without an answer: once may be an accident */
	PLACE_BROKEN,  /* the place could not be reached or verified, or never answered */
};

struct place_events {
	/* answer NULL: what came was no answer to it. The question has left the place already. */
	void (*answered)(
	        void *arg, struct place *place, struct place_ask *ask, const struct wire_answer *answer);
	/* The questions of a lost connection (place_ask.on.link), all of which have left the place. */
	void (*lost)(void *arg, struct place *place, enum place_loss loss, struct list *orphans);
};

struct place_settings {
	struct ev_loop *loop;
	struct stream_room *room;
	struct stats_slab *stats;
	const struct config_upstream *upstream;
	const struct config_forward *forward;
	const struct tls_profile *profile;
	struct health_table *health; /* NULL: what is learned stays here */
	const struct place_events *events;
	void *arg;
};

struct place *place_new(const struct place_settings *settings, const struct addr *address);
/* Nothing may be outstanding or waiting. */
void place_free(struct place *place);

/*
 * Brings the question to the place. 0, or -errno when no connection can even be begun; then the place's
 * health has suffered and the question is not there. -EAGAIN: it would take a handshake, and there have been
 * too many in the last second; nothing has changed.
 */
int place_put(struct place *place, struct place_ask *ask, uint64_t now_ms)
        __attribute__((warn_unused_result));
/*
 * Brings a question that is at the place already there once more, on another connection than `beside`; one
 * more is opened if there may be. 0 or -errno, as above; -EBUSY when there is no other connection.
 */
int place_put_beside(struct place *place, struct place_ask *ask, const struct uconn *beside, uint64_t now_ms)
        __attribute__((warn_unused_result));
/* A connection is to be open so long from now, although nobody has asked yet. */
void place_prepare(struct place *place, uint32_t after_ms);
/* Not before somebody asks. */
void place_stay_cold(struct place *place);
/* Takes the question away from wherever it is; harmless when it is nowhere. */
void place_withdraw(struct place_ask *ask);
/*
 * The question has waited for too long. When its connection has been silent since it was asked, that
 * connection gets no more questions: it may be dead, or only the name slow to resolve, so late answers still
 * count. When it has been silent for twice as long, it is declared dead: the question and its companions come
 * back through lost(), and this returns true.
 */
bool place_overdue(struct place_ask *ask, uint64_t now_ms);

/*
 * Looks for connections on which several questions wait, the oldest for after_ms and more, and nothing has
 * come since. They get no more questions, and the place is not usable until it gives a sign of life; another
 * connection is opened to find out. True when there is a new one; place_is_unheard() tells which questions
 * suffer.
 */
bool place_listen(struct place *place, uint64_t now_ms, uint32_t after_ms);
/* The question waits on such a connection, or for one that is not open. */
bool place_is_unheard(const struct place_ask *ask);
/* What 95 of 100 recent answers stayed below; 0: never measured. */
uint32_t place_slow_us(const struct place *place);

/* Another upstream had a real answer to what this one answered with SERVFAIL or REFUSED. */
void place_contradicted(struct place *place, uint64_t now_ms);
/*
 * Every connection to the place is of another network: all are broken off, and forgotten. The questions that
 * were there have left the place, and are appended to the orphans (place_ask.on.link). What all workers know
 * of it is forgotten with health_forget_all().
 */
void place_forget(struct place *place, struct list *orphans);

/* Nothing is known against it, and its connections are not silent. */
bool place_usable(const struct place *place, uint64_t now_ms);
/* It has no open connection, and the one that is being opened takes longer than it should: it may be that
 * nobody is there. */
bool place_stuck(const struct place *place, uint64_t now_us);
/* When that will be so, or has been so since, unless one opens; 0: one is open, or none is begun. */
uint64_t place_stuck_at_us(const struct place *place);
/* The question waits there for a connection to open. */
bool place_is_waiting(const struct place_ask *ask);
struct health *place_health(const struct place *place);
/* Of what it is (identity.h). */
uint64_t place_identity(const struct place *place);
/* Questions outstanding and waiting. */
unsigned place_load(const struct place *place);
/* AF_INET or AF_INET6 */
int place_family(const struct place *place);
const struct config_upstream *place_upstream(const struct place *place);
/* Good as long as the place is. */
const struct addr *place_address(const struct place *place);
/* ADDRESS@PORT */
const char *place_text(const struct place *place);
/* Why the place last failed, or "". */
const char *place_why(const struct place *place);
/* The failure is one of authentication or time, not of the network: decides the Extended DNS Error. */
bool place_unreachable(const struct place *place);

#endif
