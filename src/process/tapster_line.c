/*
 *    away ── connect, READY ──► ACCEPT comes ── START ──► connected ── frames ──► STOP, FINISH
 *      ▲            └─ refused, or not in time ─┐              └─ it hung up, or took nothing for too long ─┐
 *      └──────── a pause, longer each time
 * ─────┴────────────────────────────────────────────────────────────┘
 *
 * The first frames that meet nobody wait a while for a reader that is only being restarted; those behind them
 * do not, until one has come.
 */
#include "process/tapster.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "dnstap/frames.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	LINE_GREETING_MS = 1000, /* for its part of the handshake */
	LINE_STALL_MS = 2000,    /* for taking anything */
	LINE_WAIT_MS = 3000,     /* for a reader that went away */
	LINE_FIRST_PAUSE_MS = 50,
	LINE_MOST_PAUSE_MS = 2000,
	LINE_PARTS = 1024, /* of one call: what the kernel takes */
};

struct tapster_line {
	struct sockaddr_un name;
	int fd; /* -1: nobody is there */
	uint64_t retry_ms;
	unsigned pause_ms;
	bool gave_up; /* nothing waits for it any more */
	bool said;    /* that nobody is there */
};

struct tapster_line *
tapster_line_new(const char *socket)
{
	struct tapster_line *line = must_alloc(1, sizeof *line);
	line->name = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(line->name.sun_path, sizeof line->name.sun_path, "%s", socket);
	line->fd = -1;
	line->pause_ms = LINE_FIRST_PAUSE_MS;
	return line;
}

static bool
wait_for(int fd, short events, unsigned ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};
	int ready;
	while ((ready = poll(&poll_fd, 1, (int)ms)) < 0 && errno == EINTR)
		continue;
	return ready > 0;
}

static void
hang_up(struct tapster_line *line)
{
	if (line->fd >= 0)
		close(line->fd);
	line->fd = -1;
}

/* --- the handshake ---------------------------------------------------------------------------------------
 */

static int
say(int fd, fstrm_control_type control)
{
	uint8_t frame[FRAMES_HANDSHAKE_BYTES];
	size_t bytes = frames_write(control, frame);
	ssize_t sent = send(fd, frame, bytes, MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return (size_t)sent == bytes ? 0 : -EPIPE;
}

/* A control frame of this kind, in time. */
static int
hear(int fd, fstrm_control_type wanted, unsigned ms)
{
	uint8_t bytes[FRAMES_HANDSHAKE_BYTES];
	size_t held = 0;
	uint64_t until_ms = clock_now_ms() + ms, now_ms;
	while ((now_ms = clock_now_ms()) < until_ms) {
		fstrm_control_type control;
		bool fits;
		if (!wait_for(fd, POLLIN, (unsigned)(until_ms - now_ms)))
			break;
		ssize_t got = recv(fd, bytes + held, sizeof bytes - held, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return got == 0 ? -ECONNRESET : -errno;
		held += got > 0 ? (size_t)got : 0;
		int taken = frames_read(bytes, held, &control, &fits);
		if (taken != 0)
			return taken > 0 && control == wanted && fits ? 0 : -EPROTO;
	}
	return -ETIMEDOUT;
}

static int
greet(int fd)
{
	int failed = say(fd, FSTRM_CONTROL_READY);
	if (failed == 0)
		failed = hear(fd, FSTRM_CONTROL_ACCEPT, LINE_GREETING_MS);
	return failed < 0 ? failed : say(fd, FSTRM_CONTROL_START);
}

static int
connect_to(const struct sockaddr_un *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int failed = connect(fd, (const struct sockaddr *)name, sizeof *name) < 0 ? -errno : greet(fd);
	if (failed == 0)
		return fd;
	close(fd);
	return failed;
}

static void
nobody_there(struct tapster_line *line, int failed)
{
	if (!line->said)
		log_warn("dnstap: nobody takes what is told socket=%s why=\"%s\"", line->name.sun_path,
		        strerror(-failed));
	line->said = true;
	line->retry_ms = clock_now_ms() + line->pause_ms;
	line->pause_ms = 2 * line->pause_ms < LINE_MOST_PAUSE_MS ? 2 * line->pause_ms : LINE_MOST_PAUSE_MS;
}

static bool
call(struct tapster_line *line)
{
	int fd = connect_to(&line->name);
	if (fd < 0) {
		nobody_there(line, fd);
		return false;
	}
	log_notice("dnstap: a reader is there socket=%s", line->name.sun_path);
	line->fd = fd;
	line->pause_ms = LINE_FIRST_PAUSE_MS;
	line->gave_up = line->said = false;
	return true;
}

/* Has it hung up while there was nothing to tell? It says nothing else now. */
static void
look(struct tapster_line *line)
{
	uint8_t byte;
	if (line->fd < 0)
		return;
	ssize_t got = recv(line->fd, &byte, 1, MSG_DONTWAIT);
	if (got >= 0 || (errno != EAGAIN && errno != EINTR))
		hang_up(line);
}

static bool
is_there(struct tapster_line *line)
{
	uint64_t until_ms = clock_now_ms() + LINE_WAIT_MS;
	look(line);
	while (line->fd < 0) {
		uint64_t now_ms = clock_now_ms();
		if (now_ms >= line->retry_ms) {
			if (call(line))
				return true;
		} else if (line->gave_up) {
			return false;
		} else if (now_ms >= until_ms) {
			line->gave_up = true;
		} else {
			poll(NULL, 0, (int)(line->retry_ms - now_ms));
		}
	}
	return true;
}

/* --- frames ----------------------------------------------------------------------------------------------
 */

/* What has to go out yet: `parts` from `first` on, of which `begun` bytes of the first have gone. */
struct rest {
	const struct iovec *parts;
	unsigned first, end;
	size_t begun;
};

static ssize_t
send_some(int fd, const struct rest *rest)
{
	struct iovec some[LINE_PARTS];
	unsigned count = rest->end - rest->first < LINE_PARTS ? rest->end - rest->first : LINE_PARTS;
	memcpy(some, &rest->parts[rest->first], count * sizeof *some);
	some[0].iov_base = (uint8_t *)some[0].iov_base + rest->begun;
	some[0].iov_len -= rest->begun;
	const struct msghdr msg = {.msg_iov = some, .msg_iovlen = count};
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void
note_sent(struct rest *rest, size_t bytes)
{
	rest->begun += bytes;
	while (rest->first < rest->end && rest->begun >= rest->parts[rest->first].iov_len)
		rest->begun -= rest->parts[rest->first++].iov_len;
}

/* 0, or -errno when the reader is gone or takes nothing. */
static int
send_rest(int fd, struct rest *rest)
{
	while (rest->first < rest->end) {
		ssize_t sent = send_some(fd, rest);
		if (sent > 0)
			note_sent(rest, (size_t)sent);
		else if (errno == EAGAIN && !wait_for(fd, POLLOUT, LINE_STALL_MS))
			return -ETIMEDOUT;
		else if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return 0;
}

unsigned
tapster_line_send(struct tapster_line *line, const struct tapster_frames *frames)
{
	struct rest rest = {.parts = frames->parts, .end = 2 * frames->count};
	if (!is_there(line))
		return frames->count;
	int failed = send_rest(line->fd, &rest);
	if (failed == 0)
		return 0;
	hang_up(line);
	/* one that takes nothing is not to be waited for again */
	line->gave_up = failed == -ETIMEDOUT;
	nobody_there(line, failed);
	return frames->count - rest.first / 2;
}

void
tapster_line_free(struct tapster_line *line)
{
	if (line->fd >= 0 && say(line->fd, FSTRM_CONTROL_STOP) == 0) {
		int ignored = hear(line->fd, FSTRM_CONTROL_FINISH, LINE_GREETING_MS);
		(void)ignored;
	}
	hang_up(line);
	free(line);
}
