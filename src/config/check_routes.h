/*
 * What is wrong with routes: upstreams that do not exist, domains given twice, names that nobody would be
 * left for.
 */
#ifndef DOTWARD_CONFIG_CHECK_ROUTES_H
#define DOTWARD_CONFIG_CHECK_ROUTES_H

#include "config/draft.h"

/* The upstreams have their names already. */
void check_routes(struct draft *draft);
/* Whether an upstream has this name; if not, that is said, at this place and about this subject. */
bool check_upstream(struct draft *draft, const struct place *place, const char *subject, const char *name);

#endif
