/*
 * Chooses as a worker does, again and again, until there is nobody left. What is left to chance there
 * ("fastest" draws two of those that are about as fast) goes by latency alone here.
 */
#include "upstream/order.h"

#include "base/must.h"
#include "dns/hash.h"
#include "upstream/choose.h"
#include "upstream/identity.h"
#include "upstream/route.h"

#include <stdlib.h>

enum { ORDER_UNKNOWN_US = 100000 /* what a place counts that was never measured, as in choose.c */ };

struct candidate {
	struct order_place place;
	struct choose_place choose;
};

static struct candidate
candidate_of(const struct config *config, size_t upstream, size_t address, const struct health_table *health,
        uint64_t now_ms)
{
	const struct config_upstream *u = &config->upstreams[upstream];
	struct candidate c = {.place = {.upstream = u, .address = &u->addresses[address]}};
	struct health_view view;
	uint64_t key = upstream_identity(u, &u->addresses[address]);
	if (health != NULL && health_find(health, key, &view, now_ms)) {
		c.place.known = view.handshakes_full + view.handshakes_resumed > 0 ||
		                view.failed_ago_ms != UINT64_MAX;
		c.place.state = view.state;
		c.place.latency_us = view.latency_us;
		c.choose.backoff_until_ms = now_ms + view.backoff_left_ms;
	}
	c.choose.key = (uint32_t)key;
	c.choose.upstream = (unsigned)upstream;
	c.choose.usable = c.place.state == HEALTH_WELL;
	c.choose.latency_us = c.place.latency_us;
	return c;
}

static unsigned
candidates_of(const struct config *config, uint64_t members, const struct health_table *health,
        uint64_t now_ms, struct candidate out[ORDER_PLACES])
{
	unsigned count = 0;
	for (size_t i = 0; i < config->upstream_count; i++)
		for (size_t j = 0; j < config->upstreams[i].address_count && (members >> i & 1) != 0; j++) {
			must(count < ORDER_PLACES);
			out[count++] = candidate_of(config, i, j, health, now_ms);
		}
	return count;
}

static int
by_latency(const void *a, const void *b)
{
	const struct candidate *p = a, *q = b;
	uint32_t left = p->place.latency_us != 0 ? p->place.latency_us : ORDER_UNKNOWN_US;
	uint32_t right = q->place.latency_us != 0 ? q->place.latency_us : ORDER_UNKNOWN_US;
	return (left > right) - (left < right);
}

static void
choose_all(enum config_policy policy, const struct candidate *all, unsigned count, uint32_t name_hash,
        struct order *out)
{
	struct choose_place places[ORDER_PLACES];
	struct choose_question question = {.name_hash = name_hash};
	int next;
	for (unsigned i = 0; i < count; i++)
		places[i] = all[i].choose;
	while ((next = choose(policy, places, count, &question, true)) >= 0) {
		question.tried |= 1ull << next;
		out->places[out->count++] = all[next].place;
	}
}

/* The longest that has the name. */
static const struct config_domain *
domain_of(const struct config_route *route, const struct wire_question *question)
{
	const uint8_t *name = question->name;
	for (size_t bytes = question->name_bytes;; bytes -= 1u + name[0], name += 1u + name[0]) {
		for (size_t i = 0; i < route->domain_count; i++)
			if (route->domains[i].bytes == bytes &&
			        name_equal(route->domains[i].name, name, bytes))
				return &route->domains[i];
		if (name[0] == 0)
			return NULL;
	}
}

void
order_of(const struct config *config, const struct health_table *health, const struct wire_query *query,
        uint64_t now_ms, struct order *out)
{
	const struct wire_question *q = &query->question;
	struct route_table *routes = route_new(config);
	struct candidate all[ORDER_PLACES];
	enum config_policy policy = config->forward.policy;
	unsigned group = route_find_in(routes, query->view, q->name, q->name_bytes);
	out->count = 0;
	/* the groups of routes come in their order behind the one of the rest */
	out->domain = group != ROUTE_REST && group <= config->route_count
	                      ? domain_of(&config->routes[group - 1], q)
	                      : NULL;
	unsigned count = candidates_of(config, route_upstreams(routes, group), health, now_ms, all);
	if (policy == CONFIG_FASTEST) {
		qsort(all, count, sizeof *all, by_latency);
		policy = CONFIG_SEQUENTIAL;
	}
	choose_all(policy, all, count, (uint32_t)hash_name(q->name, q->name_bytes, 0, 0, 0), out);
	route_free(routes);
}
