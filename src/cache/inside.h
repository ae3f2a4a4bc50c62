/*
 * The cache as its own files see it: this process's view of the memory, and what it works with.
 */
#ifndef DOTWARD_CACHE_INSIDE_H
#define DOTWARD_CACHE_INSIDE_H

#include "cache/cache.h"
#include "cache/evict.h"
#include "cache/layout.h"
#include "shared/shm.h"

#include <sys/types.h>

struct cache {
	struct shm *shm;
	struct layout_header *header;
	struct layout layout;
	_Atomic uint64_t *claims;
	pid_t joined;            /* 0: nobody has */
	struct evict evict;      /* index and segments, too */
	struct entry_copy found; /* what cache_get() gave */
	struct entry_copy spare; /* for everything else */
};

/* The sound entry a word points to, copied. Returns its bytes in the segment; 0: there is none. */
size_t cache_read(const struct cache *cache, uint64_t word, struct entry_copy *copy);

#endif
