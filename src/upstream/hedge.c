/*
 * What was spent is counted rather than what is left, so that a zeroed budget is a full one.
 */
#include "upstream/hedge.h"

void
hedge_earn(struct hedge_budget *budget)
{
	if (budget->spent > 0)
		budget->spent--;
}

bool
hedge_spend(struct hedge_budget *budget)
{
	if (budget->spent + HEDGE_SHARE > HEDGE_BURST * HEDGE_SHARE)
		return false;
	budget->spent += HEDGE_SHARE;
	return true;
}

uint32_t
hedge_after_ms(uint32_t slow_us)
{
	uint32_t slow_ms = slow_us / 1000 + (slow_us % 1000 != 0);
	return slow_ms > HEDGE_LEAST_MS ? slow_ms : HEDGE_LEAST_MS;
}
