/*
 * The width is what the last look wants, or more. It becomes less at the end of a stretch of calm in which
 * less was wanted at every look: by half at most, and then the next stretch begins.
 */
#include "process/steering.h"

enum {
	STEERING_BUSY = 50, /* percent of its time */
	STEERING_FULL = 50, /* percent of the TCP clients it takes */
	STEERING_BACK = 2,  /* to become narrower, the questions must be so many times fewer */
};

static unsigned
slots_for(const struct steering *s, uint64_t qps, unsigned each)
{
	uint64_t wanted = (qps + each - 1) / each;
	return wanted == 0 ? 1 : wanted < s->slots ? (unsigned)wanted : s->slots;
}

static unsigned
doubled(const struct steering *s)
{
	return s->width * 2 < s->slots ? s->width * 2 : s->slots;
}

static void
calm_begin(struct steering *s, uint64_t now_ms)
{
	s->calm_ms = now_ms;
	s->most = 1;
}

void
steering_begin(struct steering *s, unsigned slots, unsigned qps, uint64_t now_ms)
{
	*s = (struct steering){.slots = slots, .looked_ms = now_ms};
	s->width = slots_for(s, qps, STEERING_QPS);
	calm_begin(s, now_ms);
}

static bool
widen(struct steering *s, unsigned width, uint64_t now_ms)
{
	if (width <= s->width)
		return false;
	s->width = width;
	calm_begin(s, now_ms);
	return true;
}

static bool
narrow(struct steering *s, uint64_t now_ms)
{
	unsigned half = (s->width + 1) / 2, most = s->most;
	if (now_ms < s->calm_ms + STEERING_CALM_MS)
		return false;
	calm_begin(s, now_ms);
	if (most >= s->width)
		return false;
	s->width = most > half ? most : half;
	return true;
}

bool
steering_look(struct steering *s, const struct steering_look *look, uint64_t now_ms)
{
	uint64_t passed_ms = now_ms > s->looked_ms ? now_ms - s->looked_ms : 1;
	uint64_t asked = look->questions > s->questions ? look->questions - s->questions : 0;
	uint64_t qps = asked * 1000 / passed_ms;
	bool strained = look->busy > STEERING_BUSY || look->clients > STEERING_FULL;
	unsigned wanted = slots_for(s, qps, STEERING_QPS),
	         kept = slots_for(s, qps, STEERING_QPS / STEERING_BACK);
	s->looked_ms = now_ms;
	s->qps = qps < UINT32_MAX ? (unsigned)qps : UINT32_MAX;
	s->questions = look->questions;
	if (strained && doubled(s) > wanted)
		wanted = doubled(s);
	if (strained)
		kept = s->width;
	if (widen(s, wanted, now_ms))
		return true;
	s->most = kept > s->most ? kept : s->most;
	return narrow(s, now_ms);
}

bool
steering_alarm(struct steering *s, uint64_t now_ms)
{
	return widen(s, s->slots, now_ms);
}
