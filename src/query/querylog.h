/*
 * The query log, as far as a worker is concerned: a note (query/querynote.h) of each question that has ended
 * and is to be in it goes into the worker's spool, for somebody else to make a line of (query/queryline.h)
 * and write it (process/ledger.h). A full spool costs the line, and is counted.
 */
#ifndef DOTWARD_QUERY_QUERYLOG_H
#define DOTWARD_QUERY_QUERYLOG_H

#include "config/config.h"
#include "query/tale.h"
#include "shared/spool.h"
#include "shared/stats.h"

struct querylog;

/* All of it outlives it; `slot` is the worker's. */
struct querylog *querylog_new(const struct config *config, struct spool *spool, struct stats_slab *stats,
        unsigned slot) __attribute__((returns_nonnull));
/* NULL is allowed. */
void querylog_free(struct querylog *log);
struct tale_hearer querylog_hearer(struct querylog *log);

#endif
