/*
 * The names are domains, each with the number of an entry; what lies only on the way to a name is a domain
 * without one. A name's closest encloser (RFC 4592 section 3.3.1) is then the longest domain that is known,
 * and the wildcard below that one, if there is any, stands for the name.
 */
#include "dns/names.h"

#include "base/must.h"
#include "dns/domains.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE_CNAME = 5, WILDCARD_BYTES = 2 };

/* Numbers count from 1; 0 is none. */
struct entry {
	uint32_t first, last; /* records */
	uint32_t wildcard;    /* the entry of "*" below it */
};

struct names {
	unsigned holders;
	struct domains *names;
	struct domains *zones; /* 1: a zone */
	struct entry *entries;
	struct names_record *records;
	uint8_t *rdata;
	size_t entry_count, entry_room, record_count, record_room, rdata_bytes, rdata_room, zone_count;
};

struct names *
names_new(void)
{
	struct names *l = must_alloc(1, sizeof *l);
	l->holders = 1;
	l->names = domains_new();
	l->zones = domains_new();
	return l;
}

void
names_hold(struct names *l)
{
	if (l != NULL)
		l->holders++;
}

void
names_free(struct names *l)
{
	if (l == NULL || --l->holders > 0)
		return;
	domains_free(l->names);
	domains_free(l->zones);
	free(l->entries);
	free(l->records);
	free(l->rdata);
	free(l);
}

bool
names_is_empty(const struct names *l)
{
	return l->record_count == 0 && l->zone_count == 0;
}

/* Room for `more` behind `used` of them; what is grown is at least doubled. */
static void *
grown(void *array, size_t used, size_t more, size_t *room, size_t each)
{
	if (*room - used >= more)
		return array;
	*room = 2 * *room + more + 16;
	must(*room < UINT32_MAX);
	array = realloc(array, *room * each);
	must(array != NULL);
	return array;
}

/* --- making --- */

static uint32_t
entry_at(struct names *l, const uint8_t *name, size_t bytes)
{
	uint32_t *number = domains_put(l->names, name, bytes);
	if (*number == 0) {
		l->entries = grown(l->entries, l->entry_count, 1, &l->entry_room, sizeof *l->entries);
		l->entries[l->entry_count] = (struct entry){0, 0, 0};
		*number = (uint32_t)++l->entry_count;
	}
	return *number;
}

static bool
is_same(const struct names *l, const struct names_record *r, uint16_t type, const uint8_t *rdata,
        size_t bytes)
{
	return r->type == type && r->rdata_bytes == bytes &&
	       (bytes == 0 || memcmp(l->rdata + r->rdata_at, rdata, bytes) == 0);
}

/* Whether the record may join those that are there. */
static enum names_add
judge(const struct names *l, const struct entry *e, uint16_t type, const uint8_t *rdata, size_t bytes)
{
	for (uint32_t at = e->first; at != 0; at = l->records[at - 1].next) {
		const struct names_record *r = &l->records[at - 1];
		if (is_same(l, r, type, rdata, bytes))
			return NAMES_THERE;
		if (type == TYPE_CNAME && r->type == TYPE_CNAME)
			return NAMES_CNAME_ONE;
		if (type == TYPE_CNAME || r->type == TYPE_CNAME)
			return NAMES_CNAME_ALONE;
	}
	return NAMES_ADDED;
}

static void
append(struct names *l, uint32_t entry, const struct names_record *record)
{
	l->records = grown(l->records, l->record_count, 1, &l->record_room, sizeof *l->records);
	l->records[l->record_count++] = *record;
	uint32_t number = (uint32_t)l->record_count;
	struct entry *e = &l->entries[entry - 1];
	if (e->first == 0)
		e->first = number;
	else
		l->records[e->last - 1].next = number;
	e->last = number;
}

static bool
is_wildcard(const uint8_t *name)
{
	return name[0] == 1 && name[1] == '*';
}

enum names_add
names_add(struct names *l, const uint8_t *owner, size_t owner_bytes, uint16_t type, uint32_t ttl_s,
        const uint8_t *rdata, size_t rdata_bytes)
{
	must(rdata_bytes <= UINT16_MAX);
	uint32_t entry = entry_at(l, owner, owner_bytes);
	enum names_add verdict = judge(l, &l->entries[entry - 1], type, rdata, rdata_bytes);
	if (verdict != NAMES_ADDED)
		return verdict;
	if (is_wildcard(owner)) {
		uint32_t encloser = entry_at(l, owner + WILDCARD_BYTES, owner_bytes - WILDCARD_BYTES);
		l->entries[encloser - 1].wildcard = entry;
	}
	l->rdata = grown(l->rdata, l->rdata_bytes, rdata_bytes + 1, &l->rdata_room, 1);
	if (rdata_bytes > 0)
		memcpy(l->rdata + l->rdata_bytes, rdata, rdata_bytes);
	append(l, entry,
	        &(struct names_record){.type = type,
	                .rdata_bytes = (uint16_t)rdata_bytes,
	                .ttl_s = ttl_s,
	                .rdata_at = (uint32_t)l->rdata_bytes});
	l->rdata_bytes += rdata_bytes;
	return NAMES_ADDED;
}

void
names_add_zone(struct names *l, const uint8_t *name, size_t bytes)
{
	*domains_put(l->zones, name, bytes) = 1;
	domains_put(l->names, name, bytes); /* it exists */
	l->zone_count++;
}

/* --- asking --- */

static void
find_zone(const struct names *l, const uint8_t *name, size_t bytes, struct names_found *out)
{
	struct domains_match match;
	domains_find(l->zones, name, bytes, &match);
	out->in_zone = match.numbered != 0;
	out->zone_at = match.numbered_at;
	out->zone_labels = match.numbered_labels;
}

static bool
has_records(const struct names *l, uint32_t entry)
{
	return entry != 0 && l->entries[entry - 1].first != 0;
}

void
names_find(const struct names *l, const uint8_t *name, size_t bytes, struct names_found *out)
{
	struct domains_match match;
	*out = (struct names_found){.kind = NAMES_NONE};
	domains_find(l->names, name, bytes, &match);
	if (match.known == 0 && match.labels > 0 && match.number == 0)
		return; /* not even its last label is known */
	if (l->zone_count > 0)
		find_zone(l, name, bytes, out);
	bool whole = match.known == match.labels;
	uint32_t entry = match.number;
	if (!whole)
		entry = entry != 0 ? l->entries[entry - 1].wildcard : 0;
	if (has_records(l, entry)) {
		out->kind = NAMES_NAME;
		out->name = entry;
	} else if (whole || entry != 0) {
		out->kind = NAMES_EMPTY;
	} else if (out->in_zone) {
		out->kind = NAMES_ABSENT;
	}
}

const struct names_record *
names_record(const struct names *l, const struct names_found *found, const struct names_record *previous)
{
	uint32_t at = 0;
	if (previous != NULL)
		at = previous->next;
	else if (found->kind == NAMES_NAME)
		at = l->entries[found->name - 1].first;
	return at != 0 ? &l->records[at - 1] : NULL;
}

const struct names_record *
names_record_of(const struct names *l, const uint8_t *name, size_t bytes, uint16_t type)
{
	struct names_found found;
	const struct names_record *record = NULL;
	names_find(l, name, bytes, &found);
	while ((record = names_record(l, &found, record)) != NULL && record->type != type)
		;
	return record;
}

const uint8_t *
names_rdata(const struct names *l, const struct names_record *record)
{
	return l->rdata + record->rdata_at;
}
