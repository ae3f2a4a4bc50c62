/*
 * Births and deaths, without the clock and without processes.
 */
#include "process/child.h"

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
	uint64_t wait_ms = CHILD_WAIT_FIRST_MS;
	for (unsigned i = 2; i < history->deaths && wait_ms < CHILD_WAIT_MOST_MS; i++)
		wait_ms *= 2;
	return wait_ms < CHILD_WAIT_MOST_MS ? wait_ms : CHILD_WAIT_MOST_MS;
}
