/*
 * How long to wait before trying again what failed. Pure.
 */
#ifndef DOTWARD_BASE_BACKOFF_H
#define DOTWARD_BASE_BACKOFF_H

#include <stdint.h>

/* After so many failures in a row, at least one: the first time, doubled with each, up to the most. */
uint64_t backoff_ms(unsigned failures, uint64_t first_ms, uint64_t most_ms);
/* The random number takes up to a quarter off, so that many do not come back at once. */
uint64_t backoff_spread_ms(uint64_t wait_ms, uint32_t random);

#endif
