/*
 * What is wrong with routes: upstreams that do not exist, domains given twice, names that nobody would be
 * left for.
 */
#ifndef DOTWARD_CONFIG_CHECK_ROUTES_H
#define DOTWARD_CONFIG_CHECK_ROUTES_H

#include "config/draft.h"

/* The upstreams have their names already. */
void check_routes(struct draft *draft);

#endif
