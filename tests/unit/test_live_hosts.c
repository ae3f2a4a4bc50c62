/*
 * check-live for upstreams by host name: what is found, what is said when nothing is, and whom a sandbox has
 * to let through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/live_hosts.h"

#include "worlds.h"

static char host[] = "dns.example";
static struct config_bootstrap bootstrap;
static char ca_path[] = "/tmp/dotward-live-hosts.XXXXXX";

/* Two upstreams; the first is looked up at the server of the second. */
static struct live_hosts *
begin(enum world_manner manner)
{
	world_open(2);
	world.servers[1].manner = manner;
	world.servers[1].ttl = 300;
	bootstrap = (struct config_bootstrap){.address = world.servers[1].dot.address};
	snprintf(bootstrap.name, sizeof bootstrap.name, "%s", CERTS_NAME);
	world.upstreams[0].host = host;
	world.upstreams[0].addresses = NULL;
	world.upstreams[0].address_count = 0;
	world.upstreams[0].bootstrap = &bootstrap;
	world.upstreams[0].bootstrap_count = 1;
	world.upstreams[0].ca_file = ca_path;
	return live_hosts_new(&world.config);
}

static void
finish(struct live_hosts *h)
{
	live_hosts_free(h);
	world_close();
}

static void
addresses_are_found(void **state)
{
	char text[ADDR_TEXT_BYTES];
	(void)state;
	struct live_hosts *h = begin(ANSWERS);
	const struct config *found = live_hosts_find(h, world.loop);
	assert_int_equal(found->upstreams[0].address_count, 1);
	assert_string_equal(addr_text(&found->upstreams[0].addresses[0], text), "192.0.2.1@853");
	assert_true(addr_equal(&found->upstreams[1].addresses[0], &world.servers[1].dot.address));
	assert_int_equal(world.config.upstreams[0].address_count, 0);
	finish(h);
}

static void
without_an_address_there_is_a_reason(void **state)
{
	static const struct live_question question = {.name = "example"};
	(void)state;
	struct live_hosts *h = begin(FAILS);
	const struct config *found = live_hosts_find(h, world.loop);
	assert_int_equal(found->upstreams[0].address_count, 0);
	struct live *live = live_new(world.loop, found, world.tls, &question);
	live_hosts_explain(h, live);
	const struct live_report *report = live_run(live);
	assert_int_equal(report->count, 2);
	assert_int_equal(report->findings[1].state, LIVE_NO_ADDRESS);
	assert_ptr_equal(report->findings[1].upstream, &found->upstreams[0]);
	assert_non_null(strstr(report->findings[1].why, "it answers SERVFAIL"));
	assert_int_equal(live_classify(report), LIVE_CLASS_NONE); /* the other one answers SERVFAIL, too */
	live_free(live);
	finish(h);
}

static void
its_ground_has_all_that_is_connected_to(void **state)
{
	(void)state;
	struct live_hosts *h = begin(ANSWERS);
	const struct config *ground = live_hosts_ground(h);
	assert_int_equal(ground->upstream_count, 3);
	assert_int_equal(addr_port(&ground->upstreams[0].addresses[0]), 853);
	assert_true(addr_equal(&ground->upstreams[1].addresses[0], &world.servers[1].dot.address));
	assert_true(addr_equal(&ground->upstreams[2].addresses[0], &bootstrap.address));
	finish(h);
}

static int
begin_all(void **state)
{
	int failed = world_begin(state), fd = mkstemp(ca_path);
	if (fd < 0)
		return -1;
	close(fd);
	cert_write(&certs.authority, ca_path);
	return failed;
}

static int
end_all(void **state)
{
	unlink(ca_path);
	return world_finish(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(addresses_are_found),
	        cmocka_unit_test(without_an_address_there_is_a_reason),
	        cmocka_unit_test(its_ground_has_all_that_is_connected_to),
	};
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
