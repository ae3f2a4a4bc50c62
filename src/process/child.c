/*
 * Births and deaths, without the clock and without processes.
 */
#include "process/child.h"

#include "base/backoff.h"

uint64_t
child_died(struct child_history *history, uint64_t uptime_ms, bool killed_while_serving)
{
	if (uptime_ms >= CHILD_CALM_MS)
		history->deaths = 0;
	if (killed_while_serving)
		return 0;
	history->deaths++;
	if (history->deaths == 1)
		return 0;
	return backoff_ms(history->deaths - 1, CHILD_WAIT_FIRST_MS, CHILD_WAIT_MOST_MS);
}
