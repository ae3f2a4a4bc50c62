/*
 * Which upstream addresses are the same: all that tells connections apart counts, and what does not, does
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/identity.h"

#include <string.h>

static char name[] = "quad9", auth_name[] = "dns.quad9.net", none[] = "", ca[] = "/etc/ca.pem";
static uint8_t pins[2][CONFIG_PIN_BYTES];
static struct config_upstream upstream;
static struct addr address;

static int
start(void **state)
{
	(void)state;
	upstream = (struct config_upstream){
	        .name = name, .auth_name = auth_name, .ca_file = none, .tls_priority = none, .port = 853};
	memset(pins, 7, sizeof pins);
	return addr_parse(&address, "9.9.9.9@853", 0);
}

static uint64_t
identity(void)
{
	return upstream_identity(&upstream, &address);
}

static void
the_same_everywhere(void **state)
{
	char other[] = "another name for people";
	(void)state;
	uint64_t before = identity();
	assert_true(before != 0);
	upstream.name = other;
	upstream.max_connections = 7;
	upstream.idle_timeout_ms = 1;
	assert_true(identity() == before);
}

static void
all_that_matters_counts(void **state)
{
	(void)state;
	uint64_t seen[8] = {identity()};
	unsigned count = 1;
	assert_int_equal(addr_parse(&address, "9.9.9.9@443", 0), 0);
	seen[count++] = identity();
	assert_int_equal(addr_parse(&address, "9.9.9.10@443", 0), 0);
	seen[count++] = identity();
	upstream.auth_name = none;
	seen[count++] = identity();
	upstream.pins = pins;
	upstream.pin_count = 1;
	seen[count++] = identity();
	upstream.pin_count = 2;
	seen[count++] = identity();
	upstream.ca_file = ca;
	seen[count++] = identity();
	/* What is in one part is not taken for another. */
	upstream.ca_file = none;
	upstream.tls_priority = ca;
	seen[count++] = identity();
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(the_same_everywhere, start),
	        cmocka_unit_test_setup(all_that_matters_counts, start),
	};
	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
