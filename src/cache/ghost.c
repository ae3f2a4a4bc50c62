/*
 * Each line is a small queue of its own: the oldest mark is the next to go. Writers that meet lose a mark at
 * most.
 */
#include "cache/ghost.h"

#include "cache/layout.h"

static _Atomic uint16_t *
line_of(const struct ghosts *ghosts, uint64_t hash)
{
	uint64_t line = layout_spread(hash, ghosts->count);
	return ghosts->lines + line * (LAYOUT_GHOST_MARKS + 1);
}

/* Of bits that the line does not follow from. */
static uint16_t
mark_of(uint64_t hash)
{
	uint16_t mark = (uint16_t)hash;
	return mark != 0 ? mark : 1;
}

void
ghost_limit(struct ghosts *ghosts, uint64_t marks)
{
	uint64_t each = (marks + ghosts->count / 2) / ghosts->count;
	ghosts->marks = each == 0 ? 1 : each < LAYOUT_GHOST_MARKS ? (unsigned)each : LAYOUT_GHOST_MARKS;
}

void
ghost_add(const struct ghosts *ghosts, uint64_t hash)
{
	_Atomic uint16_t *line = line_of(ghosts, hash);
	unsigned next = atomic_load_explicit(&line[0], memory_order_relaxed) % ghosts->marks;
	atomic_store_explicit(&line[1 + next], mark_of(hash), memory_order_relaxed);
	atomic_store_explicit(&line[0], (uint16_t)(next + 1), memory_order_relaxed);
}

bool
ghost_take(const struct ghosts *ghosts, uint64_t hash)
{
	_Atomic uint16_t *line = line_of(ghosts, hash);
	uint16_t mark = mark_of(hash);
	for (unsigned i = 1; i <= ghosts->marks; i++) {
		if (atomic_load_explicit(&line[i], memory_order_relaxed) != mark)
			continue;
		atomic_store_explicit(&line[i], 0, memory_order_relaxed);
		return true;
	}
	return false;
}
