/*
 * When a dead worker is born again: a pure function of its history.
 */
#ifndef DOTWARD_PROCESS_CHILD_H
#define DOTWARD_PROCESS_CHILD_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CHILD_WAIT_FIRST_MS = 500,
	CHILD_WAIT_MOST_MS = 30000,
	CHILD_CALM_MS = 10000, /* a life of this length forgives the deaths before it */
};

/* Zeroed: has never died. */
struct child_history {
	unsigned deaths; /* since the last calm life */
};

/*
 * A worker of this slot has died after uptime_ms. Returns how long to wait before the next birth: at once
 * after the first death, then 0.5 s, 1 s, 2 s … 30 s. A worker that served and was then killed from outside
 * (SIGKILL, which no fault of its own brings) is not held against its slot.
 */
uint64_t child_died(struct child_history *history, uint64_t uptime_ms, bool killed_while_serving);

#endif
