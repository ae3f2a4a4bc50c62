/*
 * How each upstream address is doing, as all workers know it: latency, failures and back-off, what it can do,
 * and a budget of handshakes. It outlives workers, generations and upgrades, so that a newborn worker starts
 * warm and an address found dead by one is dead to all.
 *
 * Nobody waits on it: each word is atomic by itself, and a process that is killed at any instant spoils
 * nothing. An update lost between two writers is tolerated. Time is an argument, in milliseconds of
 * CLOCK_MONOTONIC.
 */
#ifndef DOTWARD_SHARED_HEALTH_H
#define DOTWARD_SHARED_HEALTH_H

#include "base/addr.h"
#include "shared/latency.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HEALTH_ENTRIES = 256,
	HEALTH_BACKOFF_FIRST_MS = 1000,
	HEALTH_BACKOFF_MOST_MS = 60000,
	HEALTH_SILENCES =
	        3, /* unanswered questions in a row, on connections that were open, that make a failure */
	HEALTH_REFUSALS = 8, /* refusals in a row of what others answered that make a failure */
	HEALTH_IDLE_FIRST_MS = 9500,
	HEALTH_IDLE_MOST_MS = 60000,
	HEALTH_HANDSHAKES_PER_S = 20, /* of all workers together */
	HEALTH_HANDSHAKES_BURST = 10,
	HEALTH_UNUSED_MS = 3600000,     /* what nobody touched for so long may make room for another */
	HEALTH_EARLY_REST_MS = 3600000, /* who stumbled over early data is not sent any for so long */
	HEALTH_GRACE_MS = 200, /* what fails so shortly after a network change is no fault of the address */
	HEALTH_NAME_BYTES = 64,
	HEALTH_WHY_BYTES = 128,
};

/* Why an address failed. */
enum health_cause {
	HEALTH_CONNECT,   /* TCP could not be opened */
	HEALTH_HANDSHAKE, /* TLS could not be agreed on */
	HEALTH_VERIFY,    /* the certificate is not the right one */
	HEALTH_RESET,     /* an open connection broke */
	HEALTH_SILENCE,   /* an open connection gave no answer */
	HEALTH_TIMEOUT,   /* nothing came while connecting or shaking hands */
	HEALTH_REFUSAL,   /* it answers SERVFAIL or REFUSED to what others answer */
	HEALTH_CAUSES,
};
/* "connect", "handshake" … */
const char *health_cause_text(enum health_cause cause);

/* What an address was seen to do, a bit each. */
enum health_feature {
	HEALTH_OUT_OF_ORDER = 1, /* answers overtake each other */
	HEALTH_KEEPALIVE = 2,    /* says how long it keeps idle connections (RFC 7828) */
	HEALTH_PADDING = 4,      /* pads its answers (RFC 7830) */
	HEALTH_RESUMPTION = 8,   /* resumed a session */
	HEALTH_EARLY_DATA = 16,  /* took TLS early data */
};

enum health_state {
	HEALTH_WELL,
	HEALTH_BACKED_OFF,
	HEALTH_DUE,    /* the back-off is over: somebody should try */
	HEALTH_PROBED, /* the back-off is over, and somebody is trying */
};
const char *health_state_text(enum health_state state);

struct health_table;

/* Bytes of it in shared memory; zeroed: empty. */
size_t health_footprint(void);

/* Which address this is: two with the same key share what is known. The texts are for people. */
struct health_identity {
	uint64_t key; /* of all that tells connections there apart (upstream/identity.h); never 0 */
	const char *name;
	const char *address;
};

/* A hold on one address. */
struct health;

/* Finds or makes its entry; never NULL. Without a table, or when it is full of addresses in use, what is
 * learned stays with this hold. The creator closes; what was learned stays. */
struct health *health_open(struct health_table *table, const struct health_identity *identity,
        uint64_t now_ms) __attribute__((returns_nonnull));
void health_close(struct health *h);

/* --- What happened there
 * ------------------------------------------------------------------------------------ `random` takes up to a
 * quarter off a back-off, so that many do not come back at once. */

enum health_news {
	HEALTH_NO_NEWS,   /* known already, or too little to tell */
	HEALTH_IS_DOWN,   /* just gone down: the one process that is told this says so in the log */
	HEALTH_STAYS_BAD, /* tried after a back-off, and the next one is longer */
	HEALTH_IS_UP,     /* just come up again; told to one process */
};

/* A connection could not be opened, was not verified, or broke. Back-off 1 s, doubled to 60 s; what fails
 * while backed off is counted and changes nothing. */
enum health_news health_failed(
        struct health *h, enum health_cause cause, const char *why, uint64_t now_ms, uint32_t random);
/* A question stayed unanswered on an open connection. So many in a row are a failure; for one that is not
 * well the first is. */
enum health_news health_silent(struct health *h, const char *why, uint64_t now_ms, uint32_t random);
/* It answered SERVFAIL or REFUSED, and another upstream had a real answer to the same question. */
enum health_news health_contradicted(struct health *h, const char *why, uint64_t now_ms, uint32_t random);
/* A question is on its way there. */
void health_asked(struct health *h);
/* An answer came, after this time (0: not measured). A refusal (SERVFAIL, REFUSED) shows that it lives, but
 * not that one who is down for refusing is well again; neither does an answer to a question that was asked
 * before the failure, unless that was a silence. */
enum health_news health_answered(struct health *h, uint32_t latency_us, bool refusal, uint64_t now_ms);
/* A handshake was completed and verified, after this time. `tls_version` as "TLS1.3". */
void health_shaken(struct health *h, bool resumed, const char *tls_version, uint32_t took_us);
void health_seen(struct health *h, enum health_feature feature);
/* A handshake with early data was not completed, which needs not have been the cause. */
void health_early_failed(struct health *h, uint64_t now_ms);
/* The server told in a keepalive option how long it keeps idle connections. */
void health_told_keepalive(struct health *h, uint32_t idle_ms);
/* The server closed a connection that had been idle for so long. Much less than ever counts when it happens
 * again. */
void health_idle_closed(struct health *h, uint32_t idle_ms);
/* We closed after health_idle_ms() and the server had not: it may be given longer, unless it was ever seen to
 * close. */
void health_idle_outlived(struct health *h);
/* What this process has there now. */
void health_gauge(struct health *h, unsigned connections, unsigned in_flight);

/* --- What is known
 * ------------------------------------------------------------------------------------------ */

enum health_state health_state(const struct health *h, uint64_t now_ms);
/* It is down because it answers SERVFAIL or REFUSED: one more of that is no good news. */
bool health_is_refusing(const struct health *h);
/* When its back-off ends; 0: none. */
uint64_t health_backoff_until_ms(const struct health *h);
/* Smoothed, of questions on open connections; 0: never measured. */
uint32_t health_latency_us(const struct health *h);
/* How long a handshake takes, from the first packet on, smoothed; 0: never measured. */
uint32_t health_handshake_us(const struct health *h);
/* What 95 of 100 recent answers stayed below; 0: never measured. */
uint32_t health_slow_us(const struct health *h);
/* How long to keep an idle connection: as the server told, else learned. */
uint32_t health_idle_ms(const struct health *h);
/* It did not stumble over early data lately. */
bool health_may_early(const struct health *h, uint64_t now_ms);
/* Takes the right to try an address that is HEALTH_DUE, for so long at most; a verdict ends it. False:
 * somebody else has it. */
bool health_claim_probe(struct health *h, uint64_t now_ms, uint32_t lease_ms);
/* Takes one handshake out of the budget. False: exhausted, come back later. */
bool health_may_shake(struct health *h, uint64_t now_ms);

/* --- For the master, and for reports
 * ------------------------------------------------------------------------ */

/* The network has changed: back-off and silences are forgotten, what was learned of the addresses is kept.
 * NULL is allowed. */
void health_forget_all(struct health_table *table, uint64_t now_ms);
/* A process is gone: its connections count no more. */
void health_bury(struct health_table *table, int pid);

/* A plain copy of all that is known of one address. */
struct health_view {
	char name[HEALTH_NAME_BYTES];
	char address[ADDR_TEXT_BYTES];
	enum health_state state;
	bool down;                /* as told to the log: from the first failure to the next answer */
	uint64_t backoff_left_ms; /* 0: none */
	uint32_t latency_us, slow_us, handshake_us; /* 0: never measured */
	uint32_t failures, silences, refusals;      /* in a row */
	uint32_t idle_ms;                           /* health_idle_ms() */
	uint32_t keepalive_ms;                      /* as last told; 0: never */
	bool idle_learned;                          /* it was seen to close an idle connection */
	unsigned features;                          /* enum health_feature */
	const char *tls_version;                    /* "": never seen */
	uint64_t asked, answers, handshakes_full, handshakes_resumed;
	uint64_t failed[HEALTH_CAUSES];
	struct latency_view latency;     /* of answers, as clients would have seen them */
	char why[HEALTH_WHY_BYTES];      /* of the last failure, or "" */
	uint64_t failed_ago_ms;          /* the last failure; UINT64_MAX: never */
	uint64_t used_ago_ms;            /* when it was last opened or answered or failed */
	unsigned connections, in_flight; /* of all workers */
};

/* What is known through this hold. */
void health_read(const struct health *h, struct health_view *out, uint64_t now_ms);
/*
 * Walks the table: *at begins with 0; false when there are no more. Addresses that are no longer configured
 * are there as well until their place is needed; health_view.used_ago_ms tells.
 */
bool health_next(const struct health_table *table, unsigned *at, struct health_view *out, uint64_t now_ms);
/* The view of one key; false when nothing is known of it. */
bool health_find(const struct health_table *table, uint64_t key, struct health_view *out, uint64_t now_ms);

#endif
