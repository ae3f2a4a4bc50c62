/*
 * Opens the tap of a worker (dnstap/tap.h), hears of questions (tale.h), and taps them: what clients ask and
 * what they get.
 */
#ifndef DOTWARD_QUERY_TAPPING_H
#define DOTWARD_QUERY_TAPPING_H

#include "config/config.h"
#include "net/sockets.h"
#include "query/tale.h"
#include "shared/spool.h"
#include "shared/stats.h"

struct tapping;

/* One in a process. The sockets are those that questions name (query_from.listen). All of it outlives it. */
struct tapping *tapping_open(const struct config *config, const struct sockets *sockets, struct spool *spool,
        struct stats_slab *stats) __attribute__((returns_nonnull));
/* NULL is allowed. */
void tapping_close(struct tapping *tapping);
/* It is to hear of questions even if only what is forwarded is wanted: whose are hidden shows there. */
struct tale_hearer tapping_hearer(struct tapping *tapping);

#endif
