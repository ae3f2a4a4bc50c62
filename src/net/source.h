/*
 * The local address that connections to an upstream come from, where the configuration names one: for a
 * machine with several, of which only one may ask.
 */
#ifndef DOTWARD_NET_SOURCE_H
#define DOTWARD_NET_SOURCE_H

#include "config/config.h"

enum { SOURCE_WHY_BYTES = 256 };

/* Are all of them this machine's? 0, or -errno and a line in `why` that names the upstream. */
int source_check(const struct config_upstream *upstreams, size_t count, char why[SOURCE_WHY_BYTES])
        __attribute__((warn_unused_result));
/* Connections of this TCP socket come from there, from whatever port. 0 or -errno. */
int source_bind(int fd, const struct addr *source) __attribute__((warn_unused_result));

#endif
