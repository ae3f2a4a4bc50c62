/*
 * Sums and lists. Counters lie in the world, but for those of generations that found no room in its
 * roster.
 */
#include "process/survey.h"

#include "query/lists.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static enum report_state
worker_state(enum generation_state of, const struct generation_worker *w)
{
	if (of == GENERATION_DRAINING)
		return REPORT_DRAINING;
	if (w->pid == 0)
		return REPORT_DOWN;
	return w->serving ? REPORT_SERVING : REPORT_STARTING;
}

static void
fill_workers(struct report *r, const struct generation *g, uint64_t now_ms)
{
	for (unsigned slot = 0; slot < generation_config(g)->workers; slot++) {
		struct generation_worker w = generation_worker(g, slot, now_ms);
		enum report_state state = worker_state(generation_state(g), &w);
		if (w.pid == 0 && state == REPORT_DRAINING)
			continue;
		struct report_worker *out = &r->workers[r->worker_count++];
		*out = (struct report_worker){
		        .slot = slot,
		        .generation = generation_number(g),
		        .pid = w.pid,
		        .state = state,
		        .uptime_ms = w.uptime_ms,
		        .birth_ms = w.next_birth_ms,
		        .deaths = w.deaths,
		};
		snprintf(out->last_death, sizeof out->last_death, "%s", w.last_death);
	}
}

static void
fill_listens(struct report *r, const struct generation *g)
{
	const struct sockets *sockets = generation_sockets(g);
	for (size_t i = 0; i < r->listen_count; i++)
		r->listens[i] = (struct report_listen){
		        .address = *sockets_address(sockets, i),
		        .udp = sockets_udp(sockets, i, 0) >= 0,
		        .tcp = sockets_tcp(sockets, i, 0) >= 0 && !sockets_tls(sockets, i),
		        .tls = sockets_tls(sockets, i),
		};
}

void
survey_sum(const struct world *world, struct generation *const *generations, unsigned count,
        struct stats_slab *into)
{
	stats_fold(into, world->retired);
	roster_sum(world->roster, into);
	for (unsigned i = 0; i < count; i++)
		stats_retire(generation_stats(generations[i]), into);
}

void
survey_fill(struct report *r, const struct world *world, struct generation *const *generations,
        unsigned count, uint64_t now_ms)
{
	struct stats_slab sums = {0};
	size_t workers = 0;
	for (unsigned i = 0; i < count; i++)
		workers += generation_config(generations[i])->workers;
	report_begin(r, workers, count > 0 ? sockets_count(generation_sockets(generations[0])) : 0);
	r->worker_count = 0;
	for (unsigned i = 0; i < count; i++)
		fill_workers(r, generations[i], now_ms);
	r->pid = getpid();
	r->generation = *world->generation;
	r->log_level = log_get_level();
	survey_sum(world, generations, count, &sums);
	for (unsigned c = 0; c < STATS_COUNT; c++)
		r->counters[c] = sums.counters[c];
	if (count == 0)
		return;
	r->workers_wanted = generation_config(generations[0])->workers;
	r->upstream_count = generation_config(generations[0])->upstream_count;
	r->cache_bytes = generation_config(generations[0])->cache.size;
	fill_listens(r, generations[0]);
}

void
survey_tell(struct roster *roster, const struct generation *g)
{
	const struct lists *lists = shelf_lists(generation_lists(g));
	unsigned count = lists != NULL ? lists_count(lists) : 0;
	for (unsigned i = 0; i < HITS_LISTS; i++)
		atomic_store(&roster->list_names[i], i < count ? lists_list(lists, i)->names : 0);
	atomic_store(&roster->generation, generation_number(g));
}

bool
survey_cache(const struct world *world, struct generation *const *generations, unsigned count,
        struct verbs_cache *out)
{
	if (count == 0)
		return false;
	*out = (struct verbs_cache){.cache = generation_cache(generations[0]),
	        .seed = world->seed,
	        .health = world->health,
	        .ground = {.user = *generation_user(generations[0]),
	                .config = generation_config(generations[0])}};
	return true;
}

static const char *
protocols(bool udp, bool tcp, bool tls)
{
	if (tls)
		return "tls";
	if (udp && tcp)
		return "udp+tcp";
	return udp ? "udp" : "tcp";
}

void
survey_log_serving(const struct generation *g)
{
	const struct sockets *sockets = generation_sockets(g);
	char listens[1024] = "", text[ADDR_TEXT_BYTES];
	size_t used = 0;
	for (size_t i = 0; i < sockets_count(sockets) && used < sizeof listens; i++)
		used += (size_t)snprintf(listens + used, sizeof listens - used, "%s%s/%s", i ? "," : "",
		        addr_text(sockets_address(sockets, i), text),
		        protocols(sockets_udp(sockets, i, 0) >= 0, sockets_tcp(sockets, i, 0) >= 0,
		                sockets_tls(sockets, i)));
	log_notice("ready workers=%u listen=%s upstreams=%zu generation=%u", generation_alive(g), listens,
	        generation_config(g)->upstream_count, generation_number(g));
}

void
survey_log_stopped(const struct world *world)
{
	static char line[STATS_COUNT * 40];
	struct stats_slab sums = {0};
	size_t used = 0;
	survey_sum(world, NULL, 0, &sums);
	for (unsigned i = 0; i < STATS_COUNT && used < sizeof line; i++)
		used += (size_t)snprintf(line + used, sizeof line - used, " %s=%llu", stats_name(i),
		        (unsigned long long)sums.counters[i]);
	log_notice("stopped%s", line);
}
