/*
 * A futex. Ringing takes the word back before it wakes, so that of many who ring only the first makes a
 * system call. Both sides have a full fence between their own word and a look at the other's: one of the two
 * sees it.
 */
#include "shared/bell.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* 32 bits with a 64-bit time_t have the other call only. */
#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

void
bell_lie_down(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

void
bell_sleep(struct bell *bell, uint32_t most_ms)
{
	struct timespec limit = {.tv_sec = most_ms / 1000, .tv_nsec = (long)(most_ms % 1000) * 1000000};
	syscall(SYS_futex, &bell->asleep, FUTEX_WAIT, 1, &limit, NULL, 0);
}

void
bell_get_up(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, 0, memory_order_relaxed);
}

void
bell_ring(struct bell *bell)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&bell->asleep, memory_order_relaxed) == 0)
		return;
	if (atomic_exchange_explicit(&bell->asleep, 0, memory_order_relaxed) != 0)
		syscall(SYS_futex, &bell->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}
