/*
 * What `dotwardctl upstreams` shows, from the table that the workers share to the words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/upstream_report.h"
#include "upstream/identity.h"

#include <stdlib.h>
#include <string.h>

enum { NOW_MS = 1000000 };

static char first_name[] = "first", second_name[] = "second", dns_name[] = "dns.example.net", none[] = "";
static struct addr addresses[3];
static struct config_upstream upstreams[2];
static struct config config;
static struct health_table *table;

static int
begin(void **state)
{
	(void)state;
	if (addr_parse(&addresses[0], "192.0.2.1", 853) < 0 ||
	        addr_parse(&addresses[1], "2001:db8::1", 853) < 0 ||
	        addr_parse(&addresses[2], "192.0.2.2", 8853) < 0)
		return -1;
	upstreams[0] = (struct config_upstream){.name = first_name,
	        .addresses = addresses,
	        .address_count = 2,
	        .auth_name = dns_name,
	        .ca_file = none,
	        .tls_priority = none};
	upstreams[1] = (struct config_upstream){.name = second_name,
	        .addresses = addresses + 2,
	        .address_count = 1,
	        .auth_name = none,
	        .ca_file = none,
	        .tls_priority = none};
	config = (struct config){.upstreams = upstreams, .upstream_count = 2};
	table = calloc(1, health_footprint());
	return table != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	free(table);
	return 0;
}

static struct health *
hold(unsigned upstream, unsigned address)
{
	char text[ADDR_TEXT_BYTES];
	const struct config_upstream *u = &upstreams[upstream];
	const struct health_identity identity = {.key = upstream_identity(u, &u->addresses[address]),
	        .name = u->name,
	        .address = addr_text(&u->addresses[address], text)};
	return health_open(table, &identity, NOW_MS);
}

/* To be freed. */
static char *
printed(bool json)
{
	char *text = NULL;
	size_t bytes = 0, count;
	struct upstream_row *rows = upstream_rows(&config, table, NOW_MS, &count);
	FILE *out = open_memstream(&text, &bytes);
	upstream_report_print(rows, count, NULL, 0, json, out);
	fclose(out);
	free(rows);
	return text;
}

static void
has(bool json, const char *part)
{
	char *text = printed(json);
	if (strstr(text, part) == NULL)
		fail_msg("not found: %s\nin: %s", part, text);
	free(text);
}

static void
nobody_was_there(void **state)
{
	(void)state;
	struct health *h = hold(0, 0); /* a worker holds it, and has not tried */
	has(false, "first            192.0.2.1@853                untried         -         -         -      "
	           "   -     -");
	has(true, "{\"addresses\":[{\"upstream\":\"first\",\"address\":\"192.0.2.1@853\",\"state\":"
	          "\"untried\"},"
	          "{\"upstream\":\"first\",\"address\":\"2001:db8::1@853\",\"state\":\"untried\"},"
	          "{\"upstream\":\"second\",\"address\":\"192.0.2.2@8853\",\"state\":\"untried\"}],\"hosts\":"
	          "[]}");
	health_close(h);
}

static void
without_a_table_or_upstreams(void **state)
{
	(void)state;
	size_t count;
	struct upstream_row *rows = upstream_rows(&config, NULL, NOW_MS, &count);
	assert_int_equal(count, 3);
	assert_string_equal(upstream_row_state(&rows[2]), "untried");
	free(rows);
	config.upstream_count = 0;
	assert_null(upstream_rows(&config, table, NOW_MS, &count));
	has(true, "{\"addresses\":[],\"hosts\":[]}");
}

static void
one_that_does_well(void **state)
{
	(void)state;
	struct health *h = hold(0, 1);
	health_shaken(h, false, "TLS1.3", 30500);
	health_shaken(h, true, "TLS1.3", 30500);
	health_answered(h, 12300, false, NOW_MS);
	health_seen(h, HEALTH_OUT_OF_ORDER);
	health_seen(h, HEALTH_PADDING);
	health_gauge(h, 2, 7);
	has(false, "first            2001:db8::1@853              up         12.3ms ");
	has(false, "  30.5ms         7     2          1+1        0     9.5s any-order,padding,resumes\n");
	has(true, "\"address\":\"2001:db8::1@853\",\"state\":\"up\",\"latency_us\":12300,");
	has(true, "\"in_flight\":7,\"connections\":2,\"answers\":1,\"handshakes_full\":1,\"handshakes_"
	          "resumed\":1,");
	has(true, "\"last_failure\":null,\"last_failure_ago_ms\":null,\"backoff_left_ms\":0,");
	has(true, "\"seen\":{\"out_of_order\":true,\"keepalive\":false,\"padding\":true,\"resumption\":true,"
	          "\"early_data\":false}");
	health_seen(h, HEALTH_EARLY_DATA);
	has(false, " any-order,padding,resumes,early\n");
	has(true, "\"resumption\":true,\"early_data\":true}");
	health_close(h);
}

static void
one_that_is_down(void **state)
{
	(void)state;
	struct health *h = hold(1, 0);
	health_failed(h, HEALTH_VERIFY, "certificate is for \033[31mothers", NOW_MS - 500, 0);
	has(false, "second           192.0.2.2@8853               down ");
	has(false, "problem: second 192.0.2.2@8853: ");
	has(false, "0s ago; asked again in 1s (verify 1)\n");
	has(true, "\"state\":\"down\",");
	has(true, "\"verify\":1,");
	has(true, "\"backoff_left_ms\":500,");
	char *text = printed(false);
	assert_null(strchr(text, '\033'));
	free(text);
	health_close(h);
}

static void
one_that_may_be_tried_again(void **state)
{
	(void)state;
	struct health *h = hold(1, 0);
	health_failed(h, HEALTH_CONNECT, "Connection refused", NOW_MS - 70000, 0);
	has(false, "problem: second 192.0.2.2@8853: Connection refused, 1m10s ago; asked again with the "
	           "next question (connect 1)\n");
	health_close(h);
}

static void
one_that_was_down(void **state)
{
	(void)state;
	struct health *h = hold(1, 0);
	health_failed(h, HEALTH_RESET, "Connection reset by peer", NOW_MS - 60000, 0);
	health_shaken(h, false, "TLS1.2", 1000);
	health_answered(h, 1000, false, NOW_MS - 5000);
	has(false, "second           192.0.2.2@8853               up ");
	has(false, "was down: second 192.0.2.2@8853: ");
	has(false, "1m00s ago (reset 1)\n");
	health_close(h);
}

/* What is known of an address with another pin or name is no knowledge of this one. */
static void
another_identity_is_another_address(void **state)
{
	(void)state;
	struct health *h = hold(1, 0);
	health_shaken(h, false, "TLS1.3", 1000);
	has(false, "second           192.0.2.2@8853               up ");
	upstreams[1].auth_name = dns_name;
	has(false, "second           192.0.2.2@8853               untried ");
	health_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(nobody_was_there, begin, end),
	        cmocka_unit_test_setup_teardown(without_a_table_or_upstreams, begin, end),
	        cmocka_unit_test_setup_teardown(one_that_does_well, begin, end),
	        cmocka_unit_test_setup_teardown(one_that_is_down, begin, end),
	        cmocka_unit_test_setup_teardown(one_that_may_be_tried_again, begin, end),
	        cmocka_unit_test_setup_teardown(one_that_was_down, begin, end),
	        cmocka_unit_test_setup_teardown(another_identity_is_another_address, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
