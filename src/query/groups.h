/*
 * Which group of clients an address is in, and what that means for its questions.
 *
 * Made once of a configuration and never changed. Of all networks of all groups the smallest that holds the
 * address wins. Who is in none is served as the rest of the configuration says. A group opens no access:
 * that is the access lists' business (policy.h).
 */
#ifndef DOTWARD_QUERY_GROUPS_H
#define DOTWARD_QUERY_GROUPS_H

#include "base/addr.h"
#include "config/config.h"

struct groups;

struct group {
	const struct config_client *config;
	uint64_t lists; /* that count for it, a bit each, as they are numbered in query/lists.h */
	uint32_t view;  /* wire_query.view of its questions (upstream/route.h) */
};

/* The configuration outlives it. */
struct groups *groups_new(const struct config *config) __attribute__((returns_nonnull));
/* NULL is allowed. */
void groups_free(struct groups *groups);

/* NULL: in none. *net, unless NULL, is the network that decided. */
const struct group *groups_find(
        const struct groups *groups, const struct addr *client, const struct addr_net **net);

/* wire_query.view of questions from clients in this group, here and below NULL for none. */
static inline uint32_t
groups_view(const struct group *group)
{
	return group != NULL ? group->view : 0;
}

/* Are its questions to be in no line of the log? */
static inline bool
groups_hides(const struct group *group)
{
	return group != NULL && !group->config->log;
}

/* The lists that count for it. */
static inline uint64_t
groups_lists(const struct group *group)
{
	return group != NULL ? group->lists : UINT64_MAX;
}

/* What limits its questions. */
static inline const struct config_rate *
groups_rate(const struct config *config, const struct group *group)
{
	return group != NULL && group->config->own_rate ? &group->config->rate : &config->limits.rate;
}

#endif
