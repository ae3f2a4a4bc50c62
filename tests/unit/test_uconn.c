/*
 * One pipelined connection: every question on it ends exactly once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/uconn.h"
#include "worlds.h"

enum { ASKS = 40 };

static struct uconn *conn;
static struct uconn_target target;
static struct uconn_ask asks[ASKS];
static struct wire_query queries[ASKS];
static struct world_server *server;
static unsigned opened, answered, bad, ended, orphaned, ends_of[ASKS];
static unsigned rests_asked, rests_refused;
static enum uconn_end how;
static char why[TLS_WHY_BYTES];

static void
on_opened(void *arg, struct uconn *c)
{
	assert_ptr_equal(arg, &target);
	assert_ptr_equal(c, conn);
	opened++;
}

static void
on_answered(void *arg, struct uconn *c, struct uconn_ask *ask, const struct wire_answer *answer)
{
	(void)arg;
	(void)c;
	assert_null(ask->conn);
	ends_of[ask - asks]++;
	if (answer != NULL)
		assert_memory_equal(
		        answer->msg + 12, ask->query->question.name, ask->query->question.name_bytes);
	answered += answer != NULL;
	bad += answer == NULL;
}

static struct health *health;
static enum health_cause blamed;
static bool fell_early;

static void
on_ended(void *arg, struct uconn *c, enum uconn_end end, const char *words, struct list *orphans)
{
	(void)arg;
	assert_ptr_equal(c, conn);
	conn = NULL;
	how = end;
	ended++;
	blamed = uconn_blame(c, end);
	fell_early = uconn_fell_early(c);
	snprintf(why, sizeof why, "%s", words);
	while (!list_empty(orphans)) {
		struct uconn_ask *ask = list_first(orphans, struct uconn_ask, link);
		list_remove(&ask->link);
		assert_null(ask->conn);
		ends_of[ask - asks]++;
		orphaned++;
	}
}

static bool
on_may_rest(void *arg, struct uconn *c)
{
	(void)arg;
	assert_ptr_equal(c, conn);
	return rests_asked++ >= rests_refused;
}

static const struct uconn_events events = {on_opened, on_may_rest, on_answered, on_ended};

static int
start(void **state)
{
	(void)state;
	world_open(1);
	server = &world.servers[0];
	opened = answered = bad = ended = orphaned = 0;
	rests_asked = rests_refused = 0;
	memset(ends_of, 0, sizeof ends_of);
	health = health_open(NULL, &(struct health_identity){.key = 1, .name = "u0", .address = ""}, 1);
	for (unsigned i = 0; i < ASKS; i++) {
		world_query(&queries[i], i);
		asks[i] = (struct uconn_ask){.query = &queries[i], .number = i};
		list_init(&asks[i].link);
	}
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	if (conn != NULL)
		uconn_close(&conn);
	health_close(health);
	world_close();
	return 0;
}

static void
open_it(void)
{
	target = (struct uconn_target){.upstream = &world.upstreams[0],
	        .forward = &world.config.forward,
	        .profile = tls_store_profile(world.tls, 0),
	        .health = health,
	        .address = server->dot.address};
	conn = uconn_open(world.room, world.loop, &target, &world.stats, &events, &target);
	assert_non_null(conn);
}

static bool
ask(unsigned n)
{
	return uconn_ask(conn, &asks[n], clock_now_ms());
}

static void
questions_are_pipelined(void **state)
{
	(void)state;
	server->manner = HOLDS;
	open_it();
	assert_false(uconn_is_open(conn));
	for (unsigned i = 0; i < 8; i++)
		assert_true(ask(i)); /* before it is open */
	assert_false(ask(8));
	assert_null(asks[8].conn);
	assert_int_equal(uconn_outstanding(conn), 8);
	LOOP_UNTIL(world.loop, server->asked == 8);
	assert_true(uconn_is_open(conn));
	assert_int_equal(opened, 1);
	for (unsigned i = 8; i-- > 0;) /* in another order than asked */
		world_release(server, i);
	LOOP_UNTIL(world.loop, answered == 8);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(ends_of[i], 1);
	assert_int_equal(uconn_outstanding(conn), 0);
	assert_int_equal(uconn_answers(conn), 8);
	assert_true(uconn_heard_ms(conn) > 0);
	assert_int_equal(server->dot.accepted, 1);
	assert_int_equal(counted(STATS_upstream_connections), 1);
	assert_int_equal(counted(STATS_upstream_handshakes), 1);
	assert_int_equal(counted(STATS_upstream_asked), 8);
	assert_int_equal(counted(STATS_upstream_answered), 8);
}

/* RFC 8467: padded to the block; RFC 7828: keepalive asked for; the client's own id stays here. */
static void
what_leaves(void **state)
{
	(void)state;
	server->manner = HOLDS;
	open_it();
	ask(3);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	assert_int_equal(server->held[0].bytes, 128);
	assert_int_equal(wire_id(server->held[0].msg), asks[3].id);
	struct wire_query seen;
	assert_int_equal(wire_query_parse(server->held[0].msg, 128, &seen), WIRE_QUERY);
	assert_true(seen.edns.present && seen.edns.keepalive);
	assert_int_equal(seen.edns.subnet_bytes, 0);
	assert_memory_equal(seen.question.name,
	        "\1"
	        "3\7example",
	        11);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, answered == 1);
}

static void
ids_differ_between_uses(void **state)
{
	uint16_t before = 0;
	(void)state;
	open_it();
	for (unsigned i = 0; i < 30; i++) {
		assert_true(ask(i));
		if (i > 0)
			assert_int_not_equal(asks[i].id, before);
		before = asks[i].id;
		LOOP_UNTIL(world.loop, answered == i + 1);
	}
}

static void
late_answer_to_a_withdrawn_question(void **state)
{
	(void)state;
	server->manner = HOLDS;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	uconn_withdraw(&asks[0]);
	uconn_withdraw(&asks[0]);
	assert_null(asks[0].conn);
	assert_int_equal(uconn_outstanding(conn), 0);
	ask(1); /* takes the same slot */
	LOOP_UNTIL(world.loop, server->held_count == 2);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
	assert_int_equal(answered, 0);
	world_release(server, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_int_equal(ends_of[0], 0);
	assert_int_equal(ends_of[1], 1);
	world_release(server, 1); /* twice */
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 2);
	assert_int_equal(answered, 1);
}

static void
answers_that_are_none(void **state)
{
	(void)state;
	open_it();
	server->manner = ANSWERS_ANOTHER;
	ask(0);
	LOOP_UNTIL(world.loop, bad == 1);
	server->manner = BABBLES;
	ask(1);
	LOOP_UNTIL(world.loop, bad == 2);
	server->manner = ANSWERS;
	ask(2);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_int_equal(counted(STATS_upstream_bad_answers), 2);
	assert_int_equal(ended, 0);
	server->manner = ANSWERS_SHORT;
	ask(3);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(orphaned, 1);
	assert_int_equal(counted(STATS_upstream_bad_answers), 3);
}

static void
ends_with_questions_outstanding(void **state)
{
	static const struct {
		enum world_manner manner;
		enum uconn_end end;
	} rows[] = {{HANGS_UP, UCONN_CLOSED}, {RESETS, UCONN_FAILED}};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		server->manner = HOLDS;
		open_it();
		ask(0);
		ask(1);
		LOOP_UNTIL(world.loop, server->held_count == 2 * (i + 1));
		server->manner = rows[i].manner;
		ask(2);
		LOOP_UNTIL(world.loop, ended == i + 1);
		assert_int_equal(how, rows[i].end);
		assert_int_equal(orphaned, 3 * (i + 1));
		assert_null(asks[0].conn);
	}
}

static void
ends_with_nothing_outstanding(void **state)
{
	static const enum dot_close closes[] = {DOT_BYE, DOT_CUT, DOT_RESET};
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		open_it();
		ask(i);
		LOOP_UNTIL(world.loop, answered == i + 1);
		dot_close_all(&server->dot, closes[i]);
		LOOP_UNTIL(world.loop, ended == i + 1);
		assert_int_equal(how, UCONN_SHUT);
		assert_int_equal(orphaned, 0);
	}
}

static void
nobody_there(void **state)
{
	(void)state;
	dot_stop_listening(&server->dot);
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(how, UCONN_FAILED);
	assert_string_equal(why, "Connection refused");
	assert_int_equal(blamed, HEALTH_CONNECT);
	assert_int_equal(orphaned, 1);
}

static void
wrong_certificate(void **state)
{
	(void)state;
	gnutls_certificate_free_credentials(server->dot.shown);
	server->dot.shown = cert_credentials(&certs.expired);
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(how, UCONN_UNVERIFIED);
	assert_memory_equal(why, "certificate expired on ", 23);
	assert_int_equal(server->asked, 0);
	assert_int_equal(counted(STATS_upstream_handshakes), 0);
}

static void
handshake_that_does_not_end(void **state)
{
	(void)state;
	server->dot.deaf = true;
	world.config.forward.handshake_timeout_ms = 120;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(how, UCONN_FAILED);
	assert_string_equal(why, "no TLS handshake within 120 ms");
	assert_int_equal(blamed, HEALTH_TIMEOUT);
	assert_int_equal(orphaned, 1);
}

static void
abandoned(void **state)
{
	(void)state;
	server->manner = HOLDS;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	uconn_abandon(conn, "no answer for 7 ms");
	assert_int_equal(ended, 1);
	assert_int_equal(how, UCONN_SILENT);
	assert_string_equal(why, "no answer for 7 ms");
	assert_int_equal(blamed, HEALTH_SILENCE);
	assert_int_equal(orphaned, 1);
	open_it();
	uconn_abandon(conn, "early");
	assert_int_equal(how, UCONN_FAILED);
}

static void
idle_one_closes_itself(void **state)
{
	(void)state;
	world.upstreams[0].idle_timeout_ms = 150;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, answered == 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, ended == 1);
	assert_true(clock_now_ms() - begun_ms >= 140);
	assert_int_equal(how, UCONN_IDLE);
	LOOP_UNTIL(world.loop, server->dot.open == 0);
}

/* As long as was learned of this server, and a moment more while its successor is opened. */
static void
idle_one_waits_for_its_successor(void **state)
{
	(void)state;
	world.upstreams[0].idle_timeout_ms = 200;
	rests_refused = 100;
	open_it();
	uint64_t begun_ms = clock_now_ms();
	ask(0);
	LOOP_UNTIL(world.loop, answered == 1);
	LOOP_UNTIL(world.loop, rests_asked == 1);
	/* Its successor is begun sooner by what a handshake takes, and by a quarter at most. */
	assert_true(clock_now_ms() - begun_ms >= 150);
	assert_int_equal(ended, 0);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(how, UCONN_IDLE);
	assert_int_equal(rests_asked, 1);
	assert_true(clock_now_ms() - begun_ms < 5000);
}

/* A question takes it back into use; then it may rest anew, and is asked about anew. */
static void
question_ends_the_wait(void **state)
{
	(void)state;
	world.upstreams[0].idle_timeout_ms = 200;
	rests_refused = 1;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, rests_asked == 1);
	ask(1);
	LOOP_UNTIL(world.loop, answered == 2);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(rests_asked, 2);
}

/* New questions do not make an old one younger, and one that is merely slow does not count. */
static void
unanswered_since_something_came(void **state)
{
	uint64_t since_ms = 0;
	(void)state;
	server->manner = HOLDS;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	uint64_t first_ms = asks[0].asked_ms;
	looping_settle(world.loop);
	ask(1);
	assert_int_equal(uconn_unanswered(conn, &since_ms), 2);
	assert_int_equal(since_ms, first_ms);
	LOOP_UNTIL(world.loop, server->held_count == 2);
	LOOP_UNTIL(world.loop, clock_now_ms() > asks[1].asked_ms);
	world_release(server, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_int_equal(uconn_unanswered(conn, &since_ms), 0);
	LOOP_UNTIL(world.loop, clock_now_ms() > uconn_heard_ms(conn));
	ask(2);
	assert_int_equal(uconn_unanswered(conn, &since_ms), 1);
	assert_int_equal(since_ms, asks[2].asked_ms);
	uconn_withdraw(&asks[0]);
	uconn_withdraw(&asks[2]);
}

/* The server may close a connection that has been idle just as a question leaves. */
static void
rested_before_the_question(void **state)
{
	(void)state;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_false(uconn_was_rested(conn));
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 550);
	assert_in_range(uconn_idle_ms(conn, clock_now_ms()), 540, 5000);
	server->manner = HOLDS;
	ask(1);
	assert_true(uconn_was_rested(conn));
	LOOP_UNTIL(world.loop, server->held_count == 1);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, answered == 2);
	assert_false(uconn_was_rested(conn));
}

/* RFC 7828 section 3.3.2: zero asks us to close; not before the questions outstanding have been answered. */
static void
keepalive_of_zero(void **state)
{
	(void)state;
	server->manner = HOLDS;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	server->manner = ANSWERS;
	server->keepalive = 0;
	ask(1);
	LOOP_UNTIL(world.loop, answered == 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 300);
	assert_int_equal(ended, 0);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(how, UCONN_IDLE);
	assert_int_equal(answered, 2);
	assert_true(clock_now_ms() - begun_ms < 9000);
}

static void
administrator_knows_better_than_keepalive(void **state)
{
	(void)state;
	world.upstreams[0].idle_timeout_ms = 30000;
	server->keepalive = 0;
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, answered == 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 300);
	assert_int_equal(ended, 0);
}

static struct health_view
known(void)
{
	struct health_view view;
	health_read(health, &view, clock_now_ms());
	return view;
}

/* What is seen on a connection its address is known for. */
static void
teaches_the_health(void **state)
{
	(void)state;
	server->manner = HOLDS;
	open_it();
	ask(0);
	ask(1);
	LOOP_UNTIL(world.loop, server->held_count == 2);
	assert_int_equal(known().handshakes_full, 1);
	assert_true(known().handshake_us > 0);
	assert_string_equal(known().tls_version, "TLS1.3");
	assert_int_equal(known().features, 0);
	server->keepalive = 200;
	world_release(server, 1);
	LOOP_UNTIL(world.loop, answered == 1);
	assert_int_equal(known().features, HEALTH_OUT_OF_ORDER | HEALTH_KEEPALIVE);
	assert_int_equal(known().keepalive_ms, 20000);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, answered == 2);
}

static struct tickets *tickets;

/* The server's tickets allow early data, and one of them is there. */
static void
earn_a_ticket(enum dot_early early)
{
	world.upstreams[0].early_data = true;
	server->dot.early = early;
	server->dot.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
	tickets = calloc(1, tickets_bytes());
	tls_store_keep_tickets(world.tls, tickets);
	open_it();
	ask(0);
	LOOP_UNTIL(world.loop, answered == 1 && tickets_count(tickets, clock_boot_ms()) > 0);
	uconn_close(&conn);
	LOOP_UNTIL(world.loop, server->dot.open == 0);
}

static void
asks_in_early_data(void **state)
{
	(void)state;
	earn_a_ticket(DOT_EARLY_TAKES);
	assert_int_equal(known().features, 0);
	open_it();
	ask(1);
	ask(2);
	LOOP_UNTIL(world.loop, answered == 3);
	assert_true(server->dot.early_bytes > 0);
	assert_true(uconn_took_early(conn));
	assert_int_equal(server->asked, 3);
	assert_int_equal(known().features & HEALTH_EARLY_DATA, HEALTH_EARLY_DATA);
	assert_int_equal(known().features & HEALTH_RESUMPTION, HEALTH_RESUMPTION);
	assert_int_equal(known().handshakes_resumed, 1);
	assert_int_equal(counted(STATS_upstream_early), 1);
	assert_int_equal(counted(STATS_upstream_early_refused), 0);
	free(tickets);
}

static void
asks_again_what_was_refused(void **state)
{
	(void)state;
	earn_a_ticket(DOT_EARLY_REFUSES);
	open_it();
	ask(1);
	LOOP_UNTIL(world.loop, answered == 2);
	assert_false(uconn_took_early(conn));
	assert_int_equal(server->asked, 2);
	assert_int_equal(known().features & HEALTH_EARLY_DATA, 0);
	assert_int_equal(counted(STATS_upstream_early), 0);
	assert_int_equal(counted(STATS_upstream_early_refused), 1);
	free(tickets);
}

/* Then the next ones go without, although there is a ticket again. */
static void
stumbles_over_early_data_once(void **state)
{
	(void)state;
	earn_a_ticket(DOT_EARLY_TAKES);
	server->dot.deaf = true;
	open_it();
	ask(1);
	LOOP_UNTIL(world.loop, server->dot.unheard == 1);
	dot_close_all(&server->dot, DOT_CUT);
	LOOP_UNTIL(world.loop, ended == 1);
	assert_int_equal(how, UCONN_FAILED);
	assert_true(fell_early);
	assert_int_equal(orphaned, 1);
	assert_false(health_may_early(health, clock_now_ms()));
	server->dot.deaf = false;
	for (unsigned i = 2; i < 4; i++) {
		if (conn != NULL)
			uconn_close(&conn);
		open_it();
		ask(i);
		LOOP_UNTIL(world.loop, answered == i && tickets_count(tickets, clock_boot_ms()) > 0);
	}
	assert_true(known().handshakes_resumed > 0);
	assert_int_equal(counted(STATS_upstream_early) + counted(STATS_upstream_early_refused), 0);
	free(tickets);
}

/* The server closes first: next time we do. */
static void
learns_the_idle_time(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		open_it();
		ask(i);
		LOOP_UNTIL(world.loop, answered == i + 1);
		uint64_t begun_ms = clock_now_ms();
		LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms > 400);
		dot_close_all(&server->dot, DOT_BYE);
		LOOP_UNTIL(world.loop, ended == i + 1);
		assert_int_equal(how, UCONN_SHUT);
	}
	assert_in_range(health_idle_ms(health), 380, 5000);
	open_it();
	ask(2);
	LOOP_UNTIL(world.loop, answered == 3);
	LOOP_UNTIL(world.loop, ended == 3);
	assert_int_equal(how, UCONN_IDLE);
	assert_int_equal(server->dot.accepted, 3);
	/* It was not closed on this time, so it gets a little longer. */
	assert_in_range(health_idle_ms(health), 400, 5500);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(questions_are_pipelined),
	        STARTED(what_leaves),
	        STARTED(ids_differ_between_uses),
	        STARTED(late_answer_to_a_withdrawn_question),
	        STARTED(answers_that_are_none),
	        STARTED(ends_with_questions_outstanding),
	        STARTED(ends_with_nothing_outstanding),
	        STARTED(nobody_there),
	        STARTED(wrong_certificate),
	        STARTED(handshake_that_does_not_end),
	        STARTED(abandoned),
	        STARTED(idle_one_closes_itself),
	        STARTED(idle_one_waits_for_its_successor),
	        STARTED(question_ends_the_wait),
	        STARTED(unanswered_since_something_came),
	        STARTED(rested_before_the_question),
	        STARTED(keepalive_of_zero),
	        STARTED(teaches_the_health),
	        STARTED(asks_in_early_data),
	        STARTED(asks_again_what_was_refused),
	        STARTED(stumbles_over_early_data_once),
	        STARTED(learns_the_idle_time),
	        STARTED(administrator_knows_better_than_keepalive),
	};
	return cmocka_run_group_tests_name("uconn", tests, world_begin, world_finish);
}
