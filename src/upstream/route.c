/*
 * A hash table of domains. The hash of a name is made from the root outwards, label by label, so one pass
 * over a name gives the hashes of all its suffixes; the last one that is found is the longest. Labels
 * beyond those of the longest domain are not looked at.
 *
 * The domains are the administrator's: whoever asks cannot make them collide, and the table is at most half
 * full, so no secret is needed.
 */
#include "upstream/route.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum {
	ROUTE_MOST_LABELS = NAME_BYTES / 2,
	ROUTE_LEAST_SLOTS = 8,
	ROUTE_MOST_UPSTREAMS = 64,
};

static const uint32_t hash_start = 2166136261u, hash_step = 16777619u; /* FNV-1a */

struct route_slot {
	uint32_t hash;
	uint32_t at;    /* in the names */
	uint16_t bytes; /* 0: empty */
	uint32_t group;
};

/* What a group of clients has instead of group 0. */
struct route_view {
	uint32_t number;
	unsigned group;
	bool routes;
};

struct route_table {
	struct route_slot *slots;
	uint8_t *names; /* in lower case, one after the other */
	uint64_t *groups;
	struct route_view *views;
	size_t view_count;
	size_t mask; /* of the slots */
	size_t name_bytes;
	unsigned group_count;
	unsigned most_labels; /* of any domain */
	uint64_t mark;
};

/* --- finding --- */

/* Length octets pass unchanged: at most 63, they are below 'A'. */
static void
fold(const uint8_t *name, size_t bytes, uint8_t out[NAME_BYTES])
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i];
}

/* Where each label begins. Returns how many there are, without the root. */
static unsigned
label_starts(const uint8_t *name, uint8_t starts[ROUTE_MOST_LABELS])
{
	unsigned count = 0;
	for (size_t at = 0; name[at] != 0; at += 1u + name[at]) {
		must(count < ROUTE_MOST_LABELS);
		starts[count++] = (uint8_t)at;
	}
	return count;
}

static uint32_t
hash_label(uint32_t hash, const uint8_t *label)
{
	for (size_t i = 0; i <= label[0]; i++)
		hash = (hash ^ label[i]) * hash_step;
	return hash;
}

/* The slot of this domain, or the empty one where it would be. */
static struct route_slot *
slot_of(const struct route_table *t, uint32_t hash, const uint8_t *domain, size_t bytes)
{
	size_t at = (hash ^ hash >> 16) & t->mask;
	for (;; at = (at + 1) & t->mask) {
		struct route_slot *slot = &t->slots[at];
		if (slot->bytes == 0)
			return slot;
		if (slot->hash == hash && slot->bytes == bytes &&
		        memcmp(t->names + slot->at, domain, bytes) == 0)
			return slot;
	}
}

unsigned
route_find(const struct route_table *t, const uint8_t *name, size_t bytes)
{
	uint8_t folded[NAME_BYTES], starts[ROUTE_MOST_LABELS];
	unsigned group = ROUTE_REST;
	if (t->most_labels == 0)
		return group;
	must(bytes > 0 && bytes <= NAME_BYTES);
	fold(name, bytes, folded);
	unsigned count = label_starts(folded, starts);
	unsigned least = count > t->most_labels ? count - t->most_labels : 0;
	uint32_t hash = hash_start;
	for (unsigned i = count; i > least; i--) {
		const uint8_t *suffix = folded + starts[i - 1];
		hash = hash_label(hash, suffix);
		const struct route_slot *slot = slot_of(t, hash, suffix, bytes - starts[i - 1]);
		if (slot->bytes > 0)
			group = slot->group;
	}
	return group;
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
	uint8_t folded[NAME_BYTES], starts[ROUTE_MOST_LABELS];
	fold(domain->name, domain->bytes, folded);
	unsigned count = label_starts(folded, starts);
	uint32_t hash = hash_start;
	for (unsigned i = count; i > 0; i--)
		hash = hash_label(hash, folded + starts[i - 1]);
	struct route_slot *slot = slot_of(t, hash, folded, domain->bytes);
	must(slot->bytes == 0);
	memcpy(t->names + t->name_bytes, folded, domain->bytes);
	*slot = (struct route_slot){
	        .hash = hash, .at = (uint32_t)t->name_bytes, .bytes = domain->bytes, .group = group};
	t->name_bytes += domain->bytes;
	if (count > t->most_labels)
		t->most_labels = count;
	/* a sum, for their order means nothing */
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

static void
make_room(struct route_table *t, const struct config *config)
{
	size_t domains = 0, bytes = 0, slots = ROUTE_LEAST_SLOTS;
	for (size_t i = 0; i < config->route_count; i++) {
		const struct config_route *route = &config->routes[i];
		domains += route->domain_count;
		for (size_t j = 0; j < route->domain_count; j++)
			bytes += route->domains[j].bytes;
	}
	while (slots < 2 * domains)
		slots *= 2;
	t->mask = slots - 1;
	t->slots = must_alloc(slots, sizeof *t->slots);
	t->names = must_alloc(bytes + 1, 1);
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
	make_room(t, config);
	for (size_t i = 0; i < config->route_count; i++)
		add_route(t, config, &config->routes[i]);
	for (size_t i = 0; i < config->client_count; i++)
		add_view(t, config, &config->clients[i]);
	if (t->most_labels > 0 && t->mark == 0)
		t->mark = 1;
	return t;
}

void
route_free(struct route_table *t)
{
	if (t == NULL)
		return;
	free(t->slots);
	free(t->names);
	free(t->groups);
	free(t->views);
	free(t);
}
