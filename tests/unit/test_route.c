/*
 * Which group a name goes to, against a reference that compares it with every domain there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"
#include "upstream/route.h"

#include <stdlib.h>
#include <string.h>

#define UPSTREAMS                                                                                            \
	"upstreams = ( { name = \"one\"; addresses = [ \"192.0.2.1\" ]; },"                                  \
	" { name = \"two\"; addresses = [ \"192.0.2.2\" ]; },"                                               \
	" { name = \"three\"; addresses = [ \"192.0.2.3\" ]; },"                                             \
	" { name = \"four\"; addresses = [ \"192.0.2.4\" ]; } );\n"

static struct config *config;
static struct route_table *table;

static void
load(const char *routes)
{
	char text[8192];
	snprintf(text, sizeof text, UPSTREAMS "routes = ( %s );", routes);
	config = loading_good(text);
	table = route_new(config);
}

static int
stop(void **state)
{
	(void)state;
	route_free(table);
	config_free(config);
	table = NULL;
	config = NULL;
	return 0;
}

static unsigned
find(const char *name)
{
	uint8_t wire[NAME_BYTES];
	size_t bytes = name_from_text(name, wire);
	assert_true(bytes > 0);
	return route_find(table, wire, bytes);
}

static uint64_t
asked(const char *name)
{
	return route_upstreams(table, find(name));
}

enum { ONE = 1, TWO = 2, THREE = 4, FOUR = 8 };

static void
without_routes_all_are_asked(void **state)
{
	(void)state;
	load("");
	assert_int_equal(route_group_count(table), 1);
	assert_int_equal(asked("www.corp.example"), ONE | TWO | THREE | FOUR);
	assert_int_equal(asked("."), ONE | TWO | THREE | FOUR);
	assert_true(route_mark(table) == 0);
}

static void
the_longest_domain_wins(void **state)
{
	(void)state;
	load("{ domains = [ \"corp.example\" ]; upstreams = [ \"two\" ]; },"
	     "{ domains = [ \"lab.corp.example\", \"10.in-addr.arpa\", \"d.f.ip6.arpa\" ];"
	     "  upstreams = [ \"three\", \"two\" ]; },"
	     "{ domains = [ \"eng.lab.corp.example.\" ]; upstreams = [ \"four\" ]; }");
	assert_int_equal(asked("example"), ONE);
	assert_int_equal(asked("."), ONE);
	assert_int_equal(asked("corp.example"), TWO);
	assert_int_equal(asked("www.corp.example"), TWO);
	assert_int_equal(asked("a.b.c.d.e.corp.example"), TWO);
	assert_int_equal(asked("lab.corp.example"), THREE | TWO);
	assert_int_equal(asked("x.lab.corp.example"), THREE | TWO);
	assert_int_equal(asked("x.eng.lab.corp.example"), FOUR);
	assert_int_equal(asked("1.2.3.10.in-addr.arpa"), THREE | TWO);
	assert_int_equal(asked("1.2.3.110.in-addr.arpa"), ONE);
	assert_int_equal(asked("0.0.0.0.d.f.ip6.arpa"), THREE | TWO);
	assert_int_equal(asked("0.0.0.0.e.f.ip6.arpa"), ONE);
}

/* A label is a whole: neither its end nor a dot inside of it makes a domain. */
static void
domains_end_where_labels_end(void **state)
{
	(void)state;
	load("{ domains = [ \"corp.example\" ]; upstreams = [ \"two\" ]; }");
	assert_int_equal(asked("notcorp.example"), ONE | THREE | FOUR);
	assert_int_equal(asked("corp.example.org"), ONE | THREE | FOUR);
	assert_int_equal(asked("a\\.corp.example"), ONE | THREE | FOUR);
	assert_int_equal(asked("corp\\.example"), ONE | THREE | FOUR);
	assert_int_equal(asked("\\004corp.example"), ONE | THREE | FOUR);
	assert_int_equal(asked("\\004corp\\007example.x.corp.example"), TWO);
}

static void
letters_are_the_same_in_any_case(void **state)
{
	(void)state;
	load("{ domains = [ \"CoRp.Example\", \"a[b.test\" ]; upstreams = [ \"two\" ]; }");
	assert_int_equal(asked("wWw.cOrP.eXAMPLE"), TWO);
	assert_int_equal(asked("A[B.TEST"), TWO);
	assert_int_equal(asked("a{b.test"), ONE | THREE | FOUR);
}

/* Who is named for "." is asked for the rest, may be in other routes too, and nobody else is asked. */
static void
the_root_is_a_route_too(void **state)
{
	char *said;
	(void)state;
	config = loading_text(UPSTREAMS
	        "routes = ( { domains = [ \"corp.example\" ]; upstreams = [ \"two\", \"one\" ]; },"
	        "  { domains = [ \".\", \"test\" ]; upstreams = [ \"one\", \"three\" ]; } );",
	        &said);
	assert_string_equal(said, "dotward.conf:1: four: is never asked: there is a route for \".\", and no "
	                          "route names this one\n");
	free(said);
	table = route_new(config);
	assert_int_equal(asked("corp.example"), TWO | ONE);
	assert_int_equal(asked("test"), ONE | THREE);
	assert_int_equal(asked("org"), ONE | THREE);
	assert_int_equal(asked("."), ONE | THREE);
}

/* --- the longest names there are --- */

static void
names_of_any_length_are_found(void **state)
{
	char label[2 * 127 + 1] = "", text[600];
	(void)state;
	for (unsigned i = 0; i < 127; i++)
		strcat(label, i == 126 ? "x" : "x.");
	snprintf(text, sizeof text, "{ domains = [ \"%s\" ]; upstreams = [ \"two\" ]; }", label);
	load(text);
	assert_int_equal(asked(label), TWO);
	assert_int_equal(asked(label + 2), ONE | THREE | FOUR);
	route_free(table);
	config_free(config);
	load("{ domains = [ \"x\" ]; upstreams = [ \"two\" ]; }");
	assert_int_equal(asked(label), TWO);
}

/* --- the reference --- */

static uint32_t
next(uint32_t *random)
{
	*random = *random * 1664525u + 1013904223u;
	return *random >> 8;
}

/* Few labels, so that names meet, in any case. */
static size_t
random_name(uint32_t *random, unsigned most_labels, uint8_t *out)
{
	static const char *const labels[] = {"a", "A", "b", "ab", "aB", "ba", "corp", "CORP", "10"};
	unsigned count = next(random) % (most_labels + 1);
	size_t bytes = 0;
	for (unsigned i = 0; i < count; i++) {
		const char *label = labels[next(random) % (sizeof labels / sizeof *labels)];
		size_t length = strlen(label);
		out[bytes++] = (uint8_t)length;
		memcpy(out + bytes, label, length);
		bytes += length;
	}
	out[bytes++] = 0;
	return bytes;
}

static unsigned
reference(const struct config *c, const uint8_t *name, size_t bytes)
{
	for (;;) {
		for (unsigned i = 0; i < c->route_count; i++)
			for (size_t j = 0; j < c->routes[i].domain_count; j++) {
				const struct config_domain *d = &c->routes[i].domains[j];
				if (d->bytes == bytes && name_equal(d->name, name, bytes))
					return i + 1;
			}
		if (name[0] == 0)
			return ROUTE_REST;
		bytes -= 1u + name[0];
		name += 1u + name[0];
	}
}

enum { ROUTES = 5, DOMAINS = 40 };

static bool
is_known(const struct config_route *routes, const uint8_t *name, size_t bytes)
{
	for (unsigned i = 0; i < ROUTES; i++)
		for (size_t j = 0; j < routes[i].domain_count; j++)
			if (routes[i].domains[j].bytes == bytes &&
			        name_equal(routes[i].domains[j].name, name, bytes))
				return true;
	return false;
}

static void
random_tables_agree_with_the_reference(void **state)
{
	static struct config_domain domains[ROUTES][DOMAINS];
	char none[] = "", up_name[] = "up", rest_name[] = "rest";
	struct config_upstream upstreams[2] = {
	        {.name = up_name, .auth_name = none}, {.name = rest_name, .auth_name = none}};
	struct config_member up = {"up"};
	unsigned routed = 0;
	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++) {
		uint32_t random = seed;
		uint8_t name[NAME_BYTES];
		struct config_route routes[ROUTES];
		for (unsigned i = 0; i < ROUTES; i++)
			routes[i] = (struct config_route){domains[i], 0, &up, 1};
		for (unsigned n = next(&random) % 200; n > 0; n--) {
			struct config_route *route = &routes[next(&random) % ROUTES];
			size_t bytes = random_name(&random, 4, name);
			if (bytes == 1 || route->domain_count == DOMAINS || is_known(routes, name, bytes))
				continue;
			struct config_domain *d = &route->domains[route->domain_count++];
			d->bytes = (uint8_t)bytes;
			memcpy(d->name, name, bytes);
		}
		const struct config c = {
		        .upstreams = upstreams, .upstream_count = 2, .routes = routes, .route_count = ROUTES};
		struct route_table *t = route_new(&c);
		for (unsigned n = 0; n < 500; n++) {
			size_t bytes = random_name(&random, 7, name);
			unsigned want = reference(&c, name, bytes);
			assert_int_equal(route_find(t, name, bytes), want);
			routed += want != ROUTE_REST;
		}
		route_free(t);
	}
	assert_true(routed > 10000);
}

static void
many_thousand_domains(void **state)
{
	enum { MANY = 20000 };
	struct config_domain *domains = calloc(MANY, sizeof *domains);
	char none[] = "", up_name[] = "up", rest_name[] = "rest", text[32];
	struct config_upstream upstreams[2] = {
	        {.name = up_name, .auth_name = none}, {.name = rest_name, .auth_name = none}};
	struct config_member up = {"up"};
	struct config_route route = {domains, MANY, &up, 1};
	const struct config c = {
	        .upstreams = upstreams, .upstream_count = 2, .routes = &route, .route_count = 1};
	(void)state;
	assert_non_null(domains);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "d%u.example", i);
		domains[i].bytes = (uint8_t)name_from_text(text, domains[i].name);
	}
	table = route_new(&c);
	free(domains);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "www.D%u.example", i);
		assert_int_equal(find(text), 1);
		snprintf(text, sizeof text, "www.e%u.example", i);
		assert_int_equal(find(text), ROUTE_REST);
	}
}

/* --- the mark --- */

static uint64_t
mark_of(const char *text)
{
	config = loading_good(text);
	table = route_new(config);
	uint64_t mark = route_mark(table);
	stop(NULL);
	return mark;
}

#define MARK(corp, routes)                                                                                   \
	mark_of("upstreams = ( { name = \"rest\"; addresses = [ \"192.0.2.1\" ]; }, " corp                   \
	        " ); routes = ( " routes " );")
#define CORP(name) "{ name = \"" name "\"; addresses = [ \"192.0.2.2\", \"192.0.2.3\" ]; }"

static void
the_mark_changes_with_where_names_go(void **state)
{
	(void)state;
	uint64_t mark = MARK(CORP("corp"), "{ domains = [ \"a\", \"b\" ]; upstreams = [ \"corp\" ]; }");
	assert_true(mark != 0);
	/* the same, said otherwise */
	assert_true(mark == MARK(CORP("x"), "{ domains = [ \"B\", \"A.\" ]; upstreams = [ \"x\" ]; }"));
	assert_true(mark == MARK(CORP("x"), "{ domains = [ \"b\" ]; upstreams = [ \"x\" ]; },"
	                                    "{ domains = [ \"a\" ]; upstreams = [ \"x\" ]; }"));
	/* something else */
	assert_true(mark != MARK(CORP("corp"), "{ domains = [ \"a\" ]; upstreams = [ \"corp\" ]; }"));
	assert_true(mark != MARK(CORP("corp"), "{ domains = [ \"a\", \"c\" ]; upstreams = [ \"corp\" ]; }"));
	assert_true(mark != MARK("{ name = \"corp\"; addresses = [ \"192.0.2.2\" ]; }",
	                            "{ domains = [ \"a\", \"b\" ]; upstreams = [ \"corp\" ]; }"));
	assert_true(mark != MARK("{ name = \"corp\"; addresses = [ \"192.0.2.2\", \"192.0.2.3\" ];"
	                         "  auth_name = \"x.example\"; }",
	                            "{ domains = [ \"a\", \"b\" ]; upstreams = [ \"corp\" ]; }"));
}

static void
the_rest_has_no_mark(void **state)
{
	(void)state;
	assert_true(MARK(CORP("corp"), "{ domains = [ \".\" ]; upstreams = [ \"corp\", \"rest\" ]; }") == 0);
}

/* Or each renewal of them would be another cache. */
static void
the_mark_of_a_host_does_not_change_with_its_addresses(void **state)
{
	static const char text[] = "upstreams = ( { addresses = [ \"192.0.2.1\" ]; }, { name = \"h\"; host = "
	                           "\"a.example\"; port = %u; "
	                           "bootstrap = [ \"192.0.2.2\" ]; } ); routes = ( { domains = [ \"a\" ]; "
	                           "upstreams = [ \"h\" ]; } );";
	uint64_t marks[4];
	struct addr found;
	(void)state;
	assert_int_equal(addr_parse(&found, "192.0.2.9", 0), 0);
	for (unsigned i = 0; i < 4; i++) {
		char all[400];
		snprintf(all, sizeof all, text, i == 3 ? 854 : 853);
		config = loading_good(all);
		if (i == 2) { /* another host */
			free(config->upstreams[1].host);
			config->upstreams[1].host = strdup("b.example");
		} else if (i > 0) {
			config_set_addresses(&config->upstreams[1], &found, 1);
		}
		table = route_new(config);
		marks[i] = route_mark(table);
		stop(NULL);
	}
	assert_true(marks[0] != 0 && marks[0] == marks[1]);
	assert_true(marks[0] != marks[2] && marks[0] != marks[3]);
}

/* --- views --- */

static uint64_t
asked_in(uint32_t view, const char *name)
{
	uint8_t wire[NAME_BYTES];
	size_t bytes = name_from_text(name, wire);
	return route_upstreams(table, route_find_in(table, view, wire, bytes));
}

static uint64_t
asked_by(unsigned group, const char *name)
{
	return asked_in(route_view(config, &config->clients[group]), name);
}

static void
load_groups(const char *routes, const char *groups)
{
	char text[8192];
	snprintf(text, sizeof text,
	        UPSTREAMS "access: { allow = [ \"0.0.0.0/0\" ]; }; routes = ( %s ); clients = ( %s );",
	        routes, groups);
	config = loading_good(text);
	table = route_new(config);
}

#define GROUP(number, rest) "{ name = \"" #number "\"; networks = [ \"10." #number ".0.0/16\" ]; " rest " }"
#define TO_TWO              "{ domains = [ \"corp.example\" ]; upstreams = [ \"two\" ]; }"

static void
a_group_has_upstreams_of_its_own(void **state)
{
	(void)state;
	load_groups(TO_TWO,
	        GROUP(0, "upstreams = [ \"three\" ];") "," GROUP(1, "") "," GROUP(
	                2, "upstreams = [ \"three\" ]; routes = false;") "," GROUP(3, "routes = false;"));
	/* whom a group names is for that group */
	assert_int_equal(asked("org"), ONE | FOUR);
	assert_int_equal(asked("corp.example"), TWO);
	assert_int_equal(asked_by(0, "org"), THREE);
	assert_int_equal(asked_by(0, "www.corp.example"), TWO);
	assert_int_equal(asked_by(1, "org"), ONE | FOUR);
	assert_int_equal(asked_by(1, "www.corp.example"), TWO);
	assert_int_equal(asked_by(2, "org"), THREE);
	assert_int_equal(asked_by(2, "www.corp.example"), THREE);
	assert_int_equal(asked_by(3, "www.corp.example"), ONE | FOUR);
	assert_int_equal(route_view(config, &config->clients[1]), 0);
}

static void
a_group_is_not_asked_by_the_route_for_the_rest(void **state)
{
	(void)state;
	load_groups(TO_TWO ", { domains = [ \".\" ]; upstreams = [ \"one\", \"four\" ]; }",
	        GROUP(0, "upstreams = [ \"four\", \"three\" ];"));
	assert_int_equal(asked("org"), ONE | FOUR);
	assert_int_equal(asked_by(0, "org"), FOUR | THREE);
	assert_int_equal(asked_by(0, "corp.example"), TWO);
}

/* The number says who is asked, and nothing else. */
static void
groups_with_the_same_upstreams_share_a_view(void **state)
{
	uint32_t views[2][6];
	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		load_groups(order ? TO_TWO ", { domains = [ \"lab\" ]; upstreams = [ \"two\" ]; }" : TO_TWO,
		        order ? GROUP(0, "upstreams = [ \"three\", \"four\" ];") "," GROUP(
		                        1, "upstreams = [ \"four\", \"three\" ]; log = false;") "," GROUP(2,
		                        "upstreams = [ \"four\" ];") "," GROUP(3,
		                        "upstreams = [ \"four\" ]; routes = false;")
		              : GROUP(4, "upstreams = [ \"four\", \"three\" ];") "," GROUP(
		                        5, "upstreams = [ \"three\", \"four\" ];") "," GROUP(6,
		                        "upstreams = [ \"four\" ];") "," GROUP(7,
		                        "upstreams = [ \"four\" ]; routes = false;"));
		for (unsigned i = 0; i < 4; i++)
			views[order][i] = route_view(config, &config->clients[i]);
		stop(NULL);
	}
	assert_memory_equal(views[0], views[1], 4 * sizeof views[0][0]);
	assert_true(views[0][0] == views[0][1] && views[0][0] != 0);
	assert_true(views[0][2] != views[0][0] && views[0][2] != views[0][3] && views[0][3] != views[0][0]);
}

#define ROUTED(test) cmocka_unit_test_teardown(test, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        ROUTED(without_routes_all_are_asked),
	        ROUTED(the_longest_domain_wins),
	        ROUTED(domains_end_where_labels_end),
	        ROUTED(letters_are_the_same_in_any_case),
	        ROUTED(the_root_is_a_route_too),
	        ROUTED(names_of_any_length_are_found),
	        cmocka_unit_test(random_tables_agree_with_the_reference),
	        ROUTED(many_thousand_domains),
	        cmocka_unit_test(the_mark_changes_with_where_names_go),
	        cmocka_unit_test(the_mark_of_a_host_does_not_change_with_its_addresses),
	        cmocka_unit_test(the_rest_has_no_mark),
	        ROUTED(a_group_has_upstreams_of_its_own),
	        ROUTED(a_group_is_not_asked_by_the_route_for_the_rest),
	        cmocka_unit_test(groups_with_the_same_upstreams_share_a_view),
	};
	return cmocka_run_group_tests_name("route", tests, loading_begin, loading_end);
}
