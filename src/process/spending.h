/*
 * What a process takes of the machine, as it says itself about once a second: nobody else need read /proc,
 * which sealed processes cannot.
 */
#ifndef DOTWARD_PROCESS_SPENDING_H
#define DOTWARD_PROCESS_SPENDING_H

#include <stdatomic.h>
#include <stdint.h>

struct spending {
	_Atomic uint64_t *cpu_us, *memory_bytes, *beat_ms;
	uint64_t told_us, told_ms;
	int statm; /* -1: no /proc, and the most that memory ever was is told */
};

/* Before the process is sealed. The words, in memory that others read, outlive it; cpu_us is added to. */
void spending_open(struct spending *s, _Atomic uint64_t *cpu_us, _Atomic uint64_t *memory_bytes,
        _Atomic uint64_t *beat_ms);
/* To be called at each beat; most of them cost a compare and a store. */
void spending_tell(struct spending *s, uint64_t now_ms);

#endif
