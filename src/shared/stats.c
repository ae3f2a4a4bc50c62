/*
 * The table of counter names, and their sums.
 */
#include "shared/stats.h"

#include "base/must.h"

#include <stdlib.h>

struct stats {
	unsigned slots;
	struct stats_slab **slabs; /* a cache line of its own each: neighbours do not share one */
};

#define STATS_NAME(name, help) #name,
static const char *const names[] = {STATS_COUNTERS(STATS_NAME)};
#undef STATS_NAME
_Static_assert(sizeof names / sizeof names[0] == STATS_COUNT, "a name for each counter");

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
	for (unsigned slot = 0; slot < slots; slot++)
		stats->slabs[slot] = shm_carve(shm, sizeof(struct stats_slab));
	return stats;
}

void
stats_free(struct stats *stats)
{
	if (stats == NULL)
		return;
	free(stats->slabs);
	free(stats);
}

struct stats_slab *
stats_slab(struct stats *stats, unsigned slot)
{
	must(slot < stats->slots);
	return stats->slabs[slot];
}

uint64_t
stats_sum(const struct stats *stats, enum stats_counter counter)
{
	uint64_t sum = 0;
	for (unsigned slot = 0; slot < stats->slots; slot++)
		sum += atomic_load_explicit(&stats->slabs[slot]->counters[counter], memory_order_relaxed);
	return sum;
}

void
stats_retire(const struct stats *stats, struct stats_slab *into)
{
	for (unsigned counter = 0; counter < STATS_COUNT; counter++)
		stats_add(into, counter, stats_sum(stats, counter));
}

const char *
stats_name(enum stats_counter counter)
{
	must(counter < STATS_COUNT);
	return names[counter];
}
