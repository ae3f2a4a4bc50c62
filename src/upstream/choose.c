/*
 * Each place gets a rank (how little it has been tried) and a score (what the policy thinks of it); the
 * lowest of both wins.
 */
#include "upstream/choose.h"

enum {
	CHOOSE_RANK_NEW_UPSTREAM,
	CHOOSE_RANK_NEW_PLACE,
	CHOOSE_RANK_TRIED,
	CHOOSE_RANK_BACKED_OFF, /* added: any usable place is better */
	CHOOSE_RANK_NONE = 100,

	CHOOSE_UNKNOWN_US = 100000, /* what a place counts that was never measured */
	CHOOSE_EXPLORE = 50, /* one question in so many goes to another place than the fastest, to learn */
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

/* Lower is better. */
static uint64_t
score(enum config_policy policy, const struct choose_place *place, unsigned index, unsigned count,
        const struct choose_question *q)
{
	if (!place->usable)
		return place->backoff_until_ms;
	switch (policy) {
	case CONFIG_ROUND_ROBIN:
		return (index + count - q->turn % count) % count;
	case CONFIG_HASHED:
		/* rendezvous hashing: a place that goes away moves only its own names */
		return mix(q->name_hash, index + 1);
	case CONFIG_FASTEST:
		/* Exploring, the places fall into a random order; else latency times load. */
		if (q->random % CHOOSE_EXPLORE == 0)
			return mix(q->random, index + 1);
		return (uint64_t)(place->latency_us ? place->latency_us : CHOOSE_UNKNOWN_US) *
		       (place->load + 1);
	case CONFIG_SEQUENTIAL:
	default:
		return index;
	}
}

int
choose(enum config_policy policy, const struct choose_place *places, unsigned count,
        const struct choose_question *question, bool other_only)
{
	uint64_t tried_upstreams = upstreams_tried(places, count, question->tried);
	unsigned best_rank = CHOOSE_RANK_NONE;
	uint64_t best_score = 0;
	int best = -1;
	for (unsigned i = 0; i < count; i++) {
		unsigned r = rank(&places[i], i, question, tried_upstreams, other_only);
		if (r == CHOOSE_RANK_NONE || r > best_rank)
			continue;
		uint64_t s = score(policy, &places[i], i, count, question);
		if (r < best_rank || s < best_score) {
			best = (int)i;
			best_rank = r;
			best_score = s;
		}
	}
	return best;
}
