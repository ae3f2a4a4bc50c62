/*
 * The life of one question: from the door it came in by, to the upstreams, and back.
 *
 * Both doors (UDP and streams) meet at query_begin(); from there on nobody knows which it was. A question has
 * at most one answer.
 */
#ifndef DOTWARD_QUERY_QUERY_H
#define DOTWARD_QUERY_QUERY_H

#include "base/addr.h"
#include "cache/cache.h"
#include "config/config.h"
#include "net/stream.h"
#include "shared/hits.h"
#include "shared/quarantine.h"
#include "shared/stats.h"

struct queries;
struct query_door;
struct lists;

/* Where a question came from, enough to find the way back, in another life of the worker too. Plain data. */
struct query_from {
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

/* What queries_new() needs. All of it outlives the questions. */
struct queries_setup {
	struct ev_loop *loop;
	struct stream_room *room;
	const struct config *config;
	const struct tls_store *tls;
	struct health_table *health; /* NULL: what is learned of upstreams is not shared */
	struct stats_slab *stats;
	const struct quarantine *quarantine;
	struct cache *cache; /* NULL: none */
	struct hits *hits;   /* of lists of names; NULL: not counted */
	unsigned slot;
	uint64_t seed; /* of the hashes of questions; the same in all workers */
	void *memory;  /* queries_footprint() bytes, aligned to a cache line, zeroed at first; what a
	                  predecessor left is taken up */
};

/* Bytes of shared memory for the questions of one slot. */
size_t queries_footprint(const struct config *config);
/* Makes the pool of questions, and what asks upstream for them. */
struct queries *queries_new(const struct queries_setup *setup);
/* See judge_set_lists(). */
void queries_set_lists(struct queries *queries, const struct lists *lists);
/* Questions still in flight are forgotten. */
void queries_free(struct queries *queries);

/* The door for questions that carry this listen index, or for all that came by stream. Before the first
 * question. */
void queries_set_udp_door(struct queries *queries, uint32_t listen, const struct query_door *door);
void queries_set_stream_door(struct queries *queries, const struct query_door *door);

/*
 * Takes up what a predecessor in this slot left: UDP questions with time left are asked again, but for the
 * one with the hash `skip`. Once, after the doors are set and before anything else. Returns how many.
 */
unsigned queries_recover(struct queries *queries, uint64_t skip);

/* The hash of the question in a message from a client, whatever it is. */
uint64_t query_hash(const struct queries *queries, const uint8_t *msg, size_t bytes);
/* Questions with these hashes are about to begin: what is needed for them is fetched from memory side by
 * side. Changes nothing. */
void query_expect(const struct queries *queries, const uint64_t *hashes, unsigned count);
/* Takes a message from a client, with its hash. The door's commit() is called exactly once for it, now or
 * later. The message is copied. */
void query_begin(struct queries *queries, const uint8_t *msg, size_t bytes, uint64_t hash,
        const struct query_from *from);
/* The same for a datagram that a predecessor received: not if it is the one with the hash `skip`. */
void query_begin_again(struct queries *queries, const uint8_t *msg, size_t bytes,
        const struct query_from *from, uint64_t skip);
/* Questions under way. */
unsigned queries_in_flight(const struct queries *queries);
/* See upstreams_reconnect(); answers may leave from inside. */
void queries_reconnect(struct queries *queries);
/* See upstreams_stay_cold(). */
void queries_stay_cold(struct queries *queries);
/* From now on TCP clients that ask for a keepalive are told to close. */
void queries_drain(struct queries *queries);

#endif
