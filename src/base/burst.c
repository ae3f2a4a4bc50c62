/*
 * A burst begins with an event after quiet. `since_ms` is when it began or was last acted on, so that a wait
 * within a storm begins anew each time.
 */
#include "base/burst.h"

void
burst_note(struct burst *b, bool urgent, uint64_t now_ms)
{
	bool begins = b->patience_ms == 0 || (!b->pending && now_ms >= b->last_ms + BURST_QUIET_MS);
	if (begins)
		*b = (struct burst){.since_ms = now_ms, .patience_ms = BURST_FIRST_MS};
	if (!b->pending)
		b->since_ms = now_ms;
	b->last_ms = now_ms;
	b->pending = true;
	/* Only one of a burst is, or a storm of urgent ones would never be waited out. */
	b->urgent |= urgent && !b->hurried;
}

uint64_t
burst_due_ms(const struct burst *b)
{
	if (!b->pending)
		return UINT64_MAX;
	if (b->urgent)
		return b->last_ms;
	uint64_t quiet_ms = b->last_ms + BURST_QUIET_MS, most_ms = b->since_ms + b->patience_ms;
	return quiet_ms < most_ms ? quiet_ms : most_ms;
}

bool
burst_take(struct burst *b, uint64_t now_ms)
{
	if (now_ms < burst_due_ms(b))
		return false;
	bool in_vain = !b->urgent && now_ms < b->last_ms + BURST_QUIET_MS;
	if (in_vain && b->patience_ms < BURST_MOST_MS)
		b->patience_ms = b->patience_ms * 2 < BURST_MOST_MS ? b->patience_ms * 2 : BURST_MOST_MS;
	b->hurried |= b->urgent;
	b->pending = b->urgent = false;
	return true;
}
