/*
 * A cache is in use as long as a generation, an errand, or the keeper itself says so; all others are freed in
 * keeper_tend(). There are more than one only around a reload that changes the size or the routes.
 *
 * Answers are good for the routes that they came by. A cache is marked with those, and other routes get
 * another cache, so that workers of both may go on side by side; into it goes what neither of them routes.
 * Nothing that is routed goes into a file, or comes out of one.
 *
 * Sweeping is for a master that is alone: only it knows all members that live. While another master is there
 * too (an upgrade), nothing is swept, and a dead member's segments wait. When that is over, everything held
 * by a member that is none of ours is given back, a moment later: the other one's workers die with it, but
 * not in the same instant.
 */
#include "process/keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/must.h"
#include "config/items.h"
#include "process/errand.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	KEEPER_CACHES = 80,           /* more than there can be generations */
	KEEPER_LOAD_MS = 5000,        /* nobody is served meanwhile */
	KEEPER_CARRY_MS = 30000,      /* meanwhile both are in use */
	KEEPER_SAVE_MS = 60000,       /* service managers wait for a stop 90 seconds and more */
	KEEPER_LAST_BREATH_MS = 1000, /* a process that got SIGKILL is gone by then */
	KEEPER_LOOK_MS = 500,
};

static_assert((int)ITEM_LEAST_CACHE == (int)CACHE_LEAST_BYTES, "what may be written is what will do");

struct keeper {
	struct keeper_setup setup;
	struct cache *caches[KEEPER_CACHES];
	unsigned count;
	struct cache *kept; /* the one that serves, or that of the master before us; NULL: none */

	/* of the generation that serves */
	char *path;
	uint32_t stale_s;
	bool sandbox;
	struct sandbox_user user;
	struct route_table *routes;

	struct errand errand;
	pid_t pid; /* of the errand; 0: none */
	uint64_t until_ms;

	uint64_t sweep_ms; /* UINT64_MAX: not due */
	bool shared;
	uint64_t look_ms; /* whether our predecessor still lives */
};

struct keeper *
keeper_new(const struct keeper_setup *setup)
{
	struct keeper *k = must_alloc(1, sizeof *k);
	k->setup = *setup;
	k->shared = setup->predecessor != 0;
	k->sweep_ms = UINT64_MAX;
	return k;
}

void
keeper_free(struct keeper *k)
{
	if (k == NULL)
		return;
	if (k->setup.inherited >= 0)
		close(k->setup.inherited);
	for (unsigned i = 0; i < k->count; i++)
		cache_free(k->caches[i]);
	free(k->path);
	route_free(k->routes);
	free(k);
}

static struct cache *
enlist(struct keeper *k, struct cache *cache)
{
	must(k->count < KEEPER_CACHES);
	if (cache != NULL)
		k->caches[k->count++] = cache;
	return cache;
}

/* --- making --- */

/* Memory that is shared is given out page by page until there is none, and then the kernel kills somebody; so
 * we ask before. */
static struct cache *
make(struct keeper *k, uint64_t bytes, char why[KEEPER_WHY_BYTES])
{
	uint64_t spare = memory_spare();
	if (spare < bytes) {
		snprintf(why, KEEPER_WHY_BYTES,
		        "cache.size: %lluM is more than the %lluM of memory that there is to spare; "
		        "set it lower, or \"0\" for no cache",
		        (unsigned long long)(bytes >> 20), (unsigned long long)(spare >> 20));
		errno = ENOMEM;
		return NULL;
	}
	struct cache *cache = cache_new(bytes, k->setup.seed);
	int error = errno;
	if (cache == NULL)
		snprintf(why, KEEPER_WHY_BYTES,
		        "cache.size: %lluM of memory cannot be had: %s; set it lower, or \"0\" for no cache",
		        (unsigned long long)(bytes >> 20), strerror(error));
	errno = error;
	return cache;
}

/* What the master before us had, of whatever size. What cannot be read is left to it. */
static void
inherit(struct keeper *k)
{
	struct stat status;
	int fd = k->setup.inherited;
	k->setup.inherited = -1;
	if (fd < 0)
		return;
	if (fstat(fd, &status) < 0)
		status.st_size = 0;
	k->kept = enlist(k, cache_adopt(fd, (uint64_t)status.st_size, k->setup.seed));
	if (k->kept == NULL)
		log_notice("cache of the old binary is not like ours: starting with an empty one");
}

static uint64_t
mark_of(const struct config *config)
{
	struct route_table *routes = route_new(config);
	uint64_t mark = route_mark(routes);
	route_free(routes);
	return mark;
}

/* Who changes routes does not expect to hear of memory. */
static void
explain_second(char why[KEEPER_WHY_BYTES])
{
	char reason[200];
	snprintf(reason, sizeof reason, "%.199s", why);
	snprintf(why, KEEPER_WHY_BYTES,
	        "other routes take a second cache while the old one is in use, or a restart: %s", reason);
}

int
keeper_provide(struct keeper *k, const struct config *config, struct cache **out, char why[KEEPER_WHY_BYTES])
{
	uint64_t bytes = config->cache.size, mark = mark_of(config);
	inherit(k);
	*out = NULL;
	if (bytes == 0)
		return 0;
	if (k->kept != NULL && cache_bytes(k->kept) == bytes && cache_mark(k->kept) == mark) {
		*out = k->kept;
		return 0;
	}
	bool routes_changed = k->kept != NULL && cache_bytes(k->kept) == bytes;
	*out = make(k, bytes, why);
	if (*out == NULL) {
		int error = errno;
		if (routes_changed)
			explain_second(why);
		return -error;
	}
	cache_set_mark(enlist(k, *out), mark);
	return 0;
}

/* --- errands --- */

static void
begin(struct keeper *k, const struct errand *errand, unsigned limit_ms)
{
	k->errand = *errand;
	k->errand.seed = k->setup.seed;
	k->errand.member = cache_next_member(errand->cache);
	k->errand.leave_master = k->setup.leave_master;
	k->errand.arg = k->setup.arg;
	pid_t pid = errand_run(&k->errand);
	if (pid < 0) {
		log_warn("cache: no process to %s it why=\"%s\"", errand_name(errand->kind),
		        strerror((int)-pid));
		return;
	}
	k->pid = pid;
	k->until_ms = clock_now_ms() + limit_ms;
}

static struct errand
errand_for(const struct generation *g, enum errand_kind kind)
{
	const struct config *config = generation_config(g);
	return (struct errand){.kind = kind,
	        .cache = generation_cache(g),
	        .path = config->cache.file,
	        .stale_s = config->cache.stale_s,
	        .sandbox = config->sandbox,
	        .user = *generation_user(g)};
}

void
keeper_load(struct keeper *k, const struct generation *first)
{
	struct errand errand = errand_for(first, ERRAND_LOAD);
	if (errand.cache == NULL || errand.path[0] == '\0' || k->kept != NULL)
		return;
	k->kept = errand.cache;
	struct route_table *routes = route_new(generation_config(first));
	errand.routes[0] = routes;
	begin(k, &errand, KEEPER_LOAD_MS);
	route_free(routes);
}

void
keeper_carry(struct keeper *k, const struct generation *g)
{
	struct errand errand = errand_for(g, ERRAND_CARRY);
	errand.from = k->kept;
	if (errand.cache == NULL || errand.from == NULL || errand.cache == errand.from || k->pid != 0)
		return;
	if (cache_mark(errand.from) == cache_mark(errand.cache)) {
		begin(k, &errand, KEEPER_CARRY_MS);
		return;
	}
	/* The routes of a master before us are not known; that it had none is. */
	if (k->routes == NULL && cache_mark(errand.from) != 0) {
		log_notice("cache of the old binary is for other routes: starting with an empty one");
		return;
	}
	struct route_table *routes = route_new(generation_config(g));
	errand.routes[0] = k->routes;
	errand.routes[1] = routes;
	begin(k, &errand, KEEPER_CARRY_MS);
	route_free(routes);
}

void
keeper_serve(struct keeper *k, const struct generation *g)
{
	const struct config *config = generation_config(g);
	k->kept = generation_cache(g);
	free(k->path);
	k->path = must_copy(config->cache.file);
	k->stale_s = config->cache.stale_s;
	k->sandbox = config->sandbox;
	k->user = *generation_user(g);
	route_free(k->routes);
	k->routes = route_new(config);
}

void
keeper_save(struct keeper *k)
{
	if (k->kept == NULL || k->path == NULL || k->path[0] == '\0' || k->pid != 0)
		return;
	const struct errand errand = {.kind = ERRAND_SAVE,
	        .cache = k->kept,
	        .path = k->path,
	        .stale_s = k->stale_s,
	        .sandbox = k->sandbox,
	        .user = k->user,
	        .routes = {k->routes}};
	begin(k, &errand, KEEPER_SAVE_MS);
}

bool
keeper_is_busy(const struct keeper *k)
{
	return k->pid != 0;
}

void
keeper_hurry(struct keeper *k)
{
	if (k->pid != 0)
		kill(k->pid, SIGKILL);
}

bool
keeper_bury(struct keeper *k, int pid, int status)
{
	if (k->pid == 0 || pid != k->pid)
		return false;
	const char *what = errand_name(k->errand.kind);
	if (WIFSIGNALED(status) && k->until_ms == UINT64_MAX)
		log_warn("cache: to %s it took too long, and was left off", what);
	else if (WIFSIGNALED(status))
		log_warn("cache: the process that was to %s it died signal=%d (%s)", what, WTERMSIG(status),
		        strsignal(WTERMSIG(status)));
	k->pid = 0;
	keeper_member_died(k, clock_now_ms());
	return true;
}

/* --- members --- */

void
keeper_member_died(struct keeper *k, uint64_t now_ms)
{
	if (k->sweep_ms == UINT64_MAX)
		k->sweep_ms = now_ms;
}

void
keeper_share(struct keeper *k, bool shared, uint64_t now_ms)
{
	k->shared = shared;
	if (!shared)
		k->sweep_ms = now_ms + KEEPER_LAST_BREATH_MS;
}

struct keeper_census {
	const struct keeper *keeper;
	struct cache *cache;
	struct generation *const *generations;
	unsigned count;
};

static bool
lives(void *arg, uint32_t member)
{
	const struct keeper_census *c = arg;
	const struct keeper *k = c->keeper;
	if (k->pid != 0 && k->errand.cache == c->cache && k->errand.member == member)
		return true;
	for (unsigned i = 0; i < c->count; i++)
		if (generation_cache(c->generations[i]) == c->cache &&
		        generation_has_member(c->generations[i], member))
			return true;
	return false;
}

static void
sweep(struct keeper *k, struct generation *const *generations, unsigned count)
{
	for (unsigned i = 0; i < k->count; i++) {
		struct keeper_census census = {k, k->caches[i], generations, count};
		cache_sweep(k->caches[i], lives, &census);
	}
	k->sweep_ms = UINT64_MAX;
}

static bool
is_used(const struct keeper *k, const struct cache *cache, struct generation *const *generations,
        unsigned count)
{
	if (cache == k->kept || (k->pid != 0 && (cache == k->errand.cache || cache == k->errand.from)))
		return true;
	for (unsigned i = 0; i < count; i++)
		if (generation_cache(generations[i]) == cache)
			return true;
	return false;
}

static void
let_go(struct keeper *k, struct generation *const *generations, unsigned count)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < k->count; i++)
		if (is_used(k, k->caches[i], generations, count))
			k->caches[kept++] = k->caches[i];
		else
			cache_free(k->caches[i]);
	k->count = kept;
}

/* A predecessor is our parent for as long as it lives. */
static void
look_for_predecessor(struct keeper *k, uint64_t now_ms)
{
	if (k->setup.predecessor == 0 || getppid() == k->setup.predecessor)
		return;
	k->setup.predecessor = 0;
	keeper_share(k, false, now_ms);
}

void
keeper_tend(struct keeper *k, struct generation *const *generations, unsigned count, uint64_t now_ms)
{
	if (k->pid != 0 && now_ms >= k->until_ms) {
		k->until_ms = UINT64_MAX;
		keeper_hurry(k);
	}
	let_go(k, generations, count);
	look_for_predecessor(k, now_ms);
	k->look_ms = now_ms + KEEPER_LOOK_MS;
	if (!k->shared && now_ms >= k->sweep_ms)
		sweep(k, generations, count);
}

uint64_t
keeper_next_ms(const struct keeper *k)
{
	uint64_t next_ms = k->pid != 0 ? k->until_ms : UINT64_MAX;
	if (k->setup.predecessor != 0 && k->look_ms < next_ms)
		next_ms = k->look_ms;
	if (!k->shared && k->sweep_ms < next_ms)
		next_ms = k->sweep_ms;
	return next_ms;
}
