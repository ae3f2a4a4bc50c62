/*
 * How often each list of names has decided, counted by all workers together. A count belongs to the name of
 * the list, and outlives workers, reloads and upgrades as long as there is a list of that name.
 */
#ifndef DOTWARD_SHARED_HITS_H
#define DOTWARD_SHARED_HITS_H

#include <stddef.h>
#include <stdint.h>

enum {
	HITS_LISTS = 64, /* at once */
	HITS_NONE = -1,
};

struct hits;

/* What it needs of shared memory, zeroed. */
size_t hits_bytes(void) __attribute__((const));

/*
 * The master, before workers with these lists are born: there is a row for each, with what it has counted
 * before, if its name is known. Rows of the lists of one call before stay as they are, as there may be
 * workers of then. At most HITS_LISTS; a name is told by its first 63 bytes.
 */
void hits_begin(struct hits *hits, const char *const *names, size_t count);
/* The row of this name, or HITS_NONE. */
int hits_row(const struct hits *hits, const char *name);
/* Counts one; `shard` is any number, better not that of another process. HITS_NONE does no harm. */
void hits_one(struct hits *hits, int row, unsigned shard);
uint64_t hits_sum(const struct hits *hits, int row);

#endif
