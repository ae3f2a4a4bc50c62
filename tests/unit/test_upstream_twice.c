/*
 * Questions whose connection takes too long to open: they go elsewhere, and no time limit is waited for (all
 * of them are far away here).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/identity.h"
#include "upstream/upstream.h"
#include "worlds.h"

enum {
	ASKS = 64,
	SOON_MS = 5000, /* a slow machine's patience, and far below every time limit */
};

static struct upstreams *upstreams;
static struct upstream_ask asks[ASKS];
static struct wire_query queries[ASKS];
static unsigned done;
static struct upstream_result last;
static uint16_t last_rcode;
static struct shm *memory; /* of what the workers know, if they share it */

static void
on_done(void *arg, struct upstream_ask *ask, const struct upstream_result *result)
{
	(void)arg;
	(void)ask;
	done++;
	last = *result;
	last_rcode = result->answer != NULL ? result->answer->rcode : WIRE_RCODE_SERVFAIL;
}

static int
start(void **state)
{
	(void)state;
	world_open(4);
	world.config.forward.connect_patience_ms =
	        400; /* a handshake takes less, also where much is going on */
	upstreams = NULL;
	done = 0;
	for (unsigned i = 0; i < ASKS; i++)
		world_query(&queries[i], i);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	upstreams_free(upstreams);
	world_close();
	shm_free(memory);
	memory = NULL;
	return 0;
}

static void
begin(void)
{
	upstreams = upstreams_new(
	        world.loop, world.room, &world.config, world.tls, world.health, &world.stats, on_done, NULL);
}

static void
ask(unsigned n)
{
	if (upstreams == NULL)
		begin();
	upstream_ask(upstreams, &asks[n], &queries[n], n + 1, n);
}

static void
ask_and_wait(unsigned n)
{
	unsigned before = done;
	uint64_t begun_ms = clock_now_ms();
	ask(n);
	LOOP_UNTIL(world.loop, done == before + 1);
	assert_true(clock_now_ms() - begun_ms < SOON_MS);
}

static void
assert_nobody_blamed(void)
{
	assert_int_equal(counted(STATS_upstream_failures), 0);
	assert_int_equal(counted(STATS_upstream_timeouts), 0);
	assert_int_equal(counted(STATS_upstream_hedged), 0);
}

static void
black_hole_costs_no_time_limit(void **state)
{
	(void)state;
	dot_swallow(&world.servers[0].dot);
	uint64_t begun_ms = clock_now_ms();
	ask_and_wait(0);
	assert_true(clock_now_ms() - begun_ms >= world.config.forward.connect_patience_ms);
	assert_string_equal(last.upstream, "u1");
	assert_int_equal(counted(STATS_upstream_raced), 1);
	assert_nobody_blamed();
	/* Who comes later does not even try. */
	for (unsigned i = 1; i < 5; i++)
		ask_and_wait(i);
	assert_int_equal(counted(STATS_upstream_raced), 1);
	assert_int_equal(counted(STATS_upstream_asked), 6);
}

/* More than there is budget for hedges, and more than a connection takes. */
static void
all_that_wait_go(void **state)
{
	(void)state;
	world.config.forward.hedge = true;
	dot_swallow(&world.servers[0].dot);
	for (unsigned i = 0; i < ASKS; i++)
		ask(i);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, done == ASKS);
	assert_true(clock_now_ms() - begun_ms < SOON_MS);
	assert_int_equal(counted(STATS_upstream_raced), ASKS);
	assert_int_equal(world.servers[1].asked, ASKS);
	assert_nobody_blamed();
}

/* One after the other, each for as long as a connection may take; those left behind are let go of. */
static void
several_dead_in_a_row(void **state)
{
	(void)state;
	dot_swallow(&world.servers[0].dot);
	world.servers[1].dot.deaf = true;
	dot_swallow(&world.servers[2].dot);
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u3");
	assert_int_equal(counted(STATS_upstream_raced), 3);
	assert_nobody_blamed();
}

static void
one_refuses_and_the_next_does_not_open(void **state)
{
	(void)state;
	dot_stop_listening(&world.servers[0].dot);
	dot_swallow(&world.servers[1].dot);
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u2");
}

/* What is wrong with the other one is found out at once, and the dead one is not waited for. */
static void
from_the_dead_to_the_useless(void **state)
{
	static const enum world_manner useless[] = {FAILS, REFUSES, HANGS_UP, RESETS, ANSWERS_ANOTHER};
	(void)state;
	for (unsigned i = 0; i < sizeof useless / sizeof *useless; i++) {
		if (i > 0) {
			stop(NULL);
			start(NULL);
		}
		dot_swallow(&world.servers[0].dot);
		world.servers[1].manner = useless[i];
		ask_and_wait(i);
		assert_string_equal(last.upstream, "u2");
	}
}

/* A refusal is not given out as long as somebody may know better. */
static void
refusal_waits_for_the_unopened(void **state)
{
	(void)state;
	world.config.upstream_count = 2;
	dot_swallow(&world.servers[0].dot);
	world.servers[1].manner = REFUSES;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[1].asked == 1);
	looping_settle(world.loop);
	assert_int_equal(done, 0);
	dot_breathe(&world.servers[0].dot);
	LOOP_UNTIL(world.loop, done == 1);
	assert_string_equal(last.upstream, "u0");
	assert_int_equal(last_rcode, WIRE_RCODE_NOERROR);
}

/* It was only slow: what it has opened counts. */
static void
first_that_opens_wins(void **state)
{
	(void)state;
	dot_swallow(&world.servers[0].dot);
	world.servers[1].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[1].held_count == 1);
	dot_breathe(&world.servers[0].dot);
	LOOP_UNTIL(world.loop, done == 1);
	assert_string_equal(last.upstream, "u0");
	world_release(&world.servers[1], 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
	assert_int_equal(done, 1);
}

/* With nobody well, any two are tried, and more are not brought into it. */
static void
all_dead_and_one_comes_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		dot_swallow(&world.servers[i].dot);
	ask(0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_raced) == 3);
	looping_settle(world.loop);
	assert_int_equal(done, 0);
	dot_breathe(&world.servers[3].dot);
	LOOP_UNTIL(world.loop, done == 1);
	assert_string_equal(last.upstream, "u3");
	assert_int_equal(counted(STATS_upstream_raced), 3);
	assert_nobody_blamed();
}

static void
withdrawn_while_nothing_opens(void **state)
{
	struct upstream_result result;
	(void)state;
	world.config.upstream_count = 2;
	dot_swallow(&world.servers[0].dot);
	dot_swallow(&world.servers[1].dot);
	ask(0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_raced) == 1);
	upstream_withdraw(upstreams, &asks[0], &result);
	assert_null(result.answer);
	dot_breathe(&world.servers[0].dot);
	ask_and_wait(1);
	assert_int_equal(done, 1);
}

/* As if it had been tried for the ten minutes up to now, in vain. */
static void
fail_for_ten_minutes(unsigned i)
{
	struct health_identity identity = {
	        .key = upstream_identity(&world.upstreams[i], &world.servers[i].dot.address),
	        .name = world.upstreams[i].name,
	        .address = ""};
	uint64_t now_ms = clock_now_ms(), at_ms = now_ms > 600000 ? now_ms - 600000 : 1;
	struct health *h = health_open(world.health, &identity, now_ms);
	while (at_ms <= now_ms) {
		health_failed(h, HEALTH_TIMEOUT, "no connection", at_ms, 0);
		at_ms = health_backoff_until_ms(h);
	}
	assert_int_equal(health_state(h, now_ms), HEALTH_BACKED_OFF);
	health_close(h);
}

static void
back_after_ten_minutes(void **state)
{
	(void)state;
	for (unsigned count = 1; count <= 2; count++) {
		stop(NULL);
		start(NULL);
		memory = shm_new(health_footprint());
		assert_non_null(memory);
		world.health = shm_start(memory);
		world.config.upstream_count = count;
		for (unsigned i = 0; i < count; i++) {
			dot_swallow(&world.servers[i].dot);
			fail_for_ten_minutes(i);
		}
		ask(0);
		assert_true(upstreams_down(upstreams, &queries[0]));
		uint64_t begun_ms = clock_now_ms();
		LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms >= 1300);
		assert_int_equal(done, 0);
		/* The kernel would try again in 1.7 s. */
		for (unsigned i = 0; i < count; i++)
			dot_breathe(&world.servers[i].dot);
		begun_ms = clock_now_ms();
		LOOP_UNTIL(world.loop, done == 1);
		assert_non_null(last.answer);
		assert_true(clock_now_ms() - begun_ms < 1500);
		ask_and_wait(1);
		assert_non_null(last.answer);
	}
}

static bool
has_ipv6(void)
{
	struct addr address;
	assert_int_equal(addr_parse(&address, "::1", 1), 0);
	addr_set_port(&address, 0);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && bind(fd, &address.any, addr_bytes(&address)) == 0;
	if (fd >= 0)
		close(fd);
	return there;
}

/* Three addresses of the dead family stand before the one that lives: two of them are not even tried. */
static void
other_family_first(void **state)
{
	struct addr both[4];
	(void)state;
	if (!has_ipv6())
		skip();
	for (unsigned i = 0; i < 3; i++) {
		dot_end(&world.servers[i].dot);
		dot_begin_at("::1", &world.servers[i].dot, world.loop, &certs.good, world_asked);
		world.servers[i].dot.arg = &world.servers[i];
		dot_swallow(&world.servers[i].dot);
		both[i] = world.servers[i].dot.address;
	}
	both[3] = world.servers[3].dot.address;
	world.config.upstream_count = 1;
	world.upstreams[0].addresses = both;
	world.upstreams[0].address_count = 4;
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u0");
	assert_int_equal(counted(STATS_upstream_raced), 1);
	assert_int_equal(world.servers[3].asked, 1);
	assert_nobody_blamed();
}

/* Nobody has asked yet, and it is found out all the same: the first question meets an open connection. */
static void
found_out_before_the_first_question(void **state)
{
	(void)state;
	dot_swallow(&world.servers[0].dot);
	dot_stop_listening(&world.servers[1].dot);
	begin();
	LOOP_UNTIL(world.loop, world.servers[2].dot.shaken == 1);
	looping_settle(world.loop);
	uint64_t connections = counted(STATS_upstream_connections);
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u2");
	assert_int_equal(counted(STATS_upstream_raced), 0);
	assert_int_equal(counted(STATS_upstream_connections), connections);
}

/* Each in turn is met once by a question, at most. */
static void
found_out_in_turns(void **state)
{
	(void)state;
	world.config.forward.policy = CONFIG_ROUND_ROBIN;
	dot_swallow(&world.servers[1].dot);
	dot_swallow(&world.servers[3].dot);
	for (unsigned i = 0; i < 20; i++) {
		ask_and_wait(i);
		assert_int_not_equal(strcmp(last.upstream, "u1"), 0);
		assert_int_not_equal(strcmp(last.upstream, "u3"), 0);
	}
	assert_in_range(counted(STATS_upstream_raced), 0, 2);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(black_hole_costs_no_time_limit),
	        STARTED(all_that_wait_go),
	        STARTED(several_dead_in_a_row),
	        STARTED(one_refuses_and_the_next_does_not_open),
	        STARTED(from_the_dead_to_the_useless),
	        STARTED(refusal_waits_for_the_unopened),
	        STARTED(first_that_opens_wins),
	        STARTED(all_dead_and_one_comes_back),
	        STARTED(withdrawn_while_nothing_opens),
	        STARTED(back_after_ten_minutes),
	        STARTED(other_family_first),
	        STARTED(found_out_before_the_first_question),
	        STARTED(found_out_in_turns),
	};
	return cmocka_run_group_tests_name("upstream_twice", tests, world_begin, world_finish);
}
