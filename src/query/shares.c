/*
 * A hash table with chains; its entries are made once, as many as there are places, and an entry lives while
 * its network holds anything.
 */
#include "query/shares.h"

#include "base/must.h"

#include <stdlib.h>

struct share {
	uint64_t key;
	struct share *next; /* in its chain, or among the unused */
	unsigned held;
};

struct shares {
	unsigned places, taken;
	unsigned touched; /* entries that were ever used: many places cost address space only */
	unsigned mask;    /* of the chains */
	struct share **chains;
	struct share *entries, *unused;
};

struct shares *
shares_new(unsigned places)
{
	struct shares *s = must_alloc(1, sizeof *s);
	unsigned chains = 1;
	while (chains < places)
		chains *= 2;
	s->places = places;
	s->mask = chains - 1;
	s->chains = must_alloc(chains, sizeof(struct share *));
	s->entries = must_alloc(places, sizeof *s->entries);
	return s;
}

void
shares_free(struct shares *s)
{
	if (s == NULL)
		return;
	free(s->chains);
	free(s->entries);
	free(s);
}

/* Where the entry of this key hangs, or would. */
static struct share **
place_of(const struct shares *s, uint64_t key)
{
	struct share **at = &s->chains[key & s->mask];
	while (*at != NULL && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

bool
shares_allow(const struct shares *s, uint64_t key)
{
	unsigned free_places = s->places - s->taken;
	/* Nobody holds more than what is taken. */
	if (s->taken < (uint64_t)free_places * SHARES_TIMES)
		return true;
	const struct share *share = *place_of(s, key);
	return (share != NULL ? share->held : 0) < (uint64_t)free_places * SHARES_TIMES;
}

static struct share *
entry_new(struct shares *s)
{
	struct share *entry = s->unused;
	if (entry == NULL)
		return &s->entries[s->touched++];
	s->unused = entry->next;
	return entry;
}

struct share *
shares_take(struct shares *s, uint64_t key)
{
	must(s->taken < s->places);
	struct share **at = place_of(s, key);
	if (*at == NULL) {
		struct share *entry = entry_new(s);
		*entry = (struct share){.key = key};
		*at = entry;
	}
	s->taken++;
	(*at)->held++;
	return *at;
}

void
shares_give(struct shares *s, struct share *share)
{
	must(share->held > 0 && s->taken > 0);
	s->taken--;
	if (--share->held > 0)
		return;
	*place_of(s, share->key) = share->next;
	share->next = s->unused;
	s->unused = share;
}
