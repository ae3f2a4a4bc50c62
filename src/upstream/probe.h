/*
 * Questions of our own to places whose back-off has ended (". NS"), so that no client waits while we find out
 * whether they are well again. Of all workers one asks; the others wait for the verdict, which is the place's
 * health.
 */
#ifndef DOTWARD_UPSTREAM_PROBE_H
#define DOTWARD_UPSTREAM_PROBE_H

#include "upstream/place.h"

struct probes;

/* For these places, which outlive it. */
struct probes *probes_new(struct ev_loop *loop, struct place *const *places, unsigned count,
        const struct config_forward *forward);
/* Takes away the questions that are under way. NULL is allowed. */
void probes_free(struct probes *probes);

/* Asks the place with this index, if it is due and nobody else does. lost() may come from inside. */
void probe_begin(struct probes *probes, unsigned place, uint64_t now_ms);
/* Is this question one of ours? Then it has been dealt with, whatever happened to it. */
bool probe_ended(struct probes *probes, const struct place_ask *ask);

#endif
