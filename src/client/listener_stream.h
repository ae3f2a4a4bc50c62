/*
 * Questions by TCP: accepts clients, many questions on a connection, answers in the order in which they come
 * (RFC 7766).
 *
 * Bounded everywhere: clients per worker and per address, questions outstanding per client (then it is not
 * read from until some are answered), bytes queued per client (then it is cut off), idle time.
 */
#ifndef DOTWARD_CLIENT_LISTENER_STREAM_H
#define DOTWARD_CLIENT_LISTENER_STREAM_H

#include "query/query.h"

struct listener_stream;

/* One for all TCP listen addresses of a worker. */
struct listener_stream *listener_stream_new(struct ev_loop *loop, struct stream_room *room,
        struct queries *queries, const struct config *config, struct stats_slab *stats);
void listener_stream_free(struct listener_stream *listener);
/* Accepts on this descriptor too; it is borrowed and must be non-blocking. `listen` is the index that
 * questions carry. */
void listener_stream_add(struct listener_stream *listener, int fd, uint32_t listen);
/* Accepts what the kernel has queued, and then no more; clients without outstanding questions are closed, the
 * others once answered. */
void listener_stream_drain(struct listener_stream *listener);
/* Those whose proxy has not said yet who they are included. */
unsigned listener_stream_clients(const struct listener_stream *listener);

#endif
