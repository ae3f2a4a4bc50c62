/*
 * The same streams over TLS, against a small server on the same loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dotserver.h"
#include "streams.h"

static struct dot_server server;
static struct config_upstream upstream;
static struct tls_store *store;
static struct buffer heard; /* what the server got, framed */
static bool server_answers, server_closes;
static enum dot_close server_close_how;

static void
on_server_message(struct dot_server *s, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	(void)s;
	uint8_t *to = buffer_reserve(&heard, bytes + 2);
	to[0] = (uint8_t)(bytes >> 8);
	to[1] = (uint8_t)bytes;
	memcpy(to + 2, msg, bytes);
	buffer_added(&heard, bytes + 2);
	if (server_answers)
		dot_send(c, msg, bytes);
	if (s->corked)
		dot_cork(c, 0);
	if (server_closes)
		dot_close(c, server_close_how);
}

static void
tls_open(const struct cert *shows, const char *priority)
{
	static char path[] = "/tmp/dotward-stream.XXXXXX", name[] = CERTS_NAME, none[] = "", up[] = "up";
	char why[TLS_WHY_BYTES];
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	cert_write(&certs.authority, path);
	upstream = (struct config_upstream){
	        .name = up, .auth_name = name, .ca_file = path, .tls_priority = none};
	store = tls_store_open(&upstream, 1, why);
	assert_non_null(store);
	unlink(path);
	dot_begin(&server, loop, shows, on_server_message);
	server.priority = priority;
	server_answers = true;
	server_closes = false;
}

static void
tls_connect(void)
{
	taker.inside = true;
	taker.stream =
	        stream_connect(room, &server.address, tls_store_profile(store, 0), &events, &taker, LIMIT);
	taker.inside = false;
	assert_non_null(taker.stream);
}

static void
tls_shut(void)
{
	if (taker.stream != NULL)
		stream_close(&taker.stream);
	looping_turn(loop);
	dot_end(&server);
	tls_store_close(store);
	buffer_free(&heard);
}

static void
tls_echo(const char *priority, const char *version)
{
	struct buffer wanted = {0};
	tls_open(&certs.good, priority);
	tls_connect();
	for (size_t i = 0; i < 60; i++) {
		size_t bytes = i == 30 ? 65535 : i * 50;
		put(&wanted, bytes);
		assert_true(send_message(stuff + bytes % 1000, bytes));
	}
	assert_got(&wanted);
	assert_int_equal(taker.connected, 1);
	assert_int_equal(taker.opened, 1);
	assert_string_equal(stream_tls_version(taker.stream), version);
	buffer_free(&wanted);
	tls_shut();
}

static void
tls_in_both_versions(void **state)
{
	(void)state;
	tls_echo("NORMAL:-VERS-ALL:+VERS-TLS1.3", "TLS1.3");
	room_close(state);
	room_open(state);
	tls_echo("NORMAL:-VERS-ALL:+VERS-TLS1.2", "TLS1.2");
}

/* The end of the handshake, tickets and the first answer arrive as one segment. */
static void
tls_tickets_and_answer_in_one_segment(void **state)
{
	(void)state;
	tls_open(&certs.good, "NORMAL:-VERS-ALL:+VERS-TLS1.3");
	server.corked = true;
	tls_connect();
	send_message("question", 8);
	LOOP_UNTIL(loop, taker.messages == 1 || taker.ends > 0);
	assert_memory_equal(buffer_front(&taker.got), "\0\10question", 10);
	assert_int_equal(taker.ends, 0);
	tls_shut();
}

static void
tls_wrong_certificate(void **state)
{
	(void)state;
	tls_open(&certs.untrusted, "NORMAL");
	tls_connect();
	send_message("secret", 6);
	LOOP_UNTIL(loop, taker.ends == 1);
	assert_int_equal(taker.end[0], STREAM_UNVERIFIED);
	assert_non_null(strstr(taker.why, "not signed by a trusted authority"));
	looping_settle(loop);
	assert_int_equal(buffer_held(&heard), 0);
	assert_int_equal(taker.opened, 0);
	assert_int_equal(taker.ends, 1);
	tls_shut();
}

static void
tls_server_that_says_something_else(void **state)
{
	struct addr address;
	(void)state;
	tls_open(&certs.good, "NORMAL");
	int listener = listener_open(&address);
	taker.stream = stream_connect(room, &address, tls_store_profile(store, 0), &events, &taker, LIMIT);
	LOOP_UNTIL(loop, taker.connected == 1);
	other = accept(listener, NULL, NULL);
	other_writes("220 mail.example ESMTP\r\n", 24);
	LOOP_UNTIL(loop, taker.ends == 1);
	assert_int_equal(taker.end[0], STREAM_LOST);
	assert_memory_equal(taker.why, "TLS handshake: ", 15);
	close(listener);
	tls_shut();
}

static void
tls_end_by_the_server(void **state)
{
	static const struct {
		enum dot_close how;
		enum stream_end end;
	} rows[] = {{DOT_BYE, STREAM_EOF}, {DOT_CUT, STREAM_EOF}, {DOT_RESET, STREAM_LOST}};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		tls_open(&certs.good, "NORMAL");
		server_closes = true;
		server_close_how = rows[i].how;
		server_answers = rows[i].how != DOT_RESET;
		tls_connect();
		send_message("question", 8);
		LOOP_UNTIL(loop, taker.ends == 1);
		assert_int_equal(taker.end[0], rows[i].end);
		assert_int_equal(taker.messages, server_answers);
		tls_shut();
		room_close(state);
		room_open(state);
	}
}

static void
tls_finishing_sends_what_is_queued(void **state)
{
	(void)state;
	tls_open(&certs.good, "NORMAL");
	server_answers = false;
	tls_connect();
	LOOP_UNTIL(loop, taker.opened == 1);
	for (int i = 0; i < 10; i++)
		assert_true(send_message(stuff, 65535));
	stream_finish(&taker.stream);
	LOOP_UNTIL(loop, buffer_held(&heard) == 655370);
	LOOP_UNTIL(loop, server.open == 0);
	tls_shut();
}

static void
tls_closed_from_inside(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		tls_open(&certs.good, "NORMAL");
		taker.close_when_connected = i == 0;
		taker.close_when_opened = i == 1;
		taker.close_after = i == 2;
		tls_connect();
		send_message("question", 8);
		send_message("question", 8);
		LOOP_UNTIL(loop, taker.stream == NULL);
		looping_settle(loop);
		assert_int_equal(taker.ends, 0);
		assert_int_equal(taker.messages, i == 2);
		tls_shut();
		room_close(state);
		room_open(state);
	}
}

static void
tls_paused(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	tls_open(&certs.good, "NORMAL");
	tls_connect();
	taker.pause_each = 1;
	for (size_t i = 0; i < 30; i++) {
		put(&wanted, 1000 * i);
		assert_true(send_message(stuff, 1000 * i));
	}
	for (unsigned i = 1; i <= 30; i++) {
		LOOP_UNTIL(loop, taker.messages >= i);
		assert_int_equal(taker.messages, i);
		stream_pause(taker.stream, false);
	}
	assert_got(&wanted);
	buffer_free(&wanted);
	tls_shut();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        IN_ROOM(tls_in_both_versions),
	        IN_ROOM(tls_tickets_and_answer_in_one_segment),
	        IN_ROOM(tls_wrong_certificate),
	        IN_ROOM(tls_server_that_says_something_else),
	        IN_ROOM(tls_end_by_the_server),
	        IN_ROOM(tls_finishing_sends_what_is_queued),
	        IN_ROOM(tls_closed_from_inside),
	        IN_ROOM(tls_paused),
	};
	return cmocka_run_group_tests_name("stream over TLS", tests, begin, finish);
}
