/*
 * The master: keeps generations of workers, reloads, upgrades and ends them. It reads no byte from the
 * network.
 */
#ifndef DOTWARD_PROCESS_MASTER_H
#define DOTWARD_PROCESS_MASTER_H

#include "config/config.h"

#include <stdbool.h>

struct master_setup {
	struct config *config;                /* taken over */
	const struct config_sources *sources; /* to be read again at a reload */
	char *const *argv;                    /* to start a new binary with */
	bool foreground;
};

/*
 * Opens the log that this configuration asks for; in the background, where nobody reads stderr, that means
 * syslog. 0 or -errno; on failure the old log stays.
 */
int master_open_log(const struct config *config, bool foreground) __attribute__((warn_unused_result));

/*
 * Serves until SIGTERM or SIGINT. Returns the exit status: 0 after an orderly stop, 1 when it could not
 * start, with one line that says why on stderr (and in the log, where that is elsewhere). In the background,
 * unless foreground: then this returns in the process that the user started as soon as the daemon serves or
 * has failed.
 */
int master_run(const struct master_setup *setup);

#endif
