/*
 * In which order a question would be asked at the places that may be asked, as far as that can be told from
 * outside of a worker: by the policy, and by what all workers know of the places. Which of its own
 * connections are silent or full just now is known to a worker alone.
 */
#ifndef DOTWARD_UPSTREAM_ORDER_H
#define DOTWARD_UPSTREAM_ORDER_H

#include "config/config.h"
#include "dns/wire.h"
#include "shared/health.h"

enum { ORDER_PLACES = 64 };

struct order_place {
	const struct config_upstream *upstream;
	const struct addr *address;
	bool known; /* somebody was there */
	enum health_state state;
	uint32_t latency_us; /* 0: never measured */
};

struct order {
	struct order_place places[ORDER_PLACES]; /* the first to be asked first; one that is asked first now,
	                                            of "round-robin" */
	unsigned count;
	const struct config_domain *domain; /* of the route that has the name; NULL: none has, in this view */
};

/* For this question, in its view. health NULL: nothing is known. */
void order_of(const struct config *config, const struct health_table *health, const struct wire_query *query,
        uint64_t now_ms, struct order *out);

#endif
