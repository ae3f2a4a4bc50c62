/*
 * Each place gets a rank (how little it has been tried); those of the lowest rank stand for election, and the
 * policy chooses among them.
 */
#include "upstream/choose.h"

#include "base/must.h"

enum {
	CHOOSE_RANK_NEW_UPSTREAM,
	CHOOSE_RANK_NEW_PLACE,
	CHOOSE_RANK_TRIED,
	CHOOSE_RANK_BACKED_OFF, /* added: any usable place is better */
	CHOOSE_RANK_NONE = 100,

	CHOOSE_MOST = 64,

	CHOOSE_UNKNOWN_US = 100000, /* what a place counts that was never measured */
	CHOOSE_EXPLORE = 50,        /* one question in so many goes anywhere, to learn */
	CHOOSE_CONTENDERS = 2,      /* as slow as the fastest, at most, times this */
};

static uint32_t
mix(uint32_t a, uint32_t b)
{
	uint64_t x = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return (uint32_t)(x >> 32);
}

static uint64_t
upstreams_tried(const struct choose_place *places, unsigned count, uint64_t tried)
{
	uint64_t upstreams = 0;
	for (unsigned i = 0; i < count; i++)
		if (tried & (1ull << i))
			upstreams |= 1ull << places[i].upstream;
	return upstreams;
}

static unsigned
rank(const struct choose_place *place, unsigned index, const struct choose_question *q,
        uint64_t tried_upstreams, bool other_only)
{
	bool tried = q->tried & (1ull << index);
	if (q->broken & (1ull << index) || q->refused & (1ull << place->upstream) || (tried && other_only))
		return CHOOSE_RANK_NONE;
	unsigned r = CHOOSE_RANK_NEW_UPSTREAM;
	if (tried)
		r = CHOOSE_RANK_TRIED;
	else if (tried_upstreams & (1ull << place->upstream))
		r = CHOOSE_RANK_NEW_PLACE;
	return place->usable ? r : r + CHOOSE_RANK_BACKED_OFF;
}

/* Those who stand for election. */
struct candidates {
	unsigned at[CHOOSE_MOST];
	unsigned count;
};

static struct candidates
stand(const struct choose_place *places, unsigned count, const struct choose_question *q, bool other_only)
{
	struct candidates c = {.count = 0};
	uint64_t tried_upstreams = upstreams_tried(places, count, q->tried);
	unsigned best = CHOOSE_RANK_NONE;
	for (unsigned i = 0; i < count; i++) {
		unsigned r = rank(&places[i], i, q, tried_upstreams, other_only);
		if (r == CHOOSE_RANK_NONE || r > best)
			continue;
		if (r < best)
			c.count = 0;
		best = r;
		c.at[c.count++] = i;
	}
	return c;
}

static uint64_t
cost(const struct choose_place *place)
{
	uint64_t latency_us = place->latency_us ? place->latency_us : CHOOSE_UNKNOWN_US;
	return latency_us * ((uint64_t)place->load + 1);
}

/* Two at random of those that are about as fast as the fastest: of many workers not all run to the same place
 * at the same moment, and yet none to a slow one. */
static unsigned
fastest(const struct choose_place *places, const struct candidates *c, uint32_t random)
{
	if (random % CHOOSE_EXPLORE == 0)
		return c->at[mix(random, 0) % c->count];
	unsigned contenders[CHOOSE_MOST], count = 0;
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < c->count; i++)
		least = cost(&places[c->at[i]]) < least ? cost(&places[c->at[i]]) : least;
	for (unsigned i = 0; i < c->count; i++)
		if (cost(&places[c->at[i]]) / CHOOSE_CONTENDERS <= least)
			contenders[count++] = c->at[i];
	unsigned first = mix(random, 1) % count, second = first;
	if (count > 1)
		second = (first + 1 + mix(random, 2) % (count - 1)) % count;
	return cost(&places[contenders[first]]) <= cost(&places[contenders[second]]) ? contenders[first]
	                                                                             : contenders[second];
}

static unsigned
hashed(const struct choose_place *places, const struct candidates *c, uint32_t name_hash)
{
	unsigned best = c->at[0];
	for (unsigned i = 1; i < c->count; i++)
		if (mix(name_hash, places[c->at[i]].key) < mix(name_hash, places[best].key))
			best = c->at[i];
	return best;
}

static unsigned
least_bad(const struct choose_place *places, const struct candidates *c)
{
	unsigned best = c->at[0];
	for (unsigned i = 1; i < c->count; i++)
		if (places[c->at[i]].backoff_until_ms < places[best].backoff_until_ms)
			best = c->at[i];
	return best;
}

int
choose(enum config_policy policy, const struct choose_place *places, unsigned count,
        const struct choose_question *question, bool other_only)
{
	must(count <= CHOOSE_MOST);
	struct candidates c = stand(places, count, question, other_only);
	if (c.count == 0)
		return -1;
	if (!places[c.at[0]].usable)
		return (int)least_bad(places, &c);
	switch (policy) {
	case CONFIG_ROUND_ROBIN:
		return (int)c.at[question->turn % c.count];
	case CONFIG_HASHED:
		return (int)hashed(places, &c, question->name_hash);
	case CONFIG_FASTEST:
		return (int)fastest(places, &c, question->random);
	case CONFIG_SEQUENTIAL:
	default:
		return (int)c.at[0];
	}
}
