/*
 * What tells connections to one upstream address from those to another: whoever they lead to and whatever
 * they demand of it. Two with the same identity may share what is known and what was agreed there.
 */
#ifndef DOTWARD_UPSTREAM_IDENTITY_H
#define DOTWARD_UPSTREAM_IDENTITY_H

#include "config/config.h"

/* The same in every process and after every restart; never 0. */
uint64_t upstream_identity(const struct config_upstream *upstream, const struct addr *address);

#endif
