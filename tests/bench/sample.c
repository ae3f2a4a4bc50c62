/*
 * A sample's message: the question, and records that each own a pointer to its name. Kind, count and lengths
 * of the records, TTLs, RDATA and EDE all come out of one stream of random numbers that starts with number
 * and version.
 */
#include "sample.h"

#include "base/must.h"
#include "dns/hash.h"
#include "random.h"

#include <stdio.h>
#include <string.h>

enum { TYPE_A = 1, TYPE_SOA = 6, TYPE_TXT = 16, TYPE_PRIVATE = 65280, RECORD_FIXED_BYTES = 12, VARIANTS = 4 };

struct pen {
	uint8_t *msg;
	size_t bytes;
};

static void
put16(struct pen *pen, unsigned value)
{
	pen->msg[pen->bytes++] = (uint8_t)(value >> 8);
	pen->msg[pen->bytes++] = (uint8_t)value;
}

static void
put32(struct pen *pen, uint32_t value)
{
	put16(pen, value >> 16);
	put16(pen, value & 0xffff);
}

static void
put_label(uint8_t *out, size_t *bytes, const char *text)
{
	size_t length = strlen(text);
	out[(*bytes)++] = (uint8_t)length;
	memcpy(out + *bytes, text, length);
	*bytes += length;
}

unsigned
sample_zone(uint32_t number)
{
	return number / VARIANTS % SAMPLE_ZONES;
}

static void
name_of(struct wire_question *question, uint32_t number)
{
	char text[64];
	size_t bytes = 0;
	uint64_t mixed = random_mix(number / VARIANTS + 1u);
	snprintf(text, sizeof text, "n%u%.*s", (unsigned)(number / VARIANTS), (int)(mixed % 40),
	        "-long-as-a-label-may-be-but-seldom-is-0");
	put_label(question->name, &bytes, text);
	snprintf(text, sizeof text, "zone-%u", sample_zone(number));
	put_label(question->name, &bytes, text);
	put_label(question->name, &bytes, "test");
	question->name[bytes++] = 0;
	question->name_bytes = (uint16_t)bytes;
}

/* The last of the four is of another type, and of any class and flags. */
static void
variant_of(struct wire_query *query, uint32_t number)
{
	static const uint16_t types[] = {28, 65, TYPE_TXT, TYPE_PRIVATE};
	uint64_t mixed = random_mix(~(uint64_t)number);
	bool last = number % VARIANTS == 3;
	bool dnssec_ok = last ? mixed & 1 : number % VARIANTS == 1;
	bool checking_disabled = last ? mixed & 2 : number % VARIANTS == 2;
	query->question.type = last ? types[mixed >> 2 & 3] : TYPE_A;
	query->question.class = last && (mixed >> 4 & 7) == 0 ? 3 : 1;
	query->edns.present = query->edns.dnssec_ok = dnssec_ok;
	query->flags = checking_disabled ? WIRE_FLAG_RD | WIRE_FLAG_CD : WIRE_FLAG_RD;
}

bool
sample_number(const struct cache_entry *entry, uint32_t *number)
{
	const uint8_t *name = entry->answer.msg + WIRE_HEADER_BYTES;
	size_t bytes = name_plain_bytes(entry->answer.msg, entry->answer.bytes, WIRE_HEADER_BYTES);
	uint64_t found = 0;
	if (bytes < 3 || name[1] != 'n')
		return false;
	for (size_t i = 2; i <= name[0] && name[i] >= '0' && name[i] <= '9'; i++)
		found = found * 10 + (uint64_t)(name[i] - '0');
	unsigned type = (unsigned)name[bytes] << 8 | name[bytes + 1];
	unsigned variant = type != TYPE_A ? 3 : entry->dnssec_ok ? 1 : entry->checking_disabled ? 2 : 0;
	*number = (uint32_t)(found * VARIANTS + variant);
	return found < UINT32_MAX / VARIANTS;
}

void
sample_ask(struct sample *out, uint32_t number, uint64_t seed)
{
	struct wire_question *question = &out->query.question;
	memset(&out->query, 0, sizeof out->query);
	name_of(question, number);
	variant_of(&out->query, number);
	out->key = cache_key(&out->query,
	        hash_name(question->name, question->name_bytes, question->type, question->class, seed));
}

static size_t
put_question(uint8_t *msg, const uint8_t *name, size_t name_bytes, unsigned type, unsigned class)
{
	struct pen pen = {.msg = msg, .bytes = WIRE_HEADER_BYTES};
	memcpy(msg + pen.bytes, name, name_bytes);
	pen.bytes += name_bytes;
	put16(&pen, type);
	put16(&pen, class);
	return pen.bytes;
}

static void
put_record(struct sample *out, struct pen *pen, unsigned type, size_t rdata_bytes, uint64_t *random)
{
	put16(pen, 0xc000 | WIRE_HEADER_BYTES);
	put16(pen, type);
	put16(pen, 1);
	out->ttls[out->item.ttl_count++] = (uint16_t)pen->bytes;
	put32(pen, random_below(random, 1u << 31));
	put16(pen, (unsigned)rdata_bytes);
	for (size_t i = 0; i < rdata_bytes; i += 8) {
		uint64_t bits = random_next(random);
		memcpy(pen->msg + pen->bytes + i, &bits, rdata_bytes - i < 8 ? rdata_bytes - i : 8);
	}
	pen->bytes += rdata_bytes;
}

/* One in two thousand is as large as can be. */
static size_t
wanted_bytes(uint64_t *random, size_t most_bytes)
{
	uint32_t draw = random_below(random, 2000);
	size_t bytes = draw == 0 ? most_bytes : draw < 20 ? 3000 : draw < 200 ? 1000 : 150;
	bytes = random_below(random, (uint32_t)bytes);
	return bytes < most_bytes ? bytes : most_bytes;
}

static void
put_records(struct sample *out, struct pen *pen, uint64_t *random, size_t most_bytes)
{
	if (pen->bytes >= most_bytes)
		return;
	size_t until = pen->bytes + wanted_bytes(random, most_bytes - pen->bytes);
	unsigned type = random_below(random, 2) ? TYPE_PRIVATE : TYPE_TXT;
	do {
		size_t rdata_bytes = random_below(random, until > 4000 ? 4000 : 60);
		if (pen->bytes + RECORD_FIXED_BYTES + rdata_bytes > most_bytes)
			return;
		put_record(out, pen, type, rdata_bytes, random);
	} while (pen->bytes < until && out->item.ttl_count < SAMPLE_RECORDS);
}

static void
put_ede(struct edns *edns, uint64_t *random)
{
	edns->present = true;
	edns->ede_bytes = (uint16_t)(2 + random_below(random, EDNS_EDE_BYTES - 1));
	for (unsigned i = 0; i < edns->ede_bytes; i++)
		edns->ede[i] = (uint8_t)random_next(random);
}

static void
put_rcode(struct sample *out, uint64_t *random)
{
	static const uint16_t failures[] = {WIRE_RCODE_SERVFAIL, WIRE_RCODE_REFUSED, 23 /* BADCOOKIE */};
	switch (out->item.kind) {
	case CACHE_POSITIVE:
		out->answer.rcode = WIRE_RCODE_NOERROR;
		break;
	case CACHE_NEGATIVE:
		out->answer.rcode = random_below(random, 2) ? WIRE_RCODE_NXDOMAIN : WIRE_RCODE_NOERROR;
		break;
	case CACHE_FAILURE:
		out->answer.rcode = failures[random_below(random, 3)];
		break;
	}
}

static void
put_header(struct sample *out)
{
	unsigned answers = out->item.kind == CACHE_POSITIVE ? out->item.ttl_count : 0;
	struct pen pen = {.msg = out->msg};
	put16(&pen, 0);
	put16(&pen, WIRE_FLAG_QR | WIRE_FLAG_RD | WIRE_FLAG_RA | (out->answer.rcode & WIRE_FLAG_RCODE));
	put16(&pen, 1);
	put16(&pen, answers);
	put16(&pen, out->item.ttl_count - answers);
	put16(&pen, 0);
}

void
sample_answer(struct sample *out, uint32_t number, uint32_t version, size_t most_bytes)
{
	uint64_t random = random_mix((uint64_t)number << 32 | version);
	uint32_t draw = random_below(&random, 10);
	const struct wire_question *question = &out->query.question;
	memset(&out->answer, 0, sizeof out->answer);
	memset(&out->item, 0, sizeof out->item);
	out->item.kind = draw < 7 ? CACHE_POSITIVE : draw < 9 ? CACHE_NEGATIVE : CACHE_FAILURE;
	struct pen pen = {.msg = out->msg};
	pen.bytes =
	        put_question(out->msg, question->name, question->name_bytes, question->type, question->class);
	if (out->item.kind == CACHE_POSITIVE)
		put_records(out, &pen, &random, most_bytes);
	else if (out->item.kind == CACHE_NEGATIVE)
		put_record(out, &pen, TYPE_SOA, 22 + random_below(&random, 40), &random);
	put_rcode(out, &random);
	put_header(out);
	if (random_below(&random, 20) == 0 || (out->item.kind == CACHE_FAILURE && random_below(&random, 2)))
		put_ede(&out->answer.edns, &random);
	out->answer.msg = out->msg;
	out->answer.bytes = pen.bytes;
	out->item.answer = &out->answer;
	out->item.ttls = out->ttls;
	out->item.unasked = random_below(&random, 8) == 0;
	out->item.life_s = SAMPLE_LIFE_S + version;
}

const char *
sample_wrong(struct sample *room, uint32_t number, const struct cache_entry *entry, size_t most_bytes,
        uint32_t *version)
{
	*version = entry->life_s - SAMPLE_LIFE_S;
	if (entry->life_s < SAMPLE_LIFE_S || *version >= SAMPLE_VERSIONS)
		return "its life is none that was ever given";
	sample_ask(room, number, 0);
	sample_answer(room, number, *version, most_bytes);
	if (entry->answer.bytes != room->answer.bytes)
		return "its length is wrong";
	if (memcmp(entry->answer.msg, room->msg, room->answer.bytes) != 0)
		return "its message is wrong";
	if (entry->ttl_count != room->item.ttl_count ||
	        memcmp(entry->ttls, room->ttls, entry->ttl_count * sizeof *entry->ttls) != 0)
		return "the places of its TTLs are wrong";
	if (entry->answer.rcode != room->answer.rcode || entry->kind != room->item.kind)
		return "its rcode or kind is wrong";
	if (entry->answer.edns.ede_bytes != room->answer.edns.ede_bytes ||
	        memcmp(entry->answer.edns.ede, room->answer.edns.ede, room->answer.edns.ede_bytes) != 0)
		return "its EDE is wrong";
	if (entry->dnssec_ok != room->key.dnssec_ok ||
	        entry->checking_disabled != room->key.checking_disabled)
		return "it is for a client with other flags";
	if (entry->unasked != room->item.unasked)
		return "it does not say right whether anybody waited for it";
	return NULL;
}

void
sample_plain_name(uint8_t out[SAMPLE_NAME_BYTES], uint32_t number)
{
	static const char digits[] = "0123456789abcdef";
	static const uint8_t pattern[SAMPLE_NAME_BYTES] = "\010n0123456\007example\004test";
	must(number < 1u << 28);
	memcpy(out, pattern, SAMPLE_NAME_BYTES);
	for (int i = 8; i >= 2; i--, number >>= 4)
		out[i] = (uint8_t)digits[number & 15];
}

size_t
sample_plain_answer(uint8_t *out, const uint8_t *name, size_t name_bytes, size_t rdata_bytes)
{
	static const uint8_t header[WIRE_HEADER_BYTES] = {0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0};
	memcpy(out, header, sizeof header);
	struct pen pen = {.msg = out, .bytes = put_question(out, name, name_bytes, TYPE_A, 1)};
	put16(&pen, 0xc000 | WIRE_HEADER_BYTES);
	put16(&pen, rdata_bytes == 4 ? TYPE_A : TYPE_TXT);
	put16(&pen, 1);
	put32(&pen, 3600);
	put16(&pen, (unsigned)rdata_bytes);
	memset(out + pen.bytes, 0x55, rdata_bytes);
	return pen.bytes + rdata_bytes;
}
