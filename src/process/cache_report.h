/*
 * What dotwardctl shows of the cache, for people and as JSON. Plain data in, text out; a stranger's bytes
 * only escaped.
 */
#ifndef DOTWARD_PROCESS_CACHE_REPORT_H
#define DOTWARD_PROCESS_CACHE_REPORT_H

#include "base/json.h"
#include "cache/cache.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Of all questions for which the cache was asked, how many it answered, fresh or stale: "0.873"; "-": it was
 * not asked yet. Returns `out`. */
enum { CACHE_REPORT_RATIO_BYTES = 8 };
const char *cache_report_ratio(const uint64_t counters[STATS_COUNT], char out[CACHE_REPORT_RATIO_BYTES]);
/* The same as a member "hit_ratio", null for none. */
void cache_report_ratio_json(const uint64_t counters[STATS_COUNT], struct json *j);
/* "512 B", "64.0 MiB" */
enum { CACHE_REPORT_SIZE_BYTES = 24 };
const char *cache_report_size(uint64_t bytes, char out[CACHE_REPORT_SIZE_BYTES]);

void cache_report_stats(
        const struct cache_census *census, const uint64_t counters[STATS_COUNT], bool json, FILE *out);

/* The question that an entry answers. False: there is none in it, and it is not to be shown. */
bool cache_report_question(const struct cache_entry *entry, struct wire_question *out);

enum { CACHE_REPORT_VIEW_BYTES = 64 };

/* What the columns of cache_report_line() are. */
extern const char cache_report_columns[];
/* One entry in one line without blanks but between columns. `view` is what its view is called, for one that
 * is not everybody's. */
void cache_report_line(const struct cache_entry *entry, const struct wire_question *question,
        const char *view, uint64_t now_ms, FILE *out);
/* Its records, with the TTLs that are left now. */
void cache_report_answer(const struct cache_entry *entry, uint64_t now_ms, FILE *out);
/* The line as members of an object that is the caller's to begin and to end. */
void cache_report_members(const struct cache_entry *entry, const struct wire_question *question,
        const char *view, uint64_t now_ms, struct json *j);
/* The records as a member "answer", an array of lines; null when there is no memory for it. */
void cache_report_answer_json(const struct cache_entry *entry, uint64_t now_ms, struct json *j);

#endif
