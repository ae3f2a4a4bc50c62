/*
 * Own names: what the configuration says of them, and what its hosts file does, as one table.
 *
 * A line of the hosts file that is wrong is remarked on and skipped. A PTR is made for each address of a
 * name, unless one is given; of several names that share an address, the first one has it.
 */
#ifndef DOTWARD_CONFIG_RECORDS_H
#define DOTWARD_CONFIG_RECORDS_H

#include "config/draft.h"

enum {
	RECORDS_HOSTS_TTL_S = 60, /* of what the hosts file has */
	RECORDS_MOST_ALIASES = 8, /* in a chain */
};

/* Makes draft->config->names.local, or NULL if there is nothing to be in it; complains. */
void records_build(struct draft *draft);

#endif
