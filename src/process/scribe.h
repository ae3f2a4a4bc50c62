/*
 * A process that writes down what the workers have put into their spools (shared/spool.h), at a place that
 * may make it wait: a log, a socket of somebody else's. It has the rights of a worker and opens nothing. When
 * it has to wait for too long, spools run full, and what is lost is counted; no worker ever waits.
 *
 * What it writes, and where, is its craft. Who forks it, and when it ends, is the master's business
 * (bureau.h).
 */
#ifndef DOTWARD_PROCESS_SCRIBE_H
#define DOTWARD_PROCESS_SCRIBE_H

#include "config/config.h"
#include "process/sandbox.h"
#include "shared/bell.h"
#include "shared/spool.h"
#include "shared/stats.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SCRIBE_WHY_BYTES = 256 };

/* What one kind of scribe does. */
struct scribe_craft {
	const char *name;           /* "query log" */
	enum stats_counter counter; /* of records that are lost */
	bool (*wanted)(const struct config *config);
	/*
	 * In the master, for a new configuration and when the log is opened anew: the descriptor of what the
	 * scribe may not open itself (close-on-exec, the caller's). -1: it needs none. Below: -errno - 1 with
	 * a line in `why` that names the key; the configuration is refused then.
	 */
	int (*open)(const struct config *config, char why[SCRIBE_WHY_BYTES]);

	/* --- in the scribe, from here on --- */

	/* Its memory, before it is sealed. `fd` (or -1) is its own from now on, as every other it is given.
	 */
	void *(*begin)(const struct config *config, int fd);
	/* A record of a worker's; it stays until the next flush(). False: it cannot be written. */
	bool (*put)(void *arg, const uint8_t *record, size_t bytes);
	/* All that was put is written when this returns, or lost: how many records were. May wait. */
	unsigned (*flush)(void *arg);
	/* Another descriptor in place of the one it has. NULL: it never gets one. */
	void (*adopt)(void *arg, int fd);
	/* The last call, after a flush(). NULL: there is nothing to do. */
	void (*end)(void *arg);
};

/* In shared memory, zeroed at first. */
struct scribe_state {
	struct bell bell;         /* rung by workers who have written something, and by the master */
	_Atomic uint32_t closed;  /* the master: no worker writes any more */
	_Atomic uint64_t written; /* the scribes, all lives together: records */
	_Atomic uint64_t failed;  /* the scribes: records that could not be written */
	_Atomic uint64_t told;    /* of these and those that spools had no room for: what the log knows of */
};

struct scribe_setup {
	const struct scribe_craft *craft;
	const struct config *config;
	struct scribe_state *state;
	struct spool *const *spools;
	unsigned spool_count;
	struct sandbox_user user;
	int fd;      /* from open(); -1: none */
	int log_end; /* where other descriptors come through (handover.h), after the bell was rung */
	pid_t master;
};

/* Records lost, by the scribes and for want of room. */
uint64_t scribe_lost(const struct scribe_state *state, struct spool *const *spools, unsigned count);

/* Works until it is closed and all spools are empty; returns the exit status. In the forked process. */
int scribe_run(const struct scribe_setup *setup);

/* Exit status of one that can never work, as of a worker. */
enum { SCRIBE_CANNOT_WORK = 78 };

#endif
