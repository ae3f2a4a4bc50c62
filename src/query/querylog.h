/*
 * The query log: a line for each question that has ended, put together by the worker and laid into its spool,
 * for somebody else to write (process/ledger.h). A full spool costs the line, and is counted.
 *
 * In text, "TIME notice worker 1: q=7 answered client=192.0.2.7@4660 protocol=udp name=a.test. type=A
 * rcode=NOERROR source=cache ms=0.041 bytes=40", with upstream= and address=, or step=, list= and why= behind
 * it, where there are such; a question that got no answer is "unanswered", without rcode. In JSON, an object
 * with the same members, but for the time, which is first.
 */
#ifndef DOTWARD_QUERY_QUERYLOG_H
#define DOTWARD_QUERY_QUERYLOG_H

#include "config/config.h"
#include "query/tale.h"
#include "shared/spool.h"
#include "shared/stats.h"

struct querylog;

/* A record is one line, its line feed too, behind one byte that says how many bytes of it are time and level,
 * which a log may have by itself. */
enum { QUERYLOG_RECORD_BYTES = 4096 };

/* All of it outlives it; `slot` is the worker's. */
struct querylog *querylog_new(const struct config *config, struct spool *spool, struct stats_slab *stats,
        unsigned slot) __attribute__((returns_nonnull));
/* NULL is allowed. */
void querylog_free(struct querylog *log);
struct tale_hearer querylog_hearer(struct querylog *log);

#endif
