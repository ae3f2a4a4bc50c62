/*
 * Resource records: where they end, what names they hold, and how one is taken out from among others.
 *
 * Taking one out moves the records behind it, so the pointers among them must follow. A pointer is known only
 * by walking the names; which bytes are pointers is therefore first noted for the whole tail, in a bit per
 * byte, and changed only when every name has been found to survive it:
 *
 *      ... name ... | cut | ... name ... X -> target
 *            ^ stays   ^ refused   ^ lowered, if this piece is a name or the end of one, already noted
 */
#include "dns/record.h"

#include "dns/header.h"
#include "dns/name.h"
#include "dns/octets.h"

#include <errno.h>
#include <string.h>

enum {
	FIXED_BYTES = 10, /* type, class, ttl, RDLENGTH */
	FIXED_RDLENGTH = 8,
	POINTER_BYTES = 2,
	POINTER_MARK = 0xc000,
	MESSAGE_BYTES = 65535,
	REST_ANY = 0xff,
};

/* RDATA of the types in which names may come compressed: fixed octets, character strings, names, fixed
 * octets. */
static const struct layout {
	uint8_t before;
	uint8_t strings;
	uint8_t names;
	uint8_t behind;
} layouts[] = {
        [2] = {.names = 1},                                    /* NS */
        [3] = {.names = 1},                                    /* MD */
        [4] = {.names = 1},                                    /* MF */
        [5] = {.names = 1},                                    /* CNAME */
        [6] = {.names = 2, .behind = 20},                      /* SOA */
        [7] = {.names = 1},                                    /* MB */
        [8] = {.names = 1},                                    /* MG */
        [9] = {.names = 1},                                    /* MR */
        [12] = {.names = 1},                                   /* PTR */
        [14] = {.names = 2},                                   /* MINFO */
        [15] = {.before = 2, .names = 1},                      /* MX */
        [17] = {.names = 2},                                   /* RP */
        [18] = {.before = 2, .names = 1},                      /* AFSDB */
        [21] = {.before = 2, .names = 1},                      /* RT */
        [24] = {.before = 18, .names = 1, .behind = REST_ANY}, /* SIG */
        [26] = {.before = 2, .names = 2},                      /* PX */
        [30] = {.names = 1, .behind = REST_ANY},               /* NXT */
        [33] = {.before = 6, .names = 1},                      /* SRV */
        [35] = {.before = 4, .strings = 3, .names = 1},        /* NAPTR */
        [36] = {.before = 2, .names = 1},                      /* KX */
        [39] = {.names = 1},                                   /* DNAME */
};

size_t
record_first(const uint8_t *msg, size_t bytes)
{
	size_t at = HEADER_BYTES;
	for (unsigned left = octets_get16(msg + HEADER_QDCOUNT); left > 0; left--) {
		size_t name = name_skip(msg, bytes, at);
		if (name == 0 || bytes - at - name < QUESTION_FIXED_BYTES)
			return 0;
		at += name + QUESTION_FIXED_BYTES;
	}
	return at;
}

bool
record_read(const uint8_t *msg, size_t bytes, size_t at, struct record *out)
{
	size_t owner = name_skip(msg, bytes, at);
	if (owner == 0 || bytes - at - owner < FIXED_BYTES)
		return false;
	const uint8_t *fixed = msg + at + owner;
	out->at = at;
	out->type = octets_get16(fixed);
	out->rdata = at + owner + FIXED_BYTES;
	out->end = out->rdata + octets_get16(fixed + FIXED_RDLENGTH);
	return out->end <= bytes;
}

/* Behind the part before the names; beyond `end` when that part is cut short. */
static size_t
names_start(const uint8_t *msg, const struct record *record, const struct layout *layout)
{
	size_t at = record->rdata + layout->before;
	for (unsigned i = 0; i < layout->strings && at < record->end; i++)
		at += 1u + msg[at];
	return at;
}

int
record_names(const uint8_t *msg, const struct record *record, size_t names[RECORD_NAMES])
{
	if (record->type >= sizeof(layouts) / sizeof(layouts[0]))
		return 0;
	const struct layout *layout = &layouts[record->type];
	if (layout->names == 0)
		return 0;

	size_t at = names_start(msg, record, layout);
	for (unsigned i = 0; i < layout->names; i++) {
		size_t length = name_skip(msg, record->end, at);
		if (length == 0)
			return -EBADMSG;
		names[i] = at;
		at += length;
	}
	if (layout->behind != REST_ANY && record->end - at != layout->behind)
		return -EBADMSG;
	return layout->names;
}

struct cut {
	const uint8_t *msg;
	size_t from;
	size_t to;
	uint8_t pointers[MESSAGE_BYTES / 8 + 1]; /* a bit for each byte at which a pointer was found */
};

static bool
pointer_noted(const struct cut *cut, size_t at)
{
	return (cut->pointers[at / 8] >> at % 8 & 1) != 0;
}

/* Whether the piece of a name at `from` keeps its meaning: no byte of a pointer in it, but for a pointer as
 * its end. */
static bool
piece_survives(const struct cut *cut, size_t from, size_t end, bool ends_in_pointer)
{
	size_t labels_end = ends_in_pointer ? end - POINTER_BYTES : end;
	for (size_t at = from - 1; at < labels_end; at++)
		if (pointer_noted(cut, at))
			return false;
	return !ends_in_pointer || pointer_noted(cut, labels_end);
}

/* Looks one pointer far: what that one leads to was looked at when it was noted itself. */
static bool
name_note(struct cut *cut, size_t bytes, size_t at)
{
	size_t target = 0;
	size_t end = name_piece(cut->msg, bytes, at, &target);
	if (target == 0)
		return true;

	size_t next = 0;
	size_t target_end = name_piece(cut->msg, at, target, &next);
	if (target < cut->from ? target_end > cut->from : target < cut->to)
		return false;
	if (target >= cut->to && !piece_survives(cut, target, target_end, next != 0))
		return false;
	size_t pointer = end - POINTER_BYTES;
	cut->pointers[pointer / 8] |= (uint8_t)(1u << pointer % 8);
	return true;
}

static bool
record_note(struct cut *cut, size_t bytes, const struct record *record)
{
	size_t names[RECORD_NAMES];
	int count = record_names(cut->msg, record, names);
	if (count < 0 || !name_note(cut, bytes, record->at))
		return false;
	for (int i = 0; i < count; i++)
		if (!name_note(cut, bytes, names[i]))
			return false;
	return true;
}

static void
pointers_lower(uint8_t *msg, size_t bytes, const struct cut *cut)
{
	for (size_t at = cut->to; at + 1 < bytes; at++) {
		if (!pointer_noted(cut, at))
			continue;
		unsigned target = octets_get16(msg + at) & ~(unsigned)POINTER_MARK;
		if (target >= cut->to)
			octets_put16(msg + at, (uint16_t)(POINTER_MARK | (target - (cut->to - cut->from))));
	}
}

size_t
record_cut(uint8_t *msg, size_t bytes, const struct record *record)
{
	if (record->end == bytes)
		return record->at;

	struct cut cut = {.msg = msg, .from = record->at, .to = record->end};
	struct record other;
	for (size_t at = record->end; at < bytes; at = other.end)
		if (!record_read(msg, bytes, at, &other) || !record_note(&cut, bytes, &other))
			return 0;
	pointers_lower(msg, bytes, &cut);
	memmove(msg + cut.from, msg + cut.to, bytes - cut.to);
	return bytes - (cut.to - cut.from);
}
