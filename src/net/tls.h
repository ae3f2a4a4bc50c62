/*
 * TLS sessions, towards upstreams and, where a listener speaks it, towards clients: all of GnuTLS lives here,
 * in tls_store.c, tls_server.c and verify.c.
 *
 * A session never touches a socket. Ciphertext that came from the peer is fed in, ciphertext for the peer is
 * taken from tls_output(); so a burst is one read and one write, whatever GnuTLS does in between.
 *
 * Profiles of RFC 8310: strict, and opportunistic for an upstream that asks for it by that word; then a peer
 * that cannot be verified is doubted and spoken with nevertheless.
 */
#ifndef DOTWARD_NET_TLS_H
#define DOTWARD_NET_TLS_H

#include "base/addr.h"
#include "base/buffer.h"
#include "net/tls_store.h"

struct tls;

/* A client session with this peer, to be resumed from a ticket where there is one. NULL when memory is out.
 * The creator frees. */
struct tls *tls_new(const struct tls_profile *profile, const struct addr *peer)
        __attribute__((warn_unused_result));
/* A server session with a client that has just connected. The same. */
struct tls *tls_accept(const struct tls_server *server) __attribute__((warn_unused_result));
void tls_free(struct tls *tls);

enum tls_step {
	TLS_DONE,
	TLS_AGAIN,  /* all that was fed is used up; more is needed */
	TLS_ENDED,  /* the peer closed in order (close_notify, or end of stream between records) */
	TLS_FAILED, /* tls_why() says why; the session is of no more use, but what is in tls_output() may
	               still be sent */
};

/* Hands in bytes from the peer. They must stay until tls_handshake() or tls_read() said TLS_AGAIN. */
void tls_feed(struct tls *tls, const uint8_t *bytes, size_t count);
/* The peer's end of stream; tls_handshake() and tls_read() will find it. */
void tls_feed_end(struct tls *tls);

/*
 * Early data (RFC 8446 section 2.3), before the first tls_handshake(): how many bytes may go with its first
 * flight; 0: none. Only with a ticket, which a verified peer gave, that it can read and that allows it; never
 * under profile "opportunistic". Whoever sees that flight can send it to the peer again.
 */
size_t tls_early_room(struct tls *tls);
/* Hands in what goes there; up to so many in all. False: it does not. */
bool tls_early(struct tls *tls, const uint8_t *bytes, size_t count) __attribute__((warn_unused_result));
/* After the handshake: the peer has read it. Else it has not and will not. */
bool tls_early_taken(const struct tls *tls);

/* TLS_DONE: the peer is verified (or in doubt, see tls_doubt()); in a resumed session, it was when the ticket
 * came. A client is whoever it may be, unless its listener wants it to be known. */
enum tls_step tls_handshake(struct tls *tls);
/* Reads plaintext; TLS_DONE with *count > 0. */
enum tls_step tls_read(struct tls *tls, uint8_t *out, size_t room, size_t *count);
/* Encrypts all of it, into as few records as possible. TLS_DONE or TLS_FAILED. */
enum tls_step tls_write(struct tls *tls, const uint8_t *bytes, size_t count);
/* Queues close_notify. */
void tls_bye(struct tls *tls);
/* Ciphertext on its way to the peer; the caller takes off what it sent. */
struct buffer *tls_output(struct tls *tls);

/* "" unless something failed */
const char *tls_why(const struct tls *tls);
/* The failure was the peer's certificate. */
bool tls_unverified(const struct tls *tls);
/* After the handshake: it took a ticket's word for who the peer is. */
bool tls_resumed(const struct tls *tls);
/* After the handshake under profile "opportunistic": why the peer could not be verified; "" if it was. */
const char *tls_doubt(const struct tls *tls);
/* After the handshake: the dates of the peer's certificates did not count, as the clock is wrong. */
bool tls_undated(const struct tls *tls);
/* "TLS1.3" after the handshake */
const char *tls_version(const struct tls *tls);
/* For facts.c alone, which reads off it what an administrator wants to know. */
struct gnutls_session_int *tls_session(const struct tls *tls);

#endif
