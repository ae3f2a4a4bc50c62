/*
 * Taking it: every word is read as it is just then, by a process that nobody waits for. What belongs together
 * may be a question apart; no sum is ever less than it was.
 */
#include "process/overview.h"

#include "base/must.h"
#include "config/list.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *const helper_names[ROSTER_HELPERS] = {"master", "exporter", "scribe", "dnstap"};

const char *
overview_rcode(unsigned index, char room[WIRE_WORD_BYTES])
{
	return index + 1 < STATS_RCODES ? wire_rcode_text((uint16_t)index, room) : "other";
}

const char *
overview_signal(unsigned signal, char room[OVERVIEW_SIGNAL_BYTES])
{
	static const struct {
		unsigned number;
		const char *name;
	} names[] = {{0, "exit"}, {SIGHUP, "SIGHUP"}, {SIGINT, "SIGINT"}, {SIGQUIT, "SIGQUIT"},
	        {SIGILL, "SIGILL"}, {SIGTRAP, "SIGTRAP"}, {SIGABRT, "SIGABRT"}, {SIGBUS, "SIGBUS"},
	        {SIGFPE, "SIGFPE"}, {SIGKILL, "SIGKILL"}, {SIGUSR1, "SIGUSR1"}, {SIGSEGV, "SIGSEGV"},
	        {SIGUSR2, "SIGUSR2"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"},
	        {SIGXCPU, "SIGXCPU"}, {SIGSYS, "SIGSYS"}};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].number == signal)
			return names[i].name;
	snprintf(room, OVERVIEW_SIGNAL_BYTES, "%u", signal);
	return room;
}

/* --- workers */

static const char *
worker_state(const struct roster_row *row)
{
	if (atomic_load(&row->draining))
		return "draining";
	if (atomic_load(&row->pid) == 0)
		return "down";
	return atomic_load(&row->serving) ? "serving" : "starting";
}

static bool
is_told(const struct roster_row *row)
{
	return atomic_load(&row->owner) != 0 && (!atomic_load(&row->draining) || atomic_load(&row->pid) != 0);
}

static void
take_worker(
        struct overview_worker *w, const struct roster *roster, const struct roster_row *row, uint64_t now_ms)
{
	uint64_t born_ms = atomic_load(&row->born_ms);
	*w = (struct overview_worker){
	        .slot = atomic_load(&row->slot),
	        .generation = atomic_load(&row->generation),
	        .pid = atomic_load(&row->pid),
	        .state = worker_state(row),
	        .memory_bytes = atomic_load(&row->memory_bytes),
	        .deaths = atomic_load(&row->deaths),
	        .in_flight = atomic_load(&row->in_flight),
	        .tcp_clients = atomic_load(&row->tcp_clients),
	};
	w->uptime_ms = w->pid != 0 && now_ms > born_ms ? now_ms - born_ms : 0;
	if (w->slot < ROSTER_SLOTS)
		w->cpu_us = atomic_load(&roster->cpu_us[w->slot]);
	for (unsigned i = 0; i < ROSTER_SIGNALS; i++)
		w->ended[i] = atomic_load_explicit(&row->ended[i], memory_order_relaxed);
	if (w->deaths > 0)
		death_text(atomic_load(&row->end_status), atomic_load(&row->end_call), w->last_death);
}

static int
by_slot(const void *left, const void *right)
{
	const struct overview_worker *a = left, *b = right;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return (a->generation > b->generation) - (a->generation < b->generation);
}

static void
take_workers(struct overview *o, const struct roster *roster)
{
	o->workers = must_alloc(ROSTER_ROWS, sizeof *o->workers);
	for (unsigned i = 0; i < ROSTER_ROWS; i++)
		if (is_told(&roster->rows[i]))
			take_worker(&o->workers[o->worker_count++], roster, &roster->rows[i], o->now_ms);
	qsort(o->workers, o->worker_count, sizeof *o->workers, by_slot);
}

/* --- what is around them */

static void
take_helpers(struct overview *o, const struct roster *roster)
{
	for (unsigned i = 0; i < ROSTER_HELPERS; i++) {
		const struct roster_process *p = &roster->helpers[i];
		o->helpers[i] = (struct overview_helper){
		        .name = helper_names[i],
		        .pid = atomic_load(&p->pid),
		        .births = atomic_load(&p->births),
		        .deaths = atomic_load(&p->deaths),
		        .memory_bytes = atomic_load(&p->memory_bytes),
		        .cpu_us = atomic_load(&p->cpu_us),
		};
	}
}

static void
take_lists(struct overview *o, const struct world *world, const struct config *config)
{
	size_t count = config_lists_count(config);
	for (size_t i = 0; i < count && i < CONFIG_LISTS_MOST; i++) {
		const struct config_list *list = config_lists_at(config, i);
		o->lists[o->list_count++] = (struct overview_list){
		        .name = list->name,
		        .file = list->file,
		        .blocks = i < config->lists.block_count,
		        .names = atomic_load(&world->roster->list_names[i]),
		        .hits = hits_sum(world->hits, hits_row(world->hits, list->name)),
		};
	}
}

static void
take_sums(struct overview *o, const struct overview_sources *from)
{
	stats_fold(&o->sums, from->world->retired);
	roster_sum(from->world->roster, &o->sums);
	if (from->unlisted != NULL)
		stats_fold(&o->sums, from->unlisted);
	for (unsigned i = 0; i < STATS_WAITS; i++)
		latency_add(&o->waits[i], &o->sums.waits[i]);
}

static void
take_master(struct overview *o, const struct roster *roster)
{
	uint64_t started_ms = atomic_load(&roster->started_ms);
	o->pid = atomic_load(&roster->master);
	o->generation = atomic_load(&roster->generation);
	o->started_wall_ms = atomic_load(&roster->started_wall_ms);
	o->uptime_ms = o->now_ms > started_ms ? o->now_ms - started_ms : 0;
	for (unsigned i = 0; i < ROSTER_EVENTS; i++)
		o->events[i] = atomic_load(&roster->events[i]);
	for (unsigned i = 0; i < ROSTER_SIGNALS; i++)
		o->ended[i] = atomic_load(&roster->ended[i]);
}

/* --- the verdict */

static unsigned
count_in_state(const struct overview *o, const char *state)
{
	unsigned count = 0;
	for (size_t i = 0; i < o->worker_count; i++)
		count += strcmp(o->workers[i].state, state) == 0;
	return count;
}

/* Every address that could be asked, and what is wrong with it. */
static void
why_nobody(struct overview *o)
{
	size_t used = (size_t)snprintf(o->why, sizeof o->why, "no upstream answers:");
	for (size_t i = 0; i < o->upstream_count && used < sizeof o->why; i++) {
		const struct upstream_row *row = &o->upstreams[i];
		used += (size_t)snprintf(o->why + used, sizeof o->why - used, "%s %s %s: %s",
		        i > 0 ? ";" : "", row->name, row->address,
		        row->view.why[0] != '\0' ? row->view.why : "down");
	}
	if (o->upstream_count == 0)
		snprintf(o->why, sizeof o->why, "no upstream has an address yet");
}

/* One that was never tried may be well: who sends questions only to those who are ready would never know. */
static bool
somebody_answers(const struct overview *o)
{
	for (size_t i = 0; i < o->upstream_count; i++)
		if (!o->upstreams[i].known || !o->upstreams[i].view.down)
			return true;
	return false;
}

static void
judge(struct overview *o, enum roster_state state)
{
	unsigned serving = count_in_state(o, "serving"), down = count_in_state(o, "down");
	o->live = serving > 0;
	o->state = state == ROSTER_STOPPING   ? "stopping"
	           : state == ROSTER_STARTING ? "starting"
	           : serving == 0             ? "down"
	           : down > 0                 ? "degraded"
	                                      : "serving";
	if (state != ROSTER_SERVING)
		snprintf(o->why, sizeof o->why, "it is %s", o->state);
	else if (serving == 0)
		snprintf(o->why, sizeof o->why, "no worker serves");
	else if (!somebody_answers(o))
		why_nobody(o);
	else
		o->ready = true;
}

void
overview_take(struct overview *o, const struct overview_sources *from, uint64_t now_ms, uint64_t wall_ms)
{
	const struct world *world = from->world;
	*o = (struct overview){.version = from->version,
	        .now_wall_ms = wall_ms,
	        .now_ms = now_ms,
	        .from = from,
	        .listens = from->config->listens,
	        .listen_count = from->config->listen_count};
	take_master(o, world->roster);
	take_workers(o, world->roster);
	take_helpers(o, world->roster);
	take_lists(o, world, from->config);
	take_sums(o, from);
	o->upstreams = upstream_rows(from->config, world->health, now_ms, &o->upstream_count);
	if (from->cache != NULL)
		cache_glance(from->cache, &o->cache);
	judge(o, (enum roster_state)atomic_load(&world->roster->state));
}

void
overview_free(struct overview *o)
{
	free(o->workers);
	free(o->upstreams);
	o->workers = NULL;
	o->upstreams = NULL;
}
