/*
 * Whatever lies where the cache's file should be: taken as it is, and once more with a header and a checksum
 * that are right, so that the entries are read too.
 *
 * What is in the cache afterwards must be sound: an answer to its own question whose TTLs are where they are
 * said to be, no older than it may be, and it must come back the same from a file that is written of it.
 */
#include "base/must.h"
#include "cache/carry.h"
#include "cache/file.h"
#include "dns/ttl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER_BYTES = 48, SUM_BYTES = 8, STALE_S = 86400, SEED = 4711 };

static const struct file_terms terms = {
        .seed = SEED, .boot_ms = 1u << 31, .wall_ms = 1ull << 40, .stale_s = STALE_S};
static struct cache *cache, *again;

static struct cache *
open_cache(void)
{
	struct cache *made = cache_new(CACHE_LEAST_BYTES, SEED);
	must(made != NULL);
	cache_join(made, cache_next_member(made), NULL);
	return made;
}

static int
in_memory(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	return fd;
}

static void
put64(uint8_t *at, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t)value;
}

/* As the writer would have done it. */
static void
make_right(uint8_t *bytes, size_t size)
{
	XXH3_state_t *sum = XXH3_createState();
	memcpy(bytes, "dotward-cache\r\n", 16);
	memcpy(bytes + 16, "\0\0\0\2\0\0\0", 8);
	put64(bytes + 40, size - HEADER_BYTES - SUM_BYTES);
	XXH3_64bits_reset(sum);
	XXH3_64bits_update(sum, bytes + HEADER_BYTES, size - HEADER_BYTES - SUM_BYTES);
	XXH3_64bits_update(sum, bytes, HEADER_BYTES);
	put64(bytes + size - SUM_BYTES, XXH3_64bits_digest(sum));
	XXH3_freeState(sum);
}

static bool
check(void *arg, const struct cache_entry *entry)
{
	static uint16_t ttls[CACHE_RECORDS];
	uint64_t *entries = arg;
	struct wire_query query;
	struct wire_answer answer;
	uint8_t *msg = malloc(entry->answer.bytes);
	memcpy(msg, entry->answer.msg, entry->answer.bytes);
	must(carry_question(msg, entry->answer.bytes, false, false, &query));
	must(wire_answer_take(msg, entry->answer.bytes, &query.question, &answer) == WIRE_MATCH);
	must(!answer.edns.present && entry->answer.edns.ede_bytes <= EDNS_EDE_BYTES);
	must(ttl_find(msg, answer.bytes, ttls, CACHE_RECORDS) == (int)entry->ttl_count);
	must(memcmp(ttls, entry->ttls, entry->ttl_count * sizeof *ttls) == 0);
	must(entry->life_s > 0 && entry->stored_ms <= terms.boot_ms);
	must(entry->expires_ms + 1000ull * STALE_S + 100 >= terms.boot_ms);
	*entries += entry->kind != CACHE_FAILURE;
	free(msg);
	return true;
}

static uint64_t
check_all(struct cache *of)
{
	uint64_t entries = 0;
	cache_walk(of, check, &entries);
	return entries;
}

/* What was taken is written and taken again. A tenth of a second may be the difference between use and none.
 */
static void
check_way_back(uint64_t entries)
{
	char why[FILE_WHY_BYTES];
	struct file_count count;
	struct file_draft draft = {.folder = -1, .fd = in_memory(NULL, 0)};
	must(file_save(&draft, cache, &terms, &count, why) == 0 && count.entries + count.old >= entries);
	uint64_t saved = count.entries;
	must(file_load(draft.fd, again, &terms, &count, why) == 0);
	must(count.unfit == 0 && count.entries + count.old == saved);
	close(draft.fd);
	cache_flush_all(again);
}

static void
try(const uint8_t *data, size_t size)
{
	char why[FILE_WHY_BYTES] = "";
	struct file_count count;
	int fd = in_memory(data, size);
	int failed = file_load(fd, cache, &terms, &count, why);
	close(fd);
	uint64_t entries = check_all(cache);
	must(failed == 0 || (entries == 0 && why[0] != '\0'));
	must(failed < 0 || entries <= count.entries);
	if (entries > 0)
		check_way_back(entries);
	cache_flush_all(cache);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (cache == NULL) {
		cache = open_cache();
		again = open_cache();
	}
	try(data, size);
	if (size < HEADER_BYTES + SUM_BYTES)
		return 0;
	uint8_t *right = malloc(size);
	memcpy(right, data, size);
	make_right(right, size);
	try(right, size);
	free(right);
	return 0;
}
