/*
 * What dotwardctl shows of a running dotward, for people and as JSON. Plain data in, text out.
 */
#ifndef DOTWARD_PROCESS_REPORT_H
#define DOTWARD_PROCESS_REPORT_H

#include "base/addr.h"
#include "base/log.h"
#include "shared/stats.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum report_state {
	REPORT_STARTING, /* born, and has not said yet that it serves */
	REPORT_SERVING,
	REPORT_DRAINING,
	REPORT_DOWN /* dead, and its successor not born */
};

struct report_worker {
	unsigned slot, generation;
	pid_t pid; /* 0: none */
	enum report_state state;
	uint64_t uptime_ms;
	uint64_t birth_ms;    /* down: how long until the next birth */
	uint64_t deaths;      /* of this slot, all of them */
	char last_death[160]; /* as the log says it: "signal=11 (Segmentation fault)"; "": none */
};

struct report_listen {
	struct addr address;
	bool udp, tcp, tls;
};

struct report {
	const char *version;
	pid_t pid; /* of the master */
	uint64_t uptime_ms;
	unsigned generation;
	unsigned workers_wanted; /* slots of this generation */
	bool stopping;
	enum log_level log_level;
	size_t upstream_count;
	uint64_t cache_bytes;           /* 0: no cache */
	uint64_t counters[STATS_COUNT]; /* over all generations and upgrades */
	struct report_worker *workers;  /* those that drain for an older generation too */
	size_t worker_count;
	struct report_listen *listens;
	size_t listen_count;
};

/* Zeroed, with room for so many workers and listens; report_free() frees what is in it. */
void report_begin(struct report *report, size_t workers, size_t listens);
void report_free(struct report *report);

/* One object of JSON, or lines for people. */
typedef void report_print_fn(const struct report *report, bool json, FILE *out);
report_print_fn report_status, report_stats, report_workers;

enum { REPORT_DURATION_BYTES = 24 };

/* "0s", "59s", "4m05s", "3h04m", "12d03h" */
const char *report_duration(uint64_t ms, char out[REPORT_DURATION_BYTES]);

#endif
