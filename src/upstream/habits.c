/*
 * The percentile moves a step up for an answer that was slower and a nineteenth of a step down for one that
 * was not; it rests where one answer in twenty is slower. The step is a share of the estimate, so that it
 * finds its place whatever the scale.
 *
 * The idle time of a server never seen to close grows until it is. One that was seen to close may have been
 * stopped just then, so the time grows again, slowly, as long as it is the longer one's.
 */
#include "upstream/habits.h"

enum {
	HABITS_STEPS = 8, /* the estimate moves by an eighth of itself at most */
	HABITS_BELOW = 19,
	HABITS_PATIENCE = 4,    /* so many closes of ours before a limit that was seen is tried again */
	HABITS_CLOSED_MS = 500, /* sooner is no idle time: the server had done with us */
};

void
habits_answered(struct habits *h, uint32_t latency_us)
{
	if (latency_us == 0)
		latency_us = 1;
	if (h->slow_us == 0) {
		h->slow_us = latency_us;
		return;
	}
	uint32_t step = h->slow_us / HABITS_STEPS + 1;
	if (latency_us > h->slow_us)
		h->slow_us += step < latency_us - h->slow_us ? step : latency_us - h->slow_us;
	else if (h->slow_us > step / HABITS_BELOW + 1)
		h->slow_us -= step / HABITS_BELOW + 1;
}

uint32_t
habits_slow_us(const struct habits *h)
{
	return h->slow_us;
}

uint32_t
habits_idle_ms(const struct habits *h)
{
	return h->idle != 0 ? h->idle : HABITS_IDLE_FIRST_MS;
}

void
habits_idle_closed(struct habits *h, uint32_t idle_ms)
{
	if (idle_ms < HABITS_CLOSED_MS)
		return;
	uint64_t margin_ms = (uint64_t)idle_ms * 95 / 100;
	h->idle = (uint32_t)(margin_ms < HABITS_IDLE_MOST_MS ? margin_ms : HABITS_IDLE_MOST_MS);
	h->seen_to_close = true;
	h->outlived = 0;
}

void
habits_idle_outlived(struct habits *h)
{
	if (h->seen_to_close && ++h->outlived < HABITS_PATIENCE)
		return;
	uint32_t now_ms = habits_idle_ms(h), longer_ms = now_ms + now_ms / (h->seen_to_close ? 16 : 4);
	h->idle = longer_ms < HABITS_IDLE_MOST_MS ? longer_ms : HABITS_IDLE_MOST_MS;
	h->outlived = 0;
}
