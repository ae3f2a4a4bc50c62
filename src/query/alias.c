/*
 * The names of the records behind the alias are written out: those that were compressed pointed to a question
 * that was another one.
 */
#include "query/alias.h"

#include "base/must.h"
#include "dns/compose.h"
#include "dns/header.h"
#include "dns/octets.h"
#include "dns/record.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE_CNAME = 5, MOST_ALIASES = 8, RDATA_BYTES = WIRE_MESSAGE_BYTES };

struct alias {
	const struct names *table;
	struct compose compose;
	uint8_t copy[WIRE_MESSAGE_BYTES];
	uint8_t msg[WIRE_MESSAGE_BYTES];
	uint8_t rdata[RDATA_BYTES + RECORD_NAMES * NAME_BYTES];
};

struct alias *
alias_new(const struct names *table)
{
	if (table == NULL)
		return NULL;
	struct alias *a = must_alloc(1, sizeof *a);
	a->table = table;
	return a;
}

void
alias_free(struct alias *a)
{
	free(a);
}

uint8_t *
alias_copy(struct alias *a, const struct wire_answer *answer)
{
	must(answer->bytes <= sizeof a->copy);
	return memcpy(a->copy, answer->msg, answer->bytes);
}

static void
put_chain(struct alias *a, const struct wire_question *asked)
{
	const uint8_t *name = asked->name, *owner = NULL;
	size_t bytes = asked->name_bytes;
	for (unsigned i = 0; i < MOST_ALIASES; i++) {
		const struct names_record *record = names_record_of(a->table, name, bytes, TYPE_CNAME);
		if (record == NULL)
			return;
		const uint8_t *rdata = names_rdata(a->table, record);
		compose_record(&a->compose, COMPOSE_ANSWER, owner, TYPE_CNAME, record->ttl_s, rdata,
		        record->rdata_bytes);
		owner = name = rdata;
		bytes = record->rdata_bytes;
	}
}

/* RDATA without compression. Returns its length; false: it is not sound. */
static bool
unfold_rdata(struct alias *a, size_t bytes, const struct record *record, size_t *out_bytes)
{
	size_t names[RECORD_NAMES], at = record->rdata, used = 0;
	int count = record_names(a->copy, record, names);
	for (int i = 0; i < count; i++) {
		memcpy(a->rdata + used, a->copy + at, names[i] - at);
		used += names[i] - at;
		size_t stands = name_skip(a->copy, bytes, names[i]);
		size_t length = name_unfold(a->copy, bytes, names[i], a->rdata + used);
		if (stands == 0 || length == 0)
			return false;
		used += length;
		at = names[i] + stands;
	}
	memcpy(a->rdata + used, a->copy + at, record->end - at);
	*out_bytes = used + record->end - at;
	return count >= 0 && *out_bytes <= UINT16_MAX;
}

/* Puts the records of a section. Returns where they end; 0: they are not sound. */
static size_t
put_section(struct alias *a, size_t bytes, size_t at, unsigned count, enum compose_section section)
{
	uint8_t owner[NAME_BYTES];
	struct record record;
	size_t rdata_bytes;
	for (; count > 0 && at != 0; count--) {
		if (!record_read(a->copy, bytes, at, &record) ||
		        name_unfold(a->copy, bytes, at, owner) == 0 ||
		        !unfold_rdata(a, bytes, &record, &rdata_bytes))
			return 0;
		uint32_t ttl_s = octets_get32(a->copy + record.rdata - 6);
		compose_record(&a->compose, section, owner, record.type, ttl_s, a->rdata, rdata_bytes);
		at = record.end;
	}
	return at;
}

void
alias_join(struct alias *a, const struct wire_question *asked, const struct wire_answer *answer,
        struct wire_answer *out)
{
	static const size_t counts[] = {HEADER_ANCOUNT, HEADER_NSCOUNT, HEADER_ARCOUNT};
	unsigned truncated = octets_get16(a->copy + HEADER_FLAGS) & WIRE_FLAG_TC;
	compose_begin(&a->compose, a->msg, sizeof a->msg, asked, WIRE_FLAG_AA | truncated, answer->rcode);
	put_chain(a, asked);
	size_t at = record_first(a->copy, answer->bytes);
	for (unsigned i = 0; i < 3 && at != 0; i++)
		at = put_section(
		        a, answer->bytes, at, octets_get16(a->copy + counts[i]), (enum compose_section)i);
	compose_end(&a->compose, answer->rcode, out);
	out->edns = answer->edns;
}
