/*
 * Whether a question's client is where it says it is: DNS cookies (RFC 7873), as one worker has them.
 */
#ifndef DOTWARD_QUERY_PROOF_H
#define DOTWARD_QUERY_PROOF_H

#include "config/config.h"
#include "query/inside.h"
#include "shared/cookies.h"
#include "shared/stats.h"

struct proof {
	const struct config *config;
	const struct cookies *cookies; /* NULL: there are secrets in the configuration, or no cookies */
	struct stats_slab *stats;
};

/*
 * Looks at the cookie of a question that was just taken apart: fills in q->verified, and what its answer is
 * to say. Of use for one with q->wire.edns.cookie_bytes only. `now_s`: seconds since 1970.
 */
void proof_look(const struct proof *proof, struct query *q, uint64_t now_s);
/* For a question without: nothing is proven, and there is nothing to say. */
static inline void
proof_none(struct query *q)
{
	q->verified = false;
	q->cookie_bytes = 0;
}

#endif
