/*
 * Which domain a name is in is dns/domains.h's business, group 0 being the number of none. What is here is
 * who is asked for each group, and in place of group 0 for clients that have upstreams of their own.
 */
#include "upstream/route.h"

#include "base/must.h"
#include "dns/domains.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { ROUTE_MOST_UPSTREAMS = 64 };

static_assert(ROUTE_REST == 0, "what a domain without a number has");

/* What a group of clients has instead of group 0. */
struct route_view {
	uint32_t number;
	unsigned group;
	bool routes;
};

struct route_table {
	struct domains *domains; /* to groups; NULL: there are none */
	uint64_t *groups;
	struct route_view *views;
	size_t view_count;
	unsigned group_count;
	uint64_t mark;
};

/* --- finding --- */

unsigned
route_find(const struct route_table *t, const uint8_t *name, size_t bytes)
{
	struct domains_match match;
	if (t->domains == NULL)
		return ROUTE_REST;
	domains_find(t->domains, name, bytes, &match);
	return match.numbered;
}

unsigned
route_find_in(const struct route_table *t, uint32_t view, const uint8_t *name, size_t bytes)
{
	if (view == 0)
		return route_find(t, name, bytes);
	for (size_t i = 0; i < t->view_count; i++) {
		const struct route_view *found = &t->views[i];
		if (found->number != view)
			continue;
		unsigned group = found->routes ? route_find(t, name, bytes) : ROUTE_REST;
		return group == ROUTE_REST ? found->group : group;
	}
	must(view == 0); /* or it is none of this configuration */
	return ROUTE_REST;
}

unsigned
route_group_count(const struct route_table *t)
{
	return t->group_count;
}

uint64_t
route_upstreams(const struct route_table *t, unsigned group)
{
	must(group < t->group_count);
	return t->groups[group];
}

uint64_t
route_mark(const struct route_table *t)
{
	return t->mark;
}

/* --- making --- */

static size_t
upstream_index(const struct config *config, const char *name)
{
	size_t i = 0;
	while (i < config->upstream_count && strcmp(config->upstreams[i].name, name) != 0)
		i++;
	must(i < config->upstream_count); /* routes were checked */
	return i;
}

static uint64_t
members_of(const struct config *config, const struct config_member *named, size_t count)
{
	uint64_t members = 0;
	for (size_t i = 0; i < count; i++)
		members |= 1ull << upstream_index(config, named[i].name);
	return members;
}

/* What tells this upstream from another one, whatever it is called. */
static uint64_t
upstream_mark(const struct config_upstream *upstream)
{
	char text[ADDR_TEXT_BYTES];
	uint64_t mark = XXH3_64bits(upstream->auth_name, strlen(upstream->auth_name));
	/* Its addresses come and go. */
	if (config_is_by_host(upstream))
		mark += XXH3_64bits_withSeed(upstream->host, strlen(upstream->host), 3) + upstream->port;
	for (size_t i = 0; i < upstream->address_count && !config_is_by_host(upstream); i++) {
		addr_text(&upstream->addresses[i], text);
		mark += XXH3_64bits_withSeed(text, strlen(text), 1);
	}
	for (size_t i = 0; i < upstream->pin_count; i++)
		mark += XXH3_64bits_withSeed(upstream->pins[i], sizeof upstream->pins[i], 2);
	mark += upstream->opportunistic; /* whoever that was, the answers are not those of a verified one */
	return XXH3_64bits(&mark, sizeof mark);
}

static uint64_t
members_mark(const struct config *config, uint64_t members)
{
	uint64_t mark = 0;
	for (size_t i = 0; i < config->upstream_count; i++)
		if (members & (1ull << i))
			mark += upstream_mark(&config->upstreams[i]);
	return mark;
}

static void
add_domain(struct route_table *t, const struct config_domain *domain, unsigned group, uint64_t group_mark)
{
	uint8_t folded[NAME_BYTES];
	if (t->domains == NULL)
		t->domains = domains_new();
	uint32_t *number = domains_put(t->domains, domain->name, domain->bytes);
	must(*number == ROUTE_REST);
	*number = group;
	/* a sum, for their order means nothing */
	name_fold(domain->name, domain->bytes, folded);
	t->mark += XXH3_64bits_withSeed(folded, domain->bytes, group_mark);
}

static bool
is_root(const struct config_domain *domain)
{
	return domain->bytes == 1;
}

/* Who is asked for everything that no route has: what the route for "." says, or those whom nobody names. */
static uint64_t
rest_of(const struct config *config)
{
	uint64_t rest = 0;
	for (size_t i = 0; i < config->upstream_count; i++)
		rest |= 1ull << i;
	for (size_t i = 0; i < config->client_count; i++)
		rest &= ~members_of(config, config->clients[i].upstreams, config->clients[i].upstream_count);
	for (size_t i = 0; i < config->route_count; i++) {
		const struct config_route *route = &config->routes[i];
		rest &= ~members_of(config, route->upstreams, route->upstream_count);
	}
	for (size_t i = 0; i < config->route_count; i++)
		for (size_t j = 0; j < config->routes[i].domain_count; j++)
			if (is_root(&config->routes[i].domains[j]))
				return members_of(config, config->routes[i].upstreams,
				        config->routes[i].upstream_count);
	return rest;
}

/* Has it upstreams of its own, or none of the routes that there are? */
static bool
has_view(const struct config *config, const struct config_client *client)
{
	return client->upstream_count > 0 || (!client->routes && config->route_count > 0);
}

static uint64_t
view_members(const struct config *config, const struct config_client *client)
{
	return client->upstream_count > 0 ? members_of(config, client->upstreams, client->upstream_count)
	                                  : rest_of(config);
}

uint32_t
route_view(const struct config *config, const struct config_client *client)
{
	if (!has_view(config, client))
		return 0;
	uint64_t mark = members_mark(config, view_members(config, client));
	uint32_t number = (uint32_t)XXH3_64bits_withSeed(
	        &mark, sizeof mark, client->routes || config->route_count == 0);
	return number != 0 ? number : 1;
}

/* Groups that have the same view have the same upstreams. */
static void
add_view(struct route_table *t, const struct config *config, const struct config_client *client)
{
	uint32_t number = route_view(config, client);
	for (size_t i = 0; i < t->view_count; i++)
		if (t->views[i].number == number)
			return;
	if (number == 0)
		return;
	t->views[t->view_count++] =
	        (struct route_view){.number = number, .group = t->group_count, .routes = client->routes};
	t->groups[t->group_count++] = view_members(config, client);
}

/* The route for "." is group 0, and this one is for nobody then. */
static void
add_route(struct route_table *t, const struct config *config, const struct config_route *route)
{
	unsigned group = t->group_count++;
	uint64_t mark = members_mark(
	        config, t->groups[group] = members_of(config, route->upstreams, route->upstream_count));
	for (size_t i = 0; i < route->domain_count; i++)
		if (!is_root(&route->domains[i]))
			add_domain(t, &route->domains[i], group, mark);
}

struct route_table *
route_new(const struct config *config)
{
	struct route_table *t = must_alloc(1, sizeof *t);
	must(config->upstream_count <= ROUTE_MOST_UPSTREAMS);
	t->groups = must_alloc(config->route_count + config->client_count + 1, sizeof *t->groups);
	t->views = must_alloc(config->client_count, sizeof *t->views);
	t->group_count = 1;
	t->groups[ROUTE_REST] = rest_of(config);
	for (size_t i = 0; i < config->route_count; i++)
		add_route(t, config, &config->routes[i]);
	for (size_t i = 0; i < config->client_count; i++)
		add_view(t, config, &config->clients[i]);
	if (t->domains != NULL && t->mark == 0)
		t->mark = 1;
	return t;
}

void
route_free(struct route_table *t)
{
	if (t == NULL)
		return;
	domains_free(t->domains);
	free(t->groups);
	free(t->views);
	free(t);
}
