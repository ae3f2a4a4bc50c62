/*
 * TLS towards upstreams: all of GnuTLS lives here and in verify.c.
 *
 * A session never touches a socket. Ciphertext that came from the peer is fed in, ciphertext for the peer is
 * taken from tls_output(); so a burst is one read and one write, whatever GnuTLS does in between.
 *
 * Profiles of RFC 8310: strict only. There is no way to make a session that does not verify its peer.
 */
#ifndef DOTWARD_NET_TLS_H
#define DOTWARD_NET_TLS_H

#include "base/addr.h"
#include "base/buffer.h"
#include "config/config.h"

struct tls_store;
struct tls_profile;
struct tls;

enum { TLS_WHY_BYTES = 400 };

/* TLS 1.3 and 1.2 with forward secrecy and AEAD ciphers; the verification profile admits 2048-bit RSA and
 * P-256. */
#define TLS_DEFAULT_PRIORITY                                                                                 \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:"                     \
	"-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD:%PROFILE_MEDIUM"

/*
 * One profile per upstream, in their order: trust store, name, pins, priority. Loads each CA file once; made
 * in the master, so that workers share its pages. NULL with one line in `why` that names upstream and remedy.
 * Keeps pointers into the configuration.
 */
struct tls_store *tls_store_open(
        const struct config_upstream *upstreams, size_t count, char why[TLS_WHY_BYTES]);
void tls_store_close(struct tls_store *store);
const struct tls_profile *tls_store_profile(const struct tls_store *store, size_t upstream);

/* A client session with this peer. NULL when memory is out. The creator frees. */
struct tls *tls_new(const struct tls_profile *profile, const struct addr *peer)
        __attribute__((warn_unused_result));
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

/* TLS_DONE: the peer is verified. */
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
/* "TLS1.3" after the handshake */
const char *tls_version(const struct tls *tls);
/* For facts.c alone, which reads off it what an administrator wants to know. */
struct gnutls_session_int *tls_session(const struct tls *tls);

#endif
