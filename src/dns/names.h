/*
 * Names of our own: records that the administrator wrote, and zones that are ours altogether.
 *
 * Filled once, then only read, by all processes that are forked off. Names are in wire form, uncompressed,
 * and the case of letters means nothing. Wildcards are those of RFC 4592.
 */
#ifndef DOTWARD_DNS_NAMES_H
#define DOTWARD_DNS_NAMES_H

#include "dns/name.h"

struct names;

/* --- making --- */

struct names *names_new(void) __attribute__((returns_nonnull));
/* One more who will call names_free(); NULL is allowed for both. */
void names_hold(struct names *names);
void names_free(struct names *names);

enum names_add {
	NAMES_ADDED,
	NAMES_THERE,       /* the same record is there already; nothing changed */
	NAMES_CNAME_ALONE, /* a CNAME has no other record beside it (RFC 1034 section 3.6.2); not added */
	NAMES_CNAME_ONE,   /* ... and there is one at most; not added */
};
enum names_add names_add(struct names *names, const uint8_t *owner, size_t owner_bytes, uint16_t type,
        uint32_t ttl_s, const uint8_t *rdata, size_t rdata_bytes);
/* From now on what is not there at and below this name is known not to be. */
void names_add_zone(struct names *names, const uint8_t *name, size_t bytes);
/* Are there neither records nor zones? */
bool names_is_empty(const struct names *names);

/* --- asking --- */

enum names_kind {
	NAMES_NONE,   /* nothing of ours */
	NAMES_NAME,   /* there are records at this name, or at the wildcard that stands for it */
	NAMES_EMPTY,  /* none, but below it, or it is a zone of ours (RFC 8020: it exists) */
	NAMES_ABSENT, /* in a zone of ours, and not there */
};

struct names_found {
	enum names_kind kind;
	uint32_t name; /* for names_record() */
	/* The innermost zone of ours around it: where in the name it begins, and of how many labels it is.
	 * Meaningless unless in_zone. */
	bool in_zone;
	size_t zone_at;
	unsigned zone_labels;
};

/* What is known of this name. EMPTY is said of names outside of our zones, too: what the rest of the world
 * has there is the caller's to ask. */
void names_find(const struct names *names, const uint8_t *name, size_t bytes, struct names_found *out);

struct names_record {
	uint16_t type;
	uint16_t rdata_bytes;
	uint32_t ttl_s;
	uint32_t rdata_at, next; /* the table's own */
};
/* The records of a found name, in the order they were added: the first one, or the one behind `previous`.
 * NULL: no more. */
const struct names_record *names_record(
        const struct names *names, const struct names_found *found, const struct names_record *previous);
/* The first record of this type at a name, or at the wildcard that stands for it; NULL: there is none. */
const struct names_record *names_record_of(
        const struct names *names, const uint8_t *name, size_t bytes, uint16_t type);
const uint8_t *names_rdata(const struct names *names, const struct names_record *record);

#endif
