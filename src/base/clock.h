/*
 * Time, in milliseconds: of CLOCK_MONOTONIC, but where a name says otherwise.
 *
 * Pure modules take `now_ms` as an argument; only the rim of a process reads the clock.
 */
#ifndef DOTWARD_BASE_CLOCK_H
#define DOTWARD_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ms(void);
/* The same clock in microseconds, for those outside who compare it with readings of their own. */
uint64_t clock_now_us(void);

/* Milliseconds since boot, suspend included (CLOCK_BOOTTIME): for what ages while the machine sleeps, as TTLs
 * do. */
uint64_t clock_boot_ms(void);

#endif
