/*
 * One upstream address: its connections, its queue, its health.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "places.h"

static struct health_view
known(void)
{
	struct health_view view;
	health_read(place_health(place), &view, clock_now_ms());
	return view;
}

static void
one_connection_serves_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		put(i, 1);
		LOOP_UNTIL(world.loop, answered == i + 1);
	}
	assert_int_equal(server->dot.accepted, 1);
	assert_true(health_latency_us(place_health(place)) > 0);
	assert_string_equal(place_why(place), "");
	assert_ptr_equal(place_upstream(place), &world.upstreams[0]);
}

/* While the first is still shaking hands, it takes what comes, and no other begins. */
static void
handshake_takes_what_comes(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 20);
	assert_int_equal(place_load(place), 20);
	assert_int_equal(counted(STATS_upstream_connections), 1);
	LOOP_UNTIL(world.loop, server->held_count == 8);
	looping_settle(world.loop);
	assert_int_equal(server->held_count, 8);
	assert_int_equal(place_load(place), 20);
	for (unsigned i = 0; i < 20; i++) {
		LOOP_UNTIL(world.loop, server->held_count > i);
		world_release(server, i);
	}
	LOOP_UNTIL(world.loop, answered == 20);
	assert_int_equal(place_load(place), 0);
}

/* A burst is no load: a second connection would open too late for it. */
static void
second_connection_at_half(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(40, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	place_withdraw(&asks[40]);
	put(0, 5);
	assert_int_equal(counted(STATS_upstream_connections), 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 30);
	place_withdraw(&asks[4]);
	put(4, 1);
	assert_int_equal(counted(STATS_upstream_connections), 2);
	/* It is not asked before it is open, as long as there is room on the other. */
	assert_non_null(asks[4].on.conn);
	assert_true(uconn_is_open(asks[4].on.conn));
	LOOP_UNTIL(world.loop, server->dot.shaken == 2);
	/* Up to max_connections and not one more; the rest waits. */
	put(5, 20);
	LOOP_UNTIL(world.loop, server->held_count == 18);
	looping_settle(world.loop);
	assert_int_equal(server->dot.accepted, 2);
	assert_int_equal(server->held_count, 18);
	assert_int_equal(place_load(place), 25);
	for (unsigned i = 0; i < 27; i++) {
		LOOP_UNTIL(world.loop, server->held_count > i);
		world_release(server, i);
	}
	LOOP_UNTIL(world.loop, answered == 25);
}

static void
withdrawn_from_connection_and_queue(void **state)
{
	(void)state;
	server->manner = HOLDS;
	world.upstreams[0].max_connections = 1;
	put(0, 12);
	LOOP_UNTIL(world.loop, server->held_count == 8);
	place_withdraw(&asks[10]); /* waits */
	assert_int_equal(place_load(place), 11);
	place_withdraw(&asks[2]); /* makes room for one that waits */
	place_withdraw(&asks[2]);
	assert_int_equal(place_load(place), 10);
	assert_int_equal(known().in_flight, 10);
	LOOP_UNTIL(world.loop, server->held_count == 9);
	for (unsigned i = 0; i < 8; i++)
		world_release(server, i);
	LOOP_UNTIL(world.loop, answered == 7 && server->held_count == 11);
	assert_int_equal(counted(STATS_upstream_stray), 1);
	for (unsigned i = 8; i < 11; i++)
		world_release(server, i);
	LOOP_UNTIL(world.loop, answered == 10);
	assert_int_equal(place_load(place), 0);
}

static void
nobody_there_loses_the_queue_too(void **state)
{
	(void)state;
	dot_stop_listening(&server->dot);
	put(0, 20);
	LOOP_UNTIL(world.loop, lost == 20);
	assert_int_equal(loss, PLACE_BROKEN);
	assert_int_equal(loss_calls, 1);
	assert_string_equal(place_why(place), "Connection refused");
	assert_false(place_unreachable(place));
	assert_false(place_usable(place, clock_now_ms()));
	assert_int_equal(health_state(place_health(place), clock_now_ms() + 1001), HEALTH_DUE);
	assert_int_equal(known().failures, 1);
	assert_int_equal(known().failed[HEALTH_CONNECT], 1);
	assert_int_equal(place_load(place), 0);
	assert_int_equal(counted(STATS_upstream_failures), 1);
}

static void
wrong_certificate_is_told_apart(void **state)
{
	(void)state;
	gnutls_certificate_free_credentials(server->dot.shown);
	server->dot.shown = cert_credentials(&certs.selfsigned);
	put(0, 2);
	LOOP_UNTIL(world.loop, lost == 2);
	assert_int_equal(loss, PLACE_BROKEN);
	assert_true(place_unreachable(place));
	assert_memory_equal(place_why(place), "certificate is self-signed", 26);
	assert_int_equal(counted(STATS_upstream_unverified), 1);
}

/* A close in order is the server's right: no failure, and asking here again is as good as anywhere. */
static void
close_after_answers(unsigned times)
{
	put_again = true;
	for (unsigned i = 0; i < times; i++) {
		server->manner = ANSWERS;
		put(i, 1);
		LOOP_UNTIL(world.loop, answered == 2 * i + 1);
		server->manner = HANGS_UP;
		put(i + 32, 1);
		LOOP_UNTIL(world.loop, lost == i + 1);
		server->manner = ANSWERS;
		LOOP_UNTIL(world.loop, answered == 2 * i + 2);
		assert_int_equal(loss, PLACE_RETRY);
		assert_int_equal(known().failures, 0);
	}
}

static void
close_after_answers_is_no_failure(void **state)
{
	(void)state;
	close_after_answers(3);
	assert_int_equal(counted(STATS_upstream_failures), 0);
}

/* After two answers each time: a third question on a connection would be lost, and is not put there. */
static void
close_after_so_many_is_learned(void **state)
{
	(void)state;
	close_after_answers(4);
	unsigned accepted = server->dot.accepted;
	put(10, 1);
	LOOP_UNTIL(world.loop, answered == 9);
	assert_int_equal(server->dot.accepted, accepted);
	put(11, 1);
	LOOP_UNTIL(world.loop, answered == 10);
	assert_int_equal(server->dot.accepted, accepted + 1);
	/* More than all connections are good for: what is too much waits for one that is spent to be gone. */
	put(12, 8);
	LOOP_UNTIL(world.loop, answered == 18);
	assert_int_equal(lost, 4);
	assert_int_equal(counted(STATS_upstream_failures), 0);
}

/* Where shaking hands takes long, the next connection is begun so early that it is open when the last one
 * goes. */
static void
successor_is_begun_in_time(void **state)
{
	(void)state;
	world.upstreams[0].idle_timeout_ms = 2000;
	for (unsigned i = 0; i < 20; i++)
		health_shaken(place_health(place), true, "TLS1.3", 500000);
	put(0, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, server->dot.accepted == 2);
	assert_in_range(clock_now_ms() - begun_ms, 1400, 1900);
	assert_int_equal(server->dot.open, 2);
}

/* A server that hangs up on every question is of no use. */
static void
close_without_any_answer_is_one(void **state)
{
	(void)state;
	server->manner = HANGS_UP;
	put(0, 1);
	LOOP_UNTIL(world.loop, lost == 1);
	assert_int_equal(loss, PLACE_HUNG_UP);
	assert_int_equal(known().failures, 1);
}

/* A name that is slow to resolve looks like a dead connection at first: no new questions go there, but a late
 * answer counts. */
static void
a_silent_connection_is_suspect_first(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	assert_false(place_overdue(&asks[0], clock_now_ms() + 1));
	assert_int_equal(known().silences, 1);
	put(1, 1);
	LOOP_UNTIL(world.loop, server->held_count == 2);
	assert_int_equal(counted(STATS_upstream_connections), 2);
	assert_int_equal(lost, 0);
	place_withdraw(&asks[0]);
	place_withdraw(&asks[1]);
}

static void
wait_ms(uint64_t ms)
{
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms >= ms);
}

/* Several that nobody answers are no slow name. The place is out of use until it gives a sign of life, and a
 * connection that nobody waits for finds out. */
static void
a_crowd_unanswered_is_suspect_at_once(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	server->dot.deaf = true;
	put(1, 2);
	assert_false(place_listen(place, clock_now_ms() + 200, 150));
	put(3, 1);
	assert_false(place_listen(place, asks[0].on.asked_ms + 149, 150));
	assert_true(place_listen(place, clock_now_ms() + 200, 150));
	assert_true(place_is_unheard(&asks[0]));
	assert_false(place_usable(place, clock_now_ms()));
	assert_int_equal(known().silences, 1);
	assert_int_equal(counted(STATS_upstream_connections), 2);
	assert_int_equal(counted(STATS_upstream_warmed), 1);
	assert_false(place_listen(place, clock_now_ms() + 200, 150));
	assert_int_equal(lost, 0);
	server->dot.deaf = false;
	dot_close_all(&server->dot, DOT_RESET);
	LOOP_UNTIL(world.loop, lost == 4);
}

static void
a_late_answer_ends_the_doubt(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 4);
	LOOP_UNTIL(world.loop, server->held_count == 4);
	server->dot.deaf = true; /* to the connection that is opened to find out */
	assert_true(place_listen(place, clock_now_ms() + 200, 150));
	assert_false(place_usable(place, clock_now_ms()));
	world_release(server, 0);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_false(place_is_unheard(&asks[1]));
	assert_true(place_usable(place, clock_now_ms()));
}

/* As long as some are answered, those that are not are slow names. */
static void
slow_names_bring_no_doubt(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 6);
	LOOP_UNTIL(world.loop, server->held_count == 6);
	wait_ms(3);
	world_release(server, 5);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_false(place_listen(place, clock_now_ms() + 5000, 150));
	assert_true(place_usable(place, clock_now_ms()));
}

static void
prepared_before_the_first_question(void **state)
{
	(void)state;
	place_prepare(place, 10);
	LOOP_UNTIL(world.loop, server->dot.shaken == 1);
	looping_settle(world.loop);
	put(0, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_int_equal(server->dot.accepted, 1);
	assert_int_equal(counted(STATS_upstream_warmed), 1);
}

/* Whoever closes on a place that has traffic is called again at once, and nobody had to ask. */
static void
opened_anew_after_an_idle_close(void **state)
{
	(void)state;
	world.upstreams[0].idle_timeout_ms = 60000; /* never by us */
	put(0, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	for (unsigned i = 1; i < 4; i++) {
		wait_ms(20);
		dot_close_all(&server->dot, DOT_BYE);
		LOOP_UNTIL(world.loop, server->dot.shaken == i + 1 && server->dot.open == 1);
		looping_settle(world.loop);
		put(i, 1);
		LOOP_UNTIL(world.loop, answered == i + 1);
	}
	assert_int_equal(server->dot.accepted, 4);
	assert_int_equal(counted(STATS_upstream_failures), 0);
	assert_int_equal(known().failures, 0);
	assert_int_equal(lost, 0);
}

/* Others have found it down by then. */
static void
not_prepared_when_it_is_down(void **state)
{
	(void)state;
	place_prepare(place, 10);
	health_failed(place_health(place), HEALTH_CONNECT, "no connection", clock_now_ms(), 0);
	wait_ms(100);
	assert_int_equal(counted(STATS_upstream_connections), 0);
}

/* Nobody has asked: then it is not worth a handshake. */
static void
cold_without_traffic(void **state)
{
	(void)state;
	place_prepare(place, 0);
	LOOP_UNTIL(world.loop, server->dot.shaken == 1);
	looping_settle(world.loop);
	dot_close_all(&server->dot, DOT_BYE);
	wait_ms(300);
	assert_int_equal(server->dot.accepted, 1);
}

/* The server was seen to close after 0.6 s: from then on we close first, when the next connection is open. */
static void
learned_idle_time_and_a_successor(void **state)
{
	(void)state;
	put(0, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	for (unsigned i = 1; i < 3; i++) {
		wait_ms(1300);
		dot_close_all(&server->dot, DOT_BYE);
		LOOP_UNTIL(world.loop, server->dot.shaken == i + 1);
	}
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, server->dot.accepted == 4);
	/* 9.5 s where nothing was learned; sooner by what a handshake takes, and by a quarter at most. */
	assert_in_range(clock_now_ms() - begun_ms, 900, 6000);
	assert_int_equal(server->dot.open, 2); /* the old one stays for its successor */
	LOOP_UNTIL(world.loop, server->dot.shaken == 4);
	LOOP_UNTIL(world.loop, server->dot.open == 1);
	assert_int_equal(counted(STATS_upstream_failures), 0);
}

/* The server closes as the question leaves, on a connection that has never carried an answer. */
static void
close_race_is_no_failure(void **state)
{
	(void)state;
	place_prepare(place, 0);
	LOOP_UNTIL(world.loop, server->dot.shaken == 1);
	wait_ms(600);
	put_again = true;
	server->manner = HANGS_UP;
	put(0, 1);
	LOOP_UNTIL(world.loop, lost == 1);
	server->manner = ANSWERS;
	LOOP_UNTIL(world.loop, answered == 1);
	assert_int_equal(loss, PLACE_RETRY);
	assert_int_equal(known().failures, 0);
	assert_int_equal(counted(STATS_upstream_failures), 0);
}

/* Once more on another connection of the same place, one that is opened for it. */
static void
beside_the_first(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	struct uconn *first = asks[0].on.conn;
	asks[1].on.query = &queries[0];
	assert_int_equal(place_put_beside(place, &asks[1], first, clock_now_ms()), 0);
	assert_ptr_not_equal(asks[1].on.conn, first);
	LOOP_UNTIL(world.loop, server->held_count == 2);
	assert_int_equal(server->dot.accepted, 2);
	assert_int_equal(place_put_beside(place, &asks[2], first, clock_now_ms()), 0);
	assert_ptr_equal(asks[2].on.conn, asks[1].on.conn);
	world.upstreams[0].max_connections = 1;
	place_withdraw(&asks[1]);
	place_withdraw(&asks[2]);
	world_release(server, 1);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
}

static void
silences_in_a_row_make_a_failure(void **state)
{
	uint64_t long_after_ms = 2 * (uint64_t)world.config.forward.attempt_timeout_ms;
	(void)state;
	server->manner = HOLDS;
	for (unsigned i = 0; i < HEALTH_SILENCES; i++) {
		assert_true(place_usable(place, clock_now_ms()));
		put(i, 1);
		LOOP_UNTIL(world.loop, server->held_count == i + 1);
		assert_true(place_overdue(&asks[i], clock_now_ms() + long_after_ms));
		assert_int_equal(lost, i + 1);
		assert_int_equal(loss, PLACE_SILENT);
	}
	assert_false(place_usable(place, clock_now_ms()));
	assert_int_equal(counted(STATS_upstream_failures), 0);
}

/* As long as something comes on the connection, it is not the connection that is at fault. */
static void
overdue_on_a_connection_that_lives(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 1);
	assert_false(place_overdue(&asks[0], clock_now_ms())); /* not even open */
	LOOP_UNTIL(world.loop, server->held_count == 1);
	put(1, 1);
	LOOP_UNTIL(world.loop, server->held_count == 2);
	world_release(server, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_false(place_overdue(&asks[0], clock_now_ms()));
	assert_int_equal(lost, 0);
	assert_int_equal(counted(STATS_upstream_timeouts), 2);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, answered == 2);
}

static void
comes_up_again(void **state)
{
	(void)state;
	server->manner = HANGS_UP;
	put(0, 1);
	LOOP_UNTIL(world.loop, lost == 1);
	assert_true(known().down);
	server->manner = ANSWERS;
	put(1, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_false(known().down);
	assert_true(place_usable(place, 0));
}

static void
answer_to_another_question(void **state)
{
	(void)state;
	server->manner = ANSWERS_ANOTHER;
	put(0, 1);
	LOOP_UNTIL(world.loop, bad == 1);
	assert_string_equal(place_why(place), "the server's answer was malformed or to another question");
	assert_int_equal(place_load(place), 0);
}

static void
no_way_there_at_all(void **state)
{
	struct addr broadcast;
	(void)state;
	assert_int_equal(addr_parse(&broadcast, "255.255.255.255@853", 0), 0);
	struct place_settings settings = {.loop = world.loop,
	        .room = world.room,
	        .stats = &world.stats,
	        .upstream = &world.upstreams[0],
	        .forward = &world.config.forward,
	        .profile = tls_store_profile(world.tls, 0),
	        .events = &events};
	struct place *nowhere = place_new(&settings, &broadcast);
	assert_true(place_put(nowhere, &asks[0], clock_now_ms()) < 0);
	assert_null(asks[0].at);
	assert_false(place_usable(nowhere, clock_now_ms()));
	assert_string_equal(place_text(nowhere), "255.255.255.255@853");
	assert_string_not_equal(place_why(nowhere), "");
	place_free(nowhere);
}

/* Questions on connections, open or not, and in the queue: all come back, and no loss is told. */
static void
forgotten_with_all_that_is_there(void **state)
{
	struct list orphans;
	unsigned count = 0;
	(void)state;
	list_init(&orphans);
	world.upstreams[0].max_outstanding = 8;
	world.upstreams[0].max_connections = 2;
	server->manner = HOLDS;
	put(0, 8);
	LOOP_UNTIL(world.loop, server->held_count == 8);
	put(8, 12);
	assert_int_equal(place_load(place), 20);
	place_forget(place, &orphans);
	assert_int_equal(place_load(place), 0);
	assert_true(place_usable(place, clock_now_ms()));
	assert_string_equal(place_why(place), "");
	while (!list_empty(&orphans)) {
		struct uconn_ask *on = list_first(&orphans, struct uconn_ask, link);
		struct place_ask *ask = list_entry(on, struct place_ask, on);
		list_remove(&on->link);
		assert_null(ask->at);
		assert_null(on->conn);
		count++;
	}
	assert_int_equal(count, 20);
	assert_int_equal(loss_calls, 0);
	/* and it begins anew */
	unsigned accepted = server->dot.accepted;
	server->manner = ANSWERS;
	put(0, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_true(server->dot.accepted > accepted);
	/* harmless when there is nothing */
	place_forget(place, &orphans);
	place_forget(place, &orphans);
	assert_true(list_empty(&orphans));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(one_connection_serves_many),
	        STARTED(handshake_takes_what_comes),
	        STARTED(second_connection_at_half),
	        STARTED(withdrawn_from_connection_and_queue),
	        STARTED(nobody_there_loses_the_queue_too),
	        STARTED(wrong_certificate_is_told_apart),
	        STARTED(close_after_answers_is_no_failure),
	        STARTED(close_after_so_many_is_learned),
	        STARTED(successor_is_begun_in_time),
	        STARTED(close_without_any_answer_is_one),
	        STARTED(a_silent_connection_is_suspect_first),
	        STARTED(a_crowd_unanswered_is_suspect_at_once),
	        STARTED(a_late_answer_ends_the_doubt),
	        STARTED(slow_names_bring_no_doubt),
	        STARTED(prepared_before_the_first_question),
	        STARTED(opened_anew_after_an_idle_close),
	        STARTED(not_prepared_when_it_is_down),
	        STARTED(cold_without_traffic),
	        STARTED(learned_idle_time_and_a_successor),
	        STARTED(close_race_is_no_failure),
	        STARTED(beside_the_first),
	        STARTED(silences_in_a_row_make_a_failure),
	        STARTED(overdue_on_a_connection_that_lives),
	        STARTED(comes_up_again),
	        STARTED(answer_to_another_question),
	        STARTED(no_way_there_at_all),
	        STARTED(forgotten_with_all_that_is_there),
	};
	return cmocka_run_group_tests_name("place", tests, world_begin, world_finish);
}
