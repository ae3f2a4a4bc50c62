/*
 * An answer of our own, put together record by record, RFC 1035 section 4: for what is answered here and
 * asked nowhere. What a client gets of it is then fitted to that client by wire_fit(), as the answer of an
 * upstream is.
 *
 * A record that does not fit is left out, and the answer says TC.
 */
#ifndef DOTWARD_DNS_COMPOSE_H
#define DOTWARD_DNS_COMPOSE_H

#include "dns/wire.h"

enum compose_section { COMPOSE_ANSWER, COMPOSE_AUTHORITY, COMPOSE_ADDITIONAL };

/* The caller's; its fields are compose.c's. */
struct compose {
	uint8_t *msg;
	size_t bytes, room;
	size_t question_bytes; /* of its name */
	bool full;             /* a record did not fit */
};

/* Begins in `out`, which stays the caller's; `room` is at least WIRE_UDP_FLOOR_BYTES. `flags` may be
 * WIRE_FLAG_AA; QR and RA are always set. */
void compose_begin(struct compose *c, uint8_t *out, size_t room, const struct wire_question *question,
        unsigned flags, uint16_t rcode);
/*
 * Appends a record of the question's class. `owner` is a name in wire form, uncompressed and sound; NULL: the
 * name of the question. Sections in their order. RDATA goes in as it is. False: it did not fit.
 */
bool compose_record(struct compose *c, enum compose_section section, const uint8_t *owner, uint16_t type,
        uint32_t ttl_s, const void *rdata, size_t rdata_bytes);
/* Fills the answer; its EDE is the caller's to set (edns_ede_data() into out->edns.ede). */
void compose_end(const struct compose *c, uint16_t rcode, struct wire_answer *out);

#endif
