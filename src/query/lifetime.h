/*
 * How long an answer is kept, and what its TTLs say meanwhile.
 *
 *   answer                                       kept as        for the least of
 *   ------------------------------------------   ------------   ---------------------------------------------
 *   NOERROR with what was asked for              positive       all TTLs, within min_ttl_s..max_ttl_s
 *   NXDOMAIN, NODATA (also behind CNAMEs)        negative       all TTLs, the SOA's MINIMUM,
 * negative_max_ttl_s
 *     ... without a SOA in the authority section -              (RFC 2308 section 5)
 *   CNAMEs and neither their end nor a SOA       positive       all TTLs, max_ttl_s, negative_max_ttl_s
 *   a referral, or nothing at all                -
 *   any other rcode                              failure        failure_ttl_s (RFC 9520 section 3.2)
 *
 * Never kept: a truncated answer (RFC 2181 section 9), the answer to a question without RD (it may be poorer
 * than what others deserve), to one for many records at once or for none (types 249 to 254, OPT), and what
 * would live for 0 seconds.
 *
 * min_ttl_s raises positive answers only (unbound's cache-min-ttl raises all, unless cache-min-negative-ttl
 * keeps the others out of it): whoever wants answers for longer seldom wants a name that has just come into
 * being to be missing for longer, and RFC 2308 section 5 lets MINIMUM be lowered only. max_ttl_s is stronger
 * than min_ttl_s.
 */
#ifndef DOTWARD_QUERY_LIFETIME_H
#define DOTWARD_QUERY_LIFETIME_H

#include "cache/cache.h"
#include "config/config.h"
#include "dns/wire.h"

#include <stdint.h>

struct lifetime {
	enum cache_kind kind;
	uint32_t life_s;              /* 0: not to be kept; the rest then means nothing */
	uint32_t ttl_least, ttl_most; /* what TTLs are raised and lowered to */
};

/* Are there answers to this question that can be kept? */
bool lifetime_has(const struct wire_query *query);

/* `ttls` are the offsets of all TTLs of an answer that wire_answer_take() found to answer this query. */
struct lifetime lifetime_of(const struct config_cache *config, const struct wire_query *query,
        const struct wire_answer *answer, const uint16_t *ttls, unsigned count);

/*
 * Makes the TTLs in `msg` (the answer's) what they are as it is stored, and what the very first client is
 * told, so that nobody can tell who came first. No TTL is 0 before life_s is over, but for those in failures
 * that came with 0. Leaves alone an answer that is not to be kept.
 */
void lifetime_prepare(const struct lifetime *lifetime, uint8_t *msg, const uint16_t *ttls, unsigned count);

#endif
