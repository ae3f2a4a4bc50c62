/*
 * Questions that are asked twice: the slow ones within a budget, those on a silent connection all at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstreams.h"

/* An answer that takes longer than nearly all is asked for elsewhere as well, and the first one counts. */
static void
slow_question_is_hedged(void **state)
{
	(void)state;
	world.config.forward.hedge = true;
	world.servers[0].manner = HOLDS;
	uint64_t begun_ms = clock_now_ms();
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u1");
	assert_in_range(clock_now_ms() - begun_ms, 145, 5000);
	assert_int_equal(counted(STATS_upstream_hedged), 1);
	assert_int_equal(counted(STATS_upstream_hedge_won), 1);
	/* The other one is dropped unseen. */
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
	assert_int_equal(done_of[0], 1);
}

static void
first_answer_wins(void **state)
{
	(void)state;
	world.config.forward.hedge = true;
	world.servers[0].manner = world.servers[1].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[1].held_count == 1);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, done == 1);
	assert_string_equal(last.upstream, "u0");
	world_release(&world.servers[1], 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
	assert_int_equal(counted(STATS_upstream_hedged), 1);
	assert_int_equal(counted(STATS_upstream_hedge_won), 0);
	assert_int_equal(done, 1);
}

/* What becomes of one try is no loss while the other is under way. */
static void
one_of_two_fails(void **state)
{
	(void)state;
	world.config.forward.hedge = true;
	world.servers[0].manner = world.servers[1].manner = HOLDS;
	ask(0);
	ask(1);
	LOOP_UNTIL(world.loop, world.servers[1].held_count == 2);
	dot_close_all(&world.servers[1].dot, DOT_RESET);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_connections) >= 2);
	looping_settle(world.loop);
	assert_int_equal(done, 0);
	world_reply(&world.servers[0], world.servers[0].held[0].conn, world.servers[0].held[0].msg,
	        WIRE_RCODE_SERVFAIL);
	world_release(&world.servers[0], 1);
	LOOP_UNTIL(world.loop, done == 2);
	/* The refusal came when nobody else was asked any more: the third is. */
	assert_int_equal(world.servers[2].asked, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(done_of[i], 1);
}

static void
both_of_two_are_lost(void **state)
{
	(void)state;
	world.config.forward.hedge = true;
	world.servers[0].manner = world.servers[1].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[1].held_count == 1);
	dot_close_all(&world.servers[0].dot, DOT_RESET);
	dot_close_all(&world.servers[1].dot, DOT_RESET);
	LOOP_UNTIL(world.loop, done == 1);
	assert_string_equal(last.upstream, "u2");
	assert_int_equal(done_of[0], 1);
}

static void
withdrawn_from_both(void **state)
{
	struct upstream_result result;
	(void)state;
	world.config.forward.hedge = true;
	world.servers[0].manner = world.servers[1].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[1].held_count == 1);
	upstream_withdraw(upstreams, &asks[0], &result);
	world_release(&world.servers[0], 0);
	world_release(&world.servers[1], 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 2);
	assert_int_equal(done, 0);
}

/* With a single upstream the other way is another connection. */
static void
hedged_on_another_connection(void **state)
{
	(void)state;
	world.config.forward.hedge = true;
	world.config.upstream_count = 1;
	world.servers[0].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 2);
	assert_int_equal(world.servers[0].dot.accepted, 2);
	world_release(&world.servers[0], 1);
	LOOP_UNTIL(world.loop, done == 1);
	assert_int_equal(counted(STATS_upstream_hedge_won), 1);
}

static void
no_hedge_unless_wanted(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 400);
	assert_int_equal(counted(STATS_upstream_asked), 1);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, done == 1);
}

/* No more than the budget allows: one name in ten may be slow. */
static void
hedges_are_few(void **state)
{
	(void)state;
	world.config.forward.hedge = true;
	world.upstreams[0].max_outstanding = 60;
	world.servers[0].manner = HOLDS;
	for (unsigned i = 0; i < 3; i++) {
		ask(i);
		LOOP_UNTIL(world.loop, done == i + 1);
	}
	assert_int_equal(counted(STATS_upstream_hedged), 3);
	/* One is answered after all are asked, and then one now and then, so that it is not the connection
	 * that is silent. */
	for (unsigned i = 10; i < 60; i++)
		ask(i);
	LOOP_UNTIL(world.loop, world.servers[0].held_count > 3);
	world_release(&world.servers[0], 3);
	LOOP_UNTIL(world.loop, done == 4);
	uint64_t begun_ms = clock_now_ms();
	for (unsigned released = 4; clock_now_ms() - begun_ms < 600;) {
		looping_turn(world.loop);
		if (world.servers[0].held_count > released && clock_now_ms() - begun_ms > released * 15)
			world_release(&world.servers[0], released++);
	}
	assert_in_range(counted(STATS_upstream_hedged), 4, 16 + 53 / 10 + 1);
	for (unsigned i = 4; done < 53; i++) {
		world_release(&world.servers[0], i);
		looping_settle(world.loop);
	}
}

static void
on_alarm(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
	ask(1);
}

/* A question that comes just when another is due does not put that off. */
static void
due_is_due_whoever_comes(void **state)
{
	ev_timer alarm;
	(void)state;
	world.config.forward.hedge = true;
	world.servers[0].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	ev_timer_init(&alarm, on_alarm, 0.16, 0.);
	ev_timer_start(world.loop, &alarm);
	usleep(250000);
	ev_run(world.loop, EVRUN_ONCE);
	assert_false(ev_is_active(&alarm));
	assert_int_equal(counted(STATS_upstream_hedged), 1);
	LOOP_UNTIL(world.loop, done == 2);
}

/* Many at once on a connection that has died: more than the budget, and all at once. */
static void
silent_connection_is_left_at_once(void **state)
{
	(void)state;
	world.upstreams[0].max_outstanding = 60;
	world.upstreams[1].max_outstanding = 60;
	world.config.forward.hedge = true;
	world.servers[0].manner = HOLDS;
	uint64_t begun_ms = clock_now_ms();
	for (unsigned i = 0; i < 50; i++)
		ask(i);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 50);
	world.servers[0].dot.deaf = true;
	LOOP_UNTIL(world.loop, done == 50);
	assert_true(clock_now_ms() - begun_ms < 5000); /* of the 50 s that an attempt may take */
	assert_int_equal(world.servers[1].asked, 50);
	assert_int_equal(counted(STATS_upstream_resent), 50);
	assert_int_equal(counted(STATS_upstream_hedged), 0);
	/* And who comes later goes there at once. */
	ask_and_wait(50);
	assert_string_equal(last.upstream, "u1");
	assert_int_equal(counted(STATS_upstream_asked), 101);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(slow_question_is_hedged),
	        STARTED(first_answer_wins),
	        STARTED(one_of_two_fails),
	        STARTED(both_of_two_are_lost),
	        STARTED(withdrawn_from_both),
	        STARTED(hedged_on_another_connection),
	        STARTED(no_hedge_unless_wanted),
	        STARTED(hedges_are_few),
	        STARTED(due_is_due_whoever_comes),
	        STARTED(silent_connection_is_left_at_once),
	};
	return cmocka_run_group_tests_name("upstream_hedge", tests, world_begin, world_finish);
}
