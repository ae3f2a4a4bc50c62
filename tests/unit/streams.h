/*
 * A stream under test, somebody who takes what it gives, and the other end of its connection.
 */
#ifndef DOTWARD_TESTS_STREAMS_H
#define DOTWARD_TESTS_STREAMS_H

#include "certs.h"
#include "looping.h"
#include "net/stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { LIMIT = 1 << 20, STUFF = 200000 };

/* Takes what a stream gives, and does what the test has told it to do then. */
struct taker {
	struct stream *stream;
	struct buffer got; /* the messages, framed again */
	unsigned messages, opened, connected, sent, ends;
	enum stream_end end[2];
	enum stream_early early_at_end;
	char why[TLS_WHY_BYTES];
	/* by the count of messages: after this one */
	unsigned pause_after, close_after, pause_each;
	bool flicker; /* pauses and goes on within each message */
	bool close_when_opened, close_when_connected, close_when_ended, close_when_sent;
	bool inside; /* a call that must not call back */
};

static struct ev_loop *loop;
static struct stream_room *room;
static struct taker taker;
static int other; /* the peer's end of a plain pair */
static uint8_t stuff[STUFF];

static inline void
on_message(void *arg, uint8_t *msg, size_t bytes)
{
	struct taker *t = arg;
	assert_false(t->inside);
	assert_non_null(t->stream);
	uint8_t *to = buffer_reserve(&t->got, bytes + 2);
	to[0] = (uint8_t)(bytes >> 8);
	to[1] = (uint8_t)bytes;
	memcpy(to + 2, msg, bytes);
	memset(msg, 0xee, bytes); /* it may be changed */
	buffer_added(&t->got, bytes + 2);
	t->messages++;
	if (t->flicker) {
		stream_pause(t->stream, true);
		stream_pause(t->stream, false);
	}
	if (t->messages == t->pause_after || t->pause_each)
		stream_pause(t->stream, true);
	if (t->messages == t->close_after)
		stream_close(&t->stream);
}

static inline void
on_opened(void *arg)
{
	struct taker *t = arg;
	assert_false(t->inside);
	t->opened++;
	if (t->close_when_opened)
		stream_close(&t->stream);
}

static inline void
on_connected(void *arg)
{
	struct taker *t = arg;
	assert_false(t->inside);
	t->connected++;
	if (t->close_when_connected)
		stream_close(&t->stream);
}

static inline void
on_ended(void *arg, enum stream_end end, const char *why)
{
	struct taker *t = arg;
	assert_false(t->inside);
	assert_true(t->ends < 2);
	t->end[t->ends++] = end;
	t->early_at_end = stream_early(t->stream);
	snprintf(t->why, sizeof t->why, "%s", why);
	if (t->close_when_ended)
		stream_close(&t->stream);
	if (end != STREAM_EOF)
		t->stream = NULL; /* gone by itself */
}

static inline void
on_sent(void *arg)
{
	struct taker *t = arg;
	assert_false(t->inside);
	t->sent++;
	if (t->close_when_sent)
		stream_close(&t->stream);
}

static const struct stream_events events = {on_connected, on_opened, on_message, on_ended, on_sent};

static inline int
begin(void **state)
{
	(void)state;
	certs_make();
	srand(5);
	for (size_t i = 0; i < STUFF; i++)
		stuff[i] = (uint8_t)rand();
	return 0;
}

static inline int
finish(void **state)
{
	(void)state;
	certs_free();
	return 0;
}

static inline int
room_open(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	room = stream_room_new(loop);
	memset(&taker, 0, sizeof taker);
	other = -1;
	return 0;
}

static inline int
room_close(void **state)
{
	(void)state;
	if (taker.stream != NULL)
		stream_close(&taker.stream);
	stream_room_free(room);
	ev_loop_destroy(loop);
	buffer_free(&taker.got);
	if (other >= 0)
		close(other);
	return 0;
}

/* A listening TCP socket on a free port of the loopback. */
static inline int
listener_open(struct addr *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*address = (struct addr){.in4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
	socklen_t bytes = sizeof *address;
	assert_int_equal(bind(fd, &address->any, addr_bytes(address)), 0);
	assert_int_equal(getsockname(fd, &address->any, &bytes), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* A TCP connection; one end becomes the taker's stream, the other end is `other`. */
static inline void
adopt_pair(size_t limit)
{
	struct addr address;
	int listener = listener_open(&address);
	other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(other, &address.any, addr_bytes(&address)), 0);
	int on = 1;
	setsockopt(other, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(listener);
	taker.inside = true;
	taker.stream = stream_adopt(room, fd, &events, &taker, limit);
	taker.inside = false;
	assert_non_null(taker.stream);
}

/* Writes all from the other end, turning the loop where the kernel takes no more. */
static inline void
other_writes(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	while (count > 0) {
		ssize_t sent = send(other, at, count, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0) {
			assert_int_equal(errno, EAGAIN);
			looping_turn(loop);
			continue;
		}
		at += sent;
		count -= (size_t)sent;
	}
}

/* Reads what is there for the other end; false at its end. */
static inline bool
other_reads(struct buffer *into)
{
	uint8_t *to = buffer_reserve(into, 65536);
	ssize_t got = recv(other, to, 65536, MSG_DONTWAIT);
	if (got > 0)
		buffer_added(into, (size_t)got);
	return got > 0 || (got < 0 && errno == EAGAIN);
}

static inline void
put(struct buffer *b, size_t bytes)
{
	uint8_t *to = buffer_reserve(b, bytes + 2);
	to[0] = (uint8_t)(bytes >> 8);
	to[1] = (uint8_t)bytes;
	memcpy(to + 2, stuff + bytes % 1000, bytes);
	buffer_added(b, bytes + 2);
}

static inline void
assert_got(const struct buffer *wanted)
{
	LOOP_UNTIL(loop, buffer_held(&taker.got) >= buffer_held(wanted) || taker.ends > 0);
	assert_int_equal(buffer_held(&taker.got), buffer_held(wanted));
	assert_memory_equal(buffer_front(&taker.got), buffer_front(wanted), buffer_held(wanted));
}

static inline bool
send_message(const void *msg, size_t bytes)
{
	taker.inside = true;
	uint8_t *to = stream_reserve(taker.stream, bytes);
	if (to != NULL) {
		memcpy(to, msg, bytes);
		stream_commit(taker.stream, bytes);
	}
	taker.inside = false;
	return to != NULL;
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_open, room_close)

#endif
