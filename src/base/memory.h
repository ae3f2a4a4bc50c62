/*
 * How much memory there is to be had.
 */
#ifndef DOTWARD_BASE_MEMORY_H
#define DOTWARD_BASE_MEMORY_H

#include <stdint.h>

/*
 * Bytes that can still be taken before the kernel begins to end processes: what the machine has available,
 * and what the control group of this process leaves of its bound (version 2 of cgroups), whichever is less.
 * UINT64_MAX where neither can be told.
 */
uint64_t memory_spare(void);
/* The same with another root than "/", for tests. */
uint64_t memory_spare_under(const char *root);

#endif
