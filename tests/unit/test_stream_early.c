/*
 * Streams over TLS whose first messages go as early data: each is read once, whatever the server makes of
 * that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "dotserver.h"
#include "streams.h"

#define ONLY_13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"

static struct dot_server server;
static struct config_upstream upstream;
static struct tls_store *store;
static struct tickets *tickets;
static struct buffer heard; /* what the server got, framed */

static void
on_server_message(struct dot_server *s, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	(void)s;
	uint8_t *to = buffer_reserve(&heard, bytes + 2);
	to[0] = (uint8_t)(bytes >> 8);
	to[1] = (uint8_t)bytes;
	memcpy(to + 2, msg, bytes);
	buffer_added(&heard, bytes + 2);
	dot_send(c, msg, bytes);
}

static void
connects(bool may)
{
	taker.stream =
	        stream_connect(room, &server.address, tls_store_profile(store, 0), &events, &taker, LIMIT);
	assert_non_null(taker.stream);
	if (may)
		stream_allow_early(taker.stream);
}

/* A question of so many bytes, the header included. */
static void
asks(size_t bytes)
{
	static const uint8_t question[4096] = {[2] = 1};
	assert_true(send_message(question, bytes));
}

static void
trusts(void)
{
	char path[] = "/tmp/dotward-early.XXXXXX", why[TLS_WHY_BYTES];
	static char name[] = CERTS_NAME, none[] = "", up[] = "up";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	cert_write(&certs.authority, path);
	upstream = (struct config_upstream){.name = up,
	        .auth_name = name,
	        .ca_file = path,
	        .tls_priority = none,
	        .resumption = true,
	        .opportunistic = upstream.opportunistic};
	store = tls_store_open(&upstream, 1, why);
	assert_non_null(store);
	unlink(path);
	tickets = calloc(1, tickets_bytes());
	tickets_begin(tickets, 1);
	tls_store_keep_tickets(store, tickets);
}

/* There is a ticket from a connection before; what was heard on that is forgotten. */
static void
opens(const char *priority, enum dot_early early)
{
	trusts();
	dot_begin(&server, loop, &certs.good, on_server_message);
	server.priority = priority;
	server.early = early;
	connects(true);
	asks(100);
	LOOP_UNTIL(loop, taker.messages == 1 && tickets_count(tickets, clock_boot_ms()) > 0);
	assert_int_equal(stream_early(taker.stream), STREAM_NOT_EARLY);
	stream_close(&taker.stream);
	LOOP_UNTIL(loop, server.open == 0);
	buffer_taken(&heard, buffer_held(&heard));
}

static void
shuts(void)
{
	if (taker.stream != NULL)
		stream_close(&taker.stream);
	looping_turn(loop);
	dot_end(&server);
	tls_store_close(store);
	free(tickets);
	buffer_free(&heard);
	upstream.opportunistic = false;
}

/* One question queued before, and one while it shakes hands: both heard once and in order. */
static void
both_are_heard(enum stream_early as)
{
	asks(100);
	LOOP_UNTIL(loop, taker.connected == 2);
	asks(200);
	LOOP_UNTIL(loop, taker.messages == 3);
	looping_settle(loop);
	assert_int_equal(stream_early(taker.stream), as);
	assert_int_equal(buffer_held(&heard), 102 + 202);
	assert_int_equal(buffer_front(&heard)[1], 100);
	assert_int_equal(buffer_front(&heard)[103], 200);
	assert_int_equal(stream_unsent(taker.stream), 0);
}

static void
taken(void **state)
{
	(void)state;
	opens(ONLY_13, DOT_EARLY_TAKES);
	connects(true);
	both_are_heard(STREAM_EARLY_TAKEN);
	assert_int_equal(server.early_bytes, 102);
	shuts();
}

static void
refused(void **state)
{
	(void)state;
	opens(ONLY_13, DOT_EARLY_REFUSES);
	connects(true);
	both_are_heard(STREAM_EARLY_REFUSED);
	assert_int_equal(server.early_bytes, 0);
	assert_true(stream_tls_resumed(taker.stream));
	shuts();
}

/* The server has another key, as after its restart. */
static void
with_a_ticket_that_is_refused(void **state)
{
	(void)state;
	opens(ONLY_13, DOT_EARLY_TAKES);
	gnutls_free(server.ticket_key.data);
	certs_must(gnutls_session_ticket_key_generate(&server.ticket_key));
	connects(true);
	both_are_heard(STREAM_EARLY_REFUSED);
	assert_false(stream_tls_resumed(taker.stream));
	shuts();
}

static void
only_when_allowed(void **state)
{
	(void)state;
	opens(ONLY_13, DOT_EARLY_TAKES);
	connects(false);
	both_are_heard(STREAM_NOT_EARLY);
	assert_true(stream_tls_resumed(taker.stream));
	shuts();
}

static void
not_when_the_ticket_says_nothing_of_it(void **state)
{
	(void)state;
	opens(ONLY_13, DOT_EARLY_NONE);
	server.early = DOT_EARLY_TAKES;
	connects(true);
	both_are_heard(STREAM_NOT_EARLY);
	assert_true(stream_tls_resumed(taker.stream));
	shuts();
}

static void
not_in_the_old_version(void **state)
{
	(void)state;
	opens("NORMAL:-VERS-ALL:+VERS-TLS1.2", DOT_EARLY_TAKES);
	connects(true);
	both_are_heard(STREAM_NOT_EARLY);
	assert_true(stream_tls_resumed(taker.stream));
	shuts();
}

/* Its ticket says that the server was verified once; the profile does not demand it. */
static void
not_under_profile_opportunistic(void **state)
{
	(void)state;
	upstream.opportunistic = true;
	opens(ONLY_13, DOT_EARLY_TAKES);
	connects(true);
	both_are_heard(STREAM_NOT_EARLY);
	shuts();
}

/* As much as the server's tickets say, and the rest behind the handshake. */
static void
no_more_than_the_ticket_allows(void **state)
{
	(void)state;
	opens(ONLY_13, DOT_EARLY_TAKES);
	connects(true);
	for (int i = 0; i < 10; i++)
		asks(1000);
	LOOP_UNTIL(loop, taker.messages == 11);
	assert_int_equal(server.early_bytes, DOT_EARLY_BYTES / 1002 * 1002);
	assert_int_equal(buffer_held(&heard), 10 * 1002);
	shuts();
}

/* It cannot be told what the server made of it. */
static void
broken_off(void **state)
{
	(void)state;
	opens(ONLY_13, DOT_EARLY_TAKES);
	server.deaf = true;
	connects(true);
	asks(100);
	LOOP_UNTIL(loop, server.unheard == 1);
	assert_int_equal(stream_early(taker.stream), STREAM_EARLY_SENT);
	dot_close_all(&server, DOT_CUT);
	LOOP_UNTIL(loop, taker.ends == 1);
	assert_int_equal(taker.end[0], STREAM_LOST);
	assert_int_equal(taker.early_at_end, STREAM_EARLY_SENT);
	shuts();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        IN_ROOM(taken),
	        IN_ROOM(refused),
	        IN_ROOM(with_a_ticket_that_is_refused),
	        IN_ROOM(only_when_allowed),
	        IN_ROOM(not_when_the_ticket_says_nothing_of_it),
	        IN_ROOM(not_in_the_old_version),
	        IN_ROOM(not_under_profile_opportunistic),
	        IN_ROOM(no_more_than_the_ticket_allows),
	        IN_ROOM(broken_off),
	};
	return cmocka_run_group_tests_name("stream with early data", tests, begin, finish);
}
