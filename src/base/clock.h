/*
 * Time, in one unit: milliseconds of CLOCK_MONOTONIC.
 *
 * Pure modules take `now_ms` as an argument; only the rim of a process reads the clock.
 */
#ifndef DOTWARD_BASE_CLOCK_H
#define DOTWARD_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ms(void);
/* The same clock in microseconds, for those outside who compare it with readings of their own. */
uint64_t clock_now_us(void);

#endif
