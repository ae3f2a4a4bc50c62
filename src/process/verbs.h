/*
 * What can be asked of a master through its control socket: the table behind dotwardctl.
 */
#ifndef DOTWARD_PROCESS_VERBS_H
#define DOTWARD_PROCESS_VERBS_H

#include "cache/cache.h"
#include "process/aside.h"
#include "process/control.h"
#include "process/hosts.h"
#include "process/overview.h"
#include "process/report.h"
#include "query/shelf.h"
#include "shared/events.h"
#include "shared/health.h"
#include "shared/hits.h"

/* What the verbs about the cache and the upstreams work with. */
struct verbs_cache {
	struct cache *cache;               /* NULL: there is none, as cache.size is 0 */
	uint64_t seed;                     /* behind the hashes of questions */
	const struct health_table *health; /* NULL: nothing is known of the upstreams */
	const struct hosts *hosts;         /* NULL: nothing is known of their hosts */
	struct aside_ground ground;
};

/* What the verbs about lists of names work with. */
struct verbs_lists {
	const struct config *config;
	const struct shelf *shelf; /* NULL: there are none */
	const struct hits *hits;
};

/* How the verbs reach the master; control_setup.arg points to one of these. */
struct verbs_master {
	void *arg;
	/* Begins and fills the report; it is freed afterwards. */
	void (*report)(void *arg, struct report *report);
	/* These take the call over and answer it when the thing is done, or at once when it cannot be. NULL:
	 * not in this build. */
	void (*reload)(void *arg, struct control_call *call);
	void (*reload_lists)(void *arg, struct control_call *call);
	void (*upgrade)(void *arg, struct control_call *call);
	void (*stop)(void *arg, struct control_call *call);
	/* False: nothing serves now. NULL: not in this build. */
	bool (*cache)(void *arg, struct verbs_cache *out);
	/* The same. */
	bool (*lists)(void *arg, struct verbs_lists *out);
	/* The same, for what an overview is taken from. */
	bool (*overview)(void *arg, struct overview_sources *out);
	struct asides *asides;
	struct asides *watches;      /* those who watch, counted apart */
	const struct events *events; /* NULL: not in this build */
};

extern const struct control_verb verbs[];
extern const size_t verbs_count;

#endif
