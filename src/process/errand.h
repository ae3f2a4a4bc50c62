/*
 * A process that lives for one deed with a cache, and ends: what is in a file, or in memory that workers have
 * written to, is never read by the master itself. It does the deed sealed, as a user who may do nothing else,
 * and may be killed at any time; what it has put into a cache by then is good.
 */
#ifndef DOTWARD_PROCESS_ERRAND_H
#define DOTWARD_PROCESS_ERRAND_H

#include "cache/cache.h"
#include "config/config.h"
#include "process/sandbox.h"
#include "upstream/route.h"

#include <sys/types.h>

enum errand_kind {
	ERRAND_LOAD,  /* from a file into a cache */
	ERRAND_SAVE,  /* from a cache into a file */
	ERRAND_CARRY, /* from a cache into another */
};

enum { ERRAND_ROUTES = 2 /* those before and those after */ };

struct errand {
	enum errand_kind kind;
	struct cache *cache; /* the one that is filled, or saved */
	struct cache *from;  /* CARRY */
	uint32_t member;     /* of `cache`, new */
	uint64_t seed;
	const char *path; /* LOAD, SAVE */
	uint32_t stale_s;
	/* What one of them sends elsewhere than to the rest is left out: answers to it are only good for who
	 * has the same routes. NULL: there are none. Needed for errand_run() alone. */
	const struct route_table *routes[ERRAND_ROUTES];
	bool sandbox;
	struct sandbox_user user; /* who the workers are */
	/* In the new process: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

/* Forks it, with all signals blocked; it logs one line on how it went. Its exit status is 0 when that was
 * well. The pid or -errno. */
pid_t errand_run(const struct errand *errand) __attribute__((warn_unused_result));
/* "load", "save", "carry over", for the log. */
const char *errand_name(enum errand_kind kind);

#endif
