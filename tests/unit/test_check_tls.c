/*
 * What listeners that speak TLS need, and what the others do not: with place and remedy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"

#define UP   "upstreams = ( { addresses = [ \"192.0.2.1\" ]; auth_name = \"dns.example\"; } );\n"
#define ADDR "listen = ( { address = \"127.0.0.1\"; "
#define PAIR "certificate = \"cert.pem\"; key = \"key.pem\"; "
#define SAYS "dotward.conf:2: listen.[0]"

static int
start(void **state)
{
	(void)state;
	loading_write("cert.pem", "");
	loading_write("key.pem", "");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	unlink("cert.pem");
	return unlink("key.pem");
}

static void
mistakes_are_named_with_the_remedy(void **state)
{
	(void)state;
	static const struct loading_row rows[] = {
	        {ADDR "protocols = [ \"tls\" ]; key = \"key.pem\"; } );",
	                SAYS ": \"tls\" needs a certificate; add certificate = \"/etc/dotward/cert.pem\"\n"},
	        {ADDR "protocols = [ \"tls\" ]; certificate = \"cert.pem\"; } );",
	                SAYS ": \"tls\" needs the key of its certificate; add key = "
	                     "\"/etc/dotward/key.pem\"\n"},
	        {ADDR PAIR "protocols = [ \"udp\", \"tls\" ]; } );", SAYS
	                ".protocols: \"tls\" stands alone; give what is asked in clear text a listener and a "
	                "port of its own\n"},
	        {ADDR "certificate = \"cert.pem\"; } );",
	                SAYS ": certificate is for TLS; write protocols = [ \"tls\" ], or leave it out\n"},
	        {ADDR "key = \"key.pem\"; } );",
	                SAYS ": key is for TLS; write protocols = [ \"tls\" ], or leave it out\n"},
	        {ADDR "client_ca = \"cert.pem\"; } );",
	                SAYS ": client_ca is for TLS; write protocols = [ \"tls\" ], or leave it out\n"},
	        {ADDR "ddr_name = \"dns.example\"; } );",
	                SAYS ": ddr_name is for TLS; write protocols = [ \"tls\" ], or leave it out\n"},
	        {ADDR PAIR "protocols = [ \"tls\" ]; tls_min = \"1.1\"; } );",
	                SAYS ".tls_min = \"1.1\": write one of \"1.2\", \"1.3\"\n"},
	        {ADDR PAIR "port = 53; protocols = [ \"tls\" ]; }, { address = \"127.0.0.1\"; } );",
	                "dotward.conf:2: listen.[1]: 127.0.0.1@53 is in this list already, in line 2; leave "
	                "one "
	                "out\n"},
	};
	loading_refuses(UP, rows, sizeof rows / sizeof rows[0]);
}

static void
what_is_in_order_is_taken(void **state)
{
	(void)state;
	struct config *c = loading_good(
	        UP ADDR PAIR "protocols = [ \"tls\" ]; tls_min = \"1.3\"; client_ca = \"cert.pem\"; "
	                     "ddr_name = \"dns.example\"; }, { address = \"127.0.0.1\"; }, "
	                     "{ address = \"::1@8530\"; protocols = [ \"tls\" ]; " PAIR "} );\n");
	const struct config_listen *l = c->listens;
	assert_true(l[0].tls && !l[0].udp && !l[0].tcp && l[0].only_tls13);
	assert_int_equal(addr_port(&l[0].address), 853);
	assert_string_equal(l[0].certificate, "cert.pem");
	assert_string_equal(l[0].key, "key.pem");
	assert_string_equal(l[0].client_ca, "cert.pem");
	assert_string_equal(l[0].ddr_name, "dns.example");
	assert_true(!l[1].tls && l[1].udp && l[1].tcp);
	assert_int_equal(addr_port(&l[1].address), 53);
	assert_int_equal(addr_port(&l[2].address), 8530);
	assert_false(l[2].only_tls13);
	char *printed = loading_print(c);
	struct config *again = loading_good(printed);
	assert_true(again->listens[0].tls && again->listens[0].only_tls13);
	assert_int_equal(addr_port(&again->listens[0].address), 853);
	assert_string_equal(again->listens[0].client_ca, "cert.pem");
	free(printed);
	config_free(again);
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(mistakes_are_named_with_the_remedy, start, stop),
	        cmocka_unit_test_setup_teardown(what_is_in_order_is_taken, start, stop),
	};
	return cmocka_run_group_tests_name("check_tls", tests, loading_begin, loading_end);
}
