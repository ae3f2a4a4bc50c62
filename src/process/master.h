/*
 * The master: binds, forks the workers, re-forks those that die, and ends them. It reads no byte from the
 * network.
 */
#ifndef DOTWARD_PROCESS_MASTER_H
#define DOTWARD_PROCESS_MASTER_H

#include "config/config.h"

#include <stdbool.h>

/*
 * Serves until SIGTERM or SIGINT. Returns the exit status: 0 after an orderly stop, 1 when it could not
 * start, with one line that says why on stderr (and in the log, where that is elsewhere). In the background,
 * unless foreground: then this returns in the process that the user started as soon as the daemon serves or
 * has failed.
 */
int master_run(const struct config *config, bool foreground);

#endif
