/*
 * The header comes first and is compared as bytes, so it has no padding and says the size of every part.
 */
#include "shared/world.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct world_header {
	char magic[16];
	uint64_t header_bytes, quarantine_bytes, health_bytes, stats_bytes, tickets_bytes, limits_bytes,
	        hits_bytes, stek_bytes, cookies_bytes, roster_bytes, history_bytes, tops_bytes, events_bytes;
};

struct world_memory {
	struct world_header header;
	uint64_t seed;
	uint32_t generation;
	_Atomic unsigned log_level;
	struct epoch epoch;
	_Atomic uint32_t qps;
};

struct world_whole {
	struct world world; /* first: it is what others see */
	struct shm *shm;
};

static struct world_header
header_of_ours(void)
{
	struct world_header h = {
	        .header_bytes = sizeof(struct world_memory),
	        .quarantine_bytes = sizeof(struct quarantine),
	        .health_bytes = health_footprint(),
	        .stats_bytes = sizeof(struct stats_slab),
	        .tickets_bytes = tickets_bytes(),
	        .limits_bytes = limits_bytes(),
	        .hits_bytes = hits_bytes(),
	        .stek_bytes = sizeof(struct stek),
	        .cookies_bytes = cookies_bytes(),
	        .events_bytes = events_bytes(),
	        .roster_bytes = roster_bytes(),
	        .history_bytes = history_bytes(),
	        .tops_bytes = tops_bytes(),
	};
	memcpy(h.magic, "dotward-world-1", sizeof h.magic);
	return h;
}

static size_t
footprint(void)
{
	return shm_footprint(sizeof(struct world_memory)) + shm_footprint(sizeof(struct quarantine)) +
	       shm_footprint(health_footprint()) + shm_footprint(sizeof(struct stats_slab)) +
	       shm_footprint(tickets_bytes()) + shm_footprint(limits_bytes()) + shm_footprint(hits_bytes()) +
	       shm_footprint(sizeof(struct stek)) + shm_footprint(cookies_bytes()) +
	       shm_footprint(roster_bytes()) + shm_footprint(history_bytes()) + shm_footprint(tops_bytes()) +
	       shm_footprint(events_bytes());
}

/* Somebody else's memory with the same header, or NULL. */
static struct shm *
adopt(int descriptor)
{
	struct shm *shm = shm_adopt(descriptor, footprint());
	if (shm == NULL)
		return NULL;
	struct world_header ours = header_of_ours();
	if (memcmp(shm_start(shm), &ours, sizeof ours) == 0)
		return shm;
	shm_free(shm);
	return NULL;
}

struct world *
world_open(int descriptor)
{
	struct shm *shm = descriptor >= 0 ? adopt(descriptor) : NULL;
	bool fresh = shm == NULL;
	if (fresh && descriptor >= 0)
		log_notice("shared memory of the old binary is not like ours: starting with a new one");
	if (fresh && (shm = shm_new(footprint())) == NULL)
		return NULL;
	struct world_whole *w = must_alloc(1, sizeof *w);
	w->shm = shm;
	struct world_memory *memory = shm_carve(shm, sizeof *memory);
	w->world.quarantine = shm_carve(shm, sizeof(struct quarantine));
	w->world.health = shm_carve(shm, health_footprint());
	w->world.retired = shm_carve(shm, sizeof(struct stats_slab));
	w->world.tickets = shm_carve(shm, tickets_bytes());
	w->world.limits = shm_carve(shm, limits_bytes());
	w->world.hits = shm_carve(shm, hits_bytes());
	w->world.stek = shm_carve(shm, sizeof(struct stek));
	w->world.cookies = shm_carve(shm, cookies_bytes());
	w->world.events = shm_carve(shm, events_bytes());
	w->world.roster = shm_carve(shm, roster_bytes());
	w->world.history = shm_carve(shm, history_bytes());
	w->world.tops = shm_carve(shm, tops_bytes());
	shm_hide(shm);
	if (fresh) {
		memory->header = header_of_ours();
		uint64_t now_ms = clock_now_ms();
		epoch_begin(&memory->epoch, now_ms, clock_boot_ms());
		if (getrandom(&memory->seed, sizeof memory->seed, 0) < 0)
			log_warn("no random seed for question hashes");
		tickets_begin(w->world.tickets, memory->seed);
		limits_begin(w->world.limits, memory->seed);
		tops_begin(w->world.tops, memory->seed);
		if (!cookies_rotate(w->world.cookies, clock_boot_ms()))
			log_warn("no random secret for DNS cookies: none are given");
	}
	w->world.seed = memory->seed;
	w->world.generation = &memory->generation;
	w->world.log_level = &memory->log_level;
	w->world.epoch = &memory->epoch;
	w->world.qps = &memory->qps;
	return &w->world;
}

static struct world_whole *
whole(const struct world *world)
{
	return (struct world_whole *)(uintptr_t)world;
}

void
world_close(struct world *world)
{
	if (world == NULL)
		return;
	shm_free(whole(world)->shm);
	free(whole(world));
}

int
world_descriptor(const struct world *world)
{
	return shm_descriptor(whole(world)->shm);
}
