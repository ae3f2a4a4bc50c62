/*
 * Back-off and latency of one upstream address.
 */
#include "shared/health.h"

static uint64_t
backoff_ms(uint32_t failures, uint32_t random)
{
	uint64_t wait = HEALTH_BACKOFF_FIRST_MS;
	for (uint32_t i = 1; i < failures && wait < HEALTH_BACKOFF_MOST_MS; i++)
		wait *= 2;
	if (wait > HEALTH_BACKOFF_MOST_MS)
		wait = HEALTH_BACKOFF_MOST_MS;
	return wait - wait / 4 * (random % 1024) / 1024;
}

bool
health_failed(struct health *h, uint64_t now_ms, uint32_t random)
{
	bool was_down = h->down;
	h->failures++;
	h->silences = 0;
	h->down = true;
	h->backoff_until_ms = now_ms + backoff_ms(h->failures, random);
	return !was_down;
}

bool
health_silent(struct health *h, uint64_t now_ms, uint32_t random)
{
	if (++h->silences < HEALTH_SILENCES)
		return false;
	return health_failed(h, now_ms, random);
}

bool
health_answered(struct health *h, uint32_t latency_us)
{
	bool was_down = h->down;
	if (latency_us == 0)
		latency_us = 1;
	if (h->latency_us == 0)
		h->latency_us = latency_us;
	else
		h->latency_us = (uint32_t)(((uint64_t)h->latency_us * 7 + latency_us) / 8);
	h->failures = 0;
	h->silences = 0;
	h->backoff_until_ms = 0;
	h->down = false;
	return was_down;
}

void
health_forget(struct health *h)
{
	*h = (struct health){.down = h->down};
}

bool
health_usable(const struct health *h, uint64_t now_ms)
{
	return now_ms >= h->backoff_until_ms;
}
