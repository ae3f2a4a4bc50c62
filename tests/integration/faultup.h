/*
 * A DNS-over-TLS upstream that misbehaves on command: one process, one loop, everything it saw counted.
 *
 *   faultup.c         options, sockets, loop, control port
 *   faultup_conn.c    one TLS connection and what may go wrong with it
 *   faultup_answer.c  one answer and what may be wrong with it
 *   faultup_later.c   answers that wait for their time
 *   faultup_ticket.c  tickets that come twice, sessions known by their id, and early data
 */
#ifndef DOTWARD_TESTS_FAULTUP_H
#define DOTWARD_TESTS_FAULTUP_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEXT_BYTES = 256 };

/* Everything that can be set, on the command line and while it runs ("set NAME VALUE" on the control port).
 */
struct settings {
	char address[TEXT_BYTES], cert[TEXT_BYTES], key[TEXT_BYTES];
	char client_ca[TEXT_BYTES]; /* clients must have a certificate of this authority; "": they need none
	                             */
	char tls[TEXT_BYTES];       /* "1.2", "1.3", or "" for both */
	char mode[TEXT_BYTES];      /* the fault of every answer, a word as in a name's first label */
	unsigned mode_percent;      /* so many of 100 answers have it; 0: all */
	unsigned no_tickets;        /* sessions cannot be resumed */
	unsigned session_ids;       /* those of TLS 1.2 can be, by their id */
	unsigned early_data;        /* tickets of TLS 1.3 allow it */
	unsigned early_refuse;      /* tickets allow it, and it is refused */
	unsigned early_break;       /* who offers it gets a fatal alert */
	unsigned port;
	unsigned labels; /* 1: the first label of a name may ask for a fault */
	unsigned delay_ms, jitter_ms;
	unsigned ttl;    /* of all records but SOA */
	unsigned serial; /* each TXT answer says, and each SOA has, a number of its own: 1, 2, 3 ... */
	unsigned soa;    /* "no such name" and "nothing of the kind" come with one */
	unsigned soa_ttl, soa_minimum;
	unsigned ad;        /* what is asked for by AD or DO is said to be authentic */
	unsigned reverse;   /* answers of one moment go out last first */
	unsigned join;      /* all answers that are ready in one record; else a record each */
	unsigned trickle;   /* a record for every byte */
	unsigned keepalive; /* RFC 7828 timeout to give, tenths of a second */
	unsigned idle_close_ms;
	unsigned close_after;  /* answers on one connection */
	unsigned deaf_after;   /* answers on one connection, then nothing is read from it */
	unsigned silent_after; /* answers on one connection, then no more */
	unsigned abrupt;       /* close without close_notify */
	unsigned hole;         /* from the start: nobody can connect, and nobody says so */
	unsigned mute_accept;  /* never handshake */
	unsigned mute;         /* handshake, then never read */
	unsigned reset;        /* RST as soon as a connection is there */
	unsigned reset_after_handshake;
	unsigned alert; /* a fatal alert for a ClientHello */
	unsigned handshake_delay_ms;
	unsigned faulty_connections; /* the faults hit this many first connections only; 0: all */
};

/* What was seen. Printed as one JSON object. */
struct stats {
	unsigned connections, open, max_open;
	unsigned handshakes, handshake_failures, resumed, tls12, tls13, alpn_dot;
	unsigned offered, offered_again; /* tickets */
	unsigned early_offered;          /* handshakes with early data, taken or not */
	unsigned early;                  /* questions in it, which were there before the handshake was done */
	unsigned showed;                 /* clients' certificates */
	unsigned queries, answers, records, max_outstanding, max_in_record;
	unsigned padded, unpadded, opt, keepalive, subnet, dnssec_ok, cookie;
	unsigned recursion, checking_disabled; /* RD, CD */
	unsigned plaintext;                    /* bytes on the TLS port that are no TLS, and datagrams */
	char sni[TEXT_BYTES], peer[TEXT_BYTES] /* who connected last */, last_name[TEXT_BYTES];
};

extern struct settings settings;
extern struct stats stats;

/* How much of an answer goes out before its connection is closed. */
enum cut { CUT_NONE, CUT_BEFORE, CUT_IN_LENGTH, CUT_IN_ANSWER, CUT_RESET };

struct answer {
	uint8_t *msg; /* malloc()ed */
	size_t bytes;
	unsigned delay_ms;
	enum cut cut;
	bool stall; /* no answer at all */
	bool twice;
};

struct conn;

/* Builds the answer for a question; `faulty` says whether this connection has its faults. */
struct answer answer_build(const uint8_t *query, size_t bytes, bool faulty);

/* Keeps an answer for a connection until its time. */
void later_add(unsigned conn_number, struct answer answer, uint64_t due_ms);
/* Hands out the next answer that is due; false when none is. */
bool later_take(uint64_t now_ms, unsigned *conn_number, struct answer *answer);
/* Milliseconds until the next is due; -1: none waits. */
int later_wait(uint64_t now_ms);

/* Loads certificate and key; ends the process when they cannot be used. */
void conn_setup(int epoll_fd);
void conn_accept(int listen_fd);
/* As after a restart: no ticket is known any more. */
void conn_forget_tickets(void);
/* Counts what this session's client offers. */
void ticket_watch(gnutls_session_t session);
/* What a server session is begun with for early data. */
unsigned ticket_early_flags(void);
void ticket_early_begin(gnutls_session_t session);
/* Sessions of this one can be resumed by their id. */
void ticket_ids_begin(gnutls_session_t session);
void conn_event(struct conn *conn, uint32_t events);
/* Sends an answer that was kept; a connection that is gone loses it. */
void conn_deliver(unsigned conn_number, struct answer answer);
/* Flushes what was delivered, closes what idled for too long. */
void conn_tick(uint64_t now_ms);
void conn_close_all(void);

#endif
