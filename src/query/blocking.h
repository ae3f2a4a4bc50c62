/*
 * What lists of names do to a question: the step of the judge that asks them, and the answers that it gives.
 *
 * The answer for a name on a block list is what the list's entry in the configuration says, or, of an RPZ
 * file, what the file says. Each carries an Extended DNS Error (RFC 8914) whose text names the list; negative
 * ones carry a SOA record, so that clients keep them for BLOCKING_TTL_S (RFC 2308).
 */
#ifndef DOTWARD_QUERY_BLOCKING_H
#define DOTWARD_QUERY_BLOCKING_H

#include "config/config.h"
#include "query/judge.h"
#include "query/lists.h"

enum { BLOCKING_TTL_S = 60 };

struct blocking;

/* The configuration outlives it. There are no lists at first. */
struct blocking *blocking_new(const struct config *config) __attribute__((returns_nonnull));
void blocking_free(struct blocking *blocking);
/* These are the lists from now on, in the order of the configuration; NULL: none. They stay the caller's. */
void blocking_set_lists(struct blocking *blocking, const struct lists *lists);
/*
 * True: a block list decides, and *out says how. False: none does; where an allow list lets the name through,
 * out->list and out->counter say so. `which`: the lists that count, a bit each.
 */
bool blocking_judge(
        struct blocking *blocking, uint64_t which, const struct judge_case *what, struct judgement *out);

#endif
