/*
 * Twice as many rows as there can be lists at once, so that those of the generation before are never given to
 * others. Each count is in several shards, a cache line apart, so that workers seldom get into each other's
 * way; they add with one atomic instruction, as two generations may have the same slot.
 *
 * Names are written by the master alone, and only in rows that no worker knows of.
 */
#include "shared/hits.h"

#include "base/must.h"

#include <stdatomic.h>
#include <string.h>

enum { HITS_ROWS = 2 * HITS_LISTS, HITS_SHARDS = 8, HITS_NAME_BYTES = 64 };

struct hits {
	uint64_t begun; /* calls of hits_begin() */
	struct {
		char name[HITS_NAME_BYTES]; /* "": nobody's */
		uint64_t begun;             /* the last call that had this name */
	} rows[HITS_ROWS];
	_Alignas(64) _Atomic uint64_t counts[HITS_SHARDS][HITS_ROWS];
};

size_t
hits_bytes(void)
{
	return sizeof(struct hits);
}

int
hits_row(const struct hits *hits, const char *name)
{
	for (int row = 0; row < HITS_ROWS; row++)
		if (*name != '\0' && strncmp(hits->rows[row].name, name, HITS_NAME_BYTES - 1) == 0)
			return row;
	return HITS_NONE;
}

/* Nobody's, or that of a list that has been gone for the longest. */
static int
oldest(const struct hits *hits)
{
	int best = 0;
	for (int row = 1; row < HITS_ROWS; row++)
		if (hits->rows[row].begun < hits->rows[best].begun)
			best = row;
	return best;
}

static void
row_begin(struct hits *hits, int row, const char *name)
{
	memset(hits->rows[row].name, 0, HITS_NAME_BYTES);
	memcpy(hits->rows[row].name, name, strnlen(name, HITS_NAME_BYTES - 1));
	for (unsigned shard = 0; shard < HITS_SHARDS; shard++)
		atomic_store_explicit(&hits->counts[shard][row], 0, memory_order_relaxed);
}

void
hits_begin(struct hits *hits, const char *const *names, size_t count)
{
	must(count <= HITS_LISTS);
	hits->begun++;
	/* Known ones first, so that none of them is taken for a new one. */
	for (size_t i = 0; i < count; i++) {
		int row = hits_row(hits, names[i]);
		if (row != HITS_NONE)
			hits->rows[row].begun = hits->begun;
	}
	for (size_t i = 0; i < count; i++) {
		if (hits_row(hits, names[i]) != HITS_NONE)
			continue;
		int row = oldest(hits);
		row_begin(hits, row, names[i]);
		hits->rows[row].begun = hits->begun;
	}
}

void
hits_one(struct hits *hits, int row, unsigned shard)
{
	if (row >= 0 && row < HITS_ROWS)
		atomic_fetch_add_explicit(&hits->counts[shard % HITS_SHARDS][row], 1, memory_order_relaxed);
}

uint64_t
hits_sum(const struct hits *hits, int row)
{
	uint64_t sum = 0;
	for (unsigned shard = 0; shard < HITS_SHARDS && row >= 0 && row < HITS_ROWS; shard++)
		sum += atomic_load_explicit(&hits->counts[shard][row], memory_order_relaxed);
	return sum;
}
