/*
 * The verbs about upstreams from the request to the answer, by a child that is sealed as in earnest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "asking.h"
#include "process/verbs.h"
#include "upstream/identity.h"

#include <signal.h>

static char up[] = "up", none[] = "", missing[] = "/nonexistent/ca.pem";
static bool serving;
static struct addr address;
static struct config_upstream upstream;
static struct health_table *table;
static struct verbs_master master;

static bool
give(void *arg, struct verbs_cache *out)
{
	(void)arg;
	*out = (struct verbs_cache){.health = table, .ground = asking.ground};
	return serving;
}

/* Nobody listens at the address: bound, so that nobody else gets it meanwhile. */
static int
closed_port(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t bytes = sizeof address;
	assert_int_equal(addr_parse(&address, "127.0.0.1", 1), 0);
	addr_set_port(&address, 0);
	assert_int_equal(bind(fd, &address.any, addr_bytes(&address)), 0);
	assert_int_equal(getsockname(fd, &address.any, &bytes), 0);
	return fd;
}

static int
begin(void **state)
{
	static uint8_t pin[1][CONFIG_PIN_BYTES];
	static int fd;
	*state = &fd;
	serving = true;
	fd = closed_port();
	table = calloc(1, health_footprint());
	upstream = (struct config_upstream){.name = up,
	        .addresses = &address,
	        .address_count = 1,
	        .auth_name = none,
	        .pins = pin,
	        .pin_count = 1,
	        .ca_file = none,
	        .tls_priority = none};
	master = (struct verbs_master){.cache = give, .asides = &asking.asides};
	if (asking_begin(verbs, verbs_count, &master) < 0)
		return -1;
	asking.config.upstreams = &upstream;
	asking.config.upstream_count = 1;
	asking.config.forward.connect_timeout_ms = asking.config.forward.handshake_timeout_ms =
	        asking.config.forward.timeout_ms = 2000;
	return 0;
}

static int
end(void **state)
{
	asking_end();
	close(*(int *)*state);
	free(table);
	return 0;
}

static void
has(const char *part)
{
	if (strstr(asking.said, part) == NULL)
		fail_msg("not found: %s\nin: %s", part, asking.said);
}

static void
answers(const char *request, const char *wanted)
{
	assert_string_equal(asking_hear(asking_send(request)), wanted);
}

static void
what_is_known_is_listed(void **state)
{
	(void)state;
	char text[ADDR_TEXT_BYTES];
	const struct health_identity identity = {.key = upstream_identity(&upstream, &address),
	        .name = up,
	        .address = addr_text(&address, text)};
	asking_whole("upstreams");
	has("0\nUPSTREAM ");
	has(" untried ");
	struct health *h = health_open(table, &identity, clock_now_ms());
	health_failed(h, HEALTH_TIMEOUT, "no connection within 2000 ms", clock_now_ms(), 0);
	health_close(h);
	asking_whole("upstreams --json");
	has("0\n{\"addresses\":[{\"upstream\":\"up\",");
	has("\"state\":\"down\"");
	has("\"last_failure\":\"no connection within 2000 ms\"");
}

/* The words are still there when the child needs them. */
static void
a_probe_asks_for_real(void **state)
{
	(void)state;
	asking_whole("upstreams --probe");
	has("0\nUPSTREAM ");
	has(": Connection refused\n");
	has("0 of 1 addresses are good; asked for . NS;");
	asking_whole("upstreams --probe www.example.com AAAA --json");
	has("\"question\":\"www.example.com. AAAA\"");
	has("\"state\":\"unreachable\",\"why\":\"Connection refused\"");
}

static void
a_trust_store_that_cannot_be_loaded_is_said(void **state)
{
	(void)state;
	upstream.pin_count = 0;
	upstream.ca_file = missing;
	asking_whole("upstreams --probe");
	has("1\nupstream up: ca_file \"/nonexistent/ca.pem\" cannot be loaded");
}

static void
what_cannot_be_is_said(void **state)
{
	(void)state;
	answers("upstreams --probe a..b",
	        "2\nupstreams --probe [NAME] [TYPE]: the name or the type is not one\n");
	answers("upstreams --probe a 1",
	        "2\nupstreams --probe [NAME] [TYPE]: the name or the type is not one\n");
	answers("upstreams all", "2\nusage: upstreams\n       upstreams --probe [NAME] [TYPE]\n");
	serving = false;
	answers("upstreams", "1\nit is starting or stopping; try again\n");
	answers("upstreams --probe", "1\nit is starting or stopping; try again\n");
	master.cache = NULL;
	answers("upstreams", "1\nnot in this build\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_is_known_is_listed, begin, end),
	        cmocka_unit_test_setup_teardown(a_probe_asks_for_real, begin, end),
	        cmocka_unit_test_setup_teardown(a_trust_store_that_cannot_be_loaded_is_said, begin, end),
	        cmocka_unit_test_setup_teardown(what_cannot_be_is_said, begin, end),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
