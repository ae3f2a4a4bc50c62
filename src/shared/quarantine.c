/*
 * A small table, walked: it is empty but in a bad hour.
 */
#include "shared/quarantine.h"

#include <stddef.h>

/* The entry of this hash, or the one to use for it: a free one, else the one that crashed longest ago. */
static struct quarantine_entry *
entry_for(struct quarantine *q, uint64_t hash)
{
	unsigned used = atomic_load(&q->used);
	struct quarantine_entry *oldest = &q->entries[0];
	for (unsigned i = 0; i < used; i++) {
		struct quarantine_entry *e = &q->entries[i];
		if (atomic_load(&e->hash) == hash)
			return e;
		if (e->crash_ms < oldest->crash_ms)
			oldest = e;
	}
	if (used == QUARANTINE_ENTRIES)
		return oldest;
	atomic_store(&q->used, used + 1);
	return &q->entries[used];
}

unsigned
quarantine_note(struct quarantine *q, uint64_t hash, uint64_t now_ms)
{
	struct quarantine_entry *e = entry_for(q, hash);
	if (atomic_load(&e->hash) != hash || now_ms - e->crash_ms >= QUARANTINE_MS) {
		atomic_store(&e->until_ms, 0);
		atomic_store(&e->hash, hash);
		e->crashes = 0;
	}
	e->crashes++;
	e->crash_ms = now_ms;
	if (e->crashes >= QUARANTINE_CRASHES)
		atomic_store(&e->until_ms, now_ms + QUARANTINE_MS);
	return e->crashes;
}

bool
quarantine_holds(const struct quarantine *q, uint64_t hash, uint64_t now_ms)
{
	unsigned used = atomic_load_explicit(&q->used, memory_order_relaxed);
	for (unsigned i = 0; i < used; i++) {
		const struct quarantine_entry *e = &q->entries[i];
		if (atomic_load_explicit(&e->hash, memory_order_relaxed) == hash &&
		        now_ms < atomic_load_explicit(&e->until_ms, memory_order_relaxed))
			return true;
	}
	return false;
}
