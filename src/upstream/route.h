/*
 * Which upstreams a name is asked at.
 *
 * Made once of a configuration and never changed. Each route is a group of upstreams, and everything that no
 * route has is group 0. The longest domain wins that a name is, or is below of; a domain ends where a label
 * ends, and the case of letters means nothing. All types go one way, DS included: a private name is not
 * shown to others for the sake of its parent.
 */
#ifndef DOTWARD_UPSTREAM_ROUTE_H
#define DOTWARD_UPSTREAM_ROUTE_H

#include "config/config.h"

struct route_table;

enum { ROUTE_REST = 0 };

/* The configuration is not needed afterwards. */
struct route_table *route_new(const struct config *config) __attribute__((returns_nonnull));
void route_free(struct route_table *table);

/* The group of a name in wire form, uncompressed and well-formed. */
unsigned route_find(const struct route_table *table, const uint8_t *name, size_t bytes);
unsigned route_group_count(const struct route_table *table);
/* Its upstreams, a bit for each by its place in the configuration. Never none. */
uint64_t route_upstreams(const struct route_table *table, unsigned group);
/*
 * A number for all that decides where routed names go: domains, and the addresses and identities of their
 * upstreams. The same for the same, another (but for one in 2^64) for another; 0 when there are no routes,
 * or only one for ".".
 */
uint64_t route_mark(const struct route_table *table);

#endif
