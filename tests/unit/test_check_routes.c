/*
 * Mistakes in routes, each with its place and its remedy; and routes that are printed as they read.
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
	"upstreams = ( { addresses = [ \"192.0.2.1\" ]; }, { name = \"corp\"; addresses = [ \"192.0.2.2\" "  \
	"]; } );\n"
#define DOMAIN(text)        "routes = ( { domains = [ \"" text "\" ]; upstreams = [ \"corp\" ]; } );"
#define DOMAIN_SAID(number) "dotward.conf:2: routes.[0].domains.[" #number "] = "

static const struct loading_row rows[] = {
        {"routes = ( { upstreams = [ \"corp\" ]; } );",
                "dotward.conf:2: routes.[0]: no domains; add domains = [ \"corp.example\", "
                "\"10.in-addr.arpa\" ];\n"},
        {"routes = ( { domains = [ ]; upstreams = [ \"corp\" ]; } );",
                "dotward.conf:2: routes.[0].domains: empty; name at least one\n"},
        {"routes = ( { domains = [ \"x\" ]; upstreams = [ ]; } );",
                "dotward.conf:2: routes.[0].upstreams: empty; name at least one\n"},
        {"routes = ( { domain = [ \"x\" ]; upstreams = [ \"corp\" ]; } );",
                "dotward.conf:2: routes.[0]: no domains; add domains = [ \"corp.example\", "
                "\"10.in-addr.arpa\" ];\n"
                "dotward.conf:2: routes.[0].domain: no such key; did you mean \"domains\"?\n"},
        {"routes = ( { domains = \"x\"; upstreams = [ \"corp\" ]; } );",
                "dotward.conf:2: routes.[0].domains = \"x\": write [ \"x\" ]\n"},
        /* domains */
        {DOMAIN(""), DOMAIN_SAID(0) "\"\": no domain name; write \"corp.example\", or \".\" for all names\n"},
        {DOMAIN("a..b"),
                DOMAIN_SAID(0) "\"a..b\": no domain name; write \"corp.example\", or \".\" for all names\n"},
        {DOMAIN("*.corp.example"), DOMAIN_SAID(0) "\"*.corp.example\": leave out the \"*.\": a domain stands "
                                                  "for all names below it\n"},
        {DOMAIN(".corp.example"), DOMAIN_SAID(0) "\".corp.example\": leave out the dot in front: a domain "
                                                 "stands for all names below it\n"},
        {DOMAIN("10.0.0.0/8"),
                DOMAIN_SAID(0) "\"10.0.0.0/8\": addresses are routed by the names of their reverse zones, "
                               "like \"10.in-addr.arpa\" or \"d.f.ip6.arpa\"\n"},
        {DOMAIN("fd00::/8"),
                DOMAIN_SAID(0) "\"fd00::/8\": addresses are routed by the names of their reverse zones, "
                               "like \"10.in-addr.arpa\" or \"d.f.ip6.arpa\"\n"},
        {DOMAIN("b\xc3\xbcro.example"),
                DOMAIN_SAID(0) "\"b\xc3\xbcro.example\": write this name in its ASCII form (xn--...)\n"},
        /* given twice */
        {DOMAIN("a.example\", \"b.example\", \"A.Example."),
                "dotward.conf:2: routes.[0].domains: A.Example. is given twice; leave one out\n"},
        {"routes = ( { domains = [ \"a\", \".\" ]; upstreams = [ \"corp\" ]; },\n"
         "  { domains = [ \"b\", \"A\" ]; upstreams = [ \"corp\" ]; },\n"
         "  { domains = [ \".\" ]; upstreams = [ \"corp\" ]; } );",
                "dotward.conf:3: routes.[1].domains: A. is in the route of line 2, too; leave one out\n"
                "dotward.conf:4: routes.[2].domains: . is in the route of line 2, too; leave one out\n"},
        {"routes = ( { domains = [ \"x\" ]; upstreams = [ \"corp\", \"corp\" ]; } );",
                "dotward.conf:2: routes.[0].upstreams: \"corp\" is given twice; leave one out\n"},
        /* upstreams */
        {"routes = ( { domains = [ \"x\" ]; upstreams = [ \"corpp\" ]; } );",
                "dotward.conf:2: routes.[0].upstreams: no upstream is called \"corpp\"; did you mean "
                "\"corp\"?\n"},
        {"routes = ( { domains = [ \"x\" ]; upstreams = [ \"office\" ]; } );",
                "dotward.conf:2: routes.[0].upstreams: no upstream is called \"office\"; give it that name, "
                "name = \"...\", in upstreams\n"},
        {"routes = ( { domains = [ \"x\" ]; upstreams = [ \"\" ]; } );",
                "dotward.conf:2: routes.[0].upstreams.[0] = \"\": empty; name an upstream\n"},
        {"routes = ( { domains = [ \"x\" ]; upstreams = [ \"corp\", \"192.0.2.1\" ]; } );",
                "dotward.conf:2: routes: every upstream is in a route, so none is left for all other names; "
                "add one, or a route for \".\"\n"},
};

static void
mistakes_are_named_with_the_remedy(void **state)
{
	(void)state;
	loading_refuses(TWO, rows, sizeof rows / sizeof *rows);
}

/* What is wrong with an upstream makes no second complaint about the route that names it. */
static void
one_mistake_is_one_complaint(void **state)
{
	static const struct loading_row row = {
	        "upstreams = ( { addresses = [ \"192.0.2.1\" ]; },\n"
	        " { name = \"co rp\"; addresses = [ \"192.0.2.2\" ]; } );\n"
	        "routes = ( { domains = [ \"x\" ]; upstreams = [ \"co rp\" ]; } );",
	        "dotward.conf:2: upstreams.[1].name = \"co rp\": a name has no spaces, quotes or letters "
	        "beyond "
	        "ASCII\n"};
	(void)state;
	loading_refuses("", &row, 1);
}

static void
what_is_printed_reads_the_same(void **state)
{
	(void)state;
	struct config *config = loading_good(TWO
	        "routes = ( { domains = [ \"Corp.Example.\", \"d.f.ip6.arpa\" ]; upstreams = [ \"corp\" ]; },"
	        " { domains = [ \".\", \"a\\\\.b\\\\\\\"\\\\007.test\" ]; upstreams = [ \"192.0.2.1\" ]; } "
	        ");");
	char *text = loading_print(config);
	assert_non_null(strstr(text, "domains = [ \"Corp.Example\", \"d.f.ip6.arpa\" ];\n"));
	assert_non_null(strstr(text, "domains = [ \".\", \"a\\\\.b\\\\\\\"\\\\007.test\" ];\n"));
	struct config *again = loading_good(text);
	char *second = loading_print(again);
	assert_string_equal(second, text);
	assert_int_equal(again->route_count, 2);
	assert_memory_equal(again->routes[1].domains[1].name, "\5a.b\"\7\4test", 12);
	assert_string_equal(again->routes[0].upstreams[0].name, "corp");
	free(text);
	free(second);
	config_free(config);
	config_free(again);
}

/* The whole list from the command line, and names of upstreams that came from there. */
static void
routes_come_from_the_command_line(void **state)
{
	static const struct config_override overrides[] = {{"--upstream", "upstreams", "192.0.2.7#a.example"},
	        {"--upstream", "upstreams", "192.0.2.8@8853"},
	        {"-o", "routes", "( { domains = [ \"x\" ]; upstreams = [ \"192.0.2.8@8853\" ]; } )"}};
	char *said;
	(void)state;
	struct config *config =
	        loading_sources(&(struct config_sources){.overrides = overrides, .override_count = 3}, &said);
	assert_string_equal(said, "");
	assert_non_null(config);
	assert_int_equal(config->route_count, 1);
	assert_string_equal(config->routes[0].upstreams[0].name, "192.0.2.8@8853");
	free(said);
	config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(mistakes_are_named_with_the_remedy),
	        cmocka_unit_test(one_mistake_is_one_complaint),
	        cmocka_unit_test(what_is_printed_reads_the_same),
	        cmocka_unit_test(routes_come_from_the_command_line),
	};
	return cmocka_run_group_tests_name("check_routes", tests, loading_begin, loading_end);
}
