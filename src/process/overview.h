/*
 * All that can be told of a running dotward, taken at one moment from shared memory by whoever is asked: the
 * exporter over HTTP, and the master for dotwardctl. No name that anybody asked for, and no client, is in it
 * but where log.queries says so.
 */
#ifndef DOTWARD_PROCESS_OVERVIEW_H
#define DOTWARD_PROCESS_OVERVIEW_H

#include "cache/cache.h"
#include "config/config.h"
#include "process/death.h"
#include "process/upstream_report.h"
#include "shared/world.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What it is taken from; nothing of it is changed. */
struct overview_sources {
	const char *version;
	const struct world *world;
	const struct config *config; /* of what serves */
	struct cache *cache;         /* NULL: none */
	const struct stats_slab
	        *unlisted; /* counted outside of the world's roster; NULL: nothing, or not known */
};

struct overview_worker {
	unsigned slot, generation;
	int pid;           /* 0: none */
	const char *state; /* "starting", "serving", "draining", "down" */
	uint64_t uptime_ms, memory_bytes;
	uint64_t cpu_us; /* of all workers that had this slot */
	unsigned deaths, in_flight, tcp_clients;
	uint32_t ended[ROSTER_SIGNALS];
	char last_death[DEATH_BYTES]; /* "": none */
};

struct overview_list {
	const char *name, *file;
	bool blocks;
	uint64_t names, hits;
};

struct overview_helper {
	const char *name; /* "master", "exporter" … */
	int pid;          /* 0: none */
	uint64_t births, deaths, memory_bytes, cpu_us;
};

enum { OVERVIEW_WHY_BYTES = 512 };

struct overview {
	const char *version;
	uint64_t now_wall_ms, started_wall_ms, uptime_ms;
	int pid; /* of the master */
	unsigned generation;
	const char *state;            /* "starting", "serving", "degraded", "down", "stopping" */
	bool live;                    /* somebody serves */
	bool ready;                   /* and it is worth asking: an upstream is not known to be down */
	char why[OVERVIEW_WHY_BYTES]; /* not */
	struct stats_slab sums;
	struct latency_view waits[STATS_WAITS];
	uint64_t events[ROSTER_EVENTS], ended[ROSTER_SIGNALS];
	struct overview_worker *workers; /* by slot */
	size_t worker_count;
	const struct config_listen *listens; /* the configuration's */
	size_t listen_count;
	struct upstream_row *upstreams;
	size_t upstream_count;
	struct overview_list lists[CONFIG_LISTS_MOST];
	size_t list_count;
	struct overview_helper helpers[ROSTER_HELPERS];
	struct cache_glance cache; /* zeroed: none */
	/* What it was taken from, for parts that print themselves. */
	const struct overview_sources *from;
	uint64_t now_ms;
};

/* Times: CLOCK_MONOTONIC, and since 1970. What it points to must stay until overview_free(). */
void overview_take(
        struct overview *out, const struct overview_sources *from, uint64_t now_ms, uint64_t wall_ms);
void overview_free(struct overview *o);

/* One object, as `/status.json` gives it; a name that is in it once stays there: others read it. `key`: as a
 * member of this name of an object. */
struct json;
void overview_json(const struct overview *o, struct json *j, const char *key);
/* In the text format of Prometheus, version 0.0.4. */
void overview_metrics(const struct overview *o, FILE *out);

/* "SIGKILL"; "exit" for 0; of a signal without a name of its own, in `room`. */
enum { OVERVIEW_SIGNAL_BYTES = 16 };
const char *overview_signal(unsigned signal, char room[OVERVIEW_SIGNAL_BYTES]);
/* Of a counter of stats_slab.rcodes: "NXDOMAIN"; "other" for the last. Perhaps in `room`. */
const char *overview_rcode(unsigned index, char room[WIRE_WORD_BYTES]);

#endif
