/*
 * Questions of our own to places that may be well again: by one of all workers, and at nobody's expense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "upstream/identity.h"
#include "upstream/upstream.h"
#include "worlds.h"

/* Two workers over the same table; asks[] are the first one's. */
static struct upstreams *workers[2];
static struct shm *memory;
static struct upstream_ask ask;
static struct wire_query query;
static unsigned done;
static char answered_by[8];

static void
on_done(void *arg, struct upstream_ask *a, const struct upstream_result *result)
{
	(void)arg;
	(void)a;
	done++;
	snprintf(answered_by, sizeof answered_by, "%s", result->upstream);
}

static int
start(void **state)
{
	(void)state;
	world_open(2);
	memory = shm_new(health_footprint());
	assert_non_null(memory);
	world.health = shm_start(memory);
	world.config.forward.attempt_timeout_ms = 700;
	for (unsigned i = 0; i < 2; i++) {
		workers[i] = upstreams_new(world.loop, world.room, &world.config, world.tls, world.health,
		        &world.stats, on_done, &query);
		/* Who finds out is told by who is asked. */
		upstreams_stay_cold(workers[i]);
	}
	done = 0;
	world_query(&query, 1);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	upstreams_free(workers[0]);
	upstreams_free(workers[1]);
	world_close();
	shm_free(memory);
	return 0;
}

/* One question to this worker, and who answered it. */
static const char *
ask_worker(unsigned worker)
{
	unsigned before = done;
	upstream_ask(workers[worker], &ask, &query, 1, 1);
	LOOP_UNTIL(world.loop, done == before + 1);
	return answered_by;
}

/* What is known of the first upstream. */
static struct health_view
known(void)
{
	struct health_view view;
	unsigned at = 0;
	while (health_next(world.health, &at, &view, clock_now_ms()))
		if (strcmp(view.name, "u0") == 0)
			return view;
	fail_msg("nothing is known of u0");
	return view;
}

static void
sleep_off(void)
{
	LOOP_UNTIL(world.loop, known().backoff_left_ms == 0);
}

/* What one worker has found out the other knows. */
static void
one_finds_out_for_all(void **state)
{
	(void)state;
	dot_stop_listening(&world.servers[0].dot);
	assert_string_equal(ask_worker(0), "u1");
	assert_int_equal(known().failed[HEALTH_CONNECT], 1);
	uint64_t begun_ms = clock_now_ms();
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(ask_worker(1), "u1");
	/* On a very slow machine the time until it is tried again may be over meanwhile. */
	assert_in_range(known().failed[HEALTH_CONNECT], 1, 1 + (clock_now_ms() - begun_ms) / 500);
}

static void
a_probe_lifts_it_for_all(void **state)
{
	(void)state;
	world.servers[0].manner = HANGS_UP;
	assert_string_equal(ask_worker(0), "u1");
	unsigned before = world.servers[0].asked;
	sleep_off();
	world.servers[0].manner = HOLDS;
	assert_string_equal(ask_worker(1), "u1");
	assert_string_equal(ask_worker(0), "u1");
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	assert_int_equal(known().state, HEALTH_PROBED);
	assert_string_equal(ask_worker(0), "u1");
	assert_int_equal(world.servers[0].asked, before + 1);
	/* ". NS" */
	assert_memory_equal(world.servers[0].held[0].msg + WIRE_HEADER_BYTES, "\0\0\2\0\1", 5);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, known().state == HEALTH_WELL);
	world.servers[0].manner = ANSWERS;
	assert_string_equal(ask_worker(0), "u0");
	assert_string_equal(ask_worker(1), "u0");
}

static void
a_probe_that_fails_makes_it_longer(void **state)
{
	(void)state;
	world.servers[0].manner = HANGS_UP;
	ask_worker(0);
	sleep_off();
	ask_worker(0);
	LOOP_UNTIL(world.loop, known().failures == 2);
	assert_in_range(known().backoff_left_ms, 1200, 2000);
}

static void
a_probe_without_an_answer_fails_in_time(void **state)
{
	(void)state;
	world.servers[0].manner = HANGS_UP;
	ask_worker(0);
	sleep_off();
	world.servers[0].manner = HOLDS;
	ask_worker(0);
	LOOP_UNTIL(world.loop, known().failures == 2);
	assert_int_equal(known().failed[HEALTH_SILENCE], 1);
	assert_int_equal(known().state, HEALTH_BACKED_OFF);
}

/* With nobody well, questions do not wait for a verdict. */
static void
all_down_and_tried_anyway(void **state)
{
	(void)state;
	world.servers[0].manner = world.servers[1].manner = HANGS_UP;
	assert_string_equal(ask_worker(0), "");
	assert_true(upstreams_down(workers[1], &query));
	world.servers[1].manner = ANSWERS;
	assert_string_equal(ask_worker(1), "u1");
	assert_false(upstreams_down(workers[0], &query));
}

/* SERVFAIL to all that others answer: after a few questions it is asked no more. */
static void
one_that_refuses_is_left_alone(void **state)
{
	(void)state;
	world.servers[0].manner = FAILS;
	for (unsigned i = 0; i < HEALTH_REFUSALS; i++)
		assert_string_equal(ask_worker(i % 2), "u1");
	assert_int_equal(world.servers[0].asked, HEALTH_REFUSALS);
	assert_true(known().down);
	assert_non_null(strstr(known().why, "SERVFAIL"));
	assert_string_equal(ask_worker(0), "u1");
	assert_int_equal(world.servers[0].asked, HEALTH_REFUSALS);
	sleep_off();
	ask_worker(0);
	LOOP_UNTIL(world.loop, known().failures == 2);
	world.servers[0].manner = ANSWERS;
	sleep_off();
	ask_worker(0);
	LOOP_UNTIL(world.loop, known().state == HEALTH_WELL);
}

/* All say so: it is the question that is at fault, and nobody goes down for it. */
static void
refused_by_all_is_nobodys_fault(void **state)
{
	(void)state;
	world.servers[0].manner = world.servers[1].manner = FAILS;
	for (unsigned i = 0; i < 2 * HEALTH_REFUSALS; i++)
		ask_worker(i % 2);
	assert_int_equal(known().failed[HEALTH_REFUSAL], 0);
	assert_int_equal(known().state, HEALTH_WELL);
}

/* No handshake is left: another place is asked, and if there is none, this one all the same. */
static void
exhausted_budget_goes_elsewhere(void **state)
{
	struct health *h = health_open(world.health,
	        &(struct health_identity){
	                .key = upstream_identity(&world.upstreams[0], &world.servers[0].dot.address),
	                .name = "u0",
	                .address = ""},
	        clock_now_ms());
	(void)state;
	while (health_may_shake(h, clock_now_ms()))
		;
	assert_string_equal(ask_worker(0), "u1");
	assert_int_equal(known().handshakes_full, 0);
	assert_int_equal(known().state, HEALTH_WELL);
	dot_stop_listening(&world.servers[1].dot);
	dot_close_all(&world.servers[1].dot, DOT_BYE);
	while (health_may_shake(h, clock_now_ms()))
		;
	assert_string_equal(ask_worker(1), "u0");
	health_close(h);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(one_finds_out_for_all),
	        STARTED(a_probe_lifts_it_for_all),
	        STARTED(a_probe_that_fails_makes_it_longer),
	        STARTED(a_probe_without_an_answer_fails_in_time),
	        STARTED(all_down_and_tried_anyway),
	        STARTED(one_that_refuses_is_left_alone),
	        STARTED(refused_by_all_is_nobodys_fault),
	        STARTED(exhausted_budget_goes_elsewhere),
	};
	return cmocka_run_group_tests_name("probe", tests, world_begin, world_finish);
}
