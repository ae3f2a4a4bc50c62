/*
 * File globals, as the log's: the kinds that hold something back hang in a list, and when the first of them
 * is due is one word, so that a loop that asks pays for one compare.
 */
#include "base/logflood.h"

#include <stdarg.h>
#include <stdio.h>

enum {
	LOGFLOOD_PERIOD_MS = 1000,
	LOGFLOOD_QUIET_MS = 1000, /* then it was the last of them */
};

static struct log_limit *holding;

static void
forget(struct log_limit *limit)
{
	struct log_limit **at = &holding;
	while (*at != NULL && *at != limit)
		at = &(*at)->next;
	if (*at != NULL)
		*at = limit->next;
	limit->next = NULL;
	limit->suppressed = 0;
}

static void
hold_back(struct log_limit *limit, enum log_level level, const char *event)
{
	if (limit->suppressed++ > 0)
		return;
	limit->level = level;
	limit->event = event;
	limit->next = holding;
	holding = limit;
}

void
log_limited(struct log_limit *limit, uint64_t now_ms, enum log_level level, const char *event,
        const char *format, ...)
{
	char rest[1024], count[32] = "";
	va_list args;
	if (!log_wants(level))
		return;
	if (now_ms < limit->next_ms) {
		hold_back(limit, level, event);
		return;
	}
	if (limit->suppressed > 0)
		snprintf(count, sizeof count, " suppressed=%u", limit->suppressed);
	va_start(args, format);
	vsnprintf(rest, sizeof rest, format, args);
	va_end(args);
	forget(limit);
	limit->next_ms = now_ms + LOGFLOOD_PERIOD_MS;
	log_write(level, "%s %s%s", event, rest, count);
}

void
log_limit_begin(void)
{
	holding = NULL;
}

static void
tell(struct log_limit *limit)
{
	unsigned suppressed = limit->suppressed;
	forget(limit);
	log_at(limit->level, "%s suppressed=%u", limit->event, suppressed);
}

void
log_limit_end(struct log_limit *limit)
{
	if (limit->suppressed > 0)
		tell(limit);
}

static uint64_t
due_ms(const struct log_limit *limit)
{
	return limit->next_ms + LOGFLOOD_QUIET_MS;
}

uint64_t
log_settle_ms(void)
{
	uint64_t first_ms = log_repeats_ms();
	for (const struct log_limit *at = holding; at != NULL; at = at->next)
		if (due_ms(at) < first_ms)
			first_ms = due_ms(at);
	return first_ms;
}

void
log_settle(uint64_t now_ms)
{
	for (struct log_limit *at = holding, *next; at != NULL; at = next) {
		next = at->next;
		if (due_ms(at) <= now_ms)
			tell(at);
	}
	log_repeats_tell(now_ms);
}
