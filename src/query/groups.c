/*
 * A hash table of networks, and for each family the lengths of prefix that occur, the longest first: an
 * address is looked up once for each of them, which are few, however many networks there are.
 *
 * The networks are the administrator's: whoever asks cannot make them collide, and the table is at most half
 * full, so no secret is needed.
 */
#include "query/groups.h"

#include "base/must.h"
#include "upstream/route.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { GROUPS_LEAST_SLOTS = 8, GROUPS_PREFIXES = 129 };

/* The address as two numbers, the first bit of it the uppermost of `high`. */
struct bits {
	uint64_t high, low;
};

struct groups_slot {
	struct bits bits;
	const struct addr_net *net; /* NULL: empty */
	const struct group *group;
};

/* Of one family. */
struct groups_lengths {
	uint8_t length[GROUPS_PREFIXES]; /* the longest first */
	unsigned count;
};

struct groups {
	struct groups_lengths lengths[2]; /* IPv4, IPv6 */
	struct groups_slot *slots;
	uint64_t mask; /* of the slots */
	struct group *all;
};

static struct bits
bits_of(const uint8_t *bytes, size_t count)
{
	uint8_t whole[16] = {0};
	struct bits b;
	memcpy(whole, bytes, count);
	memcpy(&b.high, whole, 8);
	memcpy(&b.low, whole + 8, 8);
	return (struct bits){be64toh(b.high), be64toh(b.low)};
}

static struct bits
first_bits(struct bits b, unsigned count)
{
	uint64_t high = count == 0 ? 0 : count >= 64 ? UINT64_MAX : ~(UINT64_MAX >> count);
	uint64_t low = count <= 64 ? 0 : count == 128 ? UINT64_MAX : ~(UINT64_MAX >> (count - 64));
	return (struct bits){b.high & high, b.low & low};
}

static uint64_t
hash(struct bits b, unsigned prefix)
{
	uint64_t x = (b.high ^ prefix) * 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 29 ^ b.low) * 0xbf58476d1ce4e5b9u;
	return x ^ x >> 32;
}

/* The slot of this network, or the empty one where it would be. */
static struct groups_slot *
slot_of(const struct groups *g, struct bits b, sa_family_t family, unsigned prefix)
{
	for (uint64_t at = hash(b, prefix);; at++) {
		struct groups_slot *slot = &g->slots[at & g->mask];
		if (slot->net == NULL || (slot->bits.high == b.high && slot->bits.low == b.low &&
		                                 slot->net->prefix == prefix && slot->net->family == family))
			return slot;
	}
}

static unsigned
family_index(sa_family_t family)
{
	return family == AF_INET6;
}

const struct group *
groups_find(const struct groups *g, const struct addr *client, const struct addr_net **net)
{
	sa_family_t family = client->any.sa_family;
	const struct groups_lengths *lengths = &g->lengths[family_index(family)];
	if (lengths->count == 0)
		return NULL;
	size_t count;
	const uint8_t *bytes = addr_host(client, &count);
	struct bits whole = bits_of(bytes, count);
	for (unsigned i = 0; i < lengths->count; i++) {
		unsigned prefix = lengths->length[i];
		const struct groups_slot *slot = slot_of(g, first_bits(whole, prefix), family, prefix);
		if (slot->net == NULL)
			continue;
		if (net != NULL)
			*net = slot->net;
		return slot->group;
	}
	return NULL;
}

/* --- making --- */

static void
add_net(struct groups *g, const struct addr_net *net, const struct group *group)
{
	struct bits b = bits_of(net->bytes, sizeof net->bytes);
	struct groups_slot *slot = slot_of(g, b, net->family, net->prefix);
	must(slot->net == NULL); /* no network is in two groups */
	*slot = (struct groups_slot){.bits = b, .net = net, .group = group};
}

static void
gather_lengths(struct groups *g, const struct config *config)
{
	bool there[2][GROUPS_PREFIXES] = {{false}};
	for (size_t i = 0; i < config->client_count; i++)
		for (size_t j = 0; j < config->clients[i].network_count; j++) {
			const struct addr_net *net = &config->clients[i].networks[j];
			there[family_index(net->family)][net->prefix] = true;
		}
	for (unsigned family = 0; family < 2; family++)
		for (unsigned prefix = GROUPS_PREFIXES; prefix-- > 0;)
			if (there[family][prefix])
				g->lengths[family].length[g->lengths[family].count++] = (uint8_t)prefix;
}

static uint64_t
named_lists(
        const struct config_member *named, size_t named_count, const struct config_list *lists, size_t count)
{
	uint64_t mask = 0;
	for (size_t i = 0; i < named_count; i++)
		for (size_t j = 0; j < count; j++)
			if (strcmp(named[i].name, "*") == 0 || strcmp(named[i].name, lists[j].name) == 0)
				mask |= 1ull << j;
	return mask;
}

/* First the block lists, then the allow lists. */
static uint64_t
lists_of(const struct config *config, const struct config_client *client)
{
	const struct config_lists *lists = &config->lists;
	uint64_t block =
	        named_lists(client->block_lists, client->block_list_count, lists->block, lists->block_count);
	uint64_t allow =
	        named_lists(client->allow_lists, client->allow_list_count, lists->allow, lists->allow_count);
	return lists->block_count < CONFIG_LISTS_MOST ? block | allow << lists->block_count : block;
}

struct groups *
groups_new(const struct config *config)
{
	struct groups *g = must_alloc(1, sizeof *g);
	size_t nets = 0, slots = GROUPS_LEAST_SLOTS;
	for (size_t i = 0; i < config->client_count; i++)
		nets += config->clients[i].network_count;
	while (slots < 2 * nets)
		slots *= 2;
	g->mask = slots - 1;
	g->slots = must_alloc(slots, sizeof *g->slots);
	g->all = must_alloc(config->client_count, sizeof *g->all);
	gather_lengths(g, config);
	for (size_t i = 0; i < config->client_count; i++) {
		const struct config_client *client = &config->clients[i];
		g->all[i] = (struct group){.config = client,
		        .lists = lists_of(config, client),
		        .view = route_view(config, client)};
		for (size_t j = 0; j < client->network_count; j++)
			add_net(g, &client->networks[j], &g->all[i]);
	}
	return g;
}

void
groups_free(struct groups *g)
{
	if (g == NULL)
		return;
	free(g->slots);
	free(g->all);
	free(g);
}
