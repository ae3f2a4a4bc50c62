/*
 * Faults on purpose, for tests: only in a build with --enable-fault-injection, which is never a release.
 *
 * A question for KIND.POINT.fault.test does KIND when it passes POINT. Kinds: segv, abort, hang, leak, exit,
 * exec, open, and clock, which ends the wrong time that DOTWARD_FAULT_CLOCK=SECONDS has put all clocks off
 * by. Points: "begin" (a question was taken apart), "answer" (its answer came).
 */
#ifndef DOTWARD_BASE_FAULT_H
#define DOTWARD_BASE_FAULT_H

#include <stddef.h>
#include <stdint.h>

#ifdef DOTWARD_FAULTS
/* How much the date is put off, in this process. */
long fault_clock_s(void);
void fault_pass(const char *point, const uint8_t *name, size_t name_bytes);
#else
static inline long
fault_clock_s(void)
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
