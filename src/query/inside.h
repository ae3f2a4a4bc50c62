/*
 * A question as the files of its own life see it.
 */
#ifndef DOTWARD_QUERY_INSIDE_H
#define DOTWARD_QUERY_INSIDE_H

#include "dns/wire.h"
#include "query/query.h"
#include "shared/stats.h"

#include <stdatomic.h>

enum query_life { QUERY_FREE, QUERY_FLYING };

/* What a successor needs to know. Plain data, in shared memory. */
struct query {
	_Atomic uint32_t life;
	uint32_t lives; /* successors that have taken it up */
	uint64_t begun_ms;
	uint64_t begun_us; /* the same moment, to the microsecond */
	uint64_t hash;
	uint32_t number;
	bool unlogged; /* its client's group is not to be in the log */
	struct query_from from;
	struct wire_query wire;
	bool verified;        /* it has shown, with a cookie, that it is where it says it is */
	uint8_t cookie_bytes; /* of what its answer is to say; 0: nothing */
	uint8_t cookie[COOKIE_BYTES];
	/* Of an alias of our own: the name that the client asked for; `wire` asks for what it leads to. 0
	 * bytes: none. */
	uint16_t alias_bytes;
	uint8_t alias[NAME_BYTES];
};

/* Is the client where its address says? Over UDP anybody can claim any, but for who has a cookie. */
static inline bool
query_is_proven(const struct query *q)
{
	return q->from.stream || q->verified;
}

static inline enum stats_protocol
query_protocol(const struct query_from *from)
{
	return from->tls ? STATS_BY_TLS : from->stream ? STATS_BY_TCP : STATS_BY_UDP;
}

#endif
