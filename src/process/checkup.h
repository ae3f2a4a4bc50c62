/*
 * "dotward check-health": whether a running dotward does its work, told by the exit status of a program that
 * a supervisor of containers starts every few seconds, where there is neither a shell nor dig.
 *
 * Two questions of such a supervisor are told apart. Should it be started anew? Only when it does not answer
 * at all: whatever is wrong upstream, a new process would be in the same place with an empty cache. Does it
 * resolve? Only when an upstream has just answered, and neither a fresh nor a stale answer from the cache
 * hides that none does: so a name is asked for that nobody has asked for before.
 */
#ifndef DOTWARD_PROCESS_CHECKUP_H
#define DOTWARD_PROCESS_CHECKUP_H

#include "base/addr.h"
#include "config/config.h"

#include <stdbool.h>

enum checkup_status { CHECKUP_HEALTHY = 0, CHECKUP_UNHEALTHY = 1, CHECKUP_USAGE = 2 };

struct checkup {
	struct addr server;
	const char *zone; /* names below this are asked for; NULL: below "example." (RFC 2606), which the root
	                     knows not to exist, so that resolvers need to ask nobody for them */
	bool alive;       /* any answer will do; asked for localhost, which dotward answers by itself */
};

/* Where a process with this configuration can be asked from inside its own container: the first address that
 * takes plain UDP without a PROXY header, loopback in place of a wildcard. False: there is none. */
bool checkup_find_server(const struct config *config, struct addr *out);

/* Asks, for five seconds at most, prints one line that says what and why, and returns the exit status. */
enum checkup_status checkup_run(const struct checkup *checkup);

#endif
