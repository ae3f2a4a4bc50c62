/*
 * Time, in milliseconds: of CLOCK_MONOTONIC, but where a name says otherwise.
 *
 * Pure modules take `now_ms` as an argument; only the rim of a process reads the clock.
 */
#ifndef DOTWARD_BASE_CLOCK_H
#define DOTWARD_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

uint64_t clock_now_ms(void);
/* The same clock in microseconds, for those outside who compare it with readings of their own. */
uint64_t clock_now_us(void);

/*
 * Milliseconds since a time before boot, suspend included (CLOCK_BOOTTIME): for what ages while the machine
 * sleeps, as TTLs do. What is up to so much older than the boot has a time, too.
 */
#define CLOCK_BEFORE_BOOT_MS (30ull * 24 * 3600 * 1000)
uint64_t clock_boot_ms(void);

/* Milliseconds since 1970 (CLOCK_REALTIME), which may go backwards: for what outlives a boot. */
uint64_t clock_wall_ms(void);
uint64_t clock_wall_us(void);

/*
 * Today, in seconds since 1970: what the dates in certificates are compared with. Machines without a clock of
 * their own begin in 1970, or when their system was made, until somebody tells them the time by network.
 */
time_t clock_date(void);
/* That cannot be: this program was built later. */
bool clock_is_wrong(time_t date);
/* "2026-11-21 23:59 UTC". Returns `out`. */
enum { CLOCK_DATE_TEXT_BYTES = 32 };
const char *clock_date_text(time_t date, char out[CLOCK_DATE_TEXT_BYTES]);
time_t clock_built(void);
/* For tests: another opinion of the date. NULL: the machine's. */
void clock_date_from(time_t (*source)(void));

#endif
