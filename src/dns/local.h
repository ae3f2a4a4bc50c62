/*
 * Names of our own: records that the administrator wrote, and zones that are ours altogether.
 *
 * Filled once, then only read, by all processes that are forked off. Names are in wire form, uncompressed,
 * and the case of letters means nothing. Wildcards are those of RFC 4592.
 */
#ifndef DOTWARD_DNS_LOCAL_H
#define DOTWARD_DNS_LOCAL_H

#include "dns/name.h"

struct local;

/* --- making --- */

struct local *local_new(void) __attribute__((returns_nonnull));
/* One more who will call local_free(); NULL is allowed for both. */
void local_hold(struct local *local);
void local_free(struct local *local);

enum local_add {
	LOCAL_ADDED,
	LOCAL_THERE,       /* the same record is there already; nothing changed */
	LOCAL_CNAME_ALONE, /* a CNAME has no other record beside it (RFC 1034 section 3.6.2); not added */
	LOCAL_CNAME_ONE,   /* ... and there is one at most; not added */
};
enum local_add local_add(struct local *local, const uint8_t *owner, size_t owner_bytes, uint16_t type,
        uint32_t ttl_s, const uint8_t *rdata, size_t rdata_bytes);
/* From now on what is not there at and below this name is known not to be. */
void local_add_zone(struct local *local, const uint8_t *name, size_t bytes);
/* Are there neither records nor zones? */
bool local_is_empty(const struct local *local);

/* --- asking --- */

enum local_kind {
	LOCAL_NONE,   /* nothing of ours */
	LOCAL_NAME,   /* there are records at this name, or at the wildcard that stands for it */
	LOCAL_EMPTY,  /* none, but below it, or it is a zone of ours (RFC 8020: it exists) */
	LOCAL_ABSENT, /* in a zone of ours, and not there */
};

struct local_found {
	enum local_kind kind;
	uint32_t name; /* for local_record() */
	/* The innermost zone of ours around it: where in the name it begins, and of how many labels it is.
	 * Meaningless unless in_zone. */
	bool in_zone;
	size_t zone_at;
	unsigned zone_labels;
};

/* What is known of this name. EMPTY is said of names outside of our zones, too: what the rest of the world
 * has there is the caller's to ask. */
void local_find(const struct local *local, const uint8_t *name, size_t bytes, struct local_found *out);

struct local_record {
	uint16_t type;
	uint16_t rdata_bytes;
	uint32_t ttl_s;
	uint32_t rdata_at, next; /* the table's own */
};
/* The records of a found name, in the order they were added: the first one, or the one behind `previous`.
 * NULL: no more. */
const struct local_record *local_record(
        const struct local *local, const struct local_found *found, const struct local_record *previous);
const uint8_t *local_rdata(const struct local *local, const struct local_record *record);

#endif
