/*
 * Lines that strangers can cause, held to a few: one per second and kind, the rest counted; and the same line
 * many times in a row, which is written once and then with a number. What was held back is told with the next
 * line of its kind, or by log_settle() when none has come for a while.
 */
#ifndef DOTWARD_BASE_LOGFLOOD_H
#define DOTWARD_BASE_LOGFLOOD_H

#include "base/log.h"

/* A kind of line. Zeroed: nothing was written yet. It stays where it is until log_limit_end(). */
struct log_limit {
	uint64_t next_ms;
	unsigned suppressed;
	enum log_level level;
	const char *event;      /* a literal: the words of the line */
	struct log_limit *next; /* of those that hold something back */
};

/*
 * Writes "EVENT FORMAT... suppressed=N" if it may be written now, with N lines of this kind held back since
 * the last; without that pair when N is 0. `event` is a literal.
 */
void log_limited(struct log_limit *limit, uint64_t now_ms, enum log_level level, const char *event,
        const char *format, ...) __attribute__((format(printf, 5, 6)));
/* In a process just forked: what its parent holds back is not its to tell. */
void log_limit_begin(void);
/* Its place goes: tells what it held back. */
void log_limit_end(struct log_limit *limit);

/* Tells of the floods that are over: for a process's loop, before it sleeps. Costs a compare when there is
 * none. UINT64_MAX: all there is, for the process ends. */
void log_settle(uint64_t now_ms);
/* When log_settle() has something to do; UINT64_MAX: nothing. */
uint64_t log_settle_ms(void);

#endif
