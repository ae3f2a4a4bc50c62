/*
 * What is kept is what a client can be told: rcode, flags, and the upstream's reason.
 */
#include "upstream/refusal.h"

#include "dns/octets.h"

#include <string.h>

void
refusal_keep(struct refusal *r, const struct wire_answer *answer)
{
	if (r->held)
		return;
	r->held = true;
	r->rcode = answer->rcode;
	r->flags = (uint16_t)(answer->msg[2] << 8 | answer->msg[3]);
	r->ede_bytes = answer->edns.ede_bytes;
	memcpy(r->ede, answer->edns.ede, answer->edns.ede_bytes);
}

size_t
refusal_message(const struct refusal *r, const struct wire_question *q, uint8_t out[REFUSAL_MESSAGE_BYTES])
{
	uint8_t *end = out + WIRE_HEADER_BYTES;
	memset(out, 0, WIRE_HEADER_BYTES);
	octets_put16(out + 2, (uint16_t)((r->flags & ~WIRE_FLAG_RCODE) | (r->rcode & WIRE_FLAG_RCODE)));
	octets_put16(out + 4, 1);
	memcpy(end, q->name, q->name_bytes);
	end += q->name_bytes;
	octets_put16(end, q->type);
	octets_put16(end + 2, q->class);
	return (size_t)(end + 4 - out);
}
