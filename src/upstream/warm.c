/*
 * Traffic is what keeps an address warm; an address that nobody asks falls cold after a minute, so that a
 * machine that is asleep does not shake hands all night.
 */
#include "upstream/warm.h"

uint64_t
warm_at_ms(const struct warm_view *view, uint64_t now_ms)
{
	uint64_t at_ms = now_ms;
	if (!view->well || view->lively || view->asked_ms == 0 || view->idle_ms < WARM_IDLE_LEAST_MS)
		return WARM_NEVER;
	if (view->useless && view->begun_ms + WARM_PAUSE_MS > at_ms)
		at_ms = view->begun_ms + WARM_PAUSE_MS;
	return at_ms < view->asked_ms + WARM_FOR_MS ? at_ms : WARM_NEVER;
}

uint32_t
warm_first_ms(unsigned ordinal, uint32_t random)
{
	return ordinal * WARM_STAGGER_MS + random % WARM_STAGGER_MS;
}
