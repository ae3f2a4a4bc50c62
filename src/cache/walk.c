/*
 * Everything at once: the index is walked, and what each word points to is read as any reader would.
 */
#include "cache/inside.h"

#include <string.h>

static uint64_t
word_count(const struct cache *c)
{
	return c->layout.buckets * LAYOUT_BUCKET_WORDS;
}

void
cache_walk(struct cache *c, cache_visit_fn *visit, void *arg)
{
	struct cache_entry entry;
	for (uint64_t i = 0; i < word_count(c); i++) {
		uint64_t word = atomic_load_explicit(&c->evict.buckets.words[i], memory_order_acquire);
		if (word == 0 || cache_read(c, word, &c->spare) == 0)
			continue;
		entry_describe(&c->spare, &entry);
		entry.asked = bucket_asked(word);
		if (!visit(arg, &entry))
			return;
	}
}

/*
 * Forgets what this word points to, if it is wanted. What was to be forgotten must not escape by being
 * carried to another place while it is looked at: then it is looked at again.
 */
static bool
forget_if(struct cache *c, bucket_word *at, cache_visit_fn *wanted, void *arg)
{
	struct cache_entry entry;
	uint64_t word, before = 0;
	while ((word = atomic_load_explicit(at, memory_order_acquire)) != 0) {
		if (cache_read(c, word, &c->spare) == 0) {
			if (word == before)
				return false; /* and it was so before */
			before = word;
			continue;
		}
		entry_describe(&c->spare, &entry);
		entry.asked = bucket_asked(word);
		if (!wanted(arg, &entry))
			return false;
		if (bucket_replace(at, word, 0))
			return true;
	}
	return false;
}

/* Twice, as a word may be moved from a bucket that is still to come to one that was before. */
uint64_t
cache_flush_if(struct cache *c, cache_visit_fn *wanted, void *arg)
{
	uint64_t count = 0;
	for (uint64_t i = 0; i < 2 * word_count(c); i++)
		count += forget_if(c, &c->evict.buckets.words[i % word_count(c)], wanted, arg);
	return count;
}

/*
 * Whatever it points to. The segments go first: whoever sealed one has long published what is in it, so no
 * word to it comes after those that are taken away here. Left to eviction, the OLD queue's would be dead room
 * for as long as there are enough NEW ones.
 */
uint64_t
cache_flush_all(struct cache *c)
{
	uint64_t count = 0;
	segment_free_sealed(&c->evict.segments);
	for (uint64_t i = 0; i < 2 * word_count(c); i++) {
		bucket_word *at = &c->evict.buckets.words[i % word_count(c)];
		if (atomic_load_explicit(at, memory_order_relaxed) != 0)
			count += atomic_exchange(at, 0) != 0;
	}
	return count;
}

struct wanted_key {
	const struct cache *cache;
	const struct cache_key *key;
};

static bool
is_wanted_key(void *arg, const struct cache_entry *entry)
{
	const struct wanted_key *wanted = arg;
	(void)entry;
	return entry_has_key(&wanted->cache->spare, wanted->key);
}

bool
cache_flush(struct cache *c, const struct cache_key *key)
{
	struct bucket_pair pair = bucket_pair(&c->evict.buckets, key->hash);
	struct wanted_key wanted = {.cache = c, .key = key};
	bool found = false;
	for (unsigned i = 0; i < 2 * BUCKET_CANDIDATES; i++) {
		bucket_word *at = bucket_candidate(&pair, i % BUCKET_CANDIDATES);
		if (bucket_has_tag(atomic_load_explicit(at, memory_order_relaxed), pair.tag))
			found |= forget_if(c, at, is_wanted_key, &wanted);
	}
	return found;
}

static void
census_segments(struct cache *c, bool (*lives)(void *arg, uint32_t member), void *arg,
        struct cache_census *out, uint64_t *held_bytes)
{
	const struct segments *segments = &c->evict.segments;
	for (unsigned i = 0; i < segments->count; i++) {
		struct segment_state state = segment_state(segments, i);
		bool held = state.kind == SEGMENT_OPEN || state.kind == SEGMENT_LEAVING;
		if (state.kind == SEGMENT_FREE) {
			out->segments_free++;
			continue;
		}
		*held_bytes += atomic_load_explicit(&segments->used[i], memory_order_relaxed);
		if (held && (state.member == 0 || !lives(arg, state.member)))
			out->segments_lost++;
		else if (state.kind == SEGMENT_OPEN)
			out->segments_open++;
		else if (state.kind == SEGMENT_LEAVING)
			out->segments_evicting++;
		else if (state.queue == SEGMENT_NEW)
			out->segments_small++;
		else
			out->segments_main++;
	}
}

void
cache_census(struct cache *c, bool (*lives)(void *arg, uint32_t member), void *arg, struct cache_census *out)
{
	uint64_t held_bytes = 0;
	*out = (struct cache_census){
	        .bytes = c->layout.bytes,
	        .room_bytes = c->layout.segments << c->layout.segment_shift,
	        .places = word_count(c),
	        .segment_bytes = 1u << c->layout.segment_shift,
	        .segments = (unsigned)c->layout.segments,
	};
	census_segments(c, lives, arg, out, &held_bytes);
	for (uint64_t i = 0; i < word_count(c); i++) {
		bucket_word *at = &c->evict.buckets.words[i];
		uint64_t word = atomic_load_explicit(at, memory_order_acquire);
		size_t bytes = word != 0 ? cache_read(c, word, &c->spare) : 0;
		out->entries += bytes > 0;
		out->used_bytes += bytes;
		/* if it is still there: else it was carried away while it was looked at */
		out->entries_wrong += word != 0 && bytes == 0 && bucket_replace(at, word, 0);
	}
	out->dead_bytes = held_bytes > out->used_bytes ? held_bytes - out->used_bytes : 0;
}

/* To look at all of a large index would put it into the processor's caches, in place of what workers have
 * there. */
enum { GLANCE_MOST = 1 << 19, GLANCE_ENOUGH = 4096 };

void
cache_glance(const struct cache *c, struct cache_glance *out)
{
	const struct segments *segments = &c->evict.segments;
	uint64_t words = word_count(c), seen = 0, found = 0;
	*out = (struct cache_glance){.bytes = c->layout.bytes};
	for (unsigned i = 0; i < segments->count; i++)
		if (segment_state(segments, i).kind != SEGMENT_FREE)
			out->used_bytes += atomic_load_explicit(&segments->used[i], memory_order_relaxed);
	/* Where a key has its place is chance, so any part of the index is like the whole. It is the same
	 * part each time: what changes is the cache. */
	for (; seen < words && seen < GLANCE_MOST && found < GLANCE_ENOUGH; seen++)
		found += atomic_load_explicit(&c->evict.buckets.words[seen], memory_order_relaxed) != 0;
	out->entries = seen > 0 ? found * words / seen : 0;
}
