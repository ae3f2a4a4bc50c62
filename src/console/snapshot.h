/*
 * What a running dotward said of itself at one moment ("dotwardctl stats --json"), as far as a person at a
 * terminal needs it. What is missing in it is zero or empty: the other end may be older or newer than we are.
 */
#ifndef DOTWARD_CONSOLE_SNAPSHOT_H
#define DOTWARD_CONSOLE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SNAPSHOT_WORD_BYTES = 32,
	SNAPSHOT_TEXT_BYTES = 160,
	SNAPSHOT_BUCKETS = 48,
	SNAPSHOT_WORKERS = 64,
	SNAPSHOT_UPSTREAMS = 64,
	SNAPSHOT_LISTS = 32
};

/* How many took at most so long, each bucket with those before it; the last one has no limit. */
struct snapshot_latency {
	uint64_t count;
	size_t buckets;
	struct {
		double le_s;
		uint64_t count;
	} bucket[SNAPSHOT_BUCKETS];
};

struct snapshot_worker {
	unsigned slot;
	uint64_t pid, deaths, memory_bytes;
	double uptime_s, cpu_s;
	char state[SNAPSHOT_WORD_BYTES], last_death[SNAPSHOT_TEXT_BYTES];
};

struct snapshot_upstream {
	char name[SNAPSHOT_WORD_BYTES], address[64], state[SNAPSHOT_WORD_BYTES], why[SNAPSHOT_TEXT_BYTES];
	double latency_ms;
	uint64_t asked, answered, failed;
};

struct snapshot_list {
	char file[SNAPSHOT_TEXT_BYTES], kind[SNAPSHOT_WORD_BYTES];
	uint64_t names, hits;
};

/* Of the counters, those that are shown. */
#define SNAPSHOT_COUNTERS(X)                                                                                 \
	X(queries)                                                                                           \
	X(answered)                                                                                          \
	X(cache_hits)                                                                                        \
	X(cache_stale)                                                                                       \
	X(cache_misses)                                                                                      \
	X(blocked)                                                                                           \
	X(servfail)                                                                                          \
	X(refused_denied)                                                                                    \
	X(refused_overload)                                                                                  \
	X(rate_dropped)                                                                                      \
	X(rate_refused)                                                                                      \
	X(rrl_dropped)                                                                                       \
	X(dropped_malformed)                                                                                 \
	X(dropped_denied)                                                                                    \
	X(dropped_unsent)                                                                                    \
	X(upstream_asked)                                                                                    \
	X(upstream_hedged)                                                                                   \
	X(upstream_timeouts)                                                                                 \
	X(upstream_handshakes)                                                                               \
	X(upstream_resumed)

struct snapshot {
	double now_s, uptime_s; /* since 1970, since the start */
	uint64_t generation;
	bool ready;
	char version[SNAPSHOT_WORD_BYTES], state[SNAPSHOT_WORD_BYTES];
#define SNAPSHOT_MEMBER(name) uint64_t name;
	struct {
		SNAPSHOT_COUNTERS(SNAPSHOT_MEMBER)
	} counters;
#undef SNAPSHOT_MEMBER
	struct snapshot_latency hit, miss;
	struct {
		uint64_t size_bytes, used_bytes, entries;
	} cache;
	size_t worker_count, upstream_count, list_count;
	struct snapshot_worker workers[SNAPSHOT_WORKERS];
	struct snapshot_upstream upstreams[SNAPSHOT_UPSTREAMS];
	struct snapshot_list lists[SNAPSHOT_LISTS];
};

/* False: the text is no JSON object. Texts in it are printable ASCII, whatever was there. */
bool snapshot_read(struct snapshot *out, const char *json, size_t bytes) __attribute__((warn_unused_result));

#endif
