/*
 * One upstream address: its connections, its queue, its health.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/place.h"
#include "worlds.h"

enum { ASKS = 64 };

static struct place *place;
static struct place_ask asks[ASKS];
static struct wire_query queries[ASKS];
static struct world_server *server;
static unsigned answered, bad, lost, loss_calls;
static enum place_loss loss;
static bool put_again; /* what is lost comes back to the place at once */

static void
on_answered(void *arg, struct place *p, struct place_ask *ask, const struct wire_answer *answer)
{
	assert_ptr_equal(arg, &queries);
	assert_ptr_equal(p, place);
	assert_null(ask->at);
	answered += answer != NULL;
	bad += answer == NULL;
}

static void
on_lost(void *arg, struct place *p, enum place_loss how, struct list *orphans)
{
	(void)arg;
	loss = how;
	loss_calls++;
	assert_false(list_empty(orphans));
	while (!list_empty(orphans)) {
		struct uconn_ask *on = list_first(orphans, struct uconn_ask, link);
		struct place_ask *ask = list_entry(on, struct place_ask, on);
		list_remove(&on->link);
		assert_null(ask->at);
		lost++;
		if (put_again)
			assert_int_equal(place_put(p, ask, clock_now_ms()), 0);
	}
}

static const struct place_events events = {on_answered, on_lost};

static int
start(void **state)
{
	(void)state;
	world_open(1);
	server = &world.servers[0];
	answered = bad = lost = loss_calls = 0;
	put_again = false;
	struct place_settings settings = {.loop = world.loop,
	        .room = world.room,
	        .stats = &world.stats,
	        .upstream = &world.upstreams[0],
	        .forward = &world.config.forward,
	        .profile = tls_store_profile(world.tls, 0),
	        .events = &events,
	        .arg = &queries};
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

static void
one_connection_serves_many(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		put(i, 1);
		LOOP_UNTIL(world.loop, answered == i + 1);
	}
	assert_int_equal(server->dot.accepted, 1);
	assert_true(place_health(place)->latency_us > 0);
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

static void
second_connection_at_half(void **state)
{
	(void)state;
	server->manner = HOLDS;
	put(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	put(1, 3);
	looping_settle(world.loop);
	assert_int_equal(server->dot.accepted, 1);
	put(4, 1);
	LOOP_UNTIL(world.loop, server->dot.shaken == 2);
	/* Up to max_connections and not one more; the rest waits. */
	put(5, 20);
	LOOP_UNTIL(world.loop, server->held_count == 16);
	looping_settle(world.loop);
	assert_int_equal(server->dot.accepted, 2);
	assert_int_equal(server->held_count, 16);
	assert_int_equal(place_load(place), 25);
	for (unsigned i = 0; i < 25; i++) {
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
	assert_true(place_usable(place, clock_now_ms() + 1001));
	assert_int_equal(place_health(place)->failures, 1);
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
close_after_answers_is_no_failure(void **state)
{
	(void)state;
	put_again = true;
	for (unsigned i = 0; i < 5; i++) {
		server->manner = ANSWERS;
		put(i, 1);
		LOOP_UNTIL(world.loop, answered == 2 * i + 1);
		server->manner = HANGS_UP;
		put(i + 32, 1);
		LOOP_UNTIL(world.loop, lost == i + 1);
		server->manner = ANSWERS;
		LOOP_UNTIL(world.loop, answered == 2 * i + 2);
		assert_int_equal(loss, PLACE_RETRY);
		assert_int_equal(place_health(place)->failures, 0);
	}
	assert_int_equal(counted(STATS_upstream_failures), 0);
}

/* A server that hangs up on every question is of no use. */
static void
close_without_any_answer_is_one(void **state)
{
	(void)state;
	server->manner = HANGS_UP;
	put(0, 1);
	LOOP_UNTIL(world.loop, lost == 1);
	assert_int_equal(loss, PLACE_BROKEN);
	assert_int_equal(place_health(place)->failures, 1);
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
	assert_int_equal(place_health(place)->silences, 1);
	put(1, 1);
	LOOP_UNTIL(world.loop, server->held_count == 2);
	assert_int_equal(counted(STATS_upstream_connections), 2);
	assert_int_equal(lost, 0);
	place_withdraw(&asks[0]);
	place_withdraw(&asks[1]);
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
	assert_true(place_health(place)->down);
	server->manner = ANSWERS;
	put(1, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_false(place_health(place)->down);
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
	health_failed((struct health *)(uintptr_t)place_health(place), clock_now_ms(), 0);
	assert_false(place_usable(place, clock_now_ms()));
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

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

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
	        STARTED(close_without_any_answer_is_one),
	        STARTED(a_silent_connection_is_suspect_first),
	        STARTED(silences_in_a_row_make_a_failure),
	        STARTED(overdue_on_a_connection_that_lives),
	        STARTED(comes_up_again),
	        STARTED(answer_to_another_question),
	        STARTED(no_way_there_at_all),
	        STARTED(forgotten_with_all_that_is_there),
	};
	return cmocka_run_group_tests_name("place", tests, world_begin, world_finish);
}
