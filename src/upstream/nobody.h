/*
 * Why a question could not be asked anywhere at all, in words for people.
 */
#ifndef DOTWARD_UPSTREAM_NOBODY_H
#define DOTWARD_UPSTREAM_NOBODY_H

#include "config/config.h"

/* `upstreams`: those that may be asked, a bit for each by its place in the configuration. */
void nobody_text(const struct config *config, uint64_t upstreams, char *out, size_t room);

#endif
