/*
 * Questions by TCP, and by TLS on listen addresses that speak it: accepts clients, many questions on a
 * connection, answers in the order in which they come (RFC 7766).
 *
 * Bounded everywhere: clients per worker and per address, questions outstanding per client (then it is not
 * read from until some are answered), bytes queued per client (then it is cut off), idle time, TLS handshakes
 * under way (then those that stand still give way) and the time of each.
 */
#ifndef DOTWARD_CLIENT_LISTENER_STREAM_H
#define DOTWARD_CLIENT_LISTENER_STREAM_H

#include "query/query.h"

struct listener_stream;

/* One for all TCP listen addresses of a worker. */
struct listener_stream *listener_stream_new(struct ev_loop *loop, struct stream_room *room,
        struct queries *queries, const struct config *config, struct stats_slab *stats);
void listener_stream_free(struct listener_stream *listener);
/*
 * Accepts on this descriptor too; it is borrowed and must be non-blocking. `listen` is the index that
 * questions carry, `by` the listen address in the configuration (NULL: nothing is special about it), and
 * `server` for clients who speak TLS (NULL: they do not). Both outlive the listener.
 */
void listener_stream_add(struct listener_stream *listener, int fd, uint32_t listen,
        const struct config_listen *by, const struct tls_server *server);
/* Accepts what the kernel has queued, and then no more (for TLS, none: that would be a handshake each, and
 * who comes after us on the same sockets has the time); clients without outstanding questions are closed, the
 * others once answered. */
void listener_stream_drain(struct listener_stream *listener);
/* Those whose proxy has not said yet who they are included. */
unsigned listener_stream_clients(const struct listener_stream *listener);

#endif
