/*
 * Where a TCP connection from a proxy waits until the proxy has said whom it brings (net/proxy.h). Nothing
 * behind that header is read here: a TLS handshake, or questions, come to whoever takes the connection next.
 *
 * Who may bring somebody is asked at the door; who comes without a header, with a wrong one, or takes longer
 * for it than limits.tcp_idle_timeout_ms is sent away.
 */
#ifndef DOTWARD_CLIENT_FOYER_H
#define DOTWARD_CLIENT_FOYER_H

#include "base/addr.h"
#include "config/config.h"
#include "shared/stats.h"

#include <ev.h>

struct foyer;

/* A connection goes on, for this client; the descriptor is the taker's. Also from inside foyer_take(), with
 * what that was given. */
typedef void foyer_next_fn(void *arg, int fd, const struct addr *client);

struct foyer *foyer_new(
        struct ev_loop *loop, const struct config *config, struct stats_slab *stats, foyer_next_fn *next);
/* Who waits is sent away. */
void foyer_free(struct foyer *foyer);
/* Takes in an accepted connection of `by`, which has proxy_protocol. The descriptor is taken over; `by` and
 * `arg` outlive the stay. */
void foyer_take(
        struct foyer *foyer, int fd, const struct addr *peer, const struct config_listen *by, void *arg);
/* From now on only what has been sent already is waited for: so long. */
void foyer_drain(struct foyer *foyer, unsigned wait_ms);
unsigned foyer_count(const struct foyer *foyer);

#endif
