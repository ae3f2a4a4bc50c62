/*
 * Connections of one place that do not open: what is tried while somebody waits, and who gets the questions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/place.h"
#include "worlds.h"

enum { ASKS = 32 };

static struct place *place;
static struct place_ask asks[ASKS];
static struct wire_query queries[ASKS];
static struct world_server *server;
static unsigned answered, lost;

static void
on_answered(void *arg, struct place *p, struct place_ask *ask, const struct wire_answer *answer)
{
	(void)arg;
	(void)p;
	(void)ask;
	answered += answer != NULL;
}

static void
on_lost(void *arg, struct place *p, enum place_loss how, struct list *orphans)
{
	(void)arg;
	(void)p;
	(void)how;
	while (!list_empty(orphans)) {
		list_remove(&list_first(orphans, struct uconn_ask, link)->link);
		lost++;
	}
}

static const struct place_events events = {on_answered, on_lost};

static int
start(void **state)
{
	(void)state;
	world_open(1);
	server = &world.servers[0];
	answered = lost = 0;
	world.config.forward.connect_patience_ms = 150;
	struct place_settings settings = {.loop = world.loop,
	        .room = world.room,
	        .stats = &world.stats,
	        .upstream = &world.upstreams[0],
	        .forward = &world.config.forward,
	        .profile = tls_store_profile(world.tls, 0),
	        .events = &events};
	place = place_new(&settings, &server->dot.address);
	for (unsigned i = 0; i < ASKS; i++) {
		world_query(&queries[i], i);
		memset(&asks[i], 0, sizeof asks[i]);
		asks[i].on.query = &queries[i];
		list_init(&asks[i].link);
		list_init(&asks[i].on.link);
	}
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ASKS; i++)
		place_withdraw(&asks[i]);
	place_free(place);
	world_close();
	return 0;
}

static void
put(unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		assert_int_equal(place_put(place, &asks[i], clock_now_ms()), 0);
}

static uint64_t
begun(void)
{
	return counted(STATS_upstream_connections);
}

static void
wait_ms(uint64_t ms)
{
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms >= ms);
}

/* Long before the kernel would have tried again, which is 3 s after its first attempt, and those questions
 * are answered that wait for the first connection. */
static void
found_as_soon_as_it_is_there(void **state)
{
	(void)state;
	dot_swallow(&server->dot);
	uint64_t begun_ms = clock_now_ms();
	put(0, 20);
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms >= 1300);
	assert_in_range(begun(), 3, (clock_now_ms() - begun_ms) / 150 + 1);
	assert_int_equal(answered, 0);
	dot_breathe(&server->dot);
	LOOP_UNTIL(world.loop, answered == 20);
	assert_true(clock_now_ms() - begun_ms < 2900);
	assert_int_equal(lost, 0);
	assert_int_equal(counted(STATS_upstream_failures), 0);
	assert_int_equal(server->asked, 20);
	/* The others have been let go of. */
	looping_settle(world.loop);
	assert_int_equal(server->dot.open, 1);
}

/* A question that comes when an attempt has been under way for long does not wait for its end. */
static void
who_comes_later_begins_another_at_once(void **state)
{
	(void)state;
	dot_swallow(&server->dot);
	place_prepare(place, 0);
	LOOP_UNTIL(world.loop, begun() == 1);
	wait_ms(1100);
	assert_int_equal(begun(), 1); /* nobody waits: it is left at that */
	dot_breathe(&server->dot);
	uint64_t begun_ms = clock_now_ms();
	put(0, 1);
	assert_int_equal(begun(), 2);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_true(clock_now_ms() - begun_ms < 1500); /* the kernel's next try is further away */
}

static void
nobody_waits_any_more(void **state)
{
	(void)state;
	dot_swallow(&server->dot);
	put(0, 2);
	LOOP_UNTIL(world.loop, begun() == 3);
	place_withdraw(&asks[0]);
	place_withdraw(&asks[1]);
	uint64_t before = begun();
	wait_ms(500);
	assert_int_equal(begun(), before);
	assert_int_equal(place_load(place), 0);
}

/* A question of our own has time. */
static void
patience_begins_nothing(void **state)
{
	(void)state;
	dot_swallow(&server->dot);
	asks[0].patient = true;
	put(0, 1);
	wait_ms(500);
	assert_int_equal(begun(), 1);
}

/* Somebody is there, and may have much to do: shaking hands with more of us would not make it faster. */
static void
nothing_beside_a_handshake(void **state)
{
	(void)state;
	server->dot.deaf = true;
	put(0, 1);
	LOOP_UNTIL(world.loop, server->dot.accepted == 1);
	wait_ms(500);
	assert_int_equal(begun(), 1);
	assert_true(place_stuck(place, clock_now_us()));
}

/* The first attempt runs out of time: that is a failure, but those that have just come stay with the other
 * attempt. */
static void
first_attempt_runs_out_of_time(void **state)
{
	(void)state;
	world.config.forward.connect_timeout_ms = 2000;
	dot_swallow(&server->dot);
	put(0, 4);
	wait_ms(1000);
	put(4, 4);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_failures) == 1);
	assert_int_equal(lost, 4);
	assert_int_equal(place_load(place), 4);
	dot_breathe(&server->dot);
	LOOP_UNTIL(world.loop, answered == 4);
	assert_int_equal(lost, 4);
}

/* One more than the administrator allows, but never one more that is open. */
static void
within_the_bound(void **state)
{
	(void)state;
	world.upstreams[0].max_connections = 1;
	dot_swallow(&server->dot);
	put(0, 20);
	LOOP_UNTIL(world.loop, begun() >= 4);
	dot_breathe(&server->dot);
	LOOP_UNTIL(world.loop, answered == 20);
	assert_int_equal(server->dot.shaken, 1);
}

/* Attempts take handshakes out of the budget, so that with all that is left there are no more than that. */
static void
within_the_budget(void **state)
{
	(void)state;
	dot_swallow(&server->dot);
	uint64_t begun_ms = clock_now_ms(), taken = 0;
	put(0, 1);
	while (clock_now_ms() - begun_ms < 1000) {
		while (health_may_shake(place_health(place), clock_now_ms()))
			taken++;
		looping_turn(world.loop);
	}
	uint64_t took_ms = clock_now_ms() - begun_ms;
	assert_in_range(
	        begun() + taken, 1, HEALTH_HANDSHAKES_BURST + HEALTH_HANDSHAKES_PER_S * took_ms / 1000 + 1);
	uint64_t before = begun();
	LOOP_UNTIL(world.loop, begun() > before);
}

/* Where a handshake is known to take long, it may take longer. */
static void
patience_is_learned(void **state)
{
	struct health *h = place_health(place);
	uint64_t before_us = clock_now_us();
	(void)state;
	server->dot.deaf = true;
	assert_int_equal(place_stuck_at_us(place), 0);
	put(0, 1);
	uint64_t begun_us = place_stuck_at_us(place) - 150000;
	assert_in_range(begun_us, before_us, clock_now_us());
	health_shaken(h, false, "TLS1.3", 10000);
	assert_int_equal(place_stuck_at_us(place), begun_us + 100000);
	health_shaken(h, false, "TLS1.3", 10000 + 8 * 30000);
	assert_int_equal(place_stuck_at_us(place), begun_us + 3 * 40000);
	health_shaken(h, false, "TLS1.3", 40000 + 8 * 60000);
	assert_int_equal(place_stuck_at_us(place), begun_us + 150000);
	health_shaken(h, false, "TLS1.3", 100000 + 8 * 300000);
	assert_int_equal(place_stuck_at_us(place), begun_us + 400000 * 3 / 2);
	assert_true(place_is_waiting(&asks[0]));
	assert_false(place_is_waiting(&asks[1]));
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(found_as_soon_as_it_is_there),
	        STARTED(who_comes_later_begins_another_at_once),
	        STARTED(nobody_waits_any_more),
	        STARTED(patience_begins_nothing),
	        STARTED(nothing_beside_a_handshake),
	        STARTED(first_attempt_runs_out_of_time),
	        STARTED(within_the_bound),
	        STARTED(within_the_budget),
	        STARTED(patience_is_learned),
	};
	return cmocka_run_group_tests_name("place_race", tests, world_begin, world_finish);
}
