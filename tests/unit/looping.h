/*
 * Turning an event loop until something is so, and never sleeping in the hope that it will be.
 */
#ifndef DOTWARD_TESTS_LOOPING_H
#define DOTWARD_TESTS_LOOPING_H

#include "base/clock.h"

#include <ev.h>

/* Generous: only a test that fails ever waits for so long, and valgrind is slow. */
enum { LOOPING_DEADLINE_MS = 20000 };

static inline void
looping_wake(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
}

/* One turn that sleeps for at most 5 ms. */
static inline void
looping_turn(struct ev_loop *loop)
{
	ev_timer wake;
	ev_timer_init(&wake, looping_wake, 0.005, 0.);
	ev_timer_start(loop, &wake);
	ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &wake);
}

/* What is ready happens, and what follows from that. */
static inline void
looping_settle(struct ev_loop *loop)
{
	for (int i = 0; i < 8; i++)
		looping_turn(loop);
}

#define LOOP_UNTIL(loop, claim)                                                                              \
	do {                                                                                                 \
		uint64_t looping_until_ms = clock_now_ms() + LOOPING_DEADLINE_MS;                            \
		while (!(claim)) {                                                                           \
			if (clock_now_ms() > looping_until_ms)                                               \
				fail_msg("never came: %s", #claim);                                          \
			looping_turn(loop);                                                                  \
		}                                                                                            \
	} while (0)

#endif
