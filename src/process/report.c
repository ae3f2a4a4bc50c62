/*
 * Status, counters and workers in words. A name that is in the JSON once stays there: others read it.
 */
#include "process/report.h"

#include "base/json.h"
#include "base/must.h"
#include "process/cache_report.h"

#include <stdlib.h>

static const char *const state_words[] = {
        [REPORT_STARTING] = "starting",
        [REPORT_SERVING] = "serving",
        [REPORT_DRAINING] = "draining",
        [REPORT_DOWN] = "down",
};

void
report_begin(struct report *report, size_t workers, size_t listens)
{
	*report = (struct report){.worker_count = workers, .listen_count = listens};
	report->workers = must_alloc(workers, sizeof *report->workers);
	report->listens = must_alloc(listens, sizeof *report->listens);
}

void
report_free(struct report *report)
{
	free(report->workers);
	free(report->listens);
	*report = (struct report){0};
}

const char *
report_duration(uint64_t ms, char out[REPORT_DURATION_BYTES])
{
	unsigned long long s = ms / 1000;
	if (s < 60)
		snprintf(out, REPORT_DURATION_BYTES, "%llus", s);
	else if (s < 3600)
		snprintf(out, REPORT_DURATION_BYTES, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, REPORT_DURATION_BYTES, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(out, REPORT_DURATION_BYTES, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return out;
}

static unsigned
count_serving(const struct report *r)
{
	unsigned count = 0;
	for (size_t i = 0; i < r->worker_count; i++)
		count += r->workers[i].generation == r->generation && r->workers[i].state == REPORT_SERVING;
	return count;
}

static uint64_t
count_deaths(const struct report *r)
{
	uint64_t count = 0;
	for (size_t i = 0; i < r->worker_count; i++)
		count += r->workers[i].deaths;
	return count;
}

/* In one word: serving with all workers, with some, with none, or on the way out. */
static const char *
overall(const struct report *r)
{
	unsigned serving = count_serving(r);
	if (r->stopping)
		return "stopping";
	if (serving == 0)
		return "down";
	return serving < r->workers_wanted ? "degraded" : "serving";
}

static const char *
protocols(const struct report_listen *l)
{
	return l->tls ? "tls" : l->udp && l->tcp ? "udp+tcp" : l->udp ? "udp" : "tcp";
}

/* --- status ----------------------------------------------------------------------------------------------
 */

/* What people look for first; all of them are in `stats`. */
static const enum stats_counter highlights[] = {
        STATS_queries, STATS_answered, STATS_servfail, STATS_upstream_asked, STATS_upstream_failures};

static void
status_cache_json(const struct report *r, struct json *j)
{
	json_object(j, "cache");
	json_number(j, "bytes", r->cache_bytes);
	cache_report_ratio_json(r->counters, j);
	json_end(j);
}

static void
status_cache_text(const struct report *r, FILE *out)
{
	char size[CACHE_REPORT_SIZE_BYTES], ratio[CACHE_REPORT_RATIO_BYTES];
	if (r->cache_bytes == 0)
		fprintf(out, "  %-19s none\n", "cache");
	else
		fprintf(out, "  %-19s %s, hit ratio %s\n", "cache", cache_report_size(r->cache_bytes, size),
		        cache_report_ratio(r->counters, ratio));
}

static void
status_json(const struct report *r, FILE *out)
{
	char text[ADDR_TEXT_BYTES];
	struct json j = {.out = out};
	json_object(&j, NULL);
	json_text(&j, "state", overall(r));
	json_text(&j, "version", r->version);
	json_number(&j, "pid", (uint64_t)r->pid);
	json_number(&j, "uptime_ms", r->uptime_ms);
	json_number(&j, "generation", r->generation);
	json_object(&j, "workers");
	json_number(&j, "wanted", r->workers_wanted);
	json_number(&j, "serving", count_serving(r));
	json_number(&j, "deaths", count_deaths(r));
	json_end(&j);
	json_array(&j, "listen");
	for (size_t i = 0; i < r->listen_count; i++) {
		json_object(&j, NULL);
		json_text(&j, "address", addr_host_text(&r->listens[i].address, text));
		json_number(&j, "port", addr_port(&r->listens[i].address));
		json_bool(&j, "udp", r->listens[i].udp);
		json_bool(&j, "tcp", r->listens[i].tcp);
		json_bool(&j, "tls", r->listens[i].tls);
		json_end(&j);
	}
	json_end(&j);
	json_number(&j, "upstreams", r->upstream_count);
	status_cache_json(r, &j);
	json_text(&j, "log_level", log_level_word(r->log_level));
	json_object(&j, "counters");
	for (size_t i = 0; i < sizeof highlights / sizeof highlights[0]; i++)
		json_number(&j, stats_name(highlights[i]), r->counters[highlights[i]]);
	json_end(&j);
	json_end(&j);
}

static void
status_text(const struct report *r, FILE *out)
{
	char text[ADDR_TEXT_BYTES], duration[REPORT_DURATION_BYTES];
	fprintf(out, "dotward %s is %s\n", r->version, overall(r));
	fprintf(out, "  %-19s %d, up %s\n", "master", (int)r->pid, report_duration(r->uptime_ms, duration));
	fprintf(out, "  %-19s %u\n", "generation", r->generation);
	fprintf(out, "  %-19s %u of %u serve, %llu died\n", "workers", count_serving(r), r->workers_wanted,
	        (unsigned long long)count_deaths(r));
	for (size_t i = 0; i < r->listen_count; i++)
		fprintf(out, "  %-19s %s %s\n", i == 0 ? "listening" : "",
		        addr_text(&r->listens[i].address, text), protocols(&r->listens[i]));
	fprintf(out, "  %-19s %zu\n", "upstreams", r->upstream_count);
	status_cache_text(r, out);
	fprintf(out, "  %-19s %s\n", "log level", log_level_word(r->log_level));
	for (size_t i = 0; i < sizeof highlights / sizeof highlights[0]; i++)
		fprintf(out, "  %-19s %llu\n", stats_name(highlights[i]),
		        (unsigned long long)r->counters[highlights[i]]);
}

void
report_status(const struct report *r, bool json, FILE *out)
{
	if (json)
		status_json(r, out);
	else
		status_text(r, out);
}

/* --- stats -----------------------------------------------------------------------------------------------
 */

void
report_stats(const struct report *r, bool json, FILE *out)
{
	struct json j = {.out = out};
	if (json)
		json_object(&j, NULL);
	for (unsigned i = 0; i < STATS_COUNT; i++) {
		uint64_t sum = r->counters[i];
		if (json)
			json_number(&j, stats_name(i), sum);
		else
			fprintf(out, "%-22s %12llu  %s\n", stats_name(i), (unsigned long long)sum,
			        stats_help(i));
	}
	if (json)
		json_end(&j);
}

/* --- workers ---------------------------------------------------------------------------------------------
 */

static void
worker_json(const struct report_worker *w, struct json *j)
{
	json_object(j, NULL);
	json_number(j, "slot", w->slot);
	json_number(j, "generation", w->generation);
	json_text(j, "state", state_words[w->state]);
	if (w->pid != 0)
		json_number(j, "pid", (uint64_t)w->pid);
	else
		json_null(j, "pid");
	json_number(j, "uptime_ms", w->uptime_ms);
	if (w->state == REPORT_DOWN)
		json_number(j, "next_birth_ms", w->birth_ms);
	else
		json_null(j, "next_birth_ms");
	json_number(j, "deaths", w->deaths);
	json_text(j, "last_death", w->last_death[0] != '\0' ? w->last_death : NULL);
	json_end(j);
}

static void
worker_text(const struct report_worker *w, FILE *out)
{
	char duration[REPORT_DURATION_BYTES], pid[16] = "-", since[48];
	report_duration(w->uptime_ms, duration);
	snprintf(since, sizeof since, "%s", duration);
	if (w->pid != 0)
		snprintf(pid, sizeof pid, "%d", (int)w->pid);
	if (w->state == REPORT_DOWN)
		snprintf(since, sizeof since, "in %s", report_duration(w->birth_ms, duration));
	fprintf(out, "%4u %10u %8s %-8s %8s %6llu  %s\n", w->slot, w->generation, pid, state_words[w->state],
	        since, (unsigned long long)w->deaths, w->last_death[0] != '\0' ? w->last_death : "-");
}

void
report_workers(const struct report *r, bool json, FILE *out)
{
	struct json j = {.out = out};
	if (json) {
		json_object(&j, NULL);
		json_array(&j, "workers");
	} else {
		fprintf(out, "%4s %10s %8s %-8s %8s %6s  %s\n", "SLOT", "GENERATION", "PID", "STATE",
		        "UPTIME", "DEATHS", "LAST DEATH");
	}
	for (size_t i = 0; i < r->worker_count; i++) {
		if (json)
			worker_json(&r->workers[i], &j);
		else
			worker_text(&r->workers[i], out);
	}
	if (json) {
		json_end(&j);
		json_end(&j);
	}
}
