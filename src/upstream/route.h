/*
 * Which upstreams a name is asked at.
 *
 * Made once of a configuration and never changed. Each route is a group of upstreams, and everything that no
 * route has is group 0. The longest domain wins that a name is, or is below of; a domain ends where a label
 * ends, and the case of letters means nothing. All types go one way, DS included: a private name is not
 * shown to others for the sake of its parent.
 *
 * Groups of clients may have upstreams of their own, or do without the routes: what they are answered is
 * another world than everybody's, a view. Its number is made of who those upstreams are, so it is the same
 * for all groups with the same ones, and stays the same over reloads, restarts and machines. 0 is
 * everybody's.
 */
#ifndef DOTWARD_UPSTREAM_ROUTE_H
#define DOTWARD_UPSTREAM_ROUTE_H

#include "config/config.h"

struct route_table;

enum { ROUTE_REST = 0 };

/* The configuration is not needed afterwards. */
struct route_table *route_new(const struct config *config) __attribute__((returns_nonnull));
void route_free(struct route_table *table);

/* The group of a name in wire form, uncompressed and well-formed, in everybody's view. */
unsigned route_find(const struct route_table *table, const uint8_t *name, size_t bytes);
/* The same in a view that route_view() gave for a group of this configuration, or 0. */
unsigned route_find_in(const struct route_table *table, uint32_t view, const uint8_t *name, size_t bytes);
/* The view of a group of clients of this configuration. Two that differ have the same number but for one
 * time in four thousand million. */
uint32_t route_view(const struct config *config, const struct config_client *client);
/* All groups, those of views included. */
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
