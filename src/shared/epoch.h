/*
 * How often the network has become another one, or the machine has slept: in shared memory, so that whoever
 * notices tells all. What belongs to an earlier epoch, a connection, a ticket, a back-off, is of no use any
 * more.
 */
#ifndef DOTWARD_SHARED_EPOCH_H
#define DOTWARD_SHARED_EPOCH_H

#include <stdatomic.h>
#include <stdint.h>

enum { EPOCH_NAP_MS = 1000 /* shorter is no sleep */ };

struct epoch {
	_Atomic uint32_t count;
	_Atomic uint64_t asleep_ms; /* how far CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, as far as known */
};

/* Once, before others see it: sleep that is over does not count. */
void epoch_begin(struct epoch *epoch, uint64_t now_ms, uint64_t boot_ms);
uint32_t epoch_now(const struct epoch *epoch);
void epoch_raise(struct epoch *epoch);
/*
 * Has the machine slept since anybody last asked? Then the epoch is raised, and exactly one of those who ask
 * is told for how long, in milliseconds; else 0. Read boot_ms (clock_boot_ms) before now_ms (clock_now_ms),
 * so that a pause between the two is not taken for sleep.
 */
uint64_t epoch_woke(struct epoch *epoch, uint64_t boot_ms, uint64_t now_ms);

#endif
