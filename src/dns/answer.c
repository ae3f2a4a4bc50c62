/*
 * The upstream's side of messages: whether it answers the question, and what of it the client gets.
 *
 * An answer is checked once, as a whole, when it arrives, and loses its OPT in that moment. From then on it
 * is trusted to be well formed: fitting it to a client is one copy and a few patches, for as many clients as
 * asked.
 */
#include "dns/wire.h"

#include "base/must.h"
#include "dns/header.h"
#include "dns/octets.h"
#include "dns/record.h"

#include <string.h>

static bool
record_sound(const uint8_t *msg, const struct record *record)
{
	size_t names[RECORD_NAMES];
	return record_names(msg, record, names) >= 0;
}

/* Walks `count` records from *at. Only the additional section may have an OPT, so `opt` is NULL before it. */
static bool
records_check(
        const uint8_t *msg, size_t bytes, size_t *at, unsigned count, struct record *opt, struct edns *edns)
{
	struct record record;

	for (; count > 0; count--, *at = record.end) {
		if (!record_read(msg, bytes, *at, &record))
			return false;
		if (record.type != EDNS_TYPE_OPT) {
			if (!record_sound(msg, &record))
				return false;
			continue;
		}
		if (opt == NULL || edns->present || msg[*at] != 0 ||
		        edns_parse(msg + *at, record.end - *at, edns) < 0)
			return false;
		*opt = record;
	}
	return true;
}

/* The first name of a message cannot be compressed: there is nothing before it that a pointer may point to.
 */
static bool
question_same(const uint8_t *msg, size_t end, const struct wire_question *question)
{
	size_t fixed = WIRE_HEADER_BYTES + (size_t)question->name_bytes;
	return octets_get16(msg + HEADER_QDCOUNT) == 1 && end == fixed + QUESTION_FIXED_BYTES &&
	       octets_get16(msg + fixed) == question->type &&
	       octets_get16(msg + fixed + 2) == question->class &&
	       name_equal(msg + WIRE_HEADER_BYTES, question->name, question->name_bytes);
}

/* Returns the length without the OPT, or 0 when it cannot be taken out. */
static size_t
opt_cut(uint8_t *msg, size_t bytes, const struct record *opt)
{
	size_t length = record_cut(msg, bytes, opt);
	if (length > 0)
		octets_put16(msg + HEADER_ARCOUNT, (uint16_t)(octets_get16(msg + HEADER_ARCOUNT) - 1));
	return length;
}

enum wire_match
wire_answer_take(uint8_t *msg, size_t bytes, const struct wire_question *question, struct wire_answer *out)
{
	if (bytes < WIRE_HEADER_BYTES || bytes > WIRE_MESSAGE_BYTES)
		return WIRE_GARBAGE;
	uint16_t flags = octets_get16(msg + HEADER_FLAGS);
	if ((flags & (WIRE_FLAG_QR | WIRE_FLAG_OPCODE)) != WIRE_FLAG_QR)
		return WIRE_GARBAGE;

	size_t questions = record_first(msg, bytes);
	size_t at = questions;
	unsigned others = octets_get16(msg + HEADER_ANCOUNT) + 0u + octets_get16(msg + HEADER_NSCOUNT);
	unsigned additional = octets_get16(msg + HEADER_ARCOUNT);
	struct record opt;
	edns_clear(&out->edns);
	if (at == 0 || !records_check(msg, bytes, &at, others, NULL, NULL) ||
	        !records_check(msg, bytes, &at, additional, &opt, &out->edns) || at != bytes)
		return WIRE_GARBAGE;
	if (!question_same(msg, questions, question))
		return WIRE_MISMATCH;

	out->msg = msg;
	out->rcode = (uint16_t)(out->edns.extended_rcode << 4 | (flags & WIRE_FLAG_RCODE));
	out->bytes = out->edns.present ? opt_cut(msg, bytes, &opt) : bytes;
	return out->bytes > 0 ? WIRE_MATCH : WIRE_GARBAGE;
}

static uint16_t
client_flags(const struct wire_query *query, const struct wire_answer *answer)
{
	unsigned flags = octets_get16(answer->msg + HEADER_FLAGS);
	unsigned kept = WIRE_FLAG_QR | WIRE_FLAG_AA | WIRE_FLAG_TC | WIRE_FLAG_RA;
	if ((query->flags & WIRE_FLAG_AD) != 0 || query->edns.dnssec_ok)
		kept |= WIRE_FLAG_AD;
	bool told = answer->rcode <= WIRE_FLAG_RCODE || query->edns.present;
	unsigned rcode = told ? answer->rcode & WIRE_FLAG_RCODE : WIRE_RCODE_SERVFAIL;
	return (uint16_t)((flags & kept) | (query->flags & (WIRE_FLAG_RD | WIRE_FLAG_CD)) | rcode);
}

/* The OPT of one client's answer. */
static struct edns_write
client_opt(const struct wire_query *query, const struct wire_answer *answer, const struct edns_write *opt)
{
	struct edns_write write = *opt;
	write.dnssec_ok = query->edns.dnssec_ok;
	write.extended_rcode = (uint8_t)(answer->rcode >> 4);
	if (write.ede_bytes == 0) {
		write.ede = answer->edns.ede;
		write.ede_bytes = answer->edns.ede_bytes;
	}
	return write;
}

static size_t
opt_append(uint8_t *out, size_t used, size_t room, const struct edns_write *opt)
{
	octets_put16(out + HEADER_ARCOUNT, (uint16_t)(octets_get16(out + HEADER_ARCOUNT) + 1));
	return edns_append_brief(out, used, room, opt);
}

/* `opt` is NULL for a client that sent none. */
static size_t
fit_whole(uint8_t *out, size_t room, const struct wire_answer *answer, const struct edns_write *opt)
{
	if (answer->bytes > room)
		return 0;
	memcpy(out, answer->msg, answer->bytes);
	return opt == NULL ? answer->bytes : opt_append(out, answer->bytes, room, opt);
}

static size_t
fit_truncated(
        uint8_t *out, size_t room, size_t used, const struct wire_answer *answer, struct edns_write *opt)
{
	memcpy(out, answer->msg, used);
	memset(out + HEADER_ANCOUNT, 0, WIRE_HEADER_BYTES - HEADER_ANCOUNT);
	if (opt == NULL)
		return used;
	if (opt->ede_bytes > EDNS_EDE_CODE_BYTES)
		opt->ede_bytes = EDNS_EDE_CODE_BYTES;
	return opt_append(out, used, room, opt);
}

size_t
wire_fit(uint8_t *out, size_t room, const struct wire_query *query, const struct wire_answer *answer,
        const struct edns_write *opt)
{
	const struct wire_question *question = &query->question;
	must(question->name_bytes > 0);
	must(name_equal(answer->msg + WIRE_HEADER_BYTES, question->name, question->name_bytes));
	if (room < WIRE_UDP_FLOOR_BYTES)
		return 0;

	struct edns_write write;
	struct edns_write *wanted = NULL;
	if (query->edns.present) {
		write = client_opt(query, answer, opt);
		wanted = &write;
	}
	unsigned flags = client_flags(query, answer);
	size_t start = WIRE_HEADER_BYTES + (size_t)question->name_bytes + QUESTION_FIXED_BYTES;
	size_t length = fit_whole(out, room, answer, wanted);
	if (length == 0) {
		length = fit_truncated(out, room, start, answer, wanted);
		flags |= WIRE_FLAG_TC;
	}
	octets_put16(out + HEADER_ID, query->id);
	octets_put16(out + HEADER_FLAGS, (uint16_t)flags);
	memcpy(out + WIRE_HEADER_BYTES, question->name, question->name_bytes);
	return length;
}
