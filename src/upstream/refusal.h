/*
 * An answer that nobody wants to hear, kept while others are asked: SERVFAIL or REFUSED, without its records.
 */
#ifndef DOTWARD_UPSTREAM_REFUSAL_H
#define DOTWARD_UPSTREAM_REFUSAL_H

#include "dns/wire.h"

enum { REFUSAL_MESSAGE_BYTES = WIRE_HEADER_BYTES + NAME_BYTES + 4 };

struct refusal {
	bool held;
	uint16_t rcode;
	uint16_t flags;
	uint16_t ede_bytes;
	uint8_t ede[EDNS_EDE_BYTES];
};

/* The first that comes is kept. */
void refusal_keep(struct refusal *refusal, const struct wire_answer *answer);
/* The one that was kept, as an answer to this question: header and question without records. Returns its
 * length. */
size_t refusal_message(const struct refusal *refusal, const struct wire_question *question,
        uint8_t out[REFUSAL_MESSAGE_BYTES]);

#endif
