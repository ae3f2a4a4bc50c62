/*
 * How a bench says what it found: a line for each number, and whether it is what was to be shown.
 */
#ifndef DOTWARD_BENCH_JUDGE_H
#define DOTWARD_BENCH_JUDGE_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* Numbers that are not what was to be shown. */
static unsigned judge_failed;

static inline void
judge(const char *what, double value, double most, const char *unit)
{
	bool holds = value <= most;
	judge_failed += !holds;
	printf("%-58s %9.1f %s (at most %.0f)  %s\n", what, value, unit, most, holds ? "PASS" : "FAIL");
	fflush(stdout);
}

/* Of this thread on a CPU. */
static inline double
cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

#endif
