/*
 * TLS towards clients (RFC 7858): what one listener shows them and demands of them. Made in the master before
 * anything is forked, by whoever starts dotward, so that nobody else need be able to read the key; immutable
 * from then on.
 *
 * Sessions are resumed from tickets in any worker. A ticket is good at listeners that demand the same of
 * their clients, and nowhere else: whose authority is not trusted any more after a reload is let in by no
 * ticket from before.
 */
#ifndef DOTWARD_NET_TLS_SERVER_H
#define DOTWARD_NET_TLS_SERVER_H

#include "config/config.h"
#include "net/tls_store.h"
#include "shared/stek.h"

struct tls_server;
struct gnutls_session_int;

/*
 * Loads certificate, key and client_ca of a listener that speaks TLS, and checks that they belong together.
 * Fills listen->certified_name. NULL with one line in `why` that names listener and remedy. A certificate out
 * of date is a warning in the log: replacing it is what a reload is for.
 */
struct tls_server *tls_server_new(struct config_listen *listen, char why[TLS_WHY_BYTES])
        __attribute__((warn_unused_result));
void tls_server_free(struct tls_server *server);
/* From now on, clients are given tickets, with the secret that lies there. */
void tls_server_give_tickets(struct tls_server *server, struct stek *stek);

/* --- for tls.c alone --- */

/* Makes a new session the server's. 0, or GnuTLS's word for what failed. */
int tls_server_dress(const struct tls_server *server, struct gnutls_session_int *session);
bool tls_server_wants_client(const struct tls_server *server);
/* The client's certificate has come: 0, or -EACCES and a sentence in `why`. */
int tls_server_verify(struct gnutls_session_int *session, char *why, size_t room);

#endif
