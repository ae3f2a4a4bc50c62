/*
 * A line of the query log, of what a worker has noted.
 *
 * In text, "TIME notice worker 1: q=7 answered client=192.0.2.7@4660 protocol=udp name=a.test. type=A
 * rcode=NOERROR source=cache ms=0.041 bytes=40", with upstream= and address=, or step=, list= and why= behind
 * it, where there are such; a question that got no answer is "unanswered", without rcode. In JSON, an object
 * with the same members, but for the time, which is first.
 */
#ifndef DOTWARD_QUERY_QUERYLINE_H
#define DOTWARD_QUERY_QUERYLINE_H

#include "config/config.h"

struct queryline;

/* Of one line, with its line feed. */
enum { QUERYLINE_BYTES = 4096 };

/* The configuration is the one that the worker has, and outlives it. */
struct queryline *queryline_new(const struct config *config) __attribute__((returns_nonnull));
/* NULL is allowed. */
void queryline_free(struct queryline *form);
/*
 * Makes a line of a record, in a room of QUERYLINE_BYTES. *stamp is how many of its bytes are time and level,
 * which a log may have by itself; 0 in JSON. Returns how many it has, its line feed too; 0: there is no note
 * in the record.
 */
size_t queryline_write(struct queryline *form, const uint8_t *record, size_t bytes,
        char room[QUERYLINE_BYTES], size_t *stamp);

#endif
