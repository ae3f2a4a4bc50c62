/*
 * Two system calls a second, when there is anything to do at all. The descriptor is opened before the files
 * are gone; what it says is of the process that reads.
 */
#include "process/spending.h"

#include "shared/roster.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { SPENDING_EACH_MS = 1000 };

void
spending_open(struct spending *s, _Atomic uint64_t *cpu_us, _Atomic uint64_t *memory_bytes,
        _Atomic uint64_t *beat_ms)
{
	*s = (struct spending){.cpu_us = cpu_us, .memory_bytes = memory_bytes, .beat_ms = beat_ms};
	s->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

static uint64_t
microseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

static uint64_t
resident_bytes(const struct spending *s, const struct rusage *used)
{
	char text[128];
	unsigned long long pages;
	ssize_t got = s->statm >= 0 ? pread(s->statm, text, sizeof text - 1, 0) : -1;
	if (got > 0) {
		text[got] = '\0';
		if (sscanf(text, "%*u %llu", &pages) == 1)
			return pages * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	return (uint64_t)used->ru_maxrss * 1024;
}

void
spending_tell(struct spending *s, uint64_t now_ms)
{
	struct rusage used;
	atomic_store_explicit(s->beat_ms, now_ms, memory_order_relaxed);
	if (s->told_ms != 0 && now_ms < s->told_ms + SPENDING_EACH_MS)
		return;
	s->told_ms = now_ms;
	if (getrusage(RUSAGE_SELF, &used) < 0)
		return;
	roster_used(s->cpu_us, &s->told_us, microseconds(&used.ru_utime) + microseconds(&used.ru_stime));
	atomic_store_explicit(s->memory_bytes, resident_bytes(s, &used), memory_order_relaxed);
}
