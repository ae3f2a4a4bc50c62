/*
 * DNS messages over plain TCP: in whatever segments they come, with pauses, ends and losses at every moment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "streams.h"

/* --- messages in segments --- */

static void
byte_by_byte(void **state)
{
	struct buffer wanted = {0};
	static const size_t sizes[] = {0, 1, 2, 17, 0, 0, 300, 1};
	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		put(&wanted, sizes[i]);
	adopt_pair(LIMIT);
	for (size_t i = 0; i < buffer_held(&wanted); i++) {
		other_writes(buffer_front(&wanted) + i, 1);
		ev_run(loop, EVRUN_NOWAIT);
	}
	assert_got(&wanted);
	assert_int_equal(taker.messages, 8);
	buffer_free(&wanted);
}

static void
many_in_a_segment(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	for (size_t i = 0; i < 3000; i++)
		put(&wanted, i % 90);
	adopt_pair(LIMIT);
	other_writes(buffer_front(&wanted), buffer_held(&wanted));
	assert_got(&wanted);
	assert_int_equal(taker.messages, 3000);
	buffer_free(&wanted);
}

static void
segments_of_any_size(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed < 12; seed++) {
		struct buffer wanted = {0};
		srand(seed);
		for (int i = 0; i < 40; i++)
			put(&wanted, i % 13 == 12 ? 65535 : (size_t)rand() % 3000);
		adopt_pair(LIMIT);
		taker.flicker = seed % 2;
		for (size_t at = 0; at < buffer_held(&wanted);) {
			size_t count = 1 + (size_t)rand() % (seed % 3 ? 5000 : 70000);
			if (count > buffer_held(&wanted) - at)
				count = buffer_held(&wanted) - at;
			other_writes(buffer_front(&wanted) + at, count);
			at += count;
			ev_run(loop, EVRUN_NOWAIT);
		}
		assert_got(&wanted);
		buffer_free(&wanted);
		room_close(state);
		room_open(state);
	}
}

/* --- pauses --- */

static void
paused_from_outside(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	put(&wanted, 10);
	put(&wanted, 20);
	adopt_pair(LIMIT);
	stream_pause(taker.stream, true);
	stream_pause(taker.stream, true);
	other_writes(buffer_front(&wanted), buffer_held(&wanted));
	looping_settle(loop);
	assert_int_equal(taker.messages, 0);
	stream_pause(taker.stream, false);
	assert_got(&wanted);
	buffer_free(&wanted);
}

static void
paused_from_inside(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	for (size_t i = 0; i < 20; i++)
		put(&wanted, i * 40);
	adopt_pair(LIMIT);
	taker.pause_after = 7;
	other_writes(buffer_front(&wanted), buffer_held(&wanted) - 5);
	LOOP_UNTIL(loop, taker.messages >= 7);
	looping_settle(loop);
	assert_int_equal(taker.messages, 7);
	other_writes(buffer_front(&wanted) + buffer_held(&wanted) - 5, 5);
	stream_pause(taker.stream, false);
	assert_got(&wanted);
	buffer_free(&wanted);
}

static void
paused_by_each_message(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	for (size_t i = 0; i < 50; i++)
		put(&wanted, i * 100);
	adopt_pair(LIMIT);
	taker.pause_each = 1;
	other_writes(buffer_front(&wanted), buffer_held(&wanted));
	for (unsigned i = 1; i <= 50; i++) {
		LOOP_UNTIL(loop, taker.messages >= i);
		assert_int_equal(taker.messages, i);
		stream_pause(taker.stream, false);
	}
	assert_got(&wanted);
	buffer_free(&wanted);
}

/* A peer that is not read from is held back by its own kernel, not by our memory. */
static void
paused_reads_nothing_more(void **state)
{
	(void)state;
	adopt_pair(LIMIT);
	stream_pause(taker.stream, true);
	size_t sent = 0;
	for (int still = 0; still < 20;) {
		ssize_t count = send(other, stuff, sizeof stuff, MSG_DONTWAIT | MSG_NOSIGNAL);
		still = count > 0 ? 0 : still + 1;
		sent += count > 0 ? (size_t)count : 0;
		assert_true(sent < 64u << 20);
		looping_turn(loop);
	}
	assert_int_equal(taker.messages, 0);
}

static void
end_that_came_during_a_pause(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	put(&wanted, 10);
	put(&wanted, 20);
	adopt_pair(LIMIT);
	taker.pause_after = 1;
	other_writes(buffer_front(&wanted), buffer_held(&wanted));
	shutdown(other, SHUT_WR);
	LOOP_UNTIL(loop, taker.messages == 1);
	looping_settle(loop);
	assert_int_equal(taker.ends, 0);
	stream_pause(taker.stream, false);
	LOOP_UNTIL(loop, taker.ends == 1);
	assert_int_equal(taker.messages, 2);
	assert_string_equal(taker.why, "the peer closed the connection");
	buffer_free(&wanted);
}

/* --- ends --- */

static void
end_of_stream_still_lets_write(void **state)
{
	struct buffer wanted = {0}, got = {0};
	(void)state;
	put(&wanted, 10);
	adopt_pair(LIMIT);
	other_writes(buffer_front(&wanted), buffer_held(&wanted));
	shutdown(other, SHUT_WR);
	LOOP_UNTIL(loop, taker.ends == 1);
	assert_int_equal(taker.messages, 1);
	assert_int_equal(taker.end[0], STREAM_EOF);
	assert_string_equal(taker.why, "the peer closed the connection");
	assert_true(send_message("late", 4));
	LOOP_UNTIL(loop, !other_reads(&got) || buffer_held(&got) == 6);
	assert_memory_equal(buffer_front(&got), "\0\4late", 6);
	assert_int_equal(taker.ends, 1);
	buffer_free(&wanted);
	buffer_free(&got);
}

static void
end_of_stream_in_a_message(void **state)
{
	(void)state;
	for (size_t bytes = 1; bytes < 6; bytes++) {
		adopt_pair(LIMIT);
		other_writes("\0\4abc", bytes);
		shutdown(other, SHUT_WR);
		LOOP_UNTIL(loop, taker.ends == 1);
		assert_int_equal(taker.end[0], STREAM_EOF);
		assert_string_equal(taker.why, "the peer closed the connection in the middle of a message");
		assert_int_equal(taker.messages, 0);
		room_close(state);
		room_open(state);
	}
}

static void
other_resets(void)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	setsockopt(other, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(other);
	other = -1;
}

static void
reset_is_a_loss(void **state)
{
	(void)state;
	adopt_pair(LIMIT);
	other_resets();
	LOOP_UNTIL(loop, taker.ends == 1);
	assert_int_equal(taker.end[0], STREAM_LOST);
	assert_string_equal(taker.why, "Connection reset by peer");
	looping_settle(loop);
	assert_int_equal(taker.ends, 1);
}

static void
reset_after_the_end_is_told_too(void **state)
{
	(void)state;
	adopt_pair(LIMIT);
	shutdown(other, SHUT_WR);
	LOOP_UNTIL(loop, taker.ends == 1);
	other_resets();
	send_message("x", 1);
	LOOP_UNTIL(loop, taker.ends == 2);
	assert_int_equal(taker.end[0], STREAM_EOF);
	assert_int_equal(taker.end[1], STREAM_LOST);
}

static void
closed_from_inside_a_message(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	for (size_t i = 0; i < 5; i++)
		put(&wanted, 100);
	adopt_pair(LIMIT);
	taker.close_after = 2;
	other_writes(buffer_front(&wanted), buffer_held(&wanted));
	LOOP_UNTIL(loop, taker.stream == NULL);
	looping_settle(loop);
	assert_int_equal(taker.messages, 2);
	assert_int_equal(taker.ends, 0);
	buffer_free(&wanted);
}

/* The message comes out of what was kept, not out of what was just received. */
static void
closed_from_inside_a_kept_message(void **state)
{
	struct buffer wanted = {0};
	(void)state;
	for (size_t i = 0; i < 5; i++)
		put(&wanted, 100);
	adopt_pair(LIMIT);
	taker.pause_after = 1;
	taker.close_after = 3;
	other_writes(buffer_front(&wanted), buffer_held(&wanted));
	LOOP_UNTIL(loop, taker.messages == 1);
	looping_settle(loop);
	stream_pause(taker.stream, false);
	assert_null(taker.stream);
	assert_int_equal(taker.messages, 3);
	looping_settle(loop);
	assert_int_equal(taker.messages, 3);
	buffer_free(&wanted);
}

static void
closed_from_inside_the_end(void **state)
{
	(void)state;
	taker.close_when_ended = true;
	adopt_pair(LIMIT);
	shutdown(other, SHUT_WR);
	LOOP_UNTIL(loop, taker.stream == NULL);
	looping_settle(loop);
	assert_int_equal(taker.ends, 1);
}

static void
closed_from_inside_a_loss(void **state)
{
	(void)state;
	taker.close_when_ended = true;
	adopt_pair(LIMIT);
	other_resets();
	LOOP_UNTIL(loop, taker.stream == NULL);
	looping_settle(loop);
	assert_int_equal(taker.ends, 1);
}

static void
closed_from_inside_sent(void **state)
{
	(void)state;
	taker.close_when_sent = true;
	adopt_pair(LIMIT);
	send_message("x", 1);
	LOOP_UNTIL(loop, taker.stream == NULL);
	looping_settle(loop);
	assert_int_equal(taker.sent, 1);
}

static void
reset_by_us(void **state)
{
	char byte;
	(void)state;
	adopt_pair(LIMIT);
	send_message("x", 1);
	stream_reset(&taker.stream);
	assert_null(taker.stream);
	struct pollfd p = {.fd = other, .events = POLLIN};
	LOOP_UNTIL(loop, poll(&p, 1, 0) == 1);
	assert_int_equal(recv(other, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(taker.ends, 0);
}

/* --- sending --- */

static void
what_is_queued_leaves_in_one_piece(void **state)
{
	struct buffer got = {0};
	(void)state;
	adopt_pair(LIMIT);
	for (int i = 0; i < 100; i++)
		assert_true(send_message("answer", 6));
	assert_int_equal(stream_unsent(taker.stream), 800);
	struct pollfd p = {.fd = other, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 0), 0);
	looping_turn(loop);
	assert_int_equal(taker.sent, 1);
	assert_int_equal(stream_unsent(taker.stream), 0);
	LOOP_UNTIL(loop, !other_reads(&got) || buffer_held(&got) >= 800);
	assert_int_equal(buffer_held(&got), 800);
	buffer_free(&got);
}

/* Less may be committed than was reserved. */
static void
committed_less_than_reserved(void **state)
{
	struct buffer got = {0};
	(void)state;
	adopt_pair(LIMIT);
	memcpy(stream_reserve(taker.stream, 4096), "one", 3);
	stream_commit(taker.stream, 3);
	assert_non_null(stream_reserve(taker.stream, 4096)); /* and is not used at all */
	memcpy(stream_reserve(taker.stream, 65535), "second", 6);
	stream_commit(taker.stream, 6);
	LOOP_UNTIL(loop, !other_reads(&got) || buffer_held(&got) >= 13);
	assert_memory_equal(buffer_front(&got), "\0\3one\0\6second", 13);
	buffer_free(&got);
}

static void
queue_is_bounded(void **state)
{
	(void)state;
	adopt_pair(1000);
	assert_null(stream_reserve(taker.stream, 999));
	assert_true(send_message(stuff, 498));
	assert_true(send_message(stuff, 398));
	assert_null(stream_reserve(taker.stream, 99));
	assert_non_null(stream_reserve(taker.stream, 98));
	looping_turn(loop);
	assert_non_null(stream_reserve(taker.stream, 998));
	assert_int_equal(taker.ends, 0);
}

static void
finishing_sends_what_is_queued(void **state)
{
	struct buffer wanted = {0}, got = {0};
	(void)state;
	adopt_pair(16u << 20);
	for (int i = 0; i < 100; i++) {
		put(&wanted, 65535);
		assert_true(send_message(stuff + 535, 65535));
	}
	stream_finish(&taker.stream);
	assert_null(taker.stream);
	/* What the peer still says is not wanted any more. */
	assert_true(send(other, "\0\1x", 3, MSG_DONTWAIT | MSG_NOSIGNAL) == 3);
	LOOP_UNTIL(loop, !other_reads(&got));
	assert_int_equal(buffer_held(&got), buffer_held(&wanted));
	assert_memory_equal(buffer_front(&got), buffer_front(&wanted), buffer_held(&wanted));
	assert_int_equal(taker.messages + taker.ends + taker.sent, 0);
	buffer_free(&wanted);
	buffer_free(&got);
}

static void
finishing_waits_two_seconds(void **state)
{
	struct buffer got = {0};
	(void)state;
	adopt_pair(64u << 20);
	for (int i = 0; i < 600; i++)
		assert_true(send_message(stuff, 65535));
	uint64_t begun_ms = clock_now_ms();
	stream_finish(&taker.stream);
	struct pollfd p = {.fd = other, .events = POLLRDHUP};
	LOOP_UNTIL(loop, poll(&p, 1, 0) == 1 || clock_now_ms() - begun_ms > 2500);
	assert_true(clock_now_ms() - begun_ms >= 1900);
	LOOP_UNTIL(loop, !other_reads(&got));
	assert_true(buffer_held(&got) < 600 * 65537u);
	buffer_free(&got);
}

static void
room_closes_over_finishing_streams(void **state)
{
	struct buffer got = {0};
	(void)state;
	adopt_pair(LIMIT);
	assert_true(send_message("last", 4));
	stream_finish(&taker.stream);
	stream_room_free(room);
	room = stream_room_new(loop);
	LOOP_UNTIL(loop, !other_reads(&got));
	assert_memory_equal(buffer_front(&got), "\0\4last", 6);
	buffer_free(&got);
}

/* --- connecting --- */

static void
connects(void **state)
{
	struct addr address;
	struct buffer got = {0};
	(void)state;
	int listener = listener_open(&address);
	taker.inside = true;
	taker.stream = stream_connect(room, &address, NULL, &events, &taker, LIMIT);
	taker.inside = false;
	assert_true(send_message("early", 5));
	LOOP_UNTIL(loop, taker.opened == 1);
	other = accept(listener, NULL, NULL);
	LOOP_UNTIL(loop, !other_reads(&got) || buffer_held(&got) >= 7);
	assert_memory_equal(buffer_front(&got), "\0\5early", 7);
	assert_string_equal(stream_tls_version(taker.stream), "");
	assert_int_equal(taker.connected, 0);
	close(listener);
	buffer_free(&got);
}

static void
refused(void **state)
{
	struct addr address;
	(void)state;
	close(listener_open(&address));
	taker.inside = true;
	taker.stream = stream_connect(room, &address, NULL, &events, &taker, LIMIT);
	taker.inside = false;
	LOOP_UNTIL(loop, taker.ends == 1);
	assert_int_equal(taker.end[0], STREAM_LOST);
	assert_string_equal(taker.why, "Connection refused");
	assert_int_equal(taker.opened, 0);
}

static void
no_way_at_all(void **state)
{
	struct addr broadcast;
	(void)state;
	assert_int_equal(addr_parse(&broadcast, "255.255.255.255", 9), 0);
	errno = 0;
	assert_null(stream_connect(room, &broadcast, NULL, &events, &taker, LIMIT));
	assert_int_not_equal(errno, 0);
}

static void
closed_before_it_was_open(void **state)
{
	struct addr address;
	(void)state;
	int listener = listener_open(&address);
	taker.stream = stream_connect(room, &address, NULL, &events, &taker, LIMIT);
	stream_close(&taker.stream);
	taker.stream = stream_connect(room, &address, NULL, &events, &taker, LIMIT);
	stream_finish(&taker.stream);
	looping_settle(loop);
	assert_int_equal(taker.opened + taker.ends, 0);
	taker.close_when_opened = true;
	taker.stream = stream_connect(room, &address, NULL, &events, &taker, LIMIT);
	LOOP_UNTIL(loop, taker.opened == 1);
	assert_null(taker.stream);
	looping_settle(loop);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        IN_ROOM(byte_by_byte),
	        IN_ROOM(many_in_a_segment),
	        IN_ROOM(segments_of_any_size),
	        IN_ROOM(paused_from_outside),
	        IN_ROOM(paused_from_inside),
	        IN_ROOM(paused_by_each_message),
	        IN_ROOM(paused_reads_nothing_more),
	        IN_ROOM(end_that_came_during_a_pause),
	        IN_ROOM(end_of_stream_still_lets_write),
	        IN_ROOM(end_of_stream_in_a_message),
	        IN_ROOM(reset_is_a_loss),
	        IN_ROOM(reset_after_the_end_is_told_too),
	        IN_ROOM(closed_from_inside_a_message),
	        IN_ROOM(closed_from_inside_a_kept_message),
	        IN_ROOM(closed_from_inside_the_end),
	        IN_ROOM(closed_from_inside_a_loss),
	        IN_ROOM(closed_from_inside_sent),
	        IN_ROOM(reset_by_us),
	        IN_ROOM(what_is_queued_leaves_in_one_piece),
	        IN_ROOM(committed_less_than_reserved),
	        IN_ROOM(queue_is_bounded),
	        IN_ROOM(finishing_sends_what_is_queued),
	        IN_ROOM(finishing_waits_two_seconds),
	        IN_ROOM(room_closes_over_finishing_streams),
	        IN_ROOM(connects),
	        IN_ROOM(refused),
	        IN_ROOM(no_way_at_all),
	        IN_ROOM(closed_before_it_was_open),
	};
	return cmocka_run_group_tests_name("stream", tests, begin, finish);
}
