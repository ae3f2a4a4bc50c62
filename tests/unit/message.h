/*
 * Messages for tests: put together piece by piece, right or wrong, and spelled out for comparison.
 *
 * message_spell() is written without the code under test: two messages with equal spellings say the same,
 * record for record, however their names are compressed.
 */
#ifndef TESTS_UNIT_MESSAGE_H
#define TESTS_UNIT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Room for the longest message with every name in it unfolded; for static storage only. */
struct message {
	size_t length;
	uint8_t bytes[4 << 20];
};

static inline void
message_put(struct message *m, const void *bytes, size_t count)
{
	memcpy(m->bytes + m->length, bytes, count);
	m->length += count;
}

static inline void
message_put8(struct message *m, unsigned value)
{
	m->bytes[m->length++] = (uint8_t)value;
}

static inline void
message_put16(struct message *m, unsigned value)
{
	message_put8(m, value >> 8);
	message_put8(m, value & 0xff);
}

static inline void
message_put32(struct message *m, unsigned value)
{
	message_put16(m, value >> 16);
	message_put16(m, value & 0xffff);
}

static inline unsigned
message_get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static inline void
message_set16(struct message *m, size_t at, unsigned value)
{
	m->bytes[at] = (uint8_t)(value >> 8);
	m->bytes[at + 1] = (uint8_t)value;
}

/* "www.example." as labels and the root; "www.example" as labels without an end, for a pointer to follow. */
static inline void
message_put_name(struct message *m, const char *text)
{
	while (*text != '\0' && *text != '.') {
		size_t label = strcspn(text, ".");
		message_put8(m, (unsigned)label);
		message_put(m, text, label);
		text += label;
		if (*text == '\0')
			return;
		text++;
	}
	message_put8(m, 0);
}

static inline void
message_put_pointer(struct message *m, size_t target)
{
	message_put16(m, 0xc000u | (unsigned)target);
}

static inline void
message_begin(struct message *m, unsigned id, unsigned flags)
{
	m->length = 0;
	message_put16(m, id);
	message_put16(m, flags);
	message_put32(m, 0);
	message_put32(m, 0);
}

enum { SECTION_QUESTION = 4, SECTION_ANSWER = 6, SECTION_AUTHORITY = 8, SECTION_ADDITIONAL = 10 };

static inline void
message_count(struct message *m, size_t section)
{
	message_set16(m, section, message_get16(m->bytes + section) + 1);
}

static inline void
message_question(struct message *m, const char *name, unsigned type, unsigned class)
{
	message_count(m, SECTION_QUESTION);
	message_put_name(m, name);
	message_put16(m, type);
	message_put16(m, class);
}

/* What follows the owner name, up to RDLENGTH. Returns where RDATA begins, for message_rdata_end(). */
static inline size_t
message_fixed(struct message *m, size_t section, unsigned type, unsigned class, unsigned ttl)
{
	message_count(m, section);
	message_put16(m, type);
	message_put16(m, class);
	message_put32(m, ttl);
	message_put16(m, 0);
	return m->length;
}

static inline void
message_rdata_end(struct message *m, size_t rdata)
{
	message_set16(m, rdata - 2, (unsigned)(m->length - rdata));
}

/* A whole record of class IN with RDATA as given. */
static inline void
message_record(
        struct message *m, size_t section, const char *owner, unsigned type, const void *rdata, size_t count)
{
	message_put_name(m, owner);
	size_t at = message_fixed(m, section, type, 1, 300);
	message_put(m, rdata, count);
	message_rdata_end(m, at);
}

/* An OPT with RDATA as given; ttl is extended rcode, version and flags. */
static inline void
message_opt(struct message *m, unsigned udp_bytes, unsigned ttl, const void *rdata, size_t count)
{
	message_put8(m, 0);
	size_t at = message_fixed(m, SECTION_ADDITIONAL, 41, udp_bytes, ttl);
	message_put(m, rdata, count);
	message_rdata_end(m, at);
}

/* The name at `at`, unfolded, appended to `out`. Returns its length where it stands. */
static inline size_t
message_spell_name(const uint8_t *msg, size_t at, struct message *out)
{
	size_t start = at;
	size_t stands = 0;

	for (;;) {
		unsigned label = msg[at];
		if (label >= 0xc0) {
			stands = stands ? stands : at + 2 - start;
			at = message_get16(msg + at) & 0x3fff;
			continue;
		}
		message_put(out, msg + at, 1 + label);
		at += 1 + label;
		if (label == 0)
			return stands ? stands : at - start;
	}
}

/* How many names RDATA of a type has, and how many octets stand before them. */
static inline int
message_names(unsigned type, const uint8_t *rdata, size_t *before)
{
	*before = 0;
	switch (type) {
	case 2:
	case 3:
	case 4:
	case 5:
	case 7:
	case 8:
	case 9:
	case 12:
	case 30:
	case 39:
		return 1;
	case 6:
	case 14:
	case 17:
		return 2;
	case 15:
	case 18:
	case 21:
	case 36:
		*before = 2;
		return 1;
	case 24:
		*before = 18;
		return 1;
	case 26:
		*before = 2;
		return 2;
	case 33:
		*before = 6;
		return 1;
	case 35:
		*before = 4;
		for (int i = 0; i < 3; i++)
			*before += 1u + rdata[*before];
		return 1;
	default:
		return 0;
	}
}

static inline size_t
message_spell_record(const uint8_t *msg, size_t at, struct message *out)
{
	size_t undo = out->length;
	at += message_spell_name(msg, at, out);
	unsigned type = message_get16(msg + at);
	size_t rdata = at + 10;
	size_t end = rdata + message_get16(msg + at + 8);
	message_put(out, msg + at, 8);

	size_t before = 0;
	int names = message_names(type, msg + rdata, &before);
	message_put(out, msg + rdata, before);
	rdata += before;
	for (int i = 0; i < names; i++)
		rdata += message_spell_name(msg, rdata, out);
	message_put(out, msg + rdata, end - rdata);
	if (type == 41)
		out->length = undo;
	return end;
}

/* A well-formed message spelled out: question and every record but OPT, with all names unfolded. */
static inline void
message_spell(const uint8_t *msg, struct message *out)
{
	size_t at = 12;
	unsigned records = 0;

	out->length = 0;
	for (size_t section = SECTION_ANSWER; section <= SECTION_ADDITIONAL; section += 2)
		records += message_get16(msg + section);
	message_put(out, msg + 4, 6); /* QDCOUNT, ANCOUNT, NSCOUNT */
	for (unsigned i = message_get16(msg + 4); i > 0; i--) {
		at += message_spell_name(msg, at, out);
		message_put(out, msg + at, 4);
		at += 4;
	}
	for (; records > 0; records--)
		at = message_spell_record(msg, at, out);
}

#endif
