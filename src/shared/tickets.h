/*
 * TLS session tickets of upstreams, in shared memory: what one worker was given, any other may use, also one
 * that is born later, of another generation or after an upgrade of the binary.
 *
 * A ticket belongs to an identity: a digest of all that was verified, and of all that decides what is
 * verified. It is handed out once (RFC 8446 appendix C.4) and not after TICKETS_LIFE_MS; one of TLS 1.2,
 * which may be used again, can be put back, and is no younger for that. Nobody waits: who is in another's way
 * goes without. A process that dies in the middle loses the ticket in its hands; one that stands still and
 * goes on later finds its hands empty. What was torn that way is told by a keyed checksum and thrown away.
 */
#ifndef DOTWARD_SHARED_TICKETS_H
#define DOTWARD_SHARED_TICKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tickets;

enum {
	TICKETS_SLOTS = 128, /* at once, of all identities */
	TICKETS_EACH = 8,    /* of one identity */
	TICKET_BYTES = 8128, /* a ticket with the server's certificates, as GnuTLS packs them */
	TICKETS_LIFE_MS =
	        2 * 3600 * 1000, /* the server's own, shorter word is in the ticket and heeded by GnuTLS */
	TICKETS_STUCK_MS = 1000, /* whoever has held a slot for so long is dead or stands still */
};

/* Begins as zeroes and takes in everything that matters, one after the other. */
struct ticket_identity {
	uint64_t words[2];
};
/* The order and the borders of the parts count. */
void ticket_identity_mix(struct ticket_identity *identity, const void *bytes, size_t count);

/* What it needs of shared memory. */
size_t tickets_bytes(void) __attribute__((const));
/* Once, in zeroed memory; `seed` is a secret of this memory's. */
void tickets_begin(struct tickets *tickets, uint64_t seed);

/* Changes with every tickets_forget_all(). */
uint64_t tickets_era(const struct tickets *tickets);
/*
 * Keeps a ticket; the oldest one makes room. False when it was not kept: it is too large, somebody was in the
 * way, or `era`, that of the beginning of the connection it came on, is over. now_ms: clock_boot_ms().
 */
bool tickets_put(struct tickets *tickets, const struct ticket_identity *identity, uint64_t era,
        const void *bytes, size_t count, uint64_t now_ms);
/* Puts back what tickets_claim() gave at *kept_ms: the same, but that its age counts from there. */
bool tickets_put_back(struct tickets *tickets, const struct ticket_identity *identity, uint64_t era,
        const void *bytes, size_t count, uint64_t kept_ms, uint64_t now_ms);
/* The newest ticket of this identity, which is nobody else's then; its length, or 0: there is none. The
 * caller wipes it after use. *kept_ms: since when there was one; NULL if nobody wants to know. */
size_t tickets_claim(struct tickets *tickets, const struct ticket_identity *identity,
        uint8_t out[TICKET_BYTES], uint64_t now_ms, uint64_t *kept_ms);
/* For when the server does not get along with them. */
void tickets_forget(struct tickets *tickets, const struct ticket_identity *identity, uint64_t now_ms);
/* On another network a ticket would say who we were on the last one: all are wiped, and what connections of
 * before may still bring is not taken. */
void tickets_forget_all(struct tickets *tickets, uint64_t now_ms);
/* How many could be claimed now. */
unsigned tickets_count(const struct tickets *tickets, uint64_t now_ms);

#endif
