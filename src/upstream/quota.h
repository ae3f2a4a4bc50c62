/*
 * Servers that close a connection after a fixed number of answers, and leave unanswered what else was asked
 * on it. Who knows that number asks no more, and nothing has to be asked again. Pure.
 */
#ifndef DOTWARD_UPSTREAM_QUOTA_H
#define DOTWARD_UPSTREAM_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

enum {
	QUOTA_MOST = 16, /* who answers more is held to nothing: it may have closed for another reason */
	QUOTA_TIMES = 3, /* the same number so many times in a row is no accident */
	QUOTA_KEPT_MS = 60000, /* then it is found out anew */
	QUOTA_GRACE_MS = 25,   /* who closes after an answer does so with it */
};

/* Zeroed: nothing is known. */
struct quota {
	unsigned limit, last, times;
	uint64_t until_ms;
};

/* The server closed a connection after so many answers, and left questions on it unanswered or did not. */
void quota_note(struct quota *q, unsigned answers, bool unanswered, uint64_t now_ms);
/* How many questions a connection is good for; UINT_MAX: no limit is known. */
unsigned quota_limit(const struct quota *q, uint64_t now_ms);

#endif
