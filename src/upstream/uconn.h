/*
 * One pipelined TLS connection to one upstream address.
 *
 * Ask any number of questions up to its bound; answers come in any order and are matched by an id that
 * belongs to this connection and by the question itself. Each question that was put on it ends exactly once:
 * answered, withdrawn by its asker, or handed back when the connection ends.
 */
#ifndef DOTWARD_UPSTREAM_UCONN_H
#define DOTWARD_UPSTREAM_UCONN_H

#include "base/addr.h"
#include "base/list.h"
#include "config/config.h"
#include "dns/wire.h"
#include "net/stream.h"
#include "shared/health.h"
#include "shared/stats.h"

struct uconn;

/* A question's place on a connection, part of the asker's own object. */
struct uconn_ask {
	struct list link;   /* on the connection, oldest first */
	struct uconn *conn; /* NULL: on none */
	const struct wire_query *query;
	uint64_t asked_ms;
	uint64_t hash;      /* of the question: for last words */
	uint32_t number;    /* for the log: q=number */
	uint64_t tapped_us; /* since 1970: when it was tapped (dnstap/tap.h); 0: it was not */
	uint16_t id;
};

/* Where connections lead and how they behave; outlives them. */
struct uconn_target {
	const struct config_upstream *upstream;
	const struct config_forward *forward;
	const struct tls_profile *profile;
	struct health *health; /* of that address: gets to know what is seen on the connections */
	struct addr address;
	char text[ADDR_TEXT_BYTES];
};

enum uconn_end {
	UCONN_IDLE,       /* we closed, for nothing had been outstanding for long */
	UCONN_SHUT,       /* the server closed or broke it while nothing was outstanding; never a failure */
	UCONN_CLOSED,     /* the server closed in order although questions were outstanding */
	UCONN_FAILED,     /* could not be opened, or broke */
	UCONN_SILENT,     /* given up by uconn_abandon() after it had been open */
	UCONN_UNVERIFIED, /* the certificate is not the right one */
};

struct uconn_events {
	void (*opened)(void *arg, struct uconn *conn);
	/* It has been idle for as long as it may. False: it is still wanted for a moment, until another is
	 * open. */
	bool (*may_rest)(void *arg, struct uconn *conn);
	/* answer NULL: what came is no DNS answer, or answers another question. The question is off the
	 * connection already. */
	void (*answered)(
	        void *arg, struct uconn *conn, struct uconn_ask *ask, const struct wire_answer *answer);
	/* The connection is gone when this returns; orphans are the questions (uconn_ask.link) that were on
	 * it. */
	void (*ended)(
	        void *arg, struct uconn *conn, enum uconn_end end, const char *why, struct list *orphans);
};

/* No event comes from inside uconn_open(). NULL with errno when it fails at once. */
struct uconn *uconn_open(struct stream_room *room, struct ev_loop *loop, const struct uconn_target *target,
        struct stats_slab *stats, const struct uconn_events *events, void *arg);
/* Closes in order, without an event; nothing may be outstanding. Nulls the caller's pointer. */
void uconn_close(struct uconn **conn);
/* Declares it dead: ends with UCONN_SILENT, or UCONN_FAILED if it never was open, and this reason, from
 * inside. */
void uconn_abandon(struct uconn *conn, const char *why);
/* Breaks it off, without an event, and appends the questions that were on it to the orphans. Nulls the
 * caller's pointer. */
void uconn_leave(struct uconn **conn, struct list *orphans);

/* Nothing has come for too long: it gets no new questions until something does. Late answers still count. */
void uconn_suspect(struct uconn *conn);
/* Or: it was let pass without regard to dates, and the clock can be right now. */
bool uconn_is_suspect(const struct uconn *conn);

bool uconn_is_open(const struct uconn *conn);
/* Somebody is there: TCP is connected, and so it stays when the connection opens. */
bool uconn_is_connected(const struct uconn *conn);
unsigned uconn_outstanding(const struct uconn *conn);
/* When the oldest of them was asked; 0: there is none. */
uint64_t uconn_oldest_ms(const struct uconn *conn);
/* Questions that were put on it, and answers that came on it. */
unsigned uconn_asked(const struct uconn *conn);
unsigned uconn_answers(const struct uconn *conn);
/* When something last came from the server; 0: never. */
uint64_t uconn_heard_ms(const struct uconn *conn);
/*
 * The questions asked since then, which is what tells a dead connection: new ones do not postpone the
 * verdict, and one that is slow does not bring it. *since_ms is when the oldest of them was asked, if there
 * is one.
 */
unsigned uconn_unanswered(const struct uconn *conn, uint64_t *since_ms);
/* For how long nothing has been outstanding, and no handshake under way. */
uint64_t uconn_idle_ms(const struct uconn *conn, uint64_t now_ms);
/* It had been idle for so long that the server may have closed it as the questions left that are on it now.
 */
bool uconn_was_rested(const struct uconn *conn);
const char *uconn_tls_version(const struct uconn *conn);
/* What to blame for an end with UCONN_FAILED, UCONN_CLOSED, UCONN_SILENT or UCONN_UNVERIFIED. */
enum health_cause uconn_blame(const struct uconn *conn, enum uconn_end end);
/* Questions went with the handshake (early data), and the server read them there. */
bool uconn_took_early(const struct uconn *conn);
/* It ended in the middle of a handshake with early data. The next one goes without, and may do better. */
bool uconn_fell_early(const struct uconn *conn);
/* When it was begun, in microseconds. */
uint64_t uconn_begun_us(const struct uconn *conn);
/* When it opened, in microseconds; 0: it has not. */
uint64_t uconn_opened_us(const struct uconn *conn);
/* Once open, under profile "opportunistic": why the peer could not be verified, or "". */
const char *uconn_doubt(const struct uconn *conn);

/* Puts the question on the connection; it leaves before the loop sleeps, or once the connection is open.
 * False: full. */
bool uconn_ask(struct uconn *conn, struct uconn_ask *ask, uint64_t now_ms);
/* Takes it off again; an answer that still comes is thrown away. */
void uconn_withdraw(struct uconn_ask *ask);

#endif
