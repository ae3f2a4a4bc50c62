/*
 * The order in which upstreams would be asked, for each policy, and with some of them down.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"
#include "upstream/identity.h"
#include "upstream/order.h"
#include "upstream/route.h"

enum { NOW_MS = 1000000 };

#define TEXT(policy)                                                                                         \
	"upstreams = ( { name = \"a\"; addresses = [ \"192.0.2.1\", \"192.0.2.2\" ]; },"                     \
	" { name = \"b\"; addresses = [ \"192.0.2.3\" ]; }, { name = \"c\"; addresses = [ \"192.0.2.4\" ]; " \
	"},"                                                                                                 \
	" { name = \"d\"; addresses = [ \"192.0.2.5\" ]; } );\n"                                             \
	"forward: { policy = \"" policy "\"; }; access: { allow = [ \"10.0.0.0/8\" ]; };\n"                  \
	"routes = ( { domains = [ \"corp.test\", \"lab.corp.test\" ]; upstreams = [ \"c\" ]; } );\n"         \
	"clients = ( { name = \"kids\"; networks = [ \"10.0.0.0/8\" ]; upstreams = [ \"d\" ]; } );\n"

static struct config *config;
static struct health_table *table;
static struct wire_query query;
static struct order order;

static void
load(const char *text)
{
	config = loading_good(text);
	table = calloc(1, health_footprint());
	assert_non_null(table);
}

static int
stop(void **state)
{
	(void)state;
	config_free(config);
	free(table);
	config = NULL;
	table = NULL;
	return 0;
}

static struct health *
hold(unsigned upstream, unsigned address)
{
	const struct config_upstream *u = &config->upstreams[upstream];
	const struct health_identity identity = {
	        .key = upstream_identity(u, &u->addresses[address]), .name = "x", .address = "y"};
	return health_open(table, &identity, NOW_MS);
}

static void
is_fast(unsigned upstream, unsigned address, uint32_t latency_us)
{
	struct health *h = hold(upstream, address);
	health_answered(h, latency_us, false, NOW_MS);
	health_close(h);
}

static void
is_down(unsigned upstream, unsigned address)
{
	struct health *h = hold(upstream, address);
	health_failed(h, HEALTH_CONNECT, "nobody there", NOW_MS, 0);
	health_close(h);
}

/* The last numbers of their addresses: "1 3 2". */
static const char *
asked(uint32_t view, const char *name)
{
	static char text[64];
	char address[ADDR_TEXT_BYTES];
	query.question.name_bytes = (uint16_t)name_from_text(name, query.question.name);
	query.question.type = query.question.class = 1;
	query.view = view;
	order_of(config, table, &query, NOW_MS, &order);
	text[0] = '\0';
	for (unsigned i = 0; i < order.count; i++) {
		addr_host_text(order.places[i].address, address);
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
		        strrchr(address, '.') + 1);
	}
	return text;
}

/* Another upstream before another address of the same. */
static void
in_the_order_of_the_file(void **state)
{
	(void)state;
	load(TEXT("sequential"));
	assert_string_equal(asked(0, "www.test"), "1 3 2");
	assert_null(order.domain);
	assert_false(order.places[0].known);
	is_down(0, 0);
	assert_string_equal(asked(0, "www.test"), "2 3 1");
	assert_true(order.places[2].known && order.places[2].state == HEALTH_BACKED_OFF);
}

static void
the_fastest_first(void **state)
{
	(void)state;
	load(TEXT("fastest"));
	is_fast(0, 0, 90000);
	is_fast(0, 1, 50000);
	is_fast(1, 0, 60000);
	assert_string_equal(asked(0, "www.test"), "2 3 1");
	is_down(0, 1);
	assert_string_equal(asked(0, "www.test"), "3 1 2");
}

/* As the workers do: each name keeps to its place, and not all to the same. */
static void
by_the_hash_of_the_name(void **state)
{
	char first[64], name[32];
	bool other = false;
	(void)state;
	load(TEXT("hashed"));
	strcpy(first, asked(0, "www.test"));
	assert_string_equal(asked(0, "WWW.test"), first);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "name%u.test", i);
		other |= strcmp(asked(0, name), first) != 0;
		assert_int_equal(order.count, 3);
	}
	assert_true(other);
}

static void
routes_and_views(void **state)
{
	char name[NAME_TEXT_BYTES];
	(void)state;
	load(TEXT("round-robin"));
	uint32_t kids = route_view(config, &config->clients[0]);
	assert_string_equal(asked(0, "x.lab.corp.test"), "4");
	assert_string_equal(name_text(order.domain->name, order.domain->bytes, name), "lab.corp.test.");
	assert_string_equal(asked(kids, "corp.test"), "4");
	assert_string_equal(name_text(order.domain->name, order.domain->bytes, name), "corp.test.");
	assert_string_equal(asked(kids, "www.test"), "5");
	assert_null(order.domain);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_teardown(in_the_order_of_the_file, stop),
	        cmocka_unit_test_teardown(the_fastest_first, stop),
	        cmocka_unit_test_teardown(by_the_hash_of_the_name, stop),
	        cmocka_unit_test_teardown(routes_and_views, stop),
	};
	return cmocka_run_group_tests_name("order", tests, loading_begin, loading_end);
}
