/*
 * How often the cache finds what it is asked for, against caches by the book (reference.h), on the workloads
 * of workload.h. See README.md in this folder for what is measured and how.
 *
 * usage: hitratio [-n names] [-r requests per name] [-s bytes of RDATA] [-S seed] [-w workload] [-p percent]
 */
#include "base/clock.h"
#include "cache/cache.h"
#include "dns/hash.h"
#include "random.h"
#include "reference.h"
#include "sample.h"
#include "workload.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIFE_S = 86400 * 7, WARM_PERCENT = 40, FILLS = 8, SPREAD = 16, SIZES = 3 };

static const double margin_points = 0.5;

struct setting {
	uint32_t names;
	size_t requests;
	size_t rdata_bytes; /* 0: a spread */
	uint64_t seed;
	uint64_t now_ms;
	int workload, percent; /* -1, 0: all */
};

/* What stands behind the question, as it is with answers of real resolvers: mostly an address or two, some
 * with CNAMEs before them, a few with long TXT or DNSSEC. By the name, so that an answer keeps its size. */
static size_t
rdata_bytes(const struct setting *set, uint32_t name)
{
	static const uint16_t spread[SPREAD] = {
	        4, 4, 4, 4, 16, 16, 20, 36, 52, 52, 68, 84, 116, 180, 308, 1000};
	return set->rdata_bytes != 0 ? set->rdata_bytes : spread[random_mix(name + 1u) % SPREAD];
}

static struct cache_key
key_of(const struct setting *set, const uint8_t *wire)
{
	struct cache_key key = {.name = wire, .name_bytes = SAMPLE_NAME_BYTES, .type = 1, .class = 1};
	struct wire_query query = {.question = {.type = 1, .class = 1, .name_bytes = SAMPLE_NAME_BYTES}};
	memcpy(query.question.name, wire, SAMPLE_NAME_BYTES);
	key = cache_key(&query, hash_name(wire, SAMPLE_NAME_BYTES, 1, 1, set->seed));
	key.name = wire;
	return key;
}

/* As a forwarder does: what is not there is fetched and put in. */
static bool
ask_cache(struct cache *cache, const struct setting *set, uint32_t name)
{
	static uint8_t msg[2048];
	static const uint16_t ttls[] = {WIRE_HEADER_BYTES + SAMPLE_NAME_BYTES + 4 + 6};
	uint8_t wire[SAMPLE_NAME_BYTES];
	struct cache_entry entry;
	sample_plain_name(wire, name);
	struct cache_key key = key_of(set, wire);
	if (cache_get(cache, &key, false, &entry))
		return true;
	struct wire_answer answer = {.msg = msg};
	answer.bytes = sample_plain_answer(msg, wire, sizeof wire, rdata_bytes(set, name));
	struct cache_item item = {
	        .answer = &answer, .ttls = ttls, .ttl_count = 1, .stored_ms = set->now_ms, .life_s = LIFE_S};
	(void)cache_put(cache, &key, &item);
	return false;
}

static struct cache *
cache_made(uint64_t bytes, uint64_t seed)
{
	struct cache *cache = cache_new(bytes, seed);
	if (cache == NULL) {
		perror("cache_new");
		exit(2);
	}
	cache_join(cache, cache_next_member(cache), NULL);
	return cache;
}

static bool
everybody_lives(void *arg, uint32_t member)
{
	(void)arg;
	return member != 0;
}

static uint64_t
entries_now(struct cache *cache)
{
	struct cache_census census;
	cache_census(cache, everybody_lives, NULL, &census);
	return census.entries;
}

/* The most that were ever in it while it was filled with names, each asked for once. */
static uint32_t
entries_at_brim(const struct setting *set, uint64_t bytes, uint32_t wanted)
{
	struct cache *cache = cache_made(bytes, set->seed);
	uint64_t most = 0, least_entry_bytes = 64, fills = 2 * bytes / least_entry_bytes;
	for (uint32_t i = 0; i < fills; i++) {
		ask_cache(cache, set, i);
		if (i % (wanted / 50 + 1) == 0) {
			uint64_t now = entries_now(cache);
			most = now > most ? now : most;
		}
	}
	cache_free(cache);
	return (uint32_t)most;
}

struct size {
	unsigned percent; /* of the names */
	uint64_t bytes;
	uint32_t entries; /* that they really take */
};

static struct size
size_for(const struct setting *set, unsigned percent)
{
	uint32_t wanted = set->names / 100 * percent;
	struct size size = {.percent = percent, .bytes = (uint64_t)wanted * 200};
	for (int i = 0; i < FILLS; i++) {
		if (size.bytes < CACHE_LEAST_BYTES)
			size.bytes = CACHE_LEAST_BYTES;
		size.entries = entries_at_brim(set, size.bytes, wanted);
		if (size.entries >= wanted - wanted / 100 && size.entries <= wanted + wanted / 100)
			break;
		uint64_t next = (uint64_t)((double)size.bytes * wanted / size.entries);
		if (next <= CACHE_LEAST_BYTES && size.bytes == CACHE_LEAST_BYTES)
			break;
		size.bytes = next;
	}
	return size;
}

static double
percent(size_t hits, size_t of)
{
	return 100 * (double)hits / (double)of;
}

static double
play_reference(enum reference_kind kind, const struct trace *trace, uint32_t entries)
{
	struct reference *cache = reference_new(kind, entries, trace->names);
	size_t warm = trace->requests * WARM_PERCENT / 100, hits = 0;
	for (size_t i = 0; i < trace->requests; i++) {
		bool hit = reference_ask(cache, trace->asked[i]);
		hits += i >= warm && hit;
	}
	reference_free(cache);
	return percent(hits, trace->requests - warm);
}

static double
play_cache(const struct setting *set, const struct trace *trace, uint64_t bytes)
{
	struct cache *cache = cache_made(bytes, set->seed);
	size_t warm = trace->requests * WARM_PERCENT / 100, hits = 0;
	for (size_t i = 0; i < trace->requests; i++) {
		bool hit = ask_cache(cache, set, trace->asked[i]);
		hits += i >= warm && hit;
	}
	cache_free(cache);
	return percent(hits, trace->requests - warm);
}

/* Returns whether it holds. */
static bool
line(const struct setting *set, const struct workload *workload, const struct trace *trace,
        const struct size *size)
{
	double ratios[REFERENCE_KINDS];
	printf("%-20s %3u%% %8u %9.1f ", workload->title, size->percent, size->entries,
	        (double)size->bytes / 1e6);
	for (enum reference_kind kind = 0; kind < REFERENCE_KINDS; kind++) {
		ratios[kind] = play_reference(kind, trace, size->entries);
		printf(" %7.2f", ratios[kind]);
		fflush(stdout);
	}
	double ours = play_cache(set, trace, size->bytes), ahead = ours - ratios[REFERENCE_S3FIFO];
	bool holds = ahead >= -margin_points && ours > ratios[REFERENCE_LRU];
	printf("  %8.2f %+7.2f %+7.2f  %s\n", ours, ahead, ours - ratios[REFERENCE_LRU],
	        holds ? "PASS" : "FAIL");
	fflush(stdout);
	return holds;
}

static void
explain(const struct setting *set)
{
	printf("Hit ratios in percent. %u names, %zu requests (the first %d %% to warm up, not counted), "
	       "seed "
	       "%llu,\n",
	        set->names, set->requests, WARM_PERCENT, (unsigned long long)set->seed);
	if (set->rdata_bytes != 0)
		printf("all answers with %zu bytes of RDATA.\n", set->rdata_bytes);
	else
		printf("answers with 4 to 1000 bytes of RDATA.\n");
	printf("The references are exact and get as many entries as the cache of so many MB ever held while "
	       "it "
	       "was filled\nwith names asked for once; nothing is subtracted for its bookkeeping or for "
	       "segments.\nPASS: at least S3-FIFO less %.1f points, and above LRU.\n\n",
	        margin_points);
	printf("%-20s %4s %8s %9s  %7s %7s %7s %7s  %8s %7s %7s\n", "workload", "size", "entries", "MB",
	        "LRU", "FIFO", "SIEVE", "S3-FIFO", "dotward", "-S3FIFO", "-LRU");
}

static unsigned
table(const struct setting *set)
{
	static const unsigned shares[SIZES] = {1, 5, 10};
	struct size sizes[SIZES];
	unsigned failed = 0;
	for (int s = 0; s < SIZES; s++) {
		if (set->percent == 0 || (unsigned)set->percent == shares[s])
			sizes[s] = size_for(set, shares[s]);
	}
	explain(set);
	for (size_t w = 0; w < workload_count; w++) {
		if (set->workload >= 0 && (size_t)set->workload != w)
			continue;
		struct trace trace = workload_trace(&workloads[w], set->names, set->requests, set->seed + w);
		for (int s = 0; s < SIZES; s++) {
			if (set->percent == 0 || (unsigned)set->percent == shares[s])
				failed += !line(set, &workloads[w], &trace, &sizes[s]);
		}
		free(trace.asked);
	}
	return failed;
}

static void
usage(void)
{
	fprintf(stderr, "usage: hitratio [-n names] [-r requests per name] [-s bytes of RDATA] [-S seed]"
	                " [-w workload, from 0] [-p 1|5|10]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct setting set = {.names = 1000000, .seed = 1, .now_ms = clock_boot_ms(), .workload = -1};
	unsigned per_name = 10;
	int option;
	while ((option = getopt(argc, argv, "n:r:s:S:w:p:")) != -1) {
		unsigned long value = option != '?' ? strtoul(optarg, NULL, 10) : 0;
		switch (option) {
		case 'n':
			set.names = (uint32_t)value;
			break;
		case 'r':
			per_name = (unsigned)value;
			break;
		case 's':
			set.rdata_bytes = value;
			break;
		case 'S':
			set.seed = value;
			break;
		case 'w':
			set.workload = (int)value;
			break;
		case 'p':
			set.percent = (int)value;
			break;
		default:
			usage();
		}
	}
	if (set.names < 10000 || set.names > 10000000 || per_name == 0 || per_name > 100 ||
	        set.rdata_bytes > 1900 || optind != argc)
		usage();
	set.requests = (size_t)set.names * per_name;
	unsigned failed = table(&set);
	printf("\n%u failed; %.0f s of CPU\n", failed, (double)clock() / CLOCKS_PER_SEC);
	return failed > 0;
}
