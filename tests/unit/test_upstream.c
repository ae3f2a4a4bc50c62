/*
 * A question among the upstreams: who is asked next, and what comes back when nobody answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstreams.h"

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

/* A server that hangs up, for ever, does not keep a question for ever: each is asked twice. */
static void
losses_end_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		world.servers[i].manner = HANGS_UP;
	ask_and_wait(0);
	assert_null(last.answer);
	assert_non_null(strstr(last.why, "the peer closed the connection"));
	assert_int_equal(counted(STATS_upstream_asked), 6);
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

/* A connection that breaks with its first question may be an accident: a lone upstream is asked once more. */
static void
hung_up_on_once_is_asked_again(void **state)
{
	(void)state;
	world.config.upstream_count = 1;
	world.servers[0].manner = HANGS_UP;
	ask(0);
	LOOP_UNTIL(world.loop, world.servers[0].asked == 1);
	world.servers[0].manner = ANSWERS;
	LOOP_UNTIL(world.loop, done == 1);
	assert_non_null(last.answer);
	assert_int_equal(world.servers[0].asked, 2);
}

static void
hung_up_on_twice_is_not(void **state)
{
	(void)state;
	world.config.upstream_count = 1;
	world.servers[0].manner = HANGS_UP;
	ask_and_wait(0);
	assert_null(last.answer);
	assert_int_equal(world.servers[0].asked, 2);
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
	        STARTED(hung_up_on_once_is_asked_again),
	        STARTED(hung_up_on_twice_is_not),
	        STARTED(answers_to_others_are_none),
	        STARTED(silence_asks_another_in_time),
	        STARTED(last_attempt_takes_what_time_there_is),
	        STARTED(all_begins_anew),
	        STARTED(withdrawn_questions_say_what_is_known),
	        STARTED(first_connection_before_the_first_question),
	        STARTED(many_at_once),
	};
	return cmocka_run_group_tests_name("upstream", tests, world_begin, world_finish);
}
