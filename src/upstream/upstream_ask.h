/*
 * A question on its way among the upstreams, and what comes of it.
 */
#ifndef DOTWARD_UPSTREAM_UPSTREAM_ASK_H
#define DOTWARD_UPSTREAM_UPSTREAM_ASK_H

#include "upstream/place.h"
#include "upstream/refusal.h"

enum { UPSTREAM_PLACES = 64, UPSTREAM_WHY_BYTES = 512, UPSTREAM_TRIES = 2 };

/* One question on its way; part of the asker's own object, zeroed by upstream_ask(). */
struct upstream_ask {
	struct place_ask tries[UPSTREAM_TRIES]; /* where it is now; the one not in use is nowhere */
	unsigned try;                           /* the one of the attempt that is under way */
	bool hedged;                            /* the other one is a hedge */
	bool cornered;                          /* its connection does not open, and nobody else is left */
	struct list watch;                      /* at its place, among those not asked twice; oldest first */
	struct list timer;                      /* among those whose attempt has a time limit, oldest first */
	uint64_t attempt_ms;                    /* when this attempt began */
	uint64_t tried;                         /* places, a bit each */
	uint64_t hung_up;                       /* places that hung up on it once */
	uint64_t broken;                        /* places of no use to this question, or not in its group */
	uint64_t refused;                       /* upstreams that answered SERVFAIL or REFUSED, a bit each */
	uint64_t refusing;                      /* and at which of their places */
	uint32_t name_hash;                     /* for the policy "hashed" */
	unsigned group;                         /* of upstreams that may be asked */
	unsigned attempts, resends;
	int last; /* the last place, or -1 */
	struct refusal refusal;
};

struct upstream_result {
	const struct wire_answer *answer; /* NULL: none; then the rest says why */
	enum edns_ede ede;
	char why[UPSTREAM_WHY_BYTES];
	const char *upstream;       /* name of the upstream that answered, or "" */
	const struct addr *address; /* where it answered; NULL: nowhere. Good as long as the upstreams are */
};

/* The question is finished; its object is the asker's again. May come from inside upstream_ask(). */
typedef void upstream_done_fn(void *arg, struct upstream_ask *ask, const struct upstream_result *result);

#endif
