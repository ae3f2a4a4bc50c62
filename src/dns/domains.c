/*
 * An open hash table, at most half full. The hash of a domain is made from the root outwards, label by label,
 * so one pass over a name has the hashes of all its ends, and it stops at the first that is not there: then
 * no longer one is.
 */
#include "dns/domains.h"

#include "base/must.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_SLOTS = 16, MOST_LABELS = NAME_BYTES / 2 };

static const uint32_t hash_start = 2166136261u, hash_step = 16777619u; /* FNV-1a */

struct slot {
	uint32_t hash;
	uint32_t at; /* in the names */
	uint32_t number;
	uint8_t bytes; /* 0: empty */
};

struct domains {
	struct slot *slots;
	size_t mask, used;
	uint8_t *names; /* in lower case, one after the other */
	size_t name_bytes, name_room;
	uint32_t root;
};

struct domains *
domains_new(void)
{
	struct domains *d = must_alloc(1, sizeof *d);
	d->slots = must_alloc(LEAST_SLOTS, sizeof *d->slots);
	d->mask = LEAST_SLOTS - 1;
	return d;
}

void
domains_free(struct domains *d)
{
	if (d == NULL)
		return;
	free(d->slots);
	free(d->names);
	free(d);
}

/* Length octets pass unchanged: at most 63, they are below 'A'. */
static uint8_t
lower(uint8_t octet)
{
	return octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
}

static uint32_t
hash_label(uint32_t hash, const uint8_t *label)
{
	for (size_t i = 0; i <= label[0]; i++)
		hash = (hash ^ lower(label[i])) * hash_step;
	return hash;
}

/* Where each label begins; the root is none. */
static unsigned
label_starts(const uint8_t *name, uint8_t starts[MOST_LABELS])
{
	unsigned count = 0;
	for (size_t at = 0; name[at] != 0; at += 1u + name[at]) {
		must(count < MOST_LABELS);
		starts[count++] = (uint8_t)at;
	}
	return count;
}

/* The slot of this domain, or the empty one where it would be. */
static struct slot *
slot_of(const struct domains *d, uint32_t hash, const uint8_t *domain, size_t bytes)
{
	for (size_t at = (hash ^ hash >> 16) & d->mask;; at = (at + 1) & d->mask) {
		struct slot *slot = &d->slots[at];
		if (slot->bytes == 0 || (slot->hash == hash && slot->bytes == bytes &&
		                                name_equal(d->names + slot->at, domain, bytes)))
			return slot;
	}
}

static void
grow(struct domains *d)
{
	struct slot *old = d->slots;
	size_t count = d->mask + 1;
	d->slots = must_alloc(2 * count, sizeof *d->slots);
	d->mask = 2 * count - 1;
	for (size_t i = 0; i < count; i++)
		if (old[i].bytes > 0)
			*slot_of(d, old[i].hash, d->names + old[i].at, old[i].bytes) = old[i];
	free(old);
}

static uint32_t
keep_name(struct domains *d, const uint8_t *name, size_t bytes)
{
	if (d->name_room - d->name_bytes < bytes) {
		d->name_room = 2 * d->name_room + 1024;
		d->names = realloc(d->names, d->name_room);
		must(d->names != NULL);
	}
	uint32_t at = (uint32_t)d->name_bytes;
	must(d->name_bytes + bytes <= UINT32_MAX);
	name_fold(name, bytes, d->names + at);
	d->name_bytes += bytes;
	return at;
}

uint32_t *
domains_put(struct domains *d, const uint8_t *name, size_t bytes)
{
	uint8_t starts[MOST_LABELS];
	uint32_t hash = hash_start, *number = &d->root;
	for (unsigned i = label_starts(name, starts); i > 0; i--) {
		if (2 * (d->used + 1) > d->mask)
			grow(d);
		const uint8_t *end = name + starts[i - 1];
		size_t end_bytes = bytes - starts[i - 1];
		hash = hash_label(hash, end);
		struct slot *slot = slot_of(d, hash, end, end_bytes);
		if (slot->bytes == 0) {
			*slot = (struct slot){hash, keep_name(d, end, end_bytes), 0, (uint8_t)end_bytes};
			d->used++;
		}
		number = &slot->number;
	}
	return number;
}

void
domains_find(const struct domains *d, const uint8_t *name, size_t bytes, struct domains_match *out)
{
	uint8_t starts[MOST_LABELS];
	uint32_t hash = hash_start;
	must(bytes > 0 && bytes <= NAME_BYTES);
	*out = (struct domains_match){.number = d->root, .numbered = d->root};
	out->labels = label_starts(name, starts);
	out->known_at = out->numbered_at = bytes - 1;
	for (unsigned i = out->labels; i > 0; i--) {
		size_t at = starts[i - 1];
		hash = hash_label(hash, name + at);
		const struct slot *slot = slot_of(d, hash, name + at, bytes - at);
		if (slot->bytes == 0)
			return;
		out->known++;
		out->known_at = at;
		out->number = slot->number;
		if (slot->number != 0) {
			out->numbered = slot->number;
			out->numbered_labels = out->known;
			out->numbered_at = at;
		}
	}
}
