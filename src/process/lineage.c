/*
 * What is to be done for every generation alike. Who comes after whom is the master's to decide.
 */
#include "process/lineage.h"

#include "base/must.h"

bool
lineage_is_empty(const struct lineage *line)
{
	return line->serving == NULL && line->starting == NULL && line->draining_count == 0;
}

bool
lineage_is_full(const struct lineage *line)
{
	return line->draining_count == LINEAGE_DRAINING;
}

unsigned
lineage_all(const struct lineage *line, struct generation *out[LINEAGE_MOST])
{
	unsigned count = 0;
	if (line->serving != NULL)
		out[count++] = line->serving;
	if (line->starting != NULL)
		out[count++] = line->starting;
	for (unsigned i = line->draining_count; i > 0; i--)
		out[count++] = line->draining[i - 1];
	return count;
}

int *
lineage_sockets(const struct lineage *line, size_t *count)
{
	struct generation *all[LINEAGE_MOST];
	unsigned generations = lineage_all(line, all);
	int *fds = NULL;
	*count = 0;
	for (unsigned i = 0; i < generations; i++)
		fds = sockets_append(generation_sockets(all[i]), fds, count);
	return fds;
}

void
lineage_retire(struct lineage *line, struct generation *g, uint64_t now_ms)
{
	must(!lineage_is_full(line));
	generation_drain(g, now_ms);
	line->draining[line->draining_count++] = g;
}

void
lineage_free_drained(struct lineage *line, struct stats_slab *retired)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < line->draining_count; i++) {
		struct generation *g = line->draining[i];
		if (generation_alive(g) > 0) {
			line->draining[kept++] = g;
			continue;
		}
		stats_retire(generation_stats(g), retired);
		generation_free(g);
	}
	line->draining_count = kept;
}

bool
lineage_bury(struct lineage *line, int pid, int status, uint64_t now_ms)
{
	struct generation *all[LINEAGE_MOST];
	for (unsigned i = lineage_all(line, all); i > 0; i--)
		if (generation_bury(all[i - 1], pid, status, now_ms))
			return true;
	return false;
}

static void
tend(struct generation *g, uint64_t now_ms)
{
	if (g == NULL)
		return;
	generation_watch(g, now_ms);
	generation_bear(g, now_ms);
}

void
lineage_tend(struct lineage *line, uint64_t now_ms)
{
	tend(line->serving, now_ms);
	tend(line->starting, now_ms);
	for (unsigned i = 0; i < line->draining_count; i++)
		generation_watch(line->draining[i], now_ms);
}

uint64_t
lineage_next_ms(const struct lineage *line)
{
	struct generation *all[LINEAGE_MOST];
	uint64_t next_ms = UINT64_MAX;
	for (unsigned i = lineage_all(line, all); i > 0; i--) {
		uint64_t of_this_ms = generation_next_ms(all[i - 1]);
		next_ms = of_this_ms < next_ms ? of_this_ms : next_ms;
	}
	return next_ms;
}

void
lineage_kill(const struct lineage *line)
{
	struct generation *all[LINEAGE_MOST];
	for (unsigned i = lineage_all(line, all); i > 0; i--)
		generation_kill(all[i - 1]);
}

void
lineage_signal(const struct lineage *line, int signal)
{
	struct generation *all[LINEAGE_MOST];
	for (unsigned i = lineage_all(line, all); i > 0; i--)
		generation_signal(all[i - 1], signal);
}

void
lineage_give_log(const struct lineage *line)
{
	struct generation *all[LINEAGE_MOST];
	for (unsigned i = lineage_all(line, all); i > 0; i--)
		generation_give_log(all[i - 1]);
}
