/*
 * Names that have a group of upstreams to themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstreams.h"

/* Questions 3, 13, 23 ... are asked at u2 and u3, all others at u0 and u1. */
static void
route(void)
{
	static struct config_domain domains[7];
	static struct config_member members[] = {{"u2"}, {"u3"}};
	static struct config_route only = {.domains = domains, .upstreams = members, .upstream_count = 2};
	char text[32];
	only.domain_count = sizeof domains / sizeof *domains;
	for (unsigned i = 0; i < only.domain_count; i++) {
		snprintf(text, sizeof text, "%u.EXAMPLE", i * 10 + 3);
		domains[i].bytes = (uint8_t)name_from_text(text, domains[i].name);
	}
	world_close();
	world_open(4);
	world.config.routes = &only;
	world.config.route_count = 1;
}

static void
routed_names_stay_in_their_group(void **state)
{
	(void)state;
	route();
	world.config.forward.policy = CONFIG_ROUND_ROBIN;
	/* One of each kind in turn: a group's turns are its own. */
	for (unsigned i = 0; i < 6; i++) {
		ask_and_wait(i * 10 + 3);
		ask_and_wait(i * 10 + 4);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(world.servers[i].asked, 3);
}

static void
every_policy_keeps_to_the_group(void **state)
{
	(void)state;
	route();
	for (unsigned policy = CONFIG_SEQUENTIAL; policy <= CONFIG_HASHED; policy++) {
		world.config.forward.policy = policy;
		memset(done_of, 0, sizeof done_of);
		for (unsigned i = 0; i < 6; i++)
			ask_and_wait(i * 10 + 3);
	}
	assert_int_equal(world.servers[0].asked + world.servers[1].asked, 0);
	assert_int_equal(world.servers[2].asked + world.servers[3].asked, 4 * 6);
}

/* Refused, not answered, hung up on, or nobody there: no other group hears of the name. */
static void
failure_does_not_leave_the_group(void **state)
{
	static const enum world_manner manners[] = {
	        REFUSES, FAILS, HANGS_UP, RESETS, ANSWERS_ANOTHER, BABBLES};
	(void)state;
	route();
	world.config.forward.attempts = 8;
	for (unsigned i = 0; i < sizeof manners / sizeof *manners; i++) {
		world.servers[2].manner = world.servers[3].manner = manners[i];
		ask_and_wait(i * 10 + 3);
		assert_true(last.answer == NULL || last_rcode != WIRE_RCODE_NOERROR);
	}
	dot_stop_listening(&world.servers[2].dot);
	dot_stop_listening(&world.servers[3].dot);
	ask_and_wait(63);
	assert_null(last.answer);
	assert_int_equal(world.servers[0].asked + world.servers[1].asked, 0);
	assert_true(upstreams_down(upstreams, &queries[63]));
	assert_false(upstreams_down(upstreams, &queries[4]));
	ask_and_wait(4);
	assert_string_equal(last.upstream, "u0");
}

static void
silence_does_not_leave_the_group(void **state)
{
	(void)state;
	route();
	world.config.forward.attempt_timeout_ms = 60;
	world.servers[2].manner = HOLDS;
	ask_and_wait(3);
	assert_string_equal(last.upstream, "u3");
	world.servers[3].manner = HOLDS;
	uint64_t begun_ms = clock_now_ms();
	ask(13);
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 400);
	assert_int_equal(done_of[13], 0);
	struct upstream_result result;
	upstream_withdraw(upstreams, &asks[13], &result);
	assert_null(result.answer);
	assert_int_equal(world.servers[0].asked + world.servers[1].asked, 0);
}

/* And what is asked of all is not asked of those of a route. */
static void
the_rest_does_not_come_to_a_route(void **state)
{
	(void)state;
	route();
	world.config.forward.attempts = 8;
	world.servers[0].manner = FAILS;
	dot_stop_listening(&world.servers[1].dot);
	ask_and_wait(4);
	assert_int_equal(last_rcode, WIRE_RCODE_SERVFAIL);
	assert_int_equal(world.servers[2].asked + world.servers[3].asked, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(routed_names_stay_in_their_group),
	        STARTED(every_policy_keeps_to_the_group),
	        STARTED(failure_does_not_leave_the_group),
	        STARTED(silence_does_not_leave_the_group),
	        STARTED(the_rest_does_not_come_to_a_route),
	};
	return cmocka_run_group_tests_name("upstream_routes", tests, world_begin, world_finish);
}
