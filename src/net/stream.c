/*
 * One state machine for both directions and both transports:
 *
 *    CONNECTING ──► HANDSHAKE ──► OPEN ──► FINISHING ──► DEAD
 *        └──────────────┴───────────┴──────────────────────┘
 *
 * An adopted stream starts OPEN, or with TLS in HANDSHAKE. A DEAD stream is not freed where it died, which
 * may be deep inside its own callback, but buried by the hook that runs before the loop sleeps; the same hook
 * first sends what the streams have queued.
 */
#include "net/stream.h"

#include "base/buffer.h"
#include "base/list.h"
#include "base/must.h"
#include "net/dial.h"
#include "net/early.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STREAM_BLOCK_BYTES = 65536,
	STREAM_PLAIN_BYTES = 16384, /* one TLS record */
	STREAM_KEEP_BYTES = 4096,   /* what an idle stream's buffers may hold on to */
	STREAM_BLOCKS_PER_TURN = 4, /* then others have their turn */
	STREAM_SHAKEN_PER_TURN =
	        8, /* clients whose handshake goes on; each costs as much as many questions */
};

enum stream_state { STREAM_CONNECTING, STREAM_HANDSHAKE, STREAM_OPEN, STREAM_FINISHING, STREAM_DEAD };

struct stream_room {
	struct ev_loop *loop;
	ev_prepare before_sleep;
	struct list dirty; /* streams with something queued */
	struct list dead;
	struct list every;                 /* all but the dead */
	unsigned shaken;                   /* clients, in this turn of the loop */
	uint8_t block[STREAM_BLOCK_BYTES]; /* what was just received */
	uint8_t plain[STREAM_PLAIN_BYTES]; /* what was just decrypted */
};

struct stream {
	struct stream_room *room;
	struct list link;  /* in dirty or dead, or nowhere */
	struct list every; /* in the room */
	ev_io io;
	ev_timer linger;
	enum stream_state state;
	int fd;
	struct tls *tls; /* NULL: plain TCP */
	const struct stream_events *events;
	void *arg;
	struct buffer in;  /* an incomplete message, or what came while paused */
	struct buffer out; /* plaintext on its way, framed */
	size_t limit_bytes;
	size_t early_bytes; /* of `out`, went as early data */
	enum stream_early early;
	bool may_early;
	bool adopted;
	bool paused;
	bool delivering; /* a message is with its taker */
	bool eof;        /* the peer has sent its last byte */
};

static void stream_die(struct stream *stream);

static bool
is_live(const struct stream *stream)
{
	return stream->state < STREAM_FINISHING;
}

/* Bytes that have to go to the kernel as they are. */
static struct buffer *
wire_output(struct stream *stream)
{
	return stream->tls != NULL ? tls_output(stream->tls) : &stream->out;
}

static void
mark_dirty(struct stream *stream)
{
	if (stream->state != STREAM_DEAD && list_empty(&stream->link))
		list_append(&stream->room->dirty, &stream->link);
}

/* Listens for what this stream waits for now. */
static void
watch(struct stream *stream)
{
	int events = 0;
	bool waits_to_write = buffer_held(wire_output(stream)) > 0;
	if (stream->state == STREAM_CONNECTING || waits_to_write)
		events |= EV_WRITE;
	if (stream->state != STREAM_CONNECTING && !stream->paused && !stream->eof)
		events |= EV_READ;
	if (events == (stream->io.events & (EV_READ | EV_WRITE)) && ev_is_active(&stream->io))
		return;
	ev_io_stop(stream->room->loop, &stream->io);
	ev_io_set(&stream->io, stream->fd, events);
	if (events != 0)
		ev_io_start(stream->room->loop, &stream->io);
}

static void
lose(struct stream *stream, enum stream_end end, const char *why)
{
	bool tell = is_live(stream);
	void (*ended)(void *, enum stream_end, const char *) = stream->events->ended;
	void *arg = stream->arg;
	char words[TLS_WHY_BYTES];
	snprintf(words, sizeof words, "%s", why);
	stream_die(stream);
	if (tell)
		ended(arg, end, words);
}

static void
lose_errno(struct stream *stream, int error)
{
	lose(stream, STREAM_LOST, strerror(error));
}

static void
lose_tls(struct stream *stream)
{
	/* The alert that says what we did not like, if the kernel takes it at once. */
	struct buffer *out = tls_output(stream->tls);
	if (buffer_held(out) > 0 && send(stream->fd, buffer_front(out), buffer_held(out), MSG_NOSIGNAL) < 0)
		buffer_taken(out, buffer_held(out));
	lose(stream, tls_unverified(stream->tls) ? STREAM_UNVERIFIED : STREAM_LOST, tls_why(stream->tls));
}

/* Sends what the kernel takes. False when the stream is lost. */
static bool
push(struct stream *stream)
{
	struct buffer *out = wire_output(stream);
	bool some = false;
	while (buffer_held(out) > 0) {
		ssize_t sent = send(stream->fd, buffer_front(out), buffer_held(out), MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0) {
			lose_errno(stream, errno);
			return false;
		}
		buffer_taken(out, (size_t)sent);
		some = true;
	}
	buffer_shrink(out, STREAM_KEEP_BYTES);
	watch(stream);
	if (some && is_live(stream) && stream->events->sent != NULL)
		stream->events->sent(stream->arg);
	return stream->state != STREAM_DEAD;
}

/* Throws away what has come and will not be read: closing over it would send a reset, and that would overtake
 * what the peer has not got yet. Bounded, for the peer may go on and on. */
static void
discard(struct stream *stream)
{
	for (int turn = 0; turn < STREAM_BLOCKS_PER_TURN; turn++)
		if (recv(stream->fd, stream->room->block, STREAM_BLOCK_BYTES, MSG_DONTWAIT) <= 0)
			return;
}

/* Encrypts what is queued, all of it into as few records as can be, and sends. */
static void
flush(struct stream *stream)
{
	if (stream->state != STREAM_OPEN && stream->state != STREAM_FINISHING)
		return;
	if (stream->tls != NULL && buffer_held(&stream->out) > 0) {
		if (tls_write(stream->tls, buffer_front(&stream->out), buffer_held(&stream->out)) !=
		        TLS_DONE) {
			lose_tls(stream);
			return;
		}
		buffer_taken(&stream->out, buffer_held(&stream->out));
		buffer_shrink(&stream->out, STREAM_KEEP_BYTES);
	}
	if (push(stream) && stream->state == STREAM_FINISHING && buffer_held(wire_output(stream)) == 0) {
		discard(stream);
		stream_die(stream);
	}
}

/* Hands over the complete messages at the front; how many bytes they took. */
static size_t
deliver(struct stream *stream, uint8_t *bytes, size_t count)
{
	size_t used = 0;
	stream->delivering = true;
	while (count - used >= 2 && stream->state == STREAM_OPEN && !stream->paused) {
		size_t message = (size_t)(bytes[used] << 8 | bytes[used + 1]);
		if (count - used - 2 < message)
			break;
		stream->events->message(stream->arg, bytes + used + 2, message);
		used += 2 + message;
	}
	stream->delivering = false;
	return used;
}

/* Keeps the beginning of a message until the rest comes. */
static bool
keep(struct stream *stream, const uint8_t *bytes, size_t count)
{
	if (count == 0 || stream->state != STREAM_OPEN)
		return stream->state == STREAM_OPEN;
	uint8_t *to = buffer_reserve(&stream->in, count);
	if (to == NULL) {
		lose_errno(stream, ENOMEM);
		return false;
	}
	memcpy(to, bytes, count);
	buffer_added(&stream->in, count);
	return true;
}

/* Delivers from what was kept. */
static void
deliver_kept(struct stream *stream)
{
	size_t used = deliver(stream, buffer_front(&stream->in), buffer_held(&stream->in));
	buffer_taken(&stream->in, used);
	if (stream->state == STREAM_OPEN)
		buffer_shrink(&stream->in, STREAM_KEEP_BYTES);
}

/* Takes in plaintext. False when the stream is not open any more. */
static bool
take(struct stream *stream, uint8_t *bytes, size_t count)
{
	if (buffer_held(&stream->in) == 0) {
		size_t used = deliver(stream, bytes, count);
		return keep(stream, bytes + used, count - used);
	}
	if (!keep(stream, bytes, count))
		return false;
	deliver_kept(stream);
	return stream->state == STREAM_OPEN;
}

static void
end_of_stream(struct stream *stream)
{
	if (stream->eof || !is_live(stream))
		return;
	stream->eof = true;
	bool cut = buffer_held(&stream->in) > 0 && !stream->paused;
	watch(stream);
	stream->events->ended(stream->arg, STREAM_EOF,
	        cut ? "the peer closed the connection in the middle of a message"
	            : "the peer closed the connection");
}

/* Decrypts all that was fed. */
static void
take_tls(struct stream *stream)
{
	size_t count;
	for (;;) {
		switch (tls_read(stream->tls, stream->room->plain, sizeof stream->room->plain, &count)) {
		case TLS_DONE:
			if (!take(stream, stream->room->plain, count))
				return;
			break;
		case TLS_AGAIN:
			if (buffer_held(tls_output(stream->tls)) > 0) /* a key update wants its answer */
				mark_dirty(stream);
			return;
		case TLS_ENDED:
			end_of_stream(stream);
			return;
		case TLS_FAILED:
			lose_tls(stream);
			return;
		}
	}
}

static void
open_up(struct stream *stream)
{
	stream->state = STREAM_OPEN;
	mark_dirty(stream);
	watch(stream);
	if (stream->events->opened != NULL)
		stream->events->opened(stream->arg);
}

/* It stays queued until it is known whether the peer reads it. */
static void
send_early(struct stream *stream)
{
	const uint8_t *front = buffer_front(&stream->out);
	size_t room = stream->may_early && buffer_held(&stream->out) > 0 ? tls_early_room(stream->tls) : 0;
	size_t bytes = early_cut(front, buffer_held(&stream->out), room);
	if (bytes == 0 || !tls_early(stream->tls, front, bytes))
		return;
	stream->early_bytes = bytes;
	stream->early = STREAM_EARLY_SENT;
}

static void
settle_early(struct stream *stream)
{
	if (stream->early == STREAM_NOT_EARLY)
		return;
	bool taken = tls_early_taken(stream->tls);
	stream->early = taken ? STREAM_EARLY_TAKEN : STREAM_EARLY_REFUSED;
	if (taken)
		buffer_taken(&stream->out, stream->early_bytes);
}

static void
handshake(struct stream *stream)
{
	switch (tls_handshake(stream->tls)) {
	case TLS_DONE:
		settle_early(stream);
		open_up(stream);
		if (stream->state == STREAM_OPEN)
			take_tls(stream); /* tickets may have come in the same block */
		return;
	case TLS_AGAIN:
		push(stream);
		return;
	default:
		lose_tls(stream);
	}
}

static void
digest(struct stream *stream, uint8_t *bytes, size_t count)
{
	if (stream->tls == NULL) {
		take(stream, bytes, count);
		return;
	}
	if (count == 0)
		tls_feed_end(stream->tls);
	else
		tls_feed(stream->tls, bytes, count);
	if (stream->state == STREAM_HANDSHAKE)
		handshake(stream);
	else
		take_tls(stream);
}

static void
readable(struct stream *stream)
{
	uint8_t *block = stream->room->block;
	bool shakes = stream->adopted && stream->state == STREAM_HANDSHAKE;
	if (shakes && stream->room->shaken++ >= STREAM_SHAKEN_PER_TURN)
		return; /* the loop comes back to it */
	for (int turn = 0;
	        turn < STREAM_BLOCKS_PER_TURN && is_live(stream) && !stream->paused && !stream->eof; turn++) {
		ssize_t got = recv(stream->fd, block, STREAM_BLOCK_BYTES, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			if (errno != EAGAIN)
				lose_errno(stream, errno);
			return;
		}
		if (got == 0 && stream->tls == NULL)
			end_of_stream(stream);
		else
			digest(stream, block, (size_t)got);
		if (got < STREAM_BLOCK_BYTES)
			return;
	}
}

static void
connected(struct stream *stream)
{
	int error = 0;
	socklen_t bytes = sizeof error;
	getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
	if (error != 0) {
		lose_errno(stream, error);
		return;
	}
	if (stream->tls == NULL) {
		open_up(stream);
		return;
	}
	stream->state = STREAM_HANDSHAKE;
	if (stream->events->connected != NULL)
		stream->events->connected(stream->arg);
	if (stream->state != STREAM_HANDSHAKE)
		return;
	send_early(stream);
	handshake(stream);
}

static void
on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct stream *stream = io->data;
	(void)loop;
	if (stream->state == STREAM_CONNECTING) {
		connected(stream);
		return;
	}
	if (events & EV_WRITE && stream->state == STREAM_HANDSHAKE)
		push(stream);
	else if (events & EV_WRITE)
		flush(stream);
	if (events & EV_READ && is_live(stream))
		readable(stream);
}

static void
on_linger(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	stream_die(timer->data);
}

static void
bury(struct stream_room *room)
{
	list_each_safe (at, after, &room->dead) {
		struct stream *stream = list_entry(at, struct stream, link);
		list_remove(at);
		tls_free(stream->tls);
		buffer_free(&stream->in);
		buffer_free(&stream->out);
		free(stream);
	}
}

static void
on_before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct stream_room *room = prepare->data;
	(void)loop;
	(void)events;
	/* Sending may fail, and a failure may queue questions elsewhere: until nothing is left. */
	while (!list_empty(&room->dirty)) {
		struct stream *stream = list_first(&room->dirty, struct stream, link);
		list_remove(&stream->link);
		flush(stream);
	}
	room->shaken = 0;
	bury(room);
}

struct stream_room *
stream_room_new(struct ev_loop *loop)
{
	struct stream_room *room = must_alloc(1, sizeof *room);
	room->loop = loop;
	list_init(&room->dirty);
	list_init(&room->dead);
	list_init(&room->every);
	ev_prepare_init(&room->before_sleep, on_before_sleep);
	room->before_sleep.data = room;
	/* Before the other hooks: what fails here makes answers that they have to send. */
	ev_set_priority(&room->before_sleep, EV_MAXPRI);
	ev_prepare_start(loop, &room->before_sleep);
	return room;
}

void
stream_room_free(struct stream_room *room)
{
	if (room == NULL)
		return;
	ev_prepare_stop(room->loop, &room->before_sleep);
	on_before_sleep(room->loop, &room->before_sleep, 0);
	list_each_safe (at, after, &room->every)
		stream_die(list_entry(at, struct stream, every));
	bury(room);
	free(room);
}

static struct stream *
stream_new(
        struct stream_room *room, int fd, const struct stream_events *events, void *arg, size_t limit_bytes)
{
	struct stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL)
		return NULL;
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	stream->room = room;
	stream->fd = fd;
	stream->events = events;
	stream->arg = arg;
	stream->limit_bytes = limit_bytes;
	stream->state = STREAM_OPEN;
	list_init(&stream->link);
	ev_io_init(&stream->io, on_io, fd, 0);
	stream->io.data = stream;
	ev_init(&stream->linger, on_linger);
	stream->linger.data = stream;
	list_append(&room->every, &stream->every);
	return stream;
}

struct stream *
stream_adopt(
        struct stream_room *room, int fd, const struct stream_events *events, void *arg, size_t limit_bytes)
{
	struct stream *stream = stream_new(room, fd, events, arg, limit_bytes);
	if (stream == NULL)
		close(fd);
	else
		watch(stream);
	return stream;
}

struct stream *
stream_adopt_tls(struct stream_room *room, int fd, const struct tls_server *server,
        const struct stream_events *events, void *arg, size_t limit_bytes)
{
	struct stream *stream = stream_adopt(room, fd, events, arg, limit_bytes);
	if (stream == NULL)
		return NULL;
	stream->adopted = true;
	stream->state = STREAM_HANDSHAKE;
	stream->tls = tls_accept(server);
	if (stream->tls != NULL)
		return stream;
	stream_die(stream);
	return NULL;
}

struct stream *
stream_connect(struct stream_room *room, const struct addr *to, const struct tls_profile *profile,
        const struct stream_events *events, void *arg, size_t limit_bytes)
{
	return stream_connect_from(room, NULL, to, profile, events, arg, limit_bytes);
}

struct stream *
stream_connect_from(struct stream_room *room, const struct addr *from, const struct addr *to,
        const struct tls_profile *profile, const struct stream_events *events, void *arg, size_t limit_bytes)
{
	int fd = dial_open(from, to);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	struct stream *stream = stream_new(room, fd, events, arg, limit_bytes);
	if (stream == NULL) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	stream->state = STREAM_CONNECTING;
	if (profile != NULL && (stream->tls = tls_new(profile, to)) == NULL) {
		stream_die(stream);
		errno = ENOMEM;
		return NULL;
	}
	watch(stream);
	return stream;
}

uint8_t *
stream_reserve(struct stream *stream, size_t bytes)
{
	if (!is_live(stream) || stream_unsent(stream) + bytes + 2 > stream->limit_bytes)
		return NULL;
	uint8_t *to = buffer_reserve(&stream->out, bytes + 2);
	return to != NULL ? to + 2 : NULL;
}

void
stream_commit(struct stream *stream, size_t bytes)
{
	uint8_t *length = stream->out.bytes + stream->out.end;
	must(bytes <= UINT16_MAX);
	length[0] = (uint8_t)(bytes >> 8);
	length[1] = (uint8_t)bytes;
	buffer_added(&stream->out, bytes + 2);
	mark_dirty(stream);
}

size_t
stream_unsent(const struct stream *stream)
{
	return buffer_held(&stream->out) + (stream->tls != NULL ? buffer_held(tls_output(stream->tls)) : 0);
}

bool
stream_has_more(const struct stream *stream)
{
	return stream->delivering || buffer_held(&stream->in) > 0 || stream_is_ahead(stream);
}

int
stream_descriptor(const struct stream *stream)
{
	return stream->fd;
}

void
stream_pause(struct stream *stream, bool pause)
{
	if (stream->paused == pause || !is_live(stream))
		return;
	stream->paused = pause;
	watch(stream);
	/* While a message is with its taker, the loop around it goes on by itself. */
	if (!pause && !stream->delivering)
		deliver_kept(stream);
}

static void
stream_die(struct stream *stream)
{
	if (stream->state == STREAM_DEAD)
		return;
	stream->state = STREAM_DEAD;
	ev_io_stop(stream->room->loop, &stream->io);
	ev_timer_stop(stream->room->loop, &stream->linger);
	close(stream->fd);
	list_remove(&stream->every);
	list_remove(&stream->link);
	list_append(&stream->room->dead, &stream->link);
}

void
stream_finish(struct stream **at)
{
	struct stream *stream = *at;
	*at = NULL;
	if (!is_live(stream))
		return;
	if (stream->state != STREAM_OPEN) {
		stream_die(stream);
		return;
	}
	if (stream->tls != NULL) {
		tls_write(stream->tls, buffer_front(&stream->out), buffer_held(&stream->out));
		buffer_taken(&stream->out, buffer_held(&stream->out));
		tls_bye(stream->tls);
	}
	stream->state = STREAM_FINISHING;
	stream->paused = true;
	ev_timer_set(&stream->linger, 2., 0.);
	ev_timer_start(stream->room->loop, &stream->linger);
	mark_dirty(stream);
}

void
stream_close(struct stream **at)
{
	struct stream *stream = *at;
	*at = NULL;
	stream_die(stream);
}

void
stream_reset(struct stream **at)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	setsockopt((*at)->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	stream_close(at);
}

void
stream_allow_early(struct stream *stream)
{
	stream->may_early = stream->tls != NULL;
}

enum stream_early
stream_early(const struct stream *stream)
{
	return stream->early;
}

struct tls *
stream_tls(const struct stream *stream)
{
	return stream->tls;
}
