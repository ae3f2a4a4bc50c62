/*
 * A question among the upstreams: who is asked next, and what comes back when nobody answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/upstream.h"
#include "worlds.h"

enum { ASKS = 64 };

static struct upstreams *upstreams;
static struct upstream_ask asks[ASKS];
static struct wire_query queries[ASKS];
static unsigned done, done_of[ASKS];
static struct upstream_result last;
static uint16_t last_rcode;
static size_t last_bytes;

static void
on_done(void *arg, struct upstream_ask *ask, const struct upstream_result *result)
{
	assert_ptr_equal(arg, &queries);
	done++;
	done_of[ask - asks]++;
	last = *result;
	if (result->answer != NULL) {
		last_rcode = result->answer->rcode;
		last_bytes = result->answer->bytes;
		const struct wire_question *q = &queries[ask - asks].question;
		assert_memory_equal(result->answer->msg + WIRE_HEADER_BYTES, q->name, q->name_bytes);
	}
}

static int
start(void **state)
{
	(void)state;
	world_open(3);
	upstreams = NULL;
	done = 0;
	memset(done_of, 0, sizeof done_of);
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
	return 0;
}

static void
ask(unsigned n)
{
	if (upstreams == NULL)
		upstreams = upstreams_new(world.loop, world.room, &world.config, world.tls, world.health,
		        &world.stats, on_done, &queries);
	upstream_ask(upstreams, &asks[n], &queries[n], n + 1, n);
}

static void
ask_and_wait(unsigned n)
{
	unsigned before = done;
	ask(n);
	LOOP_UNTIL(world.loop, done == before + 1);
	assert_int_equal(done_of[n], 1);
}

static void
answered_by_the_first(void **state)
{
	(void)state;
	ask_and_wait(0);
	assert_non_null(last.answer);
	assert_int_equal(last_rcode, WIRE_RCODE_NOERROR);
	assert_string_equal(last.upstream, "u0");
	assert_int_equal(world.servers[1].asked + world.servers[2].asked, 0);
}

static void
round_robin_asks_all(void **state)
{
	(void)state;
	world.config.forward.policy = CONFIG_ROUND_ROBIN;
	for (unsigned i = 0; i < 12; i++)
		ask_and_wait(i);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(world.servers[i].asked, 4);
}

/* The same name goes the same way, however it is spelled. */
static void
hashed_by_name(void **state)
{
	(void)state;
	world.config.forward.policy = CONFIG_HASHED;
	const char *first = NULL;
	for (unsigned i = 0; i < 8; i++) {
		queries[i].question = queries[63].question;
		queries[i].question.name[5] = i % 2 ? 'X' : 'x';
		ask_and_wait(i);
		if (first == NULL)
			first = last.upstream;
		assert_string_equal(last.upstream, first);
	}
	for (unsigned i = 10; i < 60; i++)
		ask_and_wait(i);
	for (unsigned i = 0; i < 3; i++)
		assert_true(world.servers[i].asked > 3);
}

static void
refusals_ask_another(void **state)
{
	(void)state;
	world.servers[0].manner = FAILS;
	world.servers[1].manner = REFUSES;
	ask_and_wait(0);
	assert_int_equal(last_rcode, WIRE_RCODE_NOERROR);
	assert_string_equal(last.upstream, "u2");
	assert_int_equal(counted(STATS_upstream_failed_over), 2);
	assert_int_equal(counted(STATS_upstream_asked), 3);
}

/* The answer of the last one stands, for there is nobody left. */
static void
all_refuse(void **state)
{
	(void)state;
	world.servers[0].manner = REFUSES;
	world.servers[1].manner = world.servers[2].manner = FAILS;
	ask_and_wait(0);
	assert_non_null(last.answer);
	assert_int_equal(last_rcode, WIRE_RCODE_SERVFAIL);
	assert_int_equal(counted(STATS_upstream_asked), 3);
}

/* One refused and the others cannot be reached: the refusal that was kept, without records. */
static void
refusal_is_better_than_nothing(void **state)
{
	(void)state;
	world.servers[0].manner = REFUSES;
	dot_stop_listening(&world.servers[1].dot);
	dot_stop_listening(&world.servers[2].dot);
	ask_and_wait(0);
	assert_non_null(last.answer);
	assert_int_equal(last_rcode, WIRE_RCODE_REFUSED);
	assert_int_equal(last_bytes, 12 + queries[0].question.name_bytes + 4);
	assert_int_equal(world.servers[0].asked, 1);
}

static void
refusals_end_with_the_attempts(void **state)
{
	(void)state;
	world.config.forward.attempts = 2;
	for (unsigned i = 0; i < 3; i++)
		world.servers[i].manner = FAILS;
	ask_and_wait(0);
	assert_int_equal(last_rcode, WIRE_RCODE_SERVFAIL);
	assert_int_equal(counted(STATS_upstream_asked), 2);
	assert_int_equal(world.servers[2].asked, 0);
}

static void
nobody_can_be_reached(void **state)
{
	char want[128];
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		dot_stop_listening(&world.servers[i].dot);
	ask_and_wait(0);
	assert_null(last.answer);
	assert_int_equal(last.ede, EDNS_EDE_NETWORK_ERROR);
	char text[ADDR_TEXT_BYTES];
	snprintf(want, sizeof want, "u2 %s: Connection refused",
	        addr_text(&world.servers[2].dot.address, text));
	assert_string_equal(last.why, want);
	assert_string_equal(last.upstream, "");
	/* All are backed off now, and tried anyway. */
	ask_and_wait(1);
	assert_null(last.answer);
	assert_int_equal(counted(STATS_upstream_connections), 6);
}

static void
nobody_can_be_verified(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct dot_server *dot = &world.servers[i].dot;
		gnutls_certificate_free_credentials(dot->shown);
		dot->shown = cert_credentials(&certs.untrusted);
	}
	ask_and_wait(0);
	assert_null(last.answer);
	assert_int_equal(last.ede, EDNS_EDE_NO_REACHABLE_AUTHORITY);
	assert_non_null(strstr(last.why, ": certificate is not signed by a trusted authority"));
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(world.servers[i].asked, 0);
}

/* The first is down: others answer, and the next question does not even try it. */
static void
one_that_is_down_costs_once(void **state)
{
	(void)state;
	dot_stop_listening(&world.servers[0].dot);
	for (unsigned i = 0; i < 5; i++) {
		ask_and_wait(i);
		assert_string_equal(last.upstream, "u1");
	}
	assert_int_equal(counted(STATS_upstream_failures), 1);
}

/* What was on a connection that had worked is asked again, each question once, and answered once. */
static void
lost_questions_are_asked_again(void **state)
{
	(void)state;
	ask_and_wait(40);
	world.servers[0].manner = HOLDS;
	for (unsigned i = 0; i < 6; i++)
		ask(i);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 6);
	world.servers[0].manner = ANSWERS;
	dot_close_all(&world.servers[0].dot, DOT_BYE);
	LOOP_UNTIL(world.loop, done == 7);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(done_of[i], 1);
	assert_int_equal(counted(STATS_upstream_resent), 6);
	assert_int_equal(counted(STATS_upstream_asked), 13);
}

/* A server that answers one question and then closes on the next, for ever, does not keep a question for
 * ever.
 */
static void
losses_end_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		world.servers[i].manner = HANGS_UP;
	ask_and_wait(0);
	assert_null(last.answer);
	assert_non_null(strstr(last.why, "the peer closed the connection"));
	assert_int_equal(counted(STATS_upstream_asked), 3);
}

/* Nobody shakes hands at the first: all go where a connection opens, the question that went there before
 * included. */
static void
a_connection_that_does_not_open_is_avoided(void **state)
{
	(void)state;
	world.servers[0].dot.deaf = true;
	world.config.forward.connect_patience_ms = 300;
	for (unsigned i = 0; i < 6; i++) {
		ask_and_wait(i);
		assert_string_equal(last.upstream, "u1");
	}
	assert_int_equal(counted(STATS_upstream_raced), 1);
	assert_int_equal(counted(STATS_upstream_failures), 0);
}

/* Attempts are for those who may answer. */
static void
broken_ones_use_up_no_attempts(void **state)
{
	(void)state;
	world.config.forward.attempts = 1;
	dot_stop_listening(&world.servers[0].dot);
	world.servers[1].manner = HANGS_UP;
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u2");
}

static void
answers_to_others_are_none(void **state)
{
	(void)state;
	world.servers[0].manner = ANSWERS_ANOTHER;
	world.servers[1].manner = BABBLES;
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u2");
	assert_int_equal(counted(STATS_upstream_bad_answers), 2);
}

static void
silence_asks_another_in_time(void **state)
{
	(void)state;
	world.config.forward.attempt_timeout_ms = 500;
	world.servers[0].manner = HOLDS;
	uint64_t begun_ms = clock_now_ms();
	ask_and_wait(0);
	assert_string_equal(last.upstream, "u1");
	assert_true(clock_now_ms() - begun_ms >= 495);
	assert_int_equal(counted(STATS_upstream_timeouts), 1);
	assert_int_equal(world.servers[1].asked, 1);
}

/* The last attempt has no limit of its own. */
static void
last_attempt_takes_what_time_there_is(void **state)
{
	(void)state;
	world.config.forward.attempt_timeout_ms = 60;
	world.config.forward.attempts = 1;
	world.servers[0].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 250);
	assert_int_equal(done, 0);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, done == 1);
	assert_non_null(last.answer);
}

/* Another network: what is in flight is asked again, at the first again, and not on a connection of before.
 */
static void
all_begins_anew(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		world.servers[i].manner = HOLDS;
	world.config.forward.attempt_timeout_ms = 100;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	LOOP_UNTIL(world.loop, world.servers[1].held_count == 1); /* its second attempt */
	ask(1);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 2);
	unsigned accepted = world.servers[0].dot.accepted;
	uint64_t resent = counted(STATS_upstream_resent);
	for (unsigned i = 0; i < 3; i++)
		world.servers[i].manner = ANSWERS;
	upstreams_reconnect(upstreams);
	assert_int_equal(done, 0);
	LOOP_UNTIL(world.loop, done == 2);
	assert_int_equal(done_of[0] + done_of[1], 2);
	assert_string_equal(last.upstream, "u0");
	assert_int_equal(counted(STATS_upstream_resent), resent + 2);
	assert_int_equal(world.servers[0].dot.accepted, accepted + 1);
	assert_false(upstreams_down(upstreams, &queries[0]));
}

static void
withdrawn_questions_say_what_is_known(void **state)
{
	struct upstream_result result;
	(void)state;
	world.servers[0].manner = HOLDS;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	upstream_withdraw(upstreams, &asks[0], &result);
	assert_null(result.answer);
	assert_non_null(strstr(result.why, "no answer in time"));
	assert_memory_equal(result.why, "u0 127.0.0.1@", 13);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
	assert_int_equal(done, 0);
}

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

static void
first_connection_before_the_first_question(void **state)
{
	(void)state;
	world.config.forward.policy = CONFIG_ROUND_ROBIN;
	upstreams = upstreams_new(world.loop, world.room, &world.config, world.tls, world.health,
	        &world.stats, on_done, &queries);
	LOOP_UNTIL(world.loop,
	        world.servers[0].dot.shaken + world.servers[1].dot.shaken + world.servers[2].dot.shaken == 3);
	looping_settle(world.loop);
	ask_and_wait(0);
	assert_int_equal(counted(STATS_upstream_connections), 3);
}

static void
many_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ASKS; i++)
		ask(i);
	LOOP_UNTIL(world.loop, done == ASKS);
	for (unsigned i = 0; i < ASKS; i++)
		assert_int_equal(done_of[i], 1);
	assert_int_equal(counted(STATS_upstream_answered), ASKS);
}

/* --- routes --- */

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

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(answered_by_the_first),
	        STARTED(round_robin_asks_all),
	        STARTED(hashed_by_name),
	        STARTED(refusals_ask_another),
	        STARTED(all_refuse),
	        STARTED(refusal_is_better_than_nothing),
	        STARTED(refusals_end_with_the_attempts),
	        STARTED(nobody_can_be_reached),
	        STARTED(nobody_can_be_verified),
	        STARTED(one_that_is_down_costs_once),
	        STARTED(lost_questions_are_asked_again),
	        STARTED(losses_end_too),
	        STARTED(a_connection_that_does_not_open_is_avoided),
	        STARTED(broken_ones_use_up_no_attempts),
	        STARTED(answers_to_others_are_none),
	        STARTED(silence_asks_another_in_time),
	        STARTED(last_attempt_takes_what_time_there_is),
	        STARTED(all_begins_anew),
	        STARTED(withdrawn_questions_say_what_is_known),
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
	        STARTED(first_connection_before_the_first_question),
	        STARTED(many_at_once),
	        STARTED(routed_names_stay_in_their_group),
	        STARTED(every_policy_keeps_to_the_group),
	        STARTED(failure_does_not_leave_the_group),
	        STARTED(silence_does_not_leave_the_group),
	        STARTED(the_rest_does_not_come_to_a_route),
	};
	return cmocka_run_group_tests_name("upstream", tests, world_begin, world_finish);
}
