/*
 * Whatever an upstream sends, taken as the answer to the question it claims to answer, and fitted to a
 * client.
 *
 * Taking the OPT out must leave every other record saying what it said, and what the client gets must itself
 * be an answer that says the same or a truncated one. The id, which means nothing here, decides what the
 * client is like.
 */
#include "../unit/message.h"
#include "base/must.h"
#include "dns/addresses.h"
#include "dns/apex.h"
#include "dns/wire.h"
#include "guess.h"
#include "query/alias.h"
#include "query/screen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct message before, after;

static void
client_make(struct wire_query *out, unsigned dice)
{
	out->id = 0x55aa;
	out->flags = (uint16_t)(WIRE_FLAG_RD | (dice & (WIRE_FLAG_AD | WIRE_FLAG_CD)));
	edns_clear(&out->edns);
	out->edns.present = (dice & 1) != 0;
	out->edns.dnssec_ok = (dice & 3) == 3;
	for (size_t i = 0; i < out->question.name_bytes; i++)
		if (dice >> i % 8 & 1 && out->question.name[i] >= 'a' && out->question.name[i] <= 'z')
			out->question.name[i] = (uint8_t)(out->question.name[i] - 'a' + 'A');
}

static void
fit_check(const struct wire_query *query, const struct wire_answer *answer, size_t room)
{
	static struct wire_answer again;
	const struct edns_write opt = {
	        .udp_bytes = 1232, .keepalive = (room & 1) != 0, .padding_block = (room & 2) != 0 ? 468 : 0};
	uint8_t *out = malloc(room);
	size_t length = wire_fit(out, room, query, answer, &opt);

	must(length > 0 && length <= room);
	must(wire_id(out) == query->id);
	must(memcmp(out + WIRE_HEADER_BYTES, query->question.name, query->question.name_bytes) == 0);
	bool upstream_cut = (answer->msg[2] & WIRE_FLAG_TC >> 8) != 0;
	bool cut = (out[2] & WIRE_FLAG_TC >> 8) != 0;
	must(wire_answer_take(out, length, &query->question, &again) == WIRE_MATCH);
	must(again.edns.present == query->edns.present);
	must(again.edns.dnssec_ok == query->edns.dnssec_ok);
	must(again.rcode == answer->rcode || !query->edns.present);
	must(cut || !upstream_cut);
	size_t records = WIRE_HEADER_BYTES + (size_t)query->question.name_bytes;
	must(again.bytes == answer->bytes || (cut && again.bytes == records + 4));
	must(memcmp(again.msg + records, answer->msg + records, again.bytes - records) == 0);
	free(out);
}

/* Whatever was asked for: as if it had been the addresses of a host. */
static void
addresses_check(const struct wire_answer *answer, const struct wire_question *asked, uint16_t type)
{
	struct addr found[3];
	struct wire_question question = *asked;
	uint32_t ttl_s = 1;
	bool left_out = false;
	question.type = type;
	int count = addresses_read(answer, &question, found, 3, &ttl_s, &left_out);
	must(count == -EBADMSG || (count >= 0 && count <= 3 && (count == 3 || !left_out)));
	must(count != 0 || ttl_s == 0);
	for (int i = 0; i < count; i++)
		must(found[i].any.sa_family == (type == ADDRESSES_TYPE_A ? AF_INET : AF_INET6));
}

/* Whose word it is, if anybody's: a whole name. */
static void
apex_check(const struct wire_answer *answer)
{
	uint8_t zone[NAME_BYTES];
	size_t bytes = apex_find(answer->msg, answer->bytes, zone);
	must(bytes == 0 || name_plain_bytes(zone, bytes, 0) == bytes);
}

/* Put behind an alias of ours, and without what nobody asked for, it is an answer still. */
static void
leaving_check(const struct wire_query *query, const struct wire_answer *answer)
{
	static const struct config config = {.names = {.minimal_responses = true, .rebind_protection = true}};
	static struct wire_question asked = {.name_bytes = 3, .name = "\1x"};
	static struct screen *screen;
	static struct names *table;
	static struct alias *alias;
	static struct wire_answer joined, again;
	if (screen == NULL) {
		screen = screen_new(&config);
		table = names_new();
		names_add(table, asked.name, asked.name_bytes, 5, 60, (const uint8_t *)"\1y", 3);
		alias = alias_new(table);
	}
	(void)screen_holds(screen, &query->question, answer);
	const struct wire_answer *lean = screen_trim(screen, query, answer);
	must(lean->bytes <= answer->bytes);
	uint8_t *msg = malloc(lean->bytes);
	memcpy(msg, lean->msg, lean->bytes);
	must(wire_answer_take(msg, lean->bytes, &query->question, &again) == WIRE_MATCH);
	free(msg);

	asked.type = query->question.type;
	asked.class = query->question.class;
	(void)alias_copy(alias, answer);
	alias_join(alias, &asked, answer, &joined);
	msg = malloc(joined.bytes);
	memcpy(msg, joined.msg, joined.bytes);
	must(wire_answer_take(msg, joined.bytes, &asked, &again) == WIRE_MATCH);
	must(message_get16(msg + SECTION_ANSWER) > 0);
	free(msg);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_query query;
	static struct wire_answer answer;

	if (!question_guess(data, size, &query.question))
		return 0;
	uint8_t *msg = malloc(size);
	memcpy(msg, data, size);
	unsigned dice = wire_id(data);
	client_make(&query, dice);
	if (wire_answer_take(msg, size, &query.question, &answer) != WIRE_MATCH) {
		must(memcmp(msg, data, size) == 0);
		free(msg);
		return 0;
	}
	message_spell(data, &before);
	message_spell(msg, &after);
	must(before.length == after.length);
	must(memcmp(before.bytes, after.bytes, after.length) == 0);
	must(answer.bytes + (answer.edns.present ? EDNS_OPT_BYTES : 0) <= size);

	addresses_check(&answer, &query.question, ADDRESSES_TYPE_A);
	addresses_check(&answer, &query.question, ADDRESSES_TYPE_AAAA);
	apex_check(&answer);
	leaving_check(&query, &answer);
	fit_check(&query, &answer, WIRE_UDP_FLOOR_BYTES + (dice >> 6));
	fit_check(&query, &answer, WIRE_MESSAGE_BYTES);
	free(msg);
	return 0;
}
