/*
 * A configuration in the making, with where each thing was said, for the complaints that only the whole
 * allows.
 */
#ifndef DOTWARD_CONFIG_DRAFT_H
#define DOTWARD_CONFIG_DRAFT_H

#include "config/complain.h"
#include "config/config.h"

/* Places with order 0: never said. Their origins belong to the sources. */
struct draft {
	struct config *config;
	struct complaints complaints;
	struct place *places;          /* one for each row of the table of keys, the last that set it */
	struct place *listen_places;   /* one for each listen */
	struct place *upstream_places; /* one for each upstream */
	struct place *route_places;    /* one for each route */
	struct place *block_list_places, *allow_list_places;
	char *ca_file; /* for upstreams that have none of their own; NULL: none */
};

#endif
