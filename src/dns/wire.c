/*
 * The client's side of messages: its query taken apart, the same question written for an upstream, and
 * refusals.
 *
 * A query is read to its end even when it is already known to be wrong, so that the error can carry the
 * question and the OPT that the client needs to make sense of it. What an upstream says is in answer.c.
 */
#include "dns/wire.h"

#include "dns/header.h"
#include "dns/octets.h"
#include "dns/record.h"

#include <assert.h>
#include <string.h>

static_assert((int)WIRE_HEADER_BYTES == (int)HEADER_BYTES, "one length of the header");

/* Returns where the question ends, or 0. */
static size_t
question_read(const uint8_t *msg, size_t bytes, struct wire_question *out)
{
	size_t length = name_plain_bytes(msg, bytes, WIRE_HEADER_BYTES);
	size_t fixed = WIRE_HEADER_BYTES + length;
	if (length == 0 || bytes - fixed < QUESTION_FIXED_BYTES)
		return 0;
	out->name_bytes = (uint16_t)length;
	out->type = octets_get16(msg + fixed);
	out->class = octets_get16(msg + fixed + 2);
	memcpy(out->name, msg + WIRE_HEADER_BYTES, length);
	return fixed + QUESTION_FIXED_BYTES;
}

/* Walks `count` records from *at. Only the additional section may have an OPT, so `edns` is NULL before it.
 */
static bool
records_read(const uint8_t *msg, size_t bytes, size_t *at, unsigned count, struct edns *edns)
{
	struct record record;

	for (; count > 0; count--, *at = record.end) {
		if (!record_read(msg, bytes, *at, &record))
			return false;
		if (record.type != EDNS_TYPE_OPT)
			continue;
		if (edns == NULL || edns->present || msg[*at] != 0 ||
		        edns_parse(msg + *at, record.end - *at, edns) < 0)
			return false;
	}
	return true;
}

/* Reads all that can be read; whether that is a query as we take it. */
static bool
query_read(const uint8_t *msg, size_t bytes, struct wire_query *out)
{
	unsigned questions = octets_get16(msg + HEADER_QDCOUNT);
	unsigned others = octets_get16(msg + HEADER_ANCOUNT) + 0u + octets_get16(msg + HEADER_NSCOUNT);
	size_t at = WIRE_HEADER_BYTES;

	if (questions > 1)
		return false;
	if (questions == 1 && (at = question_read(msg, bytes, &out->question)) == 0)
		return false;
	if (!records_read(msg, bytes, &at, others, NULL) ||
	        !records_read(msg, bytes, &at, octets_get16(msg + HEADER_ARCOUNT), &out->edns))
		return false;
	return at == bytes && others == 0;
}

enum wire_verdict
wire_query_parse(const uint8_t *msg, size_t bytes, struct wire_query *out)
{
	if (bytes < WIRE_HEADER_BYTES)
		return WIRE_SILENCE;
	uint16_t flags = octets_get16(msg + HEADER_FLAGS);
	if ((flags & WIRE_FLAG_QR) != 0)
		return WIRE_SILENCE;

	out->id = wire_id(msg);
	out->flags = flags;
	out->question.type = 0;
	out->question.class = 0;
	out->question.name_bytes = 0;
	edns_clear(&out->edns);
	bool sound = query_read(msg, bytes, out);
	if ((flags & WIRE_FLAG_OPCODE) != 0)
		return WIRE_NOTIMP;
	if (!sound)
		return WIRE_FORMERR;
	if (out->edns.version > 0)
		return WIRE_BADVERS;
	if (out->question.name_bytes > 0)
		return WIRE_QUERY;
	return out->edns.cookie_bytes > 0 ? WIRE_EMPTY : WIRE_FORMERR;
}

bool
wire_query_peek(const uint8_t *msg, size_t bytes, struct wire_query *out)
{
	if (bytes < WIRE_HEADER_BYTES || (octets_get16(msg + HEADER_FLAGS) & WIRE_FLAG_QR) != 0)
		return false;
	out->id = wire_id(msg);
	out->flags = octets_get16(msg + HEADER_FLAGS);
	out->question.type = 0;
	out->question.class = 0;
	out->question.name_bytes = 0;
	edns_clear(&out->edns);
	question_read(msg, bytes, &out->question);
	out->edns.present = octets_get16(msg + HEADER_ARCOUNT) > 0;
	return true;
}

uint16_t
wire_id(const uint8_t *msg)
{
	return octets_get16(msg + HEADER_ID);
}

/* Header and question, if there is one, with nothing behind them yet. Returns the length, or 0. */
static size_t
start_put(uint8_t *out, size_t room, uint16_t id, unsigned flags, const struct wire_question *question)
{
	size_t name = question->name_bytes;
	size_t length = WIRE_HEADER_BYTES + (name > 0 ? name + QUESTION_FIXED_BYTES : 0);
	if (room < length)
		return 0;
	memset(out, 0, WIRE_HEADER_BYTES);
	octets_put16(out + HEADER_ID, id);
	octets_put16(out + HEADER_FLAGS, (uint16_t)flags);
	if (name == 0)
		return length;
	octets_put16(out + HEADER_QDCOUNT, 1);
	memcpy(out + WIRE_HEADER_BYTES, question->name, name);
	octets_put16(out + WIRE_HEADER_BYTES + name, question->type);
	octets_put16(out + WIRE_HEADER_BYTES + name + 2, question->class);
	return length;
}

size_t
wire_ask(uint8_t *out, size_t room, uint16_t id, const struct wire_query *query, const struct edns_write *opt)
{
	unsigned flags = (query->flags & (WIRE_FLAG_RD | WIRE_FLAG_CD)) | WIRE_FLAG_AD;
	struct edns_write write = *opt;
	write.dnssec_ok |= query->edns.dnssec_ok;

	size_t used = start_put(out, room, id, flags, &query->question);
	if (used == 0)
		return 0;
	octets_put16(out + HEADER_ARCOUNT, 1);
	return edns_append(out, used, room, &write);
}

size_t
wire_refuse(uint8_t *out, size_t room, const struct wire_query *query, uint16_t rcode, enum edns_ede ede,
        const char *text, const struct edns_write *opt)
{
	if (room < WIRE_UDP_FLOOR_BYTES)
		return 0;
	if (rcode > WIRE_FLAG_RCODE && !query->edns.present)
		rcode = WIRE_RCODE_SERVFAIL;
	unsigned kept = query->flags & (WIRE_FLAG_OPCODE | WIRE_FLAG_RD | WIRE_FLAG_CD);
	unsigned flags = kept | WIRE_FLAG_QR | WIRE_FLAG_RA | (rcode & WIRE_FLAG_RCODE);
	size_t used = start_put(out, room, query->id, flags, &query->question);
	if (!query->edns.present)
		return used;

	uint8_t reason[EDNS_EDE_BYTES];
	struct edns_write write = *opt;
	write.dnssec_ok = query->edns.dnssec_ok;
	write.extended_rcode = (uint8_t)(rcode >> 4);
	write.ede_bytes = edns_ede_data(reason, ede, text);
	write.ede = reason;
	octets_put16(out + HEADER_ARCOUNT, 1);
	return edns_append_brief(out, used, room, &write);
}

size_t
wire_udp_room(const struct wire_query *query, size_t limit)
{
	size_t room = query->edns.present ? query->edns.udp_bytes : WIRE_UDP_FLOOR_BYTES;
	if (room > limit)
		room = limit;
	return room < WIRE_UDP_FLOOR_BYTES ? WIRE_UDP_FLOOR_BYTES : room;
}
