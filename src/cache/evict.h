/*
 * How answers make room for others: S3-FIFO (Yang et al., SOSP 2023) over segments. The oldest segment of a
 * queue is emptied, a few entries at a time, beside the writing of new ones: what was asked again moves to
 * the OLD queue, the rest is forgotten.
 *
 * Also the one place that knows where this process is writing. Serves cache.c.
 */
#ifndef DOTWARD_CACHE_EVICT_H
#define DOTWARD_CACHE_EVICT_H

#include "cache/bucket.h"
#include "cache/entry.h"
#include "cache/ghost.h"
#include "cache/segment.h"
#include "shared/stats.h"

#include <stddef.h>
#include <stdint.h>

/* What this process writes to and what it empties. Private. */
struct evict {
	struct buckets buckets;
	struct segments segments;
	struct ghosts ghosts;
	uint64_t seed;
	uint32_t member;
	struct stats_slab *stats;
	int open[SEGMENT_QUEUES]; /* SEGMENT_NONE: none */
	uint64_t sequence[SEGMENT_QUEUES];
	uint32_t used[SEGMENT_QUEUES];
	int leaving;
	enum segment_queue leaving_queue;
	uint32_t leaving_at;
	uint32_t leaving_entries; /* looked at so far */
	uint64_t now_ms;          /* as of the last put */
	uint32_t stale_s;         /* likewise */
	struct entry_copy *copy;
};

/* Where to write an entry of so many bytes. */
struct evict_room {
	uint8_t *at;
	struct entry_bond bond;
};

/* Room in this queue, making some if there is none. False: everything is in use by others. */
bool evict_room(struct evict *e, enum segment_queue queue, size_t bytes, struct evict_room *out);
/* The entry is written there. */
void evict_written(struct evict *e, enum segment_queue queue, size_t bytes);
/* Work for the room that so many bytes have taken. */
void evict_work(struct evict *e, size_t bytes);
/* Gives up what this process holds. */
void evict_end(struct evict *e);

#endif
