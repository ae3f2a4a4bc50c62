/*
 * How the TLS sessions with each upstream are to be: whom to trust, what to speak. One profile per upstream,
 * made in the master from its configuration and immutable from then on. Beside them, where clients come by
 * TLS, what each listener shows to those (tls_server.h).
 */
#ifndef DOTWARD_NET_TLS_STORE_H
#define DOTWARD_NET_TLS_STORE_H

#include "config/config.h"
#include "shared/tickets.h"

struct tls_store;
struct tls_profile;
struct tls_server;
struct stek;

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
/* From now on, sessions of upstreams with resumption take their tickets from there and bring them there. */
void tls_store_keep_tickets(struct tls_store *store, struct tickets *tickets);
const struct tls_profile *tls_store_profile(const struct tls_store *store, size_t upstream);

/*
 * Loads what the listeners that speak TLS need, once; see tls_server_new(). `stek`: of the tickets that
 * clients are given; NULL: none are. 0, or -EINVAL with one line in `why`.
 */
int tls_store_serve(struct tls_store *store, struct config_listen *listens, size_t count, struct stek *stek,
        char why[TLS_WHY_BYTES]) __attribute__((warn_unused_result));
/* What the listener with this index speaks with; NULL: not TLS. */
const struct tls_server *tls_store_server(const struct tls_store *store, size_t listen);

#endif
