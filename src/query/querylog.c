/*
 * This is on the path of every question, which has to pay for it with a copy of some hundred bytes and no
 * more: to make text of it here, with nothing of what that takes in the processor's caches, costs three times
 * as much as in a process that does so many times in a row.
 */
#include "query/querylog.h"

#include "base/must.h"
#include "query/querynote.h"

#include <stdlib.h>

struct querylog {
	uint32_t odds; /* of being written: numbers whose hash is at most this */
	unsigned slot;
	struct stats_slab *stats;
	struct spool_writer spool;
};

struct querylog *
querylog_new(const struct config *config, struct spool *spool, struct stats_slab *stats, unsigned slot)
{
	struct querylog *log = must_alloc(1, sizeof *log);
	log->odds = UINT32_MAX / config->log.sample;
	log->slot = slot;
	log->stats = stats;
	spool_write_begin(&log->spool, spool);
	return log;
}

void
querylog_free(struct querylog *log)
{
	free(log);
}

/* Multiples of the golden ratio are spread evenly, so it is one in so many, whatever the questions' order. */
static bool
is_chosen(const struct querylog *log, const struct tale *tale)
{
	return !tale->hidden && tale->number * UINT32_C(2654435769) <= log->odds;
}

static void
on_ended(void *arg, const struct tale *tale)
{
	struct querylog *log = arg;
	if (!is_chosen(log, tale))
		return;
	uint8_t *room = spool_reserve(&log->spool, QUERYNOTE_MOST);
	if (room == NULL)
		stats_one(log->stats, STATS_log_dropped);
	else
		spool_commit(&log->spool, querynote_write(room, tale, log->slot));
}

struct tale_hearer
querylog_hearer(struct querylog *log)
{
	return (struct tale_hearer){.arg = log, .ended = on_ended};
}
