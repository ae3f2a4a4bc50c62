/*
 * A victim is worked on in proportion to what is written, so that no client ever waits for a whole segment.
 * Some segments are kept free for what has to be carried over; without one, what would be carried is dropped
 * (counted), never waited for.
 */
#include "cache/evict.h"

#include "base/must.h"

#include <string.h>

enum {
	EVICT_PROMOTE_ASKED = 1,  /* how often an entry must be asked while new to be kept */
	EVICT_NEW_SHARE = 10,     /* one in so many segments is for new entries */
	EVICT_GHOST_PERCENT = 90, /* marks of what was thrown out too new, to entries there is room for */
	EVICT_RESERVE = 2,
	EVICT_RESERVE_SHARE = 128,
	EVICT_WORK = 3,   /* bytes looked at for each byte written */
	EVICT_ROUNDS = 4, /* victims emptied at once when there is no room at all */
};

static void
count(const struct evict *e, enum stats_counter counter)
{
	if (e->stats != NULL)
		stats_one(e->stats, counter);
}

static struct entry_bond
bond_at(const struct evict *e, uint64_t place, uint64_t sequence)
{
	return (struct entry_bond){.seed = e->seed, .place = place, .sequence = sequence};
}

/* --- the open segments --- */

static bool
fits(const struct evict *e, enum segment_queue queue, size_t bytes)
{
	return e->open[queue] != SEGMENT_NONE && e->used[queue] + bytes <= (size_t)1 << e->segments.shift;
}

static void
give_up(struct evict *e, enum segment_queue queue)
{
	if (e->open[queue] != SEGMENT_NONE)
		segment_seal(&e->segments, (unsigned)e->open[queue], e->member);
	e->open[queue] = SEGMENT_NONE;
}

static bool
open_another(struct evict *e, enum segment_queue queue)
{
	int segment = segment_claim(&e->segments, queue, e->member);
	if (segment == SEGMENT_NONE)
		return false;
	give_up(e, queue);
	e->open[queue] = segment;
	e->sequence[queue] = segment_state(&e->segments, (unsigned)segment).sequence;
	e->used[queue] = 0;
	return true;
}

static void
room_in(const struct evict *e, enum segment_queue queue, struct evict_room *out)
{
	uint64_t place = ((uint64_t)e->open[queue] << e->segments.shift) + e->used[queue];
	out->at = e->segments.data + place;
	out->bond = bond_at(e, place, e->sequence[queue]);
}

void
evict_written(struct evict *e, enum segment_queue queue, size_t bytes)
{
	e->used[queue] += (uint32_t)bytes;
	atomic_store_explicit(&e->segments.used[e->open[queue]], e->used[queue], memory_order_release);
}

/* --- one entry of a victim --- */

static bool
is_of_use(const struct evict *e)
{
	uint64_t until_ms = entry_expires_ms(e->copy);
	if (entry_kind(e->copy) != CACHE_FAILURE)
		until_ms += (uint64_t)e->stale_s * 1000;
	return until_ms > e->now_ms;
}

/* Into the OLD queue, with the word pointing there. False: there is no room, or it was replaced meanwhile. */
static bool
carry(struct evict *e, bucket_word *at, uint64_t word, uint64_t tag, size_t bytes, unsigned asked)
{
	struct evict_room room;
	if (!fits(e, SEGMENT_OLD, bytes) && !open_another(e, SEGMENT_OLD))
		return false;
	room_in(e, SEGMENT_OLD, &room);
	entry_rewrite(room.at, e->copy, &room.bond);
	evict_written(e, SEGMENT_OLD, bytes);
	return bucket_replace(at, word, bucket_make(tag, asked, room.bond.place));
}

/* The entry that `at` points to stays, or goes. */
static void
keep_or_drop(struct evict *e, bucket_word *at, uint64_t word, const struct bucket_pair *pair, uint64_t hash,
        size_t bytes)
{
	unsigned asked = bucket_asked(word);
	bool is_new = e->leaving_queue == SEGMENT_NEW;
	bool useful = is_of_use(e);
	if (useful && asked >= (is_new ? EVICT_PROMOTE_ASKED : 1) &&
	        carry(e, at, word, pair->tag, bytes, is_new ? 0 : asked - 1))
		return;
	if (!bucket_replace(at, word, 0))
		return;
	if (!useful) {
		count(e, STATS_cache_evicted_expired);
		return;
	}
	if (is_new)
		ghost_add(&e->ghosts, hash);
	count(e, is_new ? STATS_cache_evicted_new : STATS_cache_evicted_old);
}

static void
judge(struct evict *e, uint64_t place, size_t bytes)
{
	struct cache_key key = entry_key(e->copy, e->seed);
	struct bucket_pair pair = bucket_pair(&e->buckets, key.hash);
	uint64_t word;
	bucket_word *at = bucket_find_place(&pair, place, &word);
	/* One that is just being moved from the second bucket to the first escapes the first look. */
	if (at == NULL && (at = bucket_find_place(&pair, place, &word)) == NULL)
		return; /* replaced or flushed */
	keep_or_drop(e, at, word, &pair, key.hash, bytes);
	/* Whoever was killed while moving it left it in both. */
	while ((at = bucket_find_place(&pair, place, &word)) != NULL)
		bucket_replace(at, word, 0);
}

/* --- victims --- */

static unsigned
reserve(const struct evict *e)
{
	return EVICT_RESERVE + e->segments.count / EVICT_RESERVE_SHARE;
}

/* Begins with the next victim, unless there are enough free segments. */
static void
choose(struct evict *e, bool at_once)
{
	struct segment_counts counts;
	segment_count(&e->segments, &counts);
	if (!at_once && counts.of[SEGMENT_FREE] >= reserve(e))
		return;
	bool from_new = counts.queue[SEGMENT_NEW] * EVICT_NEW_SHARE > e->segments.count;
	e->leaving_queue = from_new ? SEGMENT_NEW : SEGMENT_OLD;
	e->leaving = segment_leave(&e->segments, e->leaving_queue, e->member);
	if (e->leaving == SEGMENT_NONE) {
		e->leaving_queue = from_new ? SEGMENT_OLD : SEGMENT_NEW;
		e->leaving = segment_leave(&e->segments, e->leaving_queue, e->member);
	}
	e->leaving_at = 0;
	e->leaving_entries = 0;
}

/* Looks at entries of the victim until `budget` bytes are done or it is empty. */
static void
step(struct evict *e, size_t budget)
{
	unsigned segment = (unsigned)e->leaving;
	uint32_t used = atomic_load_explicit(&e->segments.used[segment], memory_order_acquire);
	uint64_t sequence = segment_state(&e->segments, segment).sequence;
	if (used > (uint32_t)1 << e->segments.shift)
		used = (uint32_t)1 << e->segments.shift;
	for (size_t done = 0; e->leaving_at < used && done < budget;) {
		uint64_t place = ((uint64_t)segment << e->segments.shift) + e->leaving_at;
		struct entry_bond bond = bond_at(e, place, sequence);
		size_t bytes = entry_read(e->segments.data + place, used - e->leaving_at, &bond, e->copy);
		if (bytes == 0) {
			/* its writer died before it wrote the length anew, or somebody spoilt it */
			e->leaving_at = used;
			break;
		}
		judge(e, place, bytes);
		e->leaving_entries++;
		e->leaving_at += (uint32_t)bytes;
		done += bytes;
	}
	if (e->leaving_at < used)
		return;
	if (e->leaving_queue == SEGMENT_NEW && e->leaving_entries > 0)
		ghost_limit(&e->ghosts,
		        (uint64_t)e->leaving_entries * e->segments.count * EVICT_GHOST_PERCENT / 100);
	segment_free(&e->segments, segment, e->member);
	e->leaving = SEGMENT_NONE;
}

void
evict_work(struct evict *e, size_t bytes)
{
	if (e->leaving == SEGMENT_NONE)
		return;
	step(e, bytes * EVICT_WORK);
	if (e->leaving == SEGMENT_NONE)
		choose(e, false);
}

/* What is full is given up first: when all segments are open, somebody has to begin. */
static bool
make_room(struct evict *e, enum segment_queue queue)
{
	give_up(e, queue);
	for (unsigned round = 0; round < EVICT_ROUNDS; round++) {
		if (open_another(e, queue))
			return true;
		if (e->leaving == SEGMENT_NONE)
			choose(e, true);
		if (e->leaving == SEGMENT_NONE) {
			give_up(e, queue == SEGMENT_NEW ? SEGMENT_OLD : SEGMENT_NEW);
			return false;
		}
		step(e, SIZE_MAX);
	}
	return open_another(e, queue);
}

bool
evict_room(struct evict *e, enum segment_queue queue, size_t bytes, struct evict_room *out)
{
	must(e->member != 0);
	if (bytes > (size_t)1 << e->segments.shift)
		return false;
	if (!fits(e, queue, bytes)) {
		/* Making room may have opened another one of this queue. */
		if (!make_room(e, queue) || !fits(e, queue, bytes))
			return false;
		if (e->leaving == SEGMENT_NONE)
			choose(e, false);
	}
	room_in(e, queue, out);
	return true;
}

void
evict_end(struct evict *e)
{
	for (unsigned queue = 0; queue < SEGMENT_QUEUES; queue++)
		give_up(e, queue);
	if (e->leaving != SEGMENT_NONE)
		segment_seal(&e->segments, (unsigned)e->leaving, e->member);
	e->leaving = SEGMENT_NONE;
}
