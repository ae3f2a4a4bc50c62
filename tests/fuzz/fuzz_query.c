/*
 * Whatever a client sends: it is read without a false step, and all that we write in return is sound.
 *
 * Our question for the upstream must be a query that says the same; a refusal must be a response of the same
 * id. Both must stay inside their room, which is allocated to the byte so that the sanitizer sees it.
 */
#include "base/must.h"
#include "dns/hash.h"
#include "dns/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOMY = 1232, BLOCK = 128 };

static void
ask_check(const struct wire_query *query, size_t room)
{
	const struct edns_write opt = {
	        .udp_bytes = ROOMY,
	        .keepalive = true,
	        .subnet = query->edns.subnet_bytes > 0 ? query->edns.subnet : NULL,
	        .subnet_bytes = query->edns.subnet_bytes,
	        .padding_block = BLOCK,
	};
	static struct wire_query asked;
	uint8_t *out = malloc(room);
	size_t length = wire_ask(out, room, 0x55aa, query, &opt);

	must(length <= room);
	must(length > 0 || room < WIRE_UDP_FLOOR_BYTES + BLOCK);
	if (length > 0) {
		must(length % BLOCK == 0 || length + BLOCK > room);
		must(wire_query_parse(out, length, &asked) == WIRE_QUERY);
		must(asked.id == 0x55aa);
		must((asked.flags & WIRE_FLAG_AD) != 0);
		must(asked.question.type == query->question.type);
		must(asked.question.class == query->question.class);
		must(asked.question.name_bytes == query->question.name_bytes);
		must(memcmp(asked.question.name, query->question.name, asked.question.name_bytes) == 0);
		must(asked.edns.present && asked.edns.dnssec_ok == query->edns.dnssec_ok);
		must(asked.edns.subnet_bytes == query->edns.subnet_bytes);
	}
	free(out);
}

/* A refusal is an answer without records: where there was a question, wire_answer_take() must find it. */
static void
refuse_check(const struct wire_query *query, size_t room, uint16_t rcode)
{
	const struct edns_write opt = {.udp_bytes = ROOMY, .keepalive = true, .keepalive_value = true};
	static struct wire_answer answer;
	uint8_t *out = malloc(room);
	size_t length = wire_refuse(out, room, query, rcode, EDNS_EDE_NETWORK_ERROR, "a reason", &opt);

	must(length >= WIRE_HEADER_BYTES && length <= room);
	must(wire_id(out) == query->id);
	out[2] &= (uint8_t) ~(WIRE_FLAG_OPCODE >> 8);
	enum wire_match match = wire_answer_take(out, length, &query->question, &answer);
	must(match == (query->question.name_bytes > 0 ? WIRE_MATCH : WIRE_MISMATCH));
	if (match == WIRE_MATCH) {
		bool told = rcode <= WIRE_FLAG_RCODE || query->edns.present;
		must(answer.rcode == (told ? rcode : WIRE_RCODE_SERVFAIL));
		must(answer.edns.present == query->edns.present);
		must(answer.edns.ede_bytes == (query->edns.present ? 10 : 0));
	}
	free(out);
}

/* A message that must not be parsed is hashed and refused all the same; where it is sound both readers agree.
 */
static void
peek_check(const uint8_t *data, size_t size, enum wire_verdict verdict, const struct wire_query *query)
{
	static struct wire_query peeked;
	uint64_t hash = hash_question(data, size, BLOCK);

	must(hash != 0);
	must(wire_query_peek(data, size, &peeked) == (verdict != WIRE_SILENCE));
	if (verdict == WIRE_SILENCE)
		return;
	refuse_check(&peeked, WIRE_UDP_FLOOR_BYTES, WIRE_RCODE_SERVFAIL);
	if (verdict != WIRE_QUERY)
		return;
	const struct wire_question *q = &query->question;
	must(peeked.id == query->id && peeked.flags == query->flags);
	must(peeked.question.name_bytes == q->name_bytes && peeked.question.type == q->type);
	must(hash_name(q->name, q->name_bytes, q->type, q->class, BLOCK) == hash);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t rcodes[] = {
	        [WIRE_QUERY] = WIRE_RCODE_REFUSED,
	        [WIRE_FORMERR] = WIRE_RCODE_FORMERR,
	        [WIRE_NOTIMP] = WIRE_RCODE_NOTIMP,
	        [WIRE_BADVERS] = WIRE_RCODE_BADVERS,
	        [WIRE_EMPTY] = WIRE_RCODE_NOERROR,
	};
	static struct wire_query query;
	char text[NAME_TEXT_BYTES];

	enum wire_verdict verdict = wire_query_parse(data, size, &query);
	peek_check(data, size, verdict, &query);
	if (verdict == WIRE_SILENCE)
		return 0;
	must(strlen(name_text(query.question.name, query.question.name_bytes, text)) < sizeof(text));
	must(wire_udp_room(&query, ROOMY) >= WIRE_UDP_FLOOR_BYTES);
	must(wire_udp_room(&query, ROOMY) <= ROOMY);
	refuse_check(&query, wire_udp_room(&query, ROOMY), rcodes[verdict]);
	if (verdict != WIRE_QUERY)
		return 0;
	must(query.question.name_bytes > 0);
	ask_check(&query, WIRE_UDP_FLOOR_BYTES + BLOCK);
	ask_check(&query, 1u + query.id % ROOMY);
	return 0;
}
