/*
 * Writing to a descriptor that others read, without ever waiting for them.
 */
#ifndef DOTWARD_BASE_OUTLET_H
#define DOTWARD_BASE_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

/* Writes all of it with one call, or, where that would make us wait (a pipe that is full), nothing: false. At
 * most 4096 bytes, which a pipe that has any room takes at once. */
bool outlet_put(int fd, const void *bytes, size_t count);

#endif
