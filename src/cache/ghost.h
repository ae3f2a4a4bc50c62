/*
 * Marks of answers that were thrown out while they were new: one that is asked for again soon was thrown out
 * too early, and is kept longer next time. Sixteen bits each; a mark may be lost or seen by mistake.
 */
#ifndef DOTWARD_CACHE_GHOST_H
#define DOTWARD_CACHE_GHOST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A cache line: the next mark to overwrite, then the marks. */
struct ghosts {
	_Atomic uint16_t *lines;
	uint64_t count;
	unsigned marks; /* of each line that are in use; this process's opinion */
};

/* As many marks as this, about, and no more than there is room for. What was forgotten too long ago says
 * nothing about what will be asked for soon. */
void ghost_limit(struct ghosts *ghosts, uint64_t marks);

void ghost_add(const struct ghosts *ghosts, uint64_t hash);
/* Was there a mark? It is gone then. */
bool ghost_take(const struct ghosts *ghosts, uint64_t hash);

#endif
