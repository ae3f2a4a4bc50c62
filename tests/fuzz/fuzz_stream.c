/*
 * DNS messages over a TCP stream, in any segments, with pauses and closes from inside as the input says.
 *
 * The input: how many segments, a byte for the length of each, a byte for what the taker does, then the bytes
 * of the stream. What the taker gets must be what a naive parser finds in the same bytes, message for
 * message, and after a close not one more.
 */
#include "base/must.h"
#include "net/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT_BYTES = 1 << 16, TURNS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads the same bytes as the stream, at its own pace. */
struct taker {
	struct stream *stream;
	const uint8_t *wanted;
	size_t wanted_bytes, at;
	unsigned messages, manner;
	bool paused, ended;
};

static void
on_message(void *arg, uint8_t *msg, size_t bytes)
{
	struct taker *t = arg;
	must(t->stream != NULL && !t->paused && !t->ended);
	must(t->wanted_bytes - t->at >= 2 + bytes);
	must(bytes == (size_t)(t->wanted[t->at] << 8 | t->wanted[t->at + 1]));
	must(memcmp(t->wanted + t->at + 2, msg, bytes) == 0);
	memset(msg, 0x55, bytes);
	t->at += 2 + bytes;
	t->messages++;
	if (t->manner & 1) {
		stream_pause(t->stream, true);
		stream_pause(t->stream, false);
	}
	if (t->manner & 2 && t->messages % 3 == 0) {
		t->paused = true;
		stream_pause(t->stream, true);
	}
	if (t->manner & 4 && t->messages == t->manner >> 4)
		stream_close(&t->stream);
}

static void
on_ended(void *arg, enum stream_end end, const char *why)
{
	struct taker *t = arg;
	must(!t->ended && end == STREAM_EOF && t->stream != NULL);
	bool cut = strstr(why, "in the middle") != NULL;
	must(t->paused || cut == (t->at < t->wanted_bytes));
	t->ended = true;
	if (t->manner & 8)
		stream_close(&t->stream);
}

static const struct stream_events events = {.message = on_message, .ended = on_ended};

static void
turn(struct ev_loop *loop, struct taker *t)
{
	for (int i = 0; i < TURNS; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		if (t->paused && t->stream != NULL) {
			t->paused = false;
			stream_pause(t->stream, false);
		}
	}
}

/* All complete messages have come, unless the taker has closed before. */
static void
check(const struct taker *t)
{
	if (t->stream == NULL && !t->ended)
		return;
	size_t at = 0;
	while (t->wanted_bytes - at >= 2) {
		size_t bytes = 2u + (size_t)(t->wanted[at] << 8 | t->wanted[at + 1]);
		if (t->wanted_bytes - at < bytes)
			break;
		at += bytes;
	}
	must(t->ended && t->at == at);
}

static void
play(struct ev_loop *loop, struct stream_room *room, const uint8_t *lengths, size_t segments, struct taker *t)
{
	int ends[2];
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	t->stream = stream_adopt(room, ends[0], &events, t, LIMIT_BYTES);
	must(t->stream != NULL);
	size_t sent = 0;
	for (size_t i = 0; sent < t->wanted_bytes && t->stream != NULL; i++) {
		size_t count = segments > 0 ? 1u + lengths[i % segments] : t->wanted_bytes;
		if (count > t->wanted_bytes - sent)
			count = t->wanted_bytes - sent;
		ssize_t took = send(ends[1], t->wanted + sent, count, MSG_NOSIGNAL);
		sent += took > 0 ? (size_t)took : 0;
		turn(loop, t);
	}
	close(ends[1]);
	for (size_t i = 0; t->stream != NULL && !t->ended && i < t->wanted_bytes + TURNS; i++)
		turn(loop, t);
	check(t);
	if (t->stream != NULL)
		stream_close(&t->stream);
	turn(loop, t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev_loop *loop;
	static struct stream_room *room;
	if (size < 2 || size > LIMIT_BYTES || size < 2u + data[0] % 16)
		return 0;
	if (loop == NULL) {
		loop = ev_loop_new(EVFLAG_AUTO);
		room = stream_room_new(loop);
	}
	size_t segments = data[0] % 16;
	struct taker t = {
	        .manner = data[1], .wanted = data + 2 + segments, .wanted_bytes = size - 2 - segments};
	play(loop, room, data + 2, segments, &t);
	return 0;
}
