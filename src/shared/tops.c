/*
 * Space-saving (Metwally, Agrawal, El Abbadi 2005) in sets of eight rows, so that a count looks at eight rows
 * and not at all: a key without a row takes that of the rarest key in its set, and begins with its count,
 * as it may have been there before. How much that was is kept apart and is not told.
 *
 * Two tables take turns, one for each window of time. A row says for which window it counts; nobody has to
 * empty a table, as the rows of an earlier window are free.
 *
 * Workers count with one atomic addition. Only to give a row to another key takes a turn: an odd number while
 * the row is being written, and whoever finds that goes away without having counted. A worker that dies there
 * costs the row until the window after the next.
 */
#include "shared/tops.h"

#include "base/must.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <stdatomic.h>
#include <string.h>

enum { TOPS_SETS = 64, TOPS_WAYS = 8 };

struct tops_row {
	_Atomic uint64_t begun_with; /* of its count */
	_Atomic uint32_t turn;
	uint8_t bytes;
	uint8_t key[TOPS_KEY_BYTES];
};

/* What a search looks at in all rows is beside each other, in two lines of the processor's cache: a rare key
 * finds the rarest of eight rows by them alone. */
struct tops_set {
	_Alignas(64) _Atomic uint32_t tags[TOPS_WAYS];
	_Atomic uint32_t windows[TOPS_WAYS]; /* 0: none */
	_Atomic uint64_t counts[TOPS_WAYS];
	struct tops_row rows[TOPS_WAYS];
};

struct tops {
	uint64_t seed;
	_Atomic uint64_t since_ms;
	_Atomic uint32_t mode;
	struct tops_set sets[TOPS_KINDS][2][TOPS_SETS];
};

size_t
tops_bytes(void)
{
	return sizeof(struct tops);
}

void
tops_begin(struct tops *t, uint64_t seed)
{
	t->seed = seed;
}

enum tops_mode
tops_mode(const struct tops *t)
{
	return (enum tops_mode)atomic_load_explicit(&t->mode, memory_order_relaxed);
}

void
tops_switch(struct tops *t, enum tops_mode mode, uint64_t now_ms)
{
	if (mode == tops_mode(t))
		return;
	atomic_store(&t->mode, TOPS_OFF);
	memset(t->sets, 0, sizeof t->sets);
	atomic_store(&t->since_ms, now_ms);
	atomic_store(&t->mode, mode);
}

static uint32_t
window_at(uint64_t now_ms)
{
	return (uint32_t)(now_ms / TOPS_WINDOW_MS + 2); /* the one before is not 0 */
}

static bool
has_key(const struct tops_row *row, const void *key, size_t bytes)
{
	return row->bytes == bytes && memcmp(row->key, key, bytes) == 0;
}

/* The way of this key in this window, or TOPS_WAYS. */
static unsigned
find(const struct tops_set *set, uint32_t tag, const void *key, size_t bytes, uint32_t window)
{
	unsigned way = 0;
	while (way < TOPS_WAYS && (atomic_load_explicit(&set->tags[way], memory_order_relaxed) != tag ||
	                                  atomic_load(&set->windows[way]) != window ||
	                                  (atomic_load(&set->rows[way].turn) & 1) != 0 ||
	                                  !has_key(&set->rows[way], key, bytes)))
		way++;
	return way;
}

static uint64_t
count_in(const struct tops_set *set, unsigned way, uint32_t window)
{
	return atomic_load(&set->windows[way]) == window ? atomic_load(&set->counts[way]) : 0;
}

static unsigned
rarest(const struct tops_set *set, uint32_t window)
{
	unsigned best = 0;
	uint64_t least = UINT64_MAX;
	for (unsigned way = 0; way < TOPS_WAYS; way++) {
		uint64_t count = count_in(set, way, window);
		if (count < least) {
			best = way;
			least = count;
		}
	}
	return best;
}

/* Nobody who is in it has been for less than a window. */
static bool
is_left_behind(const struct tops_set *set, unsigned way, uint32_t window)
{
	return atomic_load(&set->windows[way]) + 1 < window;
}

/* Gives a row to another key, unless somebody is just doing that. */
static void
take_over(struct tops_set *set, unsigned way, uint32_t tag, const struct tops_seen *seen, uint32_t window)
{
	struct tops_row *row = &set->rows[way];
	uint32_t turn = atomic_load(&row->turn);
	if ((turn & 1) != 0 && !is_left_behind(set, way, window))
		return;
	uint32_t mine = (turn & 1) != 0 ? turn + 2 : turn + 1;
	if (!atomic_compare_exchange_strong(&row->turn, &turn, mine))
		return;
	uint64_t before = count_in(set, way, window);
	atomic_store(&set->windows[way], window);
	atomic_store(&set->tags[way], tag);
	row->bytes = (uint8_t)seen->bytes;
	memcpy(row->key, seen->key, seen->bytes);
	atomic_store(&row->begun_with, before);
	atomic_store(&set->counts[way], before + seen->times);
	atomic_store(&row->turn, mine + 1);
}

void
tops_count(struct tops *t, const struct tops_seen *seen)
{
	must(seen->kind < TOPS_KINDS && seen->bytes > 0 && seen->bytes <= TOPS_KEY_BYTES);
	if (seen->mode == TOPS_OFF || seen->mode != tops_mode(t))
		return;
	uint32_t window = window_at(seen->now_ms);
	uint64_t hash = XXH3_64bits_withSeed(seen->key, seen->bytes, t->seed);
	uint32_t tag = (uint32_t)(hash >> 32);
	struct tops_set *set = &t->sets[seen->kind][window % 2][hash % TOPS_SETS];
	unsigned way = find(set, tag, seen->key, seen->bytes, window);
	if (way < TOPS_WAYS)
		atomic_fetch_add_explicit(&set->counts[way], seen->times, memory_order_relaxed);
	else
		take_over(set, rarest(set, window), tag, seen, window);
}

/* False: it is of another window, or just being given to another key. */
static bool
copy_row(const struct tops_set *set, unsigned way, uint32_t window, struct tops_entry *out)
{
	const struct tops_row *row = &set->rows[way];
	uint32_t turn = atomic_load(&row->turn);
	if ((turn & 1) != 0 || atomic_load(&set->windows[way]) != window)
		return false;
	uint64_t count = atomic_load(&set->counts[way]), begun_with = atomic_load(&row->begun_with);
	out->bytes = row->bytes;
	memcpy(out->key, row->key, sizeof out->key);
	atomic_thread_fence(memory_order_acquire);
	out->count = count > begun_with ? count - begun_with : 0;
	return atomic_load_explicit(&row->turn, memory_order_relaxed) == turn && out->count > 0 &&
	       out->bytes <= TOPS_KEY_BYTES;
}

/* What this key has in the same set of the other table. */
static uint64_t
count_of(const struct tops_set *set, uint32_t window, const struct tops_entry *wanted)
{
	for (unsigned way = 0; way < TOPS_WAYS; way++) {
		struct tops_entry entry;
		if (copy_row(set, way, window, &entry) && entry.bytes == wanted->bytes &&
		        memcmp(entry.key, wanted->key, entry.bytes) == 0)
			return entry.count;
	}
	return 0;
}

/* Keeps it if it is one of the most frequent, in their order. */
static size_t
place(struct tops_entry *entries, size_t count, size_t most, const struct tops_entry *entry)
{
	size_t at = count;
	while (at > 0 && entries[at - 1].count < entry->count)
		at--;
	if (at == most)
		return count;
	size_t moved = count < most ? count - at : most - at - 1;
	memmove(&entries[at + 1], &entries[at], moved * sizeof *entries);
	entries[at] = *entry;
	return count < most ? count + 1 : most;
}

size_t
tops_read(const struct tops *t, enum tops_kind kind, struct tops_entry *entries, size_t most, uint64_t now_ms)
{
	uint32_t window = window_at(now_ms);
	const struct tops_set *now = t->sets[kind][window % 2], *before = t->sets[kind][(window - 1) % 2];
	size_t count = 0;
	if (tops_mode(t) == TOPS_OFF || most == 0)
		return 0;
	for (unsigned i = 0; i < TOPS_SETS * TOPS_WAYS; i++) {
		unsigned set = i / TOPS_WAYS, way = i % TOPS_WAYS;
		struct tops_entry entry;
		if (copy_row(&now[set], way, window, &entry)) {
			entry.count += count_of(&before[set], window - 1, &entry);
			count = place(entries, count, most, &entry);
		}
		if (copy_row(&before[set], way, window - 1, &entry) &&
		        count_of(&now[set], window, &entry) == 0)
			count = place(entries, count, most, &entry);
	}
	return count;
}

uint64_t
tops_span_ms(const struct tops *t, uint64_t now_ms)
{
	uint64_t window_ms = now_ms % TOPS_WINDOW_MS + TOPS_WINDOW_MS, since_ms = atomic_load(&t->since_ms);
	uint64_t on_ms = now_ms > since_ms ? now_ms - since_ms : 0;
	return on_ms < window_ms ? on_ms : window_ms;
}
