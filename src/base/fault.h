/*
 * Faults on purpose, for tests: only in a build with --enable-fault-injection, which is never a release.
 *
 * A question for KIND.POINT.fault.test does KIND when it passes POINT. Kinds: segv, abort, hang, leak, exit,
 * exec, open, sleep (as far as clocks show), and clock, which ends the wrong time that
 * DOTWARD_FAULT_CLOCK=SECONDS has put all clocks off by. Points: "begin" (a question was taken apart),
 * "answer" (its answer came).
 */
#ifndef DOTWARD_BASE_FAULT_H
#define DOTWARD_BASE_FAULT_H

#include <stddef.h>
#include <stdint.h>

#ifdef DOTWARD_FAULTS
/* How much the date is put off, in this process. */
long fault_clock_s(void);
void fault_pass(const char *point, const uint8_t *name, size_t name_bytes);
/* How long the machine has "slept", which CLOCK_BOOTTIME would show and CLOCK_MONOTONIC not. */
uint64_t fault_slept_ms(void);
#else
static inline long
fault_clock_s(void)
{
	return 0;
}
static inline uint64_t
fault_slept_ms(void)
{
	return 0;
}

static inline void
fault_pass(const char *point, const uint8_t *name, size_t name_bytes)
{
	(void)point;
	(void)name;
	(void)name_bytes;
}
#endif

#endif
