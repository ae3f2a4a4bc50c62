/*
 * The table of counter names, and their sums.
 */
#include "shared/stats.h"

#include "base/must.h"

#include <stdlib.h>

struct stats {
	unsigned slots;
	struct stats_slab **slabs; /* a cache line of its own each: neighbours do not share one */
	struct stats_slab **begun; /* of a slab that was lent: what was in it then; else NULL */
};

enum { STATS_WORDS = sizeof(struct stats_slab) / sizeof(uint64_t) };
_Static_assert(sizeof(struct stats_slab) % sizeof(uint64_t) == 0, "words and nothing else");

#define STATS_NAME(name, help) #name,
static const char *const names[] = {STATS_COUNTERS(STATS_NAME)};
#undef STATS_NAME
#define STATS_HELP(name, help) help,
static const char *const helps[] = {STATS_COUNTERS(STATS_HELP)};
#undef STATS_HELP
_Static_assert(sizeof names / sizeof names[0] == STATS_COUNT, "a name for each counter");

const char *const stats_protocol_words[STATS_PROTOCOLS] = {"udp", "tcp", "tls"};
const char *const stats_family_words[STATS_FAMILIES] = {"ipv4", "ipv6"};

size_t
stats_footprint(unsigned slots)
{
	return slots * shm_footprint(sizeof(struct stats_slab));
}

struct stats *
stats_carve(struct shm *shm, unsigned slots)
{
	struct stats *stats = must_alloc(1, sizeof *stats);
	stats->slots = slots;
	stats->slabs = must_alloc(slots, sizeof *stats->slabs);
	stats->begun = must_alloc(slots, sizeof *stats->begun);
	for (unsigned slot = 0; slot < slots; slot++)
		stats->slabs[slot] = shm_carve(shm, sizeof(struct stats_slab));
	return stats;
}

void
stats_free(struct stats *stats)
{
	if (stats == NULL)
		return;
	for (unsigned slot = 0; slot < stats->slots; slot++)
		free(stats->begun[slot]);
	free(stats->begun);
	free(stats->slabs);
	free(stats);
}

struct stats_slab *
stats_slab(struct stats *stats, unsigned slot)
{
	must(slot < stats->slots);
	return stats->slabs[slot];
}

static uint64_t
word(const _Atomic uint64_t *where)
{
	return atomic_load_explicit(where, memory_order_relaxed);
}

void
stats_lend(struct stats *stats, unsigned slot, struct stats_slab *slab)
{
	must(slot < stats->slots && stats->begun[slot] == NULL);
	stats->begun[slot] = must_alloc(1, sizeof *slab);
	stats_fold(stats->begun[slot], slab);
	stats->slabs[slot] = slab;
}

uint64_t
stats_sum(const struct stats *stats, enum stats_counter counter)
{
	uint64_t sum = 0;
	for (unsigned slot = 0; slot < stats->slots; slot++) {
		sum += word(&stats->slabs[slot]->counters[counter]);
		if (stats->begun[slot] != NULL)
			sum -= word(&stats->begun[slot]->counters[counter]);
	}
	return sum;
}

void
stats_fold(struct stats_slab *into, const struct stats_slab *from)
{
	_Atomic uint64_t *to = (_Atomic uint64_t *)(void *)into;
	const _Atomic uint64_t *what = (const _Atomic uint64_t *)(const void *)from;
	for (unsigned i = 0; i < STATS_WORDS; i++)
		atomic_store_explicit(&to[i], word(&to[i]) + word(&what[i]), memory_order_relaxed);
}

void
stats_retire(const struct stats *stats, struct stats_slab *into)
{
	for (unsigned slot = 0; slot < stats->slots; slot++)
		if (stats->begun[slot] == NULL)
			stats_fold(into, stats->slabs[slot]);
}

const char *
stats_name(enum stats_counter counter)
{
	must(counter < STATS_COUNT);
	return names[counter];
}

const char *
stats_help(enum stats_counter counter)
{
	must(counter < STATS_COUNT);
	return helps[counter];
}
