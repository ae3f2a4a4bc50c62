/*
 * Only a close that left something unanswered tells a number; one that did not may have come for any reason.
 */
#include "upstream/quota.h"

#include <limits.h>

void
quota_note(struct quota *q, unsigned answers, bool unanswered, uint64_t now_ms)
{
	if (answers > QUOTA_MOST || (q->limit != 0 && answers > q->limit)) {
		*q = (struct quota){0};
		return;
	}
	if (answers == 0 || !unanswered)
		return;
	q->times = answers == q->last ? q->times + 1 : 1;
	q->last = answers;
	if (q->times < QUOTA_TIMES)
		return;
	q->limit = answers;
	q->until_ms = now_ms + QUOTA_KEPT_MS;
}

unsigned
quota_limit(const struct quota *q, uint64_t now_ms)
{
	return q->limit != 0 && now_ms < q->until_ms ? q->limit : UINT_MAX;
}
