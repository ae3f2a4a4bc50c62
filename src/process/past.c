/*
 * Sums of all workers to steps of the history, and both parts as JSON. A step is told with the time of day at
 * which it began, reckoned from its age, so that a clock that was put right moves the whole past with it and
 * leaves no hole.
 */
#include "process/past.h"

#include "base/must.h"
#include "dns/wire.h"
#include "query/popular.h"

#include <string.h>

enum { PAST_TOP = 12 };

_Static_assert((int)LATENCY_BUCKETS <= (int)HISTORY_BUCKETS, "the history has room for all buckets");

static void
sum_up(struct history_sums *sums, const struct stats_slab *slab)
{
	struct latency_view waits = {0};
	for (unsigned i = 0; i < STATS_WAITS; i++)
		latency_add(&waits, &slab->waits[i]);
	*sums = (struct history_sums){
	        .queries = atomic_load(&slab->counters[STATS_queries]),
	        .hits = atomic_load(&slab->counters[STATS_cache_hits]),
	        .misses = atomic_load(&slab->counters[STATS_cache_misses]),
	        .blocked = atomic_load(&slab->counters[STATS_blocked]),
	        .servfail = atomic_load(&slab->rcodes[WIRE_RCODE_SERVFAIL]),
	};
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		sums->latency[i] = waits.below[i] - (i > 0 ? waits.below[i - 1] : 0);
}

void
past_note(const struct world *world, uint64_t boot_ms)
{
	struct stats_slab slab = {0};
	struct history_sums sums;
	uint64_t upto_us[LATENCY_BUCKETS];
	if (!history_is_due(world->history, boot_ms))
		return;
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		upto_us[i] = i < LATENCY_BOUNDS ? latency_bounds_us[i] : UINT64_MAX;
	roster_sum(world->roster, &slab);
	sum_up(&sums, &slab);
	history_note(world->history, &sums, upto_us, LATENCY_BUCKETS, boot_ms);
}

static void
print_time(uint64_t us, struct json *j, const char *key)
{
	if (us == HISTORY_NO_TIME)
		json_null(j, key);
	else
		json_thousandths(j, key, us);
}

static void
print_point(const struct history_point *p, uint64_t wall_ms, struct json *j)
{
	json_object(j, NULL);
	json_thousandths(j, "t", wall_ms > p->age_ms ? wall_ms - p->age_ms : 0);
	json_thousandths(j, "span_s", p->span_ms);
	json_number(j, "queries", p->queries);
	json_number(j, "hits", p->hits);
	json_number(j, "misses", p->misses);
	json_number(j, "blocked", p->blocked);
	json_number(j, "servfail", p->servfail);
	print_time(p->p50_us, j, "p50_ms");
	print_time(p->p99_us, j, "p99_ms");
	json_end(j);
}

static void
print_history(const struct overview *o, struct json *j, uint64_t boot_ms)
{
	struct history_point points[HISTORY_STEPS];
	size_t count = history_read(o->from->world->history, points, boot_ms);
	json_object(j, "history");
	json_number(j, "step_s", HISTORY_STEP_MS / 1000);
	json_array(j, "points");
	for (size_t i = 0; i < count; i++)
		print_point(&points[i], o->now_wall_ms, j);
	json_end(j);
	json_end(j);
}

typedef const char *entry_text_fn(const struct tops_entry *entry, char out[POPULAR_TEXT_BYTES]);

static void
print_kind(const struct overview *o, struct json *j, enum tops_kind kind, const char *all, const char *one,
        entry_text_fn *text)
{
	struct tops_entry entries[PAST_TOP];
	char room[POPULAR_TEXT_BYTES];
	size_t count = tops_read(o->from->world->tops, kind, entries, PAST_TOP, o->now_ms);
	json_array(j, all);
	for (size_t i = 0; i < count; i++) {
		json_object(j, NULL);
		json_text(j, one, text(&entries[i], room));
		json_number(j, "count", entries[i].count);
		json_end(j);
	}
	json_end(j);
}

/* The configuration has the last word, whatever lies in memory. */
static void
print_top(const struct overview *o, struct json *j)
{
	const struct tops *tops = o->from->world->tops;
	enum tops_mode mode = popular_mode(o->from->config);
	if (mode == TOPS_OFF || mode != tops_mode(tops))
		return;
	json_object(j, "top");
	json_number(j, "span_s", tops_span_ms(tops, o->now_ms) / 1000);
	print_kind(o, j, TOPS_NAMES, "names", "name", popular_name_text);
	print_kind(o, j, TOPS_CLIENTS, "clients", "client", popular_client_text);
	json_end(j);
}

void
past_json(const struct overview *o, struct json *j, uint64_t boot_ms)
{
	print_history(o, j, boot_ms);
	print_top(o, j);
}
