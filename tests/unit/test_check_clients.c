/*
 * Mistakes in groups of clients, each with its place and its remedy; and groups that are printed as they
 * read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

#include <string.h>

#define TWO                                                                                                  \
	"upstreams = ( { addresses = [ \"192.0.2.1\" ]; }, { name = \"family\"; addresses = [ "              \
	"\"192.0.2.2\" "                                                                                     \
	"]; } );\n"
#define KIDS(rest) "clients = ( { name = \"kids\"; networks = [ \"192.168.7.0/24\" ]; " rest " } );"
#define SAID       "dotward.conf:2: clients.[0]"

static const struct loading_row rows[] = {
        {"clients = ( { networks = [ \"192.168.7.0/24\" ]; } );", SAID ": no name; add name = \"kids\";\n"},
        {"clients = ( { name = \"kids\"; } );",
                SAID ": no networks; add networks = [ \"192.168.7.0/24\" ];\n"},
        {"clients = ( { name = \"\"; networks = [ \"192.168.7.0/24\" ]; } );",
                SAID ".name: empty; give it a name\n"},
        {"clients = ( { name = \"kids\"; networks = [ ]; } );", SAID ".networks: empty; name at least one\n"},
        {"clients = ( { name = \"kids\"; networks = [ \"192.168.7.1/24\" ]; } );",
                SAID ".networks.[0] = \"192.168.7.1/24\": there are bits behind the prefix; the network is "
                     "\"192.168.7.0/24\"\n"},
        {KIDS("upstream = [ \"family\" ];"), SAID ".upstream: no such key; did you mean \"upstreams\"?\n"},
        {KIDS("upstreams = [ \"famly\" ];"),
                SAID ".upstreams: no upstream is called \"famly\"; did you mean \"family\"?\n"},
        {KIDS("upstreams = [ \"office\" ];"),
                SAID ".upstreams: no upstream is called \"office\"; give it that "
                     "name, name = \"...\", in upstreams\n"},
        {KIDS("upstreams = [ \"family\", \"family\" ];"),
                SAID ".upstreams: \"family\" is given twice; leave one out\n"},
        {KIDS("upstreams = [ \"family\", \"192.0.2.1\" ];"),
                "dotward.conf:2: clients: every upstream is in a route or a group of clients, so none is "
                "left "
                "for all others; add one, or a route for \".\"\n"},
        {KIDS("routes = \"no\";"), SAID ".routes = \"no\": write true or false\n"},
        /* two of them */
        {"clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\", \"fd00::/8\", \"10.0.0.0/8\" ]; },\n"
         " { name = \"b\"; networks = [ \"10.0.0.0/16\", \"fd00::/8\" ]; } );",
                "dotward.conf:2: clients.[0].networks: 10.0.0.0/8 is given twice; leave one out\n"
                "dotward.conf:3: clients.[1].networks: fd00::/8 is in the group of line 2, too; leave one "
                "out\n"},
        {"clients = ( { name = \"a\"; networks = [ \"10.0.0.0/8\" ]; },\n"
         " { name = \"a\"; networks = [ \"10.0.0.0/16\" ]; } );",
                "dotward.conf:3: clients.[1].name: \"a\" is the name of the group in line 2, too; give each "
                "a name "
                "of its own\n"},
};

static void
mistakes_are_named_with_the_remedy(void **state)
{
	(void)state;
	loading_refuses(TWO, rows, sizeof rows / sizeof *rows);
}

static void
no_more_than_there_may_be(void **state)
{
	char *said, text[16384] = TWO "clients = (";
	(void)state;
	for (unsigned i = 0; i < 65; i++)
		sprintf(text + strlen(text), "%s{ name = \"g%u\"; networks = [ \"10.0.%u.0/24\" ]; }\n",
		        i ? "," : "", i, i);
	strcat(text, ");");
	assert_null(loading_text(text, &said));
	assert_string_equal(said, "dotward.conf:66: clients: at most 64 groups\n");
	free(said);
}

/* A group whose clients may not ask is no mistake, but nobody wants one. */
static void
networks_that_may_not_ask(void **state)
{
	static const struct loading_row said[] = {{"10.0.0.0/8", ""}, {"10.1.2.3", ""}, {"0.0.0.0/0", ""},
	        {"fe80::/64", ""}, {"203.0.113.0/24", "203.0.113.0/24"}, {"2001:db8::/32", "2001:db8::/32"},
	        {"172.16.5.0/25", "172.16.5.0/25"}, {"172.16.5.0/24", "172.16.5.0/24"},
	        {"172.16.4.0/22", ""}};
	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		char text[1024], expected[256] = "", *remark;
		snprintf(text, sizeof text,
		        TWO "access: { deny = [ \"172.16.5.0/24\" ]; };\nclients = ( { name = \"x\"; "
		            "networks = [ \"%s\" ]; } );",
		        said[i].text);
		if (*said[i].said != '\0')
			snprintf(expected, sizeof expected,
			        "dotward.conf:3: clients.[0].networks: %s may not ask at all: a group does "
			        "not "
			        "allow it, access.allow does\n",
			        said[i].said);
		struct config *config = loading_text(text, &remark);
		assert_non_null(config);
		assert_string_equal(remark, expected);
		free(remark);
		config_free(config);
	}
}

static void
what_is_printed_reads_the_same(void **state)
{
	(void)state;
	struct config *config = loading_good(
	        TWO "clients = ( { name = \"kids\"; networks = [ \"192.168.7.0/24\", \"fd00:7::/64\" ]; "
	            "upstreams = [ \"family\" ]; "
	            "routes = false; log = false; }, { name = \"tv\"; networks = [ \"192.168.7.9\" ]; } );");
	char *text = loading_print(config);
	struct config *again = loading_good(text), *copy = config_copy(again);
	char *second = loading_print(copy);
	assert_string_equal(second, text);
	assert_int_equal(copy->client_count, 2);
	const struct config_client *kids = &copy->clients[0], *tv = &copy->clients[1];
	assert_string_equal(kids->name, "kids");
	assert_int_equal(kids->network_count, 2);
	assert_string_equal(kids->upstreams[0].name, "family");
	assert_true(!kids->routes && !kids->log && tv->routes && tv->log);
	assert_int_equal(tv->upstream_count, 0);
	assert_int_equal(tv->networks[0].prefix, 32);
	free(text);
	free(second);
	config_free(config);
	config_free(again);
	config_free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(mistakes_are_named_with_the_remedy),
	        cmocka_unit_test(no_more_than_there_may_be),
	        cmocka_unit_test(networks_that_may_not_ask),
	        cmocka_unit_test(what_is_printed_reads_the_same),
	};
	return cmocka_run_group_tests_name("check_clients", tests, loading_begin, loading_end);
}
