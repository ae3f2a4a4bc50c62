/*
 * One configuration and the workers that serve it: births, deaths, watchdog, drain. A reload makes another
 * generation on the same sockets and then drains this one.
 */
#ifndef DOTWARD_PROCESS_GENERATION_H
#define DOTWARD_PROCESS_GENERATION_H

#include "cache/cache.h"
#include "config/config.h"
#include "net/sockets.h"
#include "process/bureau.h"
#include "process/sandbox.h"
#include "query/shelf.h"
#include "shared/epoch.h"
#include "shared/health.h"
#include "shared/hits.h"
#include "shared/limits.h"
#include "shared/quarantine.h"
#include "shared/roster.h"
#include "shared/stats.h"
#include "shared/tickets.h"

struct generation;

enum { GENERATION_WHY_BYTES = 512 };

/* What all generations of one master share. */
struct generation_world {
	struct quarantine *quarantine;
	struct health_table *health; /* NULL: workers learn of upstreams each for itself */
	struct tickets *tickets;     /* NULL: none are kept */
	struct limits *limits;       /* NULL: there are none */
	struct hits *hits;           /* of lists of names; NULL: not counted */
	struct tops *tops;           /* NULL: not counted */
	struct stek *stek;           /* of tickets for clients; NULL: they are given none */
	const struct bureau *bureau; /* who writes down what workers say; NULL: nobody */
	struct roster *roster;       /* who is there; NULL: nobody is told, and counters end with it */
	struct epoch *epoch;         /* of the network */
	_Atomic uint32_t *qps;       /* questions in a second of late, over all generations */
	/* NULL: no secret is shared */
	const struct cookies *cookies;
	uint64_t seed;
	/* In a worker just forked: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

enum generation_state {
	GENERATION_STARTING, /* not all of its workers have reported to serve */
	GENERATION_SERVING,
	GENERATION_DRAINING,
};

/*
 * Finds the user, loads trust stores, opens sockets (taking over what is bound already), lays out shared
 * memory; forks nothing yet. Takes the configuration over, in every case. The cache outlives it; NULL: none.
 * NULL with a line in `why`.
 */
struct generation *generation_new(const struct generation_world *world, unsigned number,
        struct config *config, struct cache *cache, const struct sockets_bound *bound,
        char why[GENERATION_WHY_BYTES]);
/* No worker may be alive. */
void generation_free(struct generation *g);

/* Forks the workers that are due. */
void generation_bear(struct generation *g, uint64_t now_ms);
/* A process has ended; false when it is none of ours. */
bool generation_bury(struct generation *g, int pid, int status, uint64_t now_ms);
/* Reads who has reported to serve. True when that made it GENERATION_SERVING just now. */
bool generation_hear(struct generation *g);
/* To be called now and then: the watchdog, the end of the patience with a drain, and how many slots are given
 * new questions. */
void generation_watch(struct generation *g, uint64_t now_ms);
/*
 * The workers answer what is in flight and end. No births any more, but for one thing: what a worker leaves
 * that dies meanwhile, or was dead before, is taken up by a successor, which ends like the others.
 */
void generation_drain(struct generation *g, uint64_t now_ms);
/* Steers new questions to its workers again, after somebody else has steered them elsewhere. */
void generation_steer(struct generation *g, uint64_t now_ms);
/* All at once, and for good. */
void generation_kill(struct generation *g);
/* The log has been opened anew: the workers, who may not open files, are given ours. */
void generation_give_log(const struct generation *g);
/*
 * The lists of names from now on, which it holds; NULL: none. Workers born later have them; those that live
 * are given them, and take them between two questions.
 */
void generation_set_lists(struct generation *g, struct shelf *shelf);
struct shelf *generation_lists(const struct generation *g);
/* All workers alive have them. */
bool generation_has_lists(const struct generation *g);
void generation_signal(const struct generation *g, int signal);

enum generation_state generation_state(const struct generation *g);
unsigned generation_number(const struct generation *g);
/* Workers alive. */
unsigned generation_alive(const struct generation *g);
/* A worker ended with WORKER_CANNOT_WORK, or died before it served: this generation will not come up. */
bool generation_has_failed(const struct generation *g);
/* Readable when there is something for generation_hear(), or, once that was true, generation_watch(). */
int generation_ready_fd(const struct generation *g);
/* When generation_bear() or generation_watch() has something to do; UINT64_MAX: not before something happens.
 */
uint64_t generation_next_ms(const struct generation *g);
const struct config *generation_config(const struct generation *g);
const struct sockets *generation_sockets(const struct generation *g);
/* Who its workers are. */
const struct sandbox_user *generation_user(const struct generation *g);
const struct stats *generation_stats(const struct generation *g);
struct cache *generation_cache(const struct generation *g);
/* Is this number in its cache that of a worker alive? */
bool generation_has_member(const struct generation *g, uint32_t member);

/* What is known of a worker, for reports. */
struct generation_worker {
	int pid; /* 0: none */
	uint64_t uptime_ms;
	uint64_t next_birth_ms; /* from now, if there is none */
	unsigned deaths;        /* in all */
	bool serving;
	const char *last_death; /* "signal=9 (Killed)", or "" */
};
struct generation_worker generation_worker(const struct generation *g, unsigned slot, uint64_t now_ms);

#endif
