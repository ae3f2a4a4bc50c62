/*
 * One worker: an event loop over its sockets, its questions and its upstream connections. Unprivileged.
 */
#ifndef DOTWARD_PROCESS_WORKER_H
#define DOTWARD_PROCESS_WORKER_H

#include "cache/cache.h"
#include "config/config.h"
#include "net/sockets.h"
#include "net/tls.h"
#include "process/bureau.h"
#include "process/sandbox.h"
#include "query/shelf.h"
#include "shared/cookies.h"
#include "shared/epoch.h"
#include "shared/health.h"
#include "shared/hits.h"
#include "shared/limits.h"
#include "shared/quarantine.h"
#include "shared/roster.h"
#include "shared/shm.h"
#include "shared/slots.h"
#include "shared/stats.h"

#include <signal.h>

/* What belongs to one slot, in the shared memory of its generation; a successor finds what was left. */
struct worker_room {
	struct slot_state *state;
	struct stats_slab *stats;
	struct roster_hold roster; /* what everybody may know of it; but for the slab */
	void *queries;
	void **udp; /* by listen address */
};

/* Bytes of shared memory for the room of one slot, the stats slab not counted. */
size_t worker_footprint(const struct config *config);
/* Lays the room out. The array of pointers is the caller's to free (worker_room_free). */
void worker_carve(struct shm *shm, const struct config *config, struct worker_room *room);
void worker_room_free(struct worker_room *room);

/* All that a worker inherits. */
struct worker_setup {
	const struct config *config;
	struct sockets *sockets;
	const struct tls_store *tls;
	const struct quarantine *quarantine;
	struct health_table *health;
	struct limits *limits;
	struct shelf *shelf; /* lists of names; NULL: none */
	struct hits *hits;   /* of them; NULL: not counted */
	struct tops *tops;   /* NULL: not counted */
	struct cache *cache; /* NULL: none */
	uint32_t member;     /* of it */
	struct epoch *epoch; /* of the network */
	const struct cookies *cookies;
	uint64_t seed;
	struct worker_room room;
	struct sandbox_user user;
	const struct bureau *bureau; /* NULL: nothing is written about questions */
	unsigned generation;         /* as the bureau knows it */
	int log_end; /* where a new log file, or lists, come through (handover.h); -1: none will */
	pid_t master;
	unsigned slot;
	int ready_fd; /* gets a byte when the worker serves, and when it has suddenly much to do */
};

/* Tells workers that the epoch is another one. */
enum { WORKER_EPOCH_SIGNAL = SIGUSR1 };

/* What a worker writes to ready_fd. */
enum { WORKER_SAYS_READY = 'r', WORKER_SAYS_BUSY = 'b' };

/* Exit status of a worker that will never be able to work: it is not born again. */
enum { WORKER_CANNOT_WORK = 78 /* EX_CONFIG */ };

/*
 * Serves until SIGTERM, drains, and returns the exit status: 0 when all was answered or the time to drain was
 * up. Called in the forked process with all signals blocked.
 */
int worker_run(const struct worker_setup *setup);

#endif
