/*
 * Answers that all workers share: one bounded piece of memory that any process reads and writes, that no
 * process ever waits for, and that a process killed at any instant cannot spoil. It outlives workers, reloads
 * and upgrades.
 *
 * Nothing here knows what a TTL ought to be: whoever puts an answer in says how long it lives (RFC 2308, RFC
 * 9520, RFC 8767 are query/'s business). Times are milliseconds of clock_boot_ms(), which runs on during
 * suspend as TTLs do; they are arguments.
 *
 * What is read here is a copy and was checked as a whole: a record that was never finished, was overwritten
 * while it was read, or was damaged, is a miss.
 */
#ifndef DOTWARD_CACHE_CACHE_H
#define DOTWARD_CACHE_CACHE_H

#include "dns/ttl.h"
#include "dns/wire.h"
#include "shared/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

enum {
	CACHE_LEAST_BYTES = 1 << 20,
	CACHE_RECORDS = TTL_RECORDS,
};

/* What an answer is kept under. The name may be in any case; it is not copied. */
struct cache_key {
	const uint8_t *name; /* wire form, uncompressed */
	uint16_t name_bytes; /* with the root label */
	uint16_t type, class;
	bool dnssec_ok, checking_disabled;
	uint32_t view; /* whose upstreams' answer it is; 0: those of everybody */
	uint64_t hash; /* cache_key() fills it in */
};

enum cache_kind {
	CACHE_POSITIVE,
	CACHE_NEGATIVE, /* NXDOMAIN, NODATA */
	CACHE_FAILURE,  /* any other rcode, or no upstream could be asked */
};

/* A cached answer, as it is taken out. */
struct cache_entry {
	/* Without OPT; EDE of the upstream in edns.ede, rcode with its upper bits. TTLs as they were put in.
	 */
	struct wire_answer answer;
	const uint16_t *ttls; /* offsets of all TTLs in answer.msg */
	unsigned ttl_count;
	enum cache_kind kind;
	bool dnssec_ok, checking_disabled; /* the part of the key that is not in the question ... */
	uint32_t view;                     /* ... and this */
	bool unasked;                      /* put in by a prefetch: nobody waited for it */
	uint32_t life_s;                   /* how long it was to live */
	uint64_t stored_ms;                /* may be 100 ms early */
	uint64_t expires_ms;               /* from then on it is stale; may be 100 ms early */
	unsigned asked; /* how often it was found before this time; counts up to 3 and is lowered now and then
	                 */
};

/* --- the memory --- */

/* Room for answers in exactly this many bytes (at most 256 GiB), bookkeeping included, preallocated. `seed`
 * is the one behind the hashes of questions (dns/hash.h). NULL with errno. */
struct cache *cache_new(uint64_t bytes, uint64_t seed) __attribute__((warn_unused_result));
/*
 * What another process made, from its descriptor (taken over in every case). NULL when it is not laid out
 * exactly as cache_new() with these arguments would do.
 */
struct cache *cache_adopt(int descriptor, uint64_t bytes, uint64_t seed) __attribute__((warn_unused_result));
/* NULL is allowed. What this process, joined, was writing to is everybody's then; a forked child that has not
 * joined leaves what is its parent's. */
void cache_free(struct cache *cache);
/* To hand over to another process; stays ours. */
int cache_descriptor(const struct cache *cache);
uint64_t cache_bytes(const struct cache *cache);

/*
 * A number that says what the answers are good for, to be told from those that are good for something else.
 * It stays with the memory, for whoever adopts it; 0 at first.
 */
void cache_set_mark(struct cache *cache, uint64_t mark);
uint64_t cache_mark(const struct cache *cache);

/*
 * Before it puts anything in, a process says who it is: a number that no other living process of this cache
 * uses, never 0. Counters of what is put in and thrown out go to `stats` (NULL: nowhere).
 */
void cache_join(struct cache *cache, uint32_t member, struct stats_slab *stats);
/* After a death: what members hold for which lives() says false is everybody's again. For the master. */
void cache_sweep(struct cache *cache, bool (*lives)(void *arg, uint32_t member), void *arg);
/* A number that was never given to a member before (but for one in sixteen million). */
uint32_t cache_next_member(struct cache *cache);

/* --- answers --- */

/* The key of this question; `question_hash` is hash_question() or hash_name() of it. */
struct cache_key cache_key(const struct wire_query *query, uint64_t question_hash);

/*
 * Finds an answer, fresh or stale, whatever its age. *out and what it points to is valid until the next call
 * for this cache. False: a miss. Counts as being asked unless `peek`.
 */
bool cache_get(struct cache *cache, const struct cache_key *key, bool peek, struct cache_entry *out);

/*
 * Many questions are at hand: what cache_get() will need for each is fetched from memory side by side. First
 * CACHE_HINT_INDEX for all, then CACHE_HINT_ENTRY for all, then they are got. Changes nothing.
 */
enum cache_hint { CACHE_HINT_INDEX, CACHE_HINT_ENTRY };
void cache_hint(const struct cache *cache, uint64_t question_hash, enum cache_hint hint);

enum cache_put {
	CACHE_PUT,
	CACHE_TOO_LARGE, /* no record can be that large in a cache of this size */
	CACHE_KEPT,      /* a failure does not replace an answer that is still of use (`stale_s`) */
	CACHE_BUSY       /* somebody was in the way; not stored */
};

/* What is put in: an answer to the key's question without OPT. */
struct cache_item {
	const struct wire_answer *answer; /* msg, bytes, rcode, and edns.ede count */
	const uint16_t *ttls;             /* offsets of all TTLs in it */
	unsigned ttl_count;
	enum cache_kind kind;
	bool unasked;
	uint64_t stored_ms;
	uint32_t life_s; /* not 0 */
	/* How long expired answers are of use, but for failures: that long no failure replaces one, and
	 * beyond it they make room first. The same for all that is put. */
	uint32_t stale_s;
};
enum cache_put cache_put(struct cache *cache, const struct cache_key *key, const struct cache_item *item);

/*
 * One of many gets to do something about this key, in `pause_ms` at most once over all processes: true for
 * that one. May say true once too often, never forever false.
 */
bool cache_claim(struct cache *cache, const struct cache_key *key, uint64_t now_ms, uint32_t pause_ms);
/* When the key was last claimed; 0: not that anybody knew. */
uint64_t cache_claimed_ms(const struct cache *cache, const struct cache_key *key);

/* --- as a whole --- */

/* Every answer that is there, in no order; one put in meanwhile may come or not, one replaced may come twice.
 * Goes on while visit() says true. The entry is a copy. cache_get() and cache_put() are allowed for other
 * caches only. */
typedef bool cache_visit_fn(void *arg, const struct cache_entry *entry);
void cache_walk(struct cache *cache, cache_visit_fn *visit, void *arg);

/* Forgets this answer. True when there was one. */
bool cache_flush(struct cache *cache, const struct cache_key *key);
/* Forgets all for which wanted() says true. Returns how many. */
uint64_t cache_flush_if(struct cache *cache, cache_visit_fn *wanted, void *arg);
uint64_t cache_flush_all(struct cache *cache);

/* Counted anew for each call. */
struct cache_census {
	uint64_t bytes;         /* the whole, bookkeeping included */
	uint64_t room_bytes;    /* for records */
	uint64_t used_bytes;    /* records that can be found */
	uint64_t dead_bytes;    /* replaced, flushed, or lost with a writer; comes back by itself */
	uint64_t entries;       /* that can be found */
	uint64_t places;        /* for entries, in the index */
	unsigned segment_bytes; /* no record is larger */
	unsigned segments, segments_free, segments_small, segments_main, segments_open, segments_evicting;
	unsigned segments_lost; /* in no known state, or held by nobody that lives; always 0 after a sweep */
	/* In the index, but with no sound record behind, as a member may leave one that is killed while it
	 * moves it; forgotten with this call. */
	uint64_t entries_wrong;
};
void cache_census(
        struct cache *cache, bool (*lives)(void *arg, uint32_t member), void *arg, struct cache_census *out);

/*
 * The same at a glance, for who looks every second: no record is touched. Entries are those in the index; of
 * more than 4096, or of a very large index, an estimate from a part of it. Bytes are those of segments in
 * use, what was replaced included.
 */
struct cache_glance {
	uint64_t bytes, used_bytes, entries;
};
void cache_glance(const struct cache *cache, struct cache_glance *out);

#endif
