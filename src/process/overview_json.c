/*
 * The overview as one object of JSON. Numbers that count are whole; times are in seconds.
 */
#include "process/overview.h"

#include "base/clock.h"
#include "base/json.h"
#include "dns/wire.h"
#include "process/past.h"

#include <stdlib.h>
#include <string.h>

static void
print_listens(const struct overview *o, struct json *j)
{
	char text[ADDR_TEXT_BYTES];
	json_array(j, "listen");
	for (size_t i = 0; i < o->listen_count; i++) {
		const struct config_listen *l = &o->listens[i];
		json_object(j, NULL);
		json_text(j, "address", addr_host_text(&l->address, text));
		json_number(j, "port", addr_port(&l->address));
		json_array(j, "protocols");
		if (l->udp)
			json_text(j, NULL, "udp");
		if (l->tcp)
			json_text(j, NULL, "tcp");
		if (l->tls)
			json_text(j, NULL, "tls");
		json_end(j);
		json_end(j);
	}
	json_end(j);
}

static void
print_counters(const struct overview *o, struct json *j)
{
	json_object(j, "counters");
	for (unsigned i = 0; i < STATS_COUNT; i++)
		json_number(j, stats_name(i), atomic_load(&o->sums.counters[i]));
	json_end(j);
}

static void
print_queries(const struct overview *o, struct json *j)
{
	json_array(j, "queries");
	for (unsigned p = 0; p < STATS_PROTOCOLS; p++)
		for (unsigned f = 0; f < STATS_FAMILIES; f++) {
			json_object(j, NULL);
			json_text(j, "protocol", stats_protocol_words[p]);
			json_text(j, "family", stats_family_words[f]);
			json_number(j, "count", atomic_load(&o->sums.asked[p][f]));
			json_end(j);
		}
	json_end(j);
}

static void
print_responses(const struct overview *o, struct json *j)
{
	char word[WIRE_WORD_BYTES];
	json_object(j, "responses");
	for (unsigned i = 0; i < STATS_RCODES; i++) {
		uint64_t count = atomic_load(&o->sums.rcodes[i]);
		if (count > 0 || i <= WIRE_RCODE_NXDOMAIN)
			json_number(j, overview_rcode(i, word), count);
	}
	json_end(j);
}

static void
print_latency(const struct latency_view *view, struct json *j, const char *key)
{
	json_object(j, key);
	json_number(j, "count", view->count);
	json_millionths(j, "sum_s", view->sum_us);
	json_array(j, "buckets");
	for (unsigned i = 0; i < LATENCY_BOUNDS; i++) {
		json_object(j, NULL);
		json_millionths(j, "le_s", latency_bounds_us[i]);
		json_number(j, "count", view->below[i]);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

static void
print_cache(const struct overview *o, struct json *j)
{
	json_object(j, "cache");
	json_number(j, "size_bytes", o->cache.bytes);
	json_number(j, "used_bytes", o->cache.used_bytes);
	json_number(j, "entries", o->cache.entries);
	json_number(j, "hits", atomic_load(&o->sums.counters[STATS_cache_hits]));
	json_number(j, "misses", atomic_load(&o->sums.counters[STATS_cache_misses]));
	json_number(j, "stale", atomic_load(&o->sums.counters[STATS_cache_stale]));
	json_end(j);
}

static void
print_address(const char *text, struct json *j)
{
	char host[ADDR_TEXT_BYTES];
	const char *port = strrchr(text, '@');
	int length = port != NULL ? (int)(port - text) : (int)strlen(text);
	snprintf(host, sizeof host, "%.*s", length, text);
	json_text(j, "address", host);
	json_number(j, "port", port != NULL ? strtoul(port + 1, NULL, 10) : 0);
}

static void
print_upstream(const struct upstream_row *row, struct json *j)
{
	const struct health_view *v = &row->view;
	uint64_t failed = 0;
	for (unsigned i = 0; i < HEALTH_CAUSES; i++)
		failed += v->failed[i];
	json_object(j, NULL);
	json_text(j, "name", row->name);
	print_address(row->address, j);
	json_text(j, "state", upstream_row_state(row));
	json_text(j, "why", row->known && v->down ? v->why : "");
	json_millionths(j, "latency_ms", (uint64_t)v->latency_us * 1000);
	json_number(j, "asked", v->asked);
	json_number(j, "answered", v->answers);
	json_number(j, "failed", failed);
	json_object(j, "handshakes");
	json_number(j, "full", v->handshakes_full);
	json_number(j, "resumed", v->handshakes_resumed);
	json_number(j, "failed", v->failed[HEALTH_HANDSHAKE] + v->failed[HEALTH_VERIFY]);
	json_end(j);
	print_latency(&v->latency, j, "latency");
	json_end(j);
}

static void
print_worker(const struct overview_worker *w, struct json *j)
{
	char room[OVERVIEW_SIGNAL_BYTES];
	json_object(j, NULL);
	json_number(j, "slot", w->slot);
	json_number(j, "generation", w->generation);
	if (w->pid != 0)
		json_number(j, "pid", (uint64_t)w->pid);
	else
		json_null(j, "pid");
	json_text(j, "state", w->state);
	json_thousandths(j, "uptime_s", w->uptime_ms);
	json_number(j, "deaths", w->deaths);
	json_object(j, "deaths_by_signal");
	for (unsigned i = 0; i < ROSTER_SIGNALS; i++)
		if (w->ended[i] > 0)
			json_number(j, overview_signal(i, room), w->ended[i]);
	json_end(j);
	json_text(j, "last_death", w->last_death[0] != '\0' ? w->last_death : NULL);
	json_thousandths(j, "cpu_s", w->cpu_us / 1000);
	json_number(j, "memory_bytes", w->memory_bytes);
	json_number(j, "in_flight", w->in_flight);
	json_number(j, "tcp_clients", w->tcp_clients);
	json_end(j);
}

static void
print_list(const struct overview_list *list, struct json *j)
{
	json_object(j, NULL);
	json_text(j, "name", list->name);
	json_text(j, "file", list->file);
	json_text(j, "kind", list->blocks ? "block" : "allow");
	json_number(j, "names", list->names);
	json_number(j, "hits", list->hits);
	json_end(j);
}

static void
print_helper(const struct overview_helper *h, struct json *j)
{
	json_object(j, NULL);
	json_text(j, "name", h->name);
	json_number(j, "pid", (uint64_t)h->pid);
	json_number(j, "births", h->births);
	json_number(j, "deaths", h->deaths);
	json_thousandths(j, "cpu_s", h->cpu_us / 1000);
	json_number(j, "memory_bytes", h->memory_bytes);
	json_end(j);
}

static void
print_arrays(const struct overview *o, struct json *j)
{
	json_array(j, "upstreams");
	for (size_t i = 0; i < o->upstream_count; i++)
		print_upstream(&o->upstreams[i], j);
	json_end(j);
	json_array(j, "workers");
	for (size_t i = 0; i < o->worker_count; i++)
		print_worker(&o->workers[i], j);
	json_end(j);
	json_array(j, "lists");
	for (size_t i = 0; i < o->list_count; i++)
		print_list(&o->lists[i], j);
	json_end(j);
	json_array(j, "helpers");
	for (unsigned i = 0; i < ROSTER_HELPERS; i++)
		if (o->helpers[i].births > 0 || o->helpers[i].pid != 0)
			print_helper(&o->helpers[i], j);
	json_end(j);
}

static void
print_events(const struct overview *o, struct json *j)
{
	json_object(j, "reloads");
	json_number(j, "ok", o->events[ROSTER_RELOADED]);
	json_number(j, "failed", o->events[ROSTER_RELOAD_FAILED]);
	json_end(j);
	json_object(j, "upgrades");
	json_number(j, "ok", o->events[ROSTER_UPGRADED]);
	json_number(j, "failed", o->events[ROSTER_UPGRADE_FAILED]);
	json_end(j);
}

void
overview_json(const struct overview *o, struct json *j, const char *key)
{
	json_object(j, key);
	json_text(j, "version", o->version);
	json_thousandths(j, "now", o->now_wall_ms);
	json_thousandths(j, "started", o->started_wall_ms);
	json_thousandths(j, "uptime_s", o->uptime_ms);
	json_number(j, "pid", (uint64_t)o->pid);
	json_number(j, "generation", o->generation);
	json_text(j, "state", o->state);
	json_bool(j, "ready", o->ready);
	json_text(j, "why", o->why);
	print_listens(o, j);
	print_counters(o, j);
	print_queries(o, j);
	print_responses(o, j);
	json_object(j, "latency");
	print_latency(&o->waits[STATS_HIT], j, "hit");
	print_latency(&o->waits[STATS_MISS], j, "miss");
	json_end(j);
	print_cache(o, j);
	print_arrays(o, j);
	print_events(o, j);
	past_json(o, j, clock_boot_ms());
	json_end(j);
}
