/*
 * One worker: an event loop over its sockets, its questions and its upstream connections. Unprivileged.
 */
#ifndef DOTWARD_PROCESS_WORKER_H
#define DOTWARD_PROCESS_WORKER_H

#include "config/config.h"
#include "net/sockets.h"
#include "net/tls.h"
#include "process/sandbox.h"
#include "shared/stats.h"

/* All that a worker inherits. */
struct worker_setup {
	const struct config *config;
	struct sockets *sockets;
	const struct tls_store *tls;
	struct stats *stats;
	struct sandbox_user user;
	int log_end;           /* where a new log file comes through (handover.h); -1: none will */
	volatile int *refused; /* by slot: the system call that a worker died of (sandbox_on_violation()) */
	pid_t master;
	unsigned slot;
};

/*
 * Serves until SIGTERM, drains, and returns the exit status: 0 when all was answered or the time to drain was
 * up. Called in the forked process with all signals blocked.
 */
int worker_run(const struct worker_setup *setup);

#endif
