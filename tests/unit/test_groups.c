/*
 * Which group a client is in, against a reference that looks at every network there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "query/groups.h"

#include <string.h>

enum { GROUPS = 6, NETS = 60 };

static struct addr_net nets[GROUPS][NETS];
static struct config_client clients[GROUPS];
static struct config config = {.clients = clients};

static uint32_t
next(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 8;
}

/* Few values for each byte, so that networks lie in one another and addresses in networks. */
static void
random_bytes(uint32_t *random, uint8_t *out, size_t count)
{
	static const uint8_t values[] = {0, 1, 0x80, 0xff, 10};
	for (size_t i = 0; i < count; i++)
		out[i] = next(random) % 8 == 0 ? (uint8_t)next(random) : values[next(random) % sizeof values];
}

static void
random_net(uint32_t *random, struct addr_net *out)
{
	bool six = next(random) % 2;
	unsigned bits = six ? 128 : 32;
	memset(out, 0, sizeof *out);
	out->family = six ? AF_INET6 : AF_INET;
	out->prefix = (uint8_t)(next(random) % (bits + 1));
	random_bytes(random, out->bytes, bits / 8);
	for (unsigned bit = out->prefix; bit < bits; bit++)
		out->bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
}

static bool
is_known(const struct addr_net *net)
{
	for (size_t i = 0; i < config.client_count; i++)
		for (size_t j = 0; j < clients[i].network_count; j++)
			if (memcmp(&nets[i][j], net, sizeof *net) == 0)
				return true;
	return false;
}

static void
random_groups(uint32_t *random)
{
	static char name[] = "group";
	config.client_count = 0;
	for (unsigned i = next(random) % (GROUPS + 1); i > 0; i--) {
		struct config_client *client = &clients[config.client_count];
		*client = (struct config_client){
		        .name = name, .networks = nets[config.client_count], .routes = true};
		config.client_count++;
		for (unsigned j = next(random) % NETS; j > 0; j--) {
			struct addr_net net;
			random_net(random, &net);
			if (!is_known(&net))
				client->networks[client->network_count++] = net;
		}
	}
}

static const struct addr_net *
reference(const struct addr *client, const struct config_client **group)
{
	const struct addr_net *best = NULL;
	*group = NULL;
	for (size_t i = 0; i < config.client_count; i++)
		for (size_t j = 0; j < clients[i].network_count; j++)
			if (addr_net_holds(&nets[i][j], client) &&
			        (best == NULL || nets[i][j].prefix > best->prefix)) {
				best = &nets[i][j];
				*group = &clients[i];
			}
	return best;
}

static void
random_networks_agree_with_the_reference(void **state)
{
	unsigned found = 0, none = 0;
	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		uint32_t random = seed;
		random_groups(&random);
		struct groups *groups = groups_new(&config);
		for (unsigned i = 0; i < 200; i++) {
			struct addr client = {.any.sa_family = i % 2 ? AF_INET6 : AF_INET};
			const struct config_client *expected;
			const struct addr_net *net = NULL;
			if (i % 2)
				random_bytes(&random, client.in6.sin6_addr.s6_addr, 16);
			else
				random_bytes(&random, (uint8_t *)&client.in4.sin_addr, 4);
			const struct addr_net *best = reference(&client, &expected);
			const struct group *group = groups_find(groups, &client, &net);
			assert_ptr_equal(net, best);
			assert_ptr_equal(group != NULL ? group->config : NULL, expected);
			found += group != NULL;
			none += group == NULL;
		}
		groups_free(groups);
	}
	assert_true(found > 10000 && none > 1000);
}

static struct addr
address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 53), 0);
	return a;
}

static void
in_no_group(void **state)
{
	struct addr client = address("127.0.0.1"), other = address("::1");
	(void)state;
	config.client_count = 0;
	struct groups *groups = groups_new(&config);
	assert_null(groups_find(groups, &client, NULL));
	assert_null(groups_find(groups, &other, NULL));
	groups_free(groups);
	groups_free(NULL);
}

static void
everybody_may_be_a_group(void **state)
{
	struct addr client = address("203.0.113.9"), inner = address("203.0.113.10"),
	            six = address("2001:db8::9");
	(void)state;
	config.client_count = 2;
	clients[0] = (struct config_client){.networks = nets[0], .network_count = 2, .routes = true};
	clients[1] = (struct config_client){.networks = nets[1], .network_count = 1, .routes = true};
	memset(nets, 0, sizeof nets);
	assert_int_equal(addr_net_parse(&nets[0][0], "0.0.0.0/0"), 0);
	assert_int_equal(addr_net_parse(&nets[0][1], "::/0"), 0);
	assert_int_equal(addr_net_parse(&nets[1][0], "203.0.113.10"), 0);
	struct groups *groups = groups_new(&config);
	assert_ptr_equal(groups_find(groups, &client, NULL)->config, &clients[0]);
	assert_ptr_equal(groups_find(groups, &six, NULL)->config, &clients[0]);
	assert_ptr_equal(groups_find(groups, &inner, NULL)->config, &clients[1]);
	assert_int_equal(groups_find(groups, &inner, NULL)->view, 0);
	groups_free(groups);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(random_networks_agree_with_the_reference),
	        cmocka_unit_test(in_no_group),
	        cmocka_unit_test(everybody_may_be_a_group),
	};
	return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
