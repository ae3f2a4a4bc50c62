/*
 * The exporter: a process that tells what there is to tell over HTTP, and nothing else. Unprivileged, sealed,
 * bounded in connections, memory and time; it never sees a DNS message. Killed at any instant it takes
 * nothing with it but the answers it was about to give.
 */
#ifndef DOTWARD_PROCESS_EXPORTER_H
#define DOTWARD_PROCESS_EXPORTER_H

#include "net/web_sockets.h"
#include "process/sandbox.h"
#include "process/web.h"

enum {
	EXPORTER_CONNECTIONS = 64,        /* at once */
	EXPORTER_PER_ADDRESS = 16,        /* of them */
	EXPORTER_IDLE_MS = 75000,         /* between two requests, or in the middle of one */
	EXPORTER_REQUEST_BYTES = 8192,    /* with all its headers */
	EXPORTER_MEMORY_BYTES = 64 << 20, /* of its own */
	EXPORTER_DRAIN_MS = 1000,
};

/* All that it inherits. */
struct exporter_setup {
	struct overview_sources sources;
	const struct web_sockets *sockets;
	struct web_secrets secrets;
	struct sandbox_user user;
	pid_t master;
	struct lastwords *words;
};

/* Serves until SIGTERM, ends what is under way, and returns the exit status. Called in the forked process
 * with all signals blocked. */
int exporter_run(const struct exporter_setup *setup);

#endif
