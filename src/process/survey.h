/*
 * What there is to say of all generations together: for reports, and for the log's first and last line.
 */
#ifndef DOTWARD_PROCESS_SURVEY_H
#define DOTWARD_PROCESS_SURVEY_H

#include "process/generation.h"
#include "process/report.h"
#include "process/verbs.h"
#include "shared/world.h"

/* Begins and fills the report, but for version, uptime and whether it stops. The first generation is the one
 * whose listens count. */
void survey_fill(struct report *report, const struct world *world, struct generation *const *generations,
        unsigned count, uint64_t now_ms);
/* Adds what all workers of all times have counted. */
void survey_sum(const struct world *world, struct generation *const *generations, unsigned count,
        struct stats_slab *into);
/* What the verbs about the cache work with; false without a generation. */
bool survey_cache(const struct world *world, struct generation *const *generations, unsigned count,
        struct verbs_cache *out);
/* Writes down for others what serves: its number, and how many names its lists have. */
void survey_tell(struct roster *roster, const struct generation *g);
/* "ready workers=2 listen=… upstreams=1 generation=1" */
void survey_log_serving(const struct generation *g);
/* "stopped queries=…", every counter; all generations must be gone. */
void survey_log_stopped(const struct world *world);

#endif
