/*
 * The generations that one master has: at most one that starts and one that serves, and any number, up to a
 * limit, that drain.
 */
#ifndef DOTWARD_PROCESS_LINEAGE_H
#define DOTWARD_PROCESS_LINEAGE_H

#include "process/generation.h"

enum { LINEAGE_DRAINING = 64, LINEAGE_MOST = LINEAGE_DRAINING + 2 };

struct lineage {
	struct generation *serving, *starting; /* NULL: none */
	struct generation *draining[LINEAGE_DRAINING];
	unsigned draining_count;
};

bool lineage_is_empty(const struct lineage *line);
/* No other can be made to drain: a reload has to wait. */
bool lineage_is_full(const struct lineage *line);
/* All there are, the one that serves first, and of those that drain the newest. Returns how many. */
unsigned lineage_all(const struct lineage *line, struct generation *out[LINEAGE_MOST]);
/* The descriptors of all their sockets, to be freed; NULL: there are no generations. */
int *lineage_sockets(const struct lineage *line, size_t *count);
/* Drains it, and keeps it until its last worker has gone. */
void lineage_retire(struct lineage *line, struct generation *g, uint64_t now_ms);
/* Those whose last worker has gone, but for their counters, which are added to `retired`. */
void lineage_free_drained(struct lineage *line, struct stats_slab *retired);
/* A process has ended; false when it was nobody's worker. */
bool lineage_bury(struct lineage *line, int pid, int status, uint64_t now_ms);
/* Births that are due, watchdogs, and the end of the patience with drains. */
void lineage_tend(struct lineage *line, uint64_t now_ms);
/* When lineage_tend() has something to do. */
uint64_t lineage_next_ms(const struct lineage *line);
/* All workers at once, and for good. */
void lineage_kill(const struct lineage *line);
/* To all workers. */
void lineage_signal(const struct lineage *line, int signal);
/* See generation_give_log(). */
void lineage_give_log(const struct lineage *line);

#endif
