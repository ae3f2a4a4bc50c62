/*
 * The life of one question: from the door it came in by, to the upstreams, and back.
 *
 * Both doors (UDP and streams) meet at query_begin(); from there on nobody knows which it was. A question has
 * at most one answer.
 */
#ifndef DOTWARD_QUERY_QUERY_H
#define DOTWARD_QUERY_QUERY_H

#include "base/addr.h"
#include "config/config.h"
#include "net/stream.h"
#include "shared/stats.h"

struct queries;
struct query_door;

/* Where a question came from, enough to find the way back. Plain data but for the door. */
struct query_from {
	const struct query_door *door;
	struct addr peer;
	struct addr local;    /* the address that was asked, on a wildcard UDP socket; else AF_UNSPEC */
	uint32_t interface;   /* of `local`, when it is link-local; else 0 */
	uint32_t listen;      /* index of the listen address */
	uint32_t client;      /* a stream client's slot ... */
	uint32_t client_life; /* ... and which of its lives */
	bool stream;
};

/* How an answer leaves. */
struct query_door {
	void *arg;
	/* A place for up to `bytes`; NULL when the client is gone or cannot take more. */
	uint8_t *(*reserve)(void *arg, const struct query_from *from, size_t bytes);
	/* The answer is written: `bytes` of it. Without an answer (the door gave no place, or the question
	 * deserves silence), 0. */
	void (*commit)(void *arg, const struct query_from *from, size_t bytes);
};

/* Makes the pool of questions, and the upstreams behind it. */
struct queries *queries_new(struct ev_loop *loop, struct stream_room *room, const struct config *config,
        const struct tls_store *tls, struct stats_slab *stats);
/* Questions still in flight are forgotten. */
void queries_free(struct queries *queries);

/* Takes a message from a client. The door's commit() is called exactly once for it, now or later. The message
 * is copied. */
void query_begin(struct queries *queries, const uint8_t *msg, size_t bytes, const struct query_from *from);
/* Questions under way. */
unsigned queries_in_flight(const struct queries *queries);
/* From now on TCP clients that ask for a keepalive are told to close. */
void queries_drain(struct queries *queries);

#endif
