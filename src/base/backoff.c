/*
 * Doubled in a loop that ends at the bound, so that no number of failures overflows.
 */
#include "base/backoff.h"

uint64_t
backoff_ms(unsigned failures, uint64_t first_ms, uint64_t most_ms)
{
	uint64_t wait_ms = first_ms;
	for (unsigned i = 1; i < failures && wait_ms < most_ms; i++)
		wait_ms *= 2;
	return wait_ms < most_ms ? wait_ms : most_ms;
}

uint64_t
backoff_spread_ms(uint64_t wait_ms, uint32_t random)
{
	return wait_ms - wait_ms / 4 * (random % 1024) / 1024;
}
