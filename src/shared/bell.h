/*
 * A word in shared memory that one process sleeps on and others ring. Who sleeps says so, so that ringing
 * costs the others nothing while it is awake. Nobody waits for anybody who rings: it is a wish, not a lock.
 */
#ifndef DOTWARD_SHARED_BELL_H
#define DOTWARD_SHARED_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bell {
	_Atomic uint32_t asleep;
};

/*
 * Before the last look whether there is something to do; what is done elsewhere before bell_ring() and is not
 * seen by that look ends bell_sleep().
 */
void bell_lie_down(struct bell *bell);
/* Until somebody rings, has rung since bell_lie_down(), or so long; a signal ends it too. */
void bell_sleep(struct bell *bell, uint32_t most_ms);
void bell_get_up(struct bell *bell);
/* There is something to do. No system call unless somebody sleeps. */
void bell_ring(struct bell *bell);

#endif
