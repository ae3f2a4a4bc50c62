/*
 * The question stands right behind the header, so that a pointer to its name is always the same two octets.
 * Other names are written out: answers of our own are short.
 */
#include "dns/compose.h"

#include "base/must.h"
#include "dns/header.h"
#include "dns/octets.h"

#include <string.h>

enum {
	NAME_POINTER = 0xc000, /* RFC 1035 section 4.1.4 */
	POINTER_BYTES = 2,
	RECORD_FIXED_BYTES = 10, /* type, class, TTL, RDLENGTH */
};

void
compose_begin(struct compose *c, uint8_t *out, size_t room, const struct wire_question *question,
        unsigned flags, uint16_t rcode)
{
	must(room >= WIRE_UDP_FLOOR_BYTES && question->name_bytes > 0);
	*c = (struct compose){.msg = out, .room = room, .question_bytes = question->name_bytes};
	memset(out, 0, WIRE_HEADER_BYTES);
	octets_put16(out + HEADER_FLAGS,
	        (uint16_t)(WIRE_FLAG_QR | WIRE_FLAG_RA | flags | (rcode & WIRE_FLAG_RCODE)));
	octets_put16(out + HEADER_QDCOUNT, 1);
	memcpy(out + WIRE_HEADER_BYTES, question->name, question->name_bytes);
	uint8_t *fixed = out + WIRE_HEADER_BYTES + question->name_bytes;
	octets_put16(fixed, question->type);
	octets_put16(fixed + 2, question->class);
	c->bytes = WIRE_HEADER_BYTES + question->name_bytes + QUESTION_FIXED_BYTES;
}

static size_t
owner_put(uint8_t *out, const uint8_t *owner, size_t owner_bytes)
{
	if (owner != NULL)
		memcpy(out, owner, owner_bytes);
	else
		octets_put16(out, NAME_POINTER | WIRE_HEADER_BYTES);
	return owner_bytes;
}

bool
compose_record(struct compose *c, enum compose_section section, const uint8_t *owner, uint16_t type,
        uint32_t ttl_s, const void *rdata, size_t rdata_bytes)
{
	static const size_t counts[] = {HEADER_ANCOUNT, HEADER_NSCOUNT, HEADER_ARCOUNT};
	size_t owner_bytes = owner != NULL ? name_plain_bytes(owner, NAME_BYTES, 0) : POINTER_BYTES;
	must(owner_bytes > 0);
	if (c->room - c->bytes < owner_bytes + RECORD_FIXED_BYTES + rdata_bytes) {
		c->full = true;
		octets_put16(c->msg + HEADER_FLAGS, octets_get16(c->msg + HEADER_FLAGS) | WIRE_FLAG_TC);
		return false;
	}
	uint8_t *at = c->msg + c->bytes;
	at += owner_put(at, owner, owner_bytes);
	octets_put16(at, type);
	memcpy(at + 2, c->msg + WIRE_HEADER_BYTES + c->question_bytes + 2, 2); /* the question's class */
	octets_put32(at + 4, ttl_s);
	octets_put16(at + 8, (uint16_t)rdata_bytes);
	if (rdata_bytes > 0)
		memcpy(at + RECORD_FIXED_BYTES, rdata, rdata_bytes);
	c->bytes += owner_bytes + RECORD_FIXED_BYTES + rdata_bytes;
	uint8_t *count = c->msg + counts[section];
	octets_put16(count, (uint16_t)(octets_get16(count) + 1));
	return true;
}

void
compose_end(const struct compose *c, uint16_t rcode, struct wire_answer *out)
{
	edns_clear(&out->edns);
	out->msg = c->msg;
	out->bytes = c->bytes;
	out->rcode = rcode;
}
