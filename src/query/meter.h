/*
 * How much a client asks, and how much is said to it: limits.rate for questions, limits.response_rate for UDP
 * answers that say the same. What is not within a limit is counted, and told in the log once in a while.
 *
 * Clients count by network. An address that was only claimed, over UDP, and one that was proven, by a
 * handshake or a cookie, are counted apart: who forges questions in the name of a network uses up what it may
 * ask over UDP and no more, and a client of that network has the other way.
 */
#ifndef DOTWARD_QUERY_METER_H
#define DOTWARD_QUERY_METER_H

#include "base/addr.h"
#include "config/config.h"
#include "dns/wire.h"
#include "shared/limits.h"
#include "shared/stats.h"

struct meter;

enum meter_verdict {
	METER_PASS,
	METER_DROP,  /* silence */
	METER_SLIP,  /* an empty answer with TC */
	METER_REFUSE /* REFUSED: only where the address is proven */
};

/* A number for the network of a client, by the sizes that `rate` gives networks, with a secret seed. */
uint64_t meter_network(const struct config_rate *rate, const struct addr *client, uint64_t seed);

/* Nothing is limited without `limits`. All of them outlive it. */
struct meter *meter_new(const struct config *config, struct limits *limits, struct stats_slab *stats,
        uint64_t seed) __attribute__((returns_nonnull));
/* NULL is allowed. */
void meter_free(struct meter *meter);
/* One more question. `rate` is the limit in force for this client; now_us: clock_now_us(). */
enum meter_verdict meter_question(struct meter *meter, const struct config_rate *rate,
        const struct addr *client, bool proven, uint64_t now_us);
/* One more UDP answer, with this rcode, is about to leave for an address that is only claimed. Never
 * METER_REFUSE. */
enum meter_verdict meter_answer(struct meter *meter, const struct addr *client,
        const struct wire_question *question, uint16_t rcode, const uint8_t *answer, size_t bytes,
        uint64_t now_us);

#endif
