/*
 * Discovery of designated resolvers, RFC 9462: a client that asks in clear text for _dns.resolver.arpa is
 * told where it can ask over TLS. Where there is such a listener, all of resolver.arpa is answered here;
 * there is nothing else in it.
 *
 * Made once of the configuration; answering changes nothing.
 */
#ifndef DOTWARD_QUERY_DDR_H
#define DOTWARD_QUERY_DDR_H

#include "config/config.h"
#include "dns/wire.h"

struct ddr;

enum { DDR_ANSWER_BYTES = 4096, DDR_TTL_S = 300 };

/* NULL: no listener speaks TLS, or none of them has a name that clients can verify. */
struct ddr *ddr_new(const struct config *config);
void ddr_free(struct ddr *ddr);
/* False: the question is for somebody else. `out` holds the answer then given in *answer. NULL is allowed. */
bool ddr_answer(const struct ddr *ddr, const struct wire_question *question, uint8_t out[DDR_ANSWER_BYTES],
        struct wire_answer *answer);

#endif
