/*
 * Upstreams without an address: what is asked there alone is answered at once, with the reason, and the
 * others do not notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/nobody.h"

#include "base/clock.h"
#include "upstream/upstream.h"
#include "worlds.h"

static char host[] = "dns.example";
static unsigned done_count;
static bool answered;
static enum edns_ede ede;
static char why[UPSTREAM_WHY_BYTES];

static void
done(void *arg, struct upstream_ask *ask, const struct upstream_result *result)
{
	(void)arg;
	(void)ask;
	done_count++;
	answered = result->answer != NULL;
	ede = result->ede;
	snprintf(why, sizeof why, "%s", result->why);
}

/* So many upstreams, the first of them by a host whose addresses are not known. */
static struct upstreams *
begin(unsigned count)
{
	world_open(count);
	world.upstreams[0].host = host;
	world.upstreams[0].address_count = 0;
	done_count = 0;
	return upstreams_new(
	        world.loop, world.room, &world.config, world.tls, NULL, &world.stats, done, NULL);
}

static void
finish(struct upstreams *u)
{
	upstreams_free(u);
	world_close();
}

static void
with_nobody_to_ask_the_answer_comes_at_once(void **state)
{
	static const enum config_policy policies[] = {
	        CONFIG_SEQUENTIAL, CONFIG_ROUND_ROBIN, CONFIG_FASTEST, CONFIG_HASHED};
	struct upstream_ask ask;
	struct wire_query query;
	(void)state;
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		struct upstreams *u = begin(1);
		world.config.forward.policy = policies[i];
		world_query(&query, 1);
		assert_true(upstreams_down(u, &query));
		upstream_ask(u, &ask, &query, 1, 1);
		assert_int_equal(done_count, 1);
		assert_false(answered);
		assert_int_equal(ede, EDNS_EDE_NO_REACHABLE_AUTHORITY);
		assert_string_equal(why, "u0: no address of dns.example is known yet");
		upstreams_reconnect(u);
		upstreams_stay_cold(u);
		finish(u);
	}
}

static void
the_others_serve(void **state)
{
	struct upstream_ask ask;
	struct wire_query query;
	(void)state;
	struct upstreams *u = begin(2);
	world_query(&query, 1);
	assert_false(upstreams_down(u, &query));
	upstream_ask(u, &ask, &query, 1, 1);
	LOOP_UNTIL(world.loop, done_count == 1);
	assert_true(answered);
	finish(u);
}

static void
only_one_that_may_be_asked_is_the_reason(void **state)
{
	char text[100];
	(void)state;
	struct upstreams *u = begin(2);
	nobody_text(&world.config, 2, text, sizeof text);
	assert_string_equal(text, "no upstream left to ask");
	nobody_text(&world.config, 3, text, sizeof text);
	assert_string_equal(text, "u0: no address of dns.example is known yet");
	finish(u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(with_nobody_to_ask_the_answer_comes_at_once),
	        cmocka_unit_test(the_others_serve),
	        cmocka_unit_test(only_one_that_may_be_asked_is_the_reason),
	};
	return cmocka_run_group_tests(tests, world_begin, world_finish);
}
