/*
 * Finding and putting in. The memory is laid out once and never changes its shape; every change to what can
 * be found is one compare-and-swap on one word of the index, made after what it points to was written.
 *
 * So at any instant a process may be killed: what it wrote without publishing is space that comes back when
 * its segment is emptied, and what it held is given back by cache_sweep().
 */
#include "cache/inside.h"

#include "base/must.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CACHE_TENTH_MS = 100, CACHE_MEMBERS = 1 << 24, CACHE_LINE_BYTES = 64, CACHE_LINE_CLAIMS = 8 };

/* --- the memory --- */

static void
header_fill(struct layout_header *header, const struct layout *layout, uint64_t seed)
{
	memcpy(header->magic, "dotward-cache-1", sizeof header->magic);
	header->entry_bytes = ENTRY_HEAD_BYTES;
	header->seed = seed;
	header->layout = *layout;
}

static struct cache *
view(struct shm *shm, const struct layout *layout, uint64_t seed)
{
	struct cache *c = must_alloc(1, sizeof *c);
	uint8_t *start = shm_start(shm);
	c->shm = shm;
	c->layout = *layout;
	c->header = (struct layout_header *)(void *)start;
	c->claims = (void *)(start + layout->claims_at);
	c->evict = (struct evict){
	        .buckets = {.words = (void *)(start + layout->index), .count = layout->buckets},
	        .segments = {.states = (void *)(start + layout->states),
	                .used = (void *)(start + layout->used),
	                .data = start + layout->data,
	                .next_sequence = &c->header->next_sequence,
	                .count = (unsigned)layout->segments,
	                .shift = (unsigned)layout->segment_shift},
	        .ghosts = {.lines = (void *)(start + layout->ghosts_at),
	                .count = layout->ghosts,
	                .marks = LAYOUT_GHOST_MARKS},
	        .seed = seed,
	        .open = {SEGMENT_NONE, SEGMENT_NONE},
	        .leaving = SEGMENT_NONE,
	        .copy = &c->spare,
	};
	return c;
}

struct cache *
cache_new(uint64_t bytes, uint64_t seed)
{
	struct layout layout;
	if (bytes < CACHE_LEAST_BYTES || !layout_make(bytes, &layout)) {
		errno = EINVAL;
		return NULL;
	}
	struct shm *shm = shm_new(bytes);
	if (shm == NULL)
		return NULL;
	header_fill(shm_start(shm), &layout, seed);
	return view(shm, &layout, seed);
}

struct cache *
cache_adopt(int descriptor, uint64_t bytes, uint64_t seed)
{
	struct layout_header ours = {0};
	struct layout layout;
	struct shm *shm = shm_adopt(descriptor, bytes);
	if (shm == NULL)
		return NULL;
	if (layout_make(bytes, &layout)) {
		header_fill(&ours, &layout, seed);
		if (memcmp(shm_start(shm), &ours, offsetof(struct layout_header, next_sequence)) == 0)
			return view(shm, &layout, seed);
	}
	shm_free(shm);
	return NULL;
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	if (cache->joined == getpid())
		evict_end(&cache->evict);
	shm_free(cache->shm);
	free(cache);
}

int
cache_descriptor(const struct cache *cache)
{
	return shm_descriptor(cache->shm);
}

uint64_t
cache_bytes(const struct cache *cache)
{
	return cache->layout.bytes;
}

void
cache_set_mark(struct cache *cache, uint64_t mark)
{
	atomic_store(&cache->header->mark, mark);
}

uint64_t
cache_mark(const struct cache *cache)
{
	return atomic_load(&cache->header->mark);
}

/* --- members --- */

uint32_t
cache_next_member(struct cache *cache)
{
	uint32_t member;
	do
		member = (atomic_fetch_add(&cache->header->next_member, 1) + 1) % CACHE_MEMBERS;
	while (member == 0);
	return member;
}

/* After a fork what the parent holds is still the parent's. */
void
cache_join(struct cache *cache, uint32_t member, struct stats_slab *stats)
{
	must(member != 0 && member < CACHE_MEMBERS);
	struct evict *e = &cache->evict;
	cache->joined = getpid();
	e->member = member;
	e->stats = stats;
	e->open[SEGMENT_NEW] = e->open[SEGMENT_OLD] = e->leaving = SEGMENT_NONE;
}

void
cache_sweep(struct cache *cache, bool (*lives)(void *arg, uint32_t member), void *arg)
{
	segment_sweep(&cache->evict.segments, lives, arg);
}

/* --- answers --- */

struct cache_key
cache_key(const struct wire_query *query, uint64_t question_hash)
{
	bool checking_disabled = (query->flags & WIRE_FLAG_CD) != 0;
	return (struct cache_key){
	        .name = query->question.name,
	        .name_bytes = query->question.name_bytes,
	        .type = query->question.type,
	        .class = query->question.class,
	        .dnssec_ok = query->edns.dnssec_ok,
	        .checking_disabled = checking_disabled,
	        .view = query->view,
	        .hash = entry_hash(question_hash, query->edns.dnssec_ok, checking_disabled, query->view),
	};
}

/* An entry lies across two cache lines as a rule: both are on their way before the first is looked at. */
static void
fetch_entry(const uint8_t *at)
{
	__builtin_prefetch(at);
	__builtin_prefetch(at + CACHE_LINE_BYTES);
}

void
cache_hint(const struct cache *c, uint64_t question_hash, enum cache_hint hint)
{
	uint64_t room;
	const struct buckets *buckets = &c->evict.buckets;
	struct bucket_pair pair = bucket_pair(buckets, question_hash & ~(uint64_t)ENTRY_HASH_VARIANTS);
	if (hint == CACHE_HINT_INDEX) {
		__builtin_prefetch((const void *)pair.at[0]);
		return;
	}
	for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++) {
		uint64_t word = atomic_load_explicit(pair.at[0] + i, memory_order_relaxed);
		const uint8_t *at = bucket_has_tag(word & ~bucket_tag(ENTRY_HASH_VARIANTS), pair.tag)
		                            ? segment_at(&c->evict.segments, bucket_place(word), &room)
		                            : NULL;
		if (at != NULL)
			fetch_entry(at);
	}
}

/* What the word points to, and what its sum is bound to; NULL: to nothing. */
static const uint8_t *
reach(const struct cache *c, uint64_t word, uint64_t *room, struct entry_bond *bond)
{
	const struct segments *segments = &c->evict.segments;
	uint64_t place = bucket_place(word);
	const uint8_t *at = segment_at(segments, place, room);
	if (at == NULL)
		return NULL;
	fetch_entry(at);
	*bond = (struct entry_bond){.seed = c->evict.seed,
	        .place = place,
	        .sequence = segment_state(segments, (unsigned)(place >> segments->shift)).sequence};
	return at;
}

size_t
cache_read(const struct cache *c, uint64_t word, struct entry_copy *copy)
{
	uint64_t room;
	struct entry_bond bond;
	const uint8_t *at = reach(c, word, &room, &bond);
	return at != NULL ? entry_read(at, room, &bond, copy) : 0;
}

/* For entry_has_key() alone. */
static bool
read_to_compare(const struct cache *c, uint64_t word, struct entry_copy *copy)
{
	uint64_t room;
	struct entry_bond bond;
	const uint8_t *at = reach(c, word, &room, &bond);
	return at != NULL && entry_read_to_compare(at, room, &bond, copy) != 0;
}

/*
 * The word whose entry has this key; NULL: none. The entry is in `copy` then. A word with nothing sound
 * behind it that is still there after the look is a leftover of something that should not have happened: it
 * goes.
 */
static bucket_word *
find(const struct cache *c, const struct cache_key *key, const struct bucket_pair *pair,
        struct entry_copy *copy, uint64_t *word)
{
	for (unsigned half = 0; half < 2; half++)
		for (unsigned found = bucket_matches(pair->at[half], pair->tag); found != 0;
		        found &= found - 1) {
			bucket_word *at = pair->at[half] + __builtin_ctz(found);
			*word = atomic_load_explicit(at, memory_order_acquire);
			if (!bucket_has_tag(*word, pair->tag))
				continue;
			if (!read_to_compare(c, *word, copy))
				bucket_replace(at, *word, 0);
			else if (entry_has_key(copy, key))
				return at;
		}
	return NULL;
}

bool
cache_get(struct cache *c, const struct cache_key *key, bool peek, struct cache_entry *out)
{
	uint64_t word;
	struct bucket_pair pair = bucket_pair(&c->evict.buckets, key->hash);
	bucket_word *at = find(c, key, &pair, &c->found, &word);
	if (at == NULL)
		return false;
	entry_describe(&c->found, out);
	out->asked = bucket_asked(word);
	if (!peek && out->asked < BUCKET_ASKED_MOST)
		/* lost to somebody who was faster: counts all the same, as it was asked twice at once */
		atomic_compare_exchange_strong_explicit(at, &word, bucket_with_asked(word, out->asked + 1),
		        memory_order_relaxed, memory_order_relaxed);
	return true;
}

static bool
is_still_of_use(const struct entry_copy *copy, const struct cache_item *item)
{
	return entry_kind(copy) != CACHE_FAILURE &&
	       entry_expires_ms(copy) + (uint64_t)item->stale_s * 1000 > item->stored_ms;
}

/* Where the new entry belongs: what was kept for long stays so, and what was thrown out too early comes back
 * for longer. */
static enum segment_queue
queue_for(const struct cache *c, const struct cache_key *key, const bucket_word *at, uint64_t word)
{
	if (at != NULL) {
		unsigned segment = (unsigned)(bucket_place(word) >> c->evict.segments.shift);
		return segment_state(&c->evict.segments, segment).queue;
	}
	return ghost_take(&c->evict.ghosts, key->hash) ? SEGMENT_OLD : SEGMENT_NEW;
}

static void
count(const struct cache *c, enum stats_counter counter)
{
	if (c->evict.stats != NULL)
		stats_one(c->evict.stats, counter);
}

/* In place of the entry that `at` pointed to, or as a new one. */
static bool
publish(const struct cache *c, const struct bucket_pair *pair, bucket_word *at, uint64_t old, uint64_t place)
{
	bool evicted = false;
	/* Renewed, it has to prove itself again, but is not new. */
	unsigned asked = at != NULL && bucket_asked(old) > 0 ? bucket_asked(old) - 1 : 0;
	uint64_t word = bucket_make(pair->tag, asked, place);
	if (at != NULL && bucket_replace(at, old, word))
		return true;
	bool done = bucket_insert(&c->evict.buckets, pair, word, &evicted);
	if (evicted)
		count(c, STATS_cache_evicted_index);
	return done;
}

/*
 * Two that put at the same time leave two words, and so does a mover that is killed; once the newest is gone,
 * the other would bring its old answer back. Of two equals one stays.
 */
static void
forget_older(struct cache *c, const struct cache_key *key, const struct bucket_pair *pair,
        const struct cache_item *item, uint64_t place)
{
	uint32_t stored = (uint32_t)(item->stored_ms / CACHE_TENTH_MS);
	for (unsigned i = 0; i < BUCKET_CANDIDATES; i++) {
		bucket_word *at = bucket_candidate(pair, i);
		uint64_t word = atomic_load_explicit(at, memory_order_acquire);
		if (!bucket_has_tag(word, pair->tag) || bucket_place(word) == place ||
		        !read_to_compare(c, word, &c->spare) || !entry_has_key(&c->spare, key))
			continue;
		uint32_t its = c->spare.head.stored;
		if (its < stored || (its == stored && bucket_place(word) < place))
			bucket_replace(at, word, 0);
	}
}

static enum cache_put
put(struct cache *c, const struct cache_key *key, const struct cache_item *item)
{
	size_t bytes = entry_bytes(item);
	struct evict_room room;
	uint64_t old = 0;
	struct bucket_pair pair = bucket_pair(&c->evict.buckets, key->hash);
	if (bytes == 0 || bytes > (size_t)1 << c->evict.segments.shift)
		return CACHE_TOO_LARGE;
	c->evict.now_ms = item->stored_ms;
	c->evict.stale_s = item->stale_s;
	bucket_word *at = find(c, key, &pair, &c->spare, &old);
	if (at != NULL && item->kind == CACHE_FAILURE && is_still_of_use(&c->spare, item))
		return CACHE_KEPT;
	enum segment_queue queue = queue_for(c, key, at, old);
	if (!evict_room(&c->evict, queue, bytes, &room))
		return CACHE_BUSY;
	entry_write(room.at, key, item, &room.bond);
	evict_written(&c->evict, queue, bytes);
	bool done = publish(c, &pair, at, old, room.bond.place);
	if (done)
		forget_older(c, key, &pair, item, room.bond.place);
	evict_work(&c->evict, bytes);
	return done ? CACHE_PUT : CACHE_BUSY;
}

enum cache_put
cache_put(struct cache *c, const struct cache_key *key, const struct cache_item *item)
{
	must(item->life_s > 0);
	must(item->answer->bytes >= WIRE_HEADER_BYTES + (size_t)key->name_bytes);
	enum cache_put result = put(c, key, item);
	if (result == CACHE_PUT)
		count(c, STATS_cache_inserts);
	else if (result != CACHE_KEPT)
		count(c, STATS_cache_unstored);
	return result;
}

/* --- claims: 32 bits of the hash, 32 bits of the time in tenths; as many as fit into a cache line are looked
 * at together, so that names that meet, and all variants of one, do not drive each other out --- */

static _Atomic uint64_t *
claims_of(const struct cache *c, uint64_t hash)
{
	uint64_t lines = c->layout.claims / CACHE_LINE_CLAIMS;
	return &c->claims[layout_spread(hash, lines) * CACHE_LINE_CLAIMS];
}

static bool
is_claim_of(uint64_t word, uint64_t hash)
{
	return word != 0 && word >> 32 == (uint32_t)hash;
}

/* A time ahead of us is another process's clock reading, or damage: it counts as now, but not for ever. */
static uint64_t
claim_age(uint64_t word, uint64_t now)
{
	uint64_t then = (uint32_t)word;
	return then > now ? then - now : now - then;
}

/* Where this key is claimed, or else where the oldest claim is. */
static _Atomic uint64_t *
claim_of(const struct cache *c, uint64_t hash, uint64_t now, uint64_t *word)
{
	_Atomic uint64_t *line = claims_of(c, hash), *found = line;
	*word = atomic_load(line);
	for (unsigned i = 1; i < CACHE_LINE_CLAIMS && !is_claim_of(*word, hash); i++) {
		uint64_t its = atomic_load(&line[i]);
		if (!is_claim_of(its, hash) && claim_age(its, now) <= claim_age(*word, now))
			continue;
		found = &line[i];
		*word = its;
	}
	return found;
}

bool
cache_claim(struct cache *c, const struct cache_key *key, uint64_t now_ms, uint32_t pause_ms)
{
	uint64_t word, now = now_ms / CACHE_TENTH_MS;
	_Atomic uint64_t *cell = claim_of(c, key->hash, now, &word);
	uint64_t ours = key->hash << 32 | (uint32_t)now;
	if (is_claim_of(word, key->hash) && claim_age(word, now) * CACHE_TENTH_MS < pause_ms)
		return false;
	return atomic_compare_exchange_strong(cell, &word, ours);
}

uint64_t
cache_claimed_ms(const struct cache *c, const struct cache_key *key)
{
	uint64_t word;
	claim_of(c, key->hash, 0, &word);
	return is_claim_of(word, key->hash) ? (uint64_t)(uint32_t)word * CACHE_TENTH_MS : 0;
}
