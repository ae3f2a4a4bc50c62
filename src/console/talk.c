/*
 * A socket and a poll: dotwardctl is to start in no time and to be trusted when the daemon cannot.
 */
#include "console/talk.h"

#include "base/clock.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

bool
talk_seconds(const char *text, double least, double most, int *ms)
{
	char *end;
	double seconds = strtod(text, &end);
	if (end == text || *end != '\0' || !(seconds >= least && seconds <= most))
		return false;
	*ms = (int)(seconds * 1000);
	if (*ms == 0)
		*ms = 1;
	return true;
}

static enum talk_end
no_answer(struct talk *t)
{
	char who[32] = "";
	if (t->pid > 0)
		snprintf(who, sizeof who, " (pid %d)", (int)t->pid);
	snprintf(t->why, sizeof t->why, "dotward%s does not answer within %g s", who, t->patience_ms / 1000.);
	return TALK_NO_ANSWER;
}

static enum talk_end
not_permitted(struct talk *t)
{
	struct stat found;
	const struct group *group = NULL;
	if (stat(t->path, &found) == 0)
		group = getgrgid(found.st_gid);
	snprintf(t->why, sizeof t->why, "not permitted: %s; be root%s%s", t->path,
	        group != NULL ? ", or a member of the group " : "", group != NULL ? group->gr_name : "");
	return TALK_FAILED;
}

static enum talk_end
connect_failed(struct talk *t, int error)
{
	switch (error) {
	case ENOENT:
		snprintf(t->why, sizeof t->why, "dotward is not running: there is no %s", t->path);
		return TALK_NOT_RUNNING;
	case ECONNREFUSED:
		snprintf(t->why, sizeof t->why, "dotward is not running: nobody listens at %s", t->path);
		return TALK_NOT_RUNNING;
	case EAGAIN:
	case EINPROGRESS: /* its queue is full, and it takes nobody in */
		return no_answer(t);
	case EACCES:
	case EPERM:
		return not_permitted(t);
	default:
		snprintf(t->why, sizeof t->why, "%s: %s", t->path, strerror(error));
		return TALK_FAILED;
	}
}

static enum talk_end
reach(struct talk *t, const char *request)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval limit = {t->patience_ms / 1000, t->patience_ms % 1000 * 1000};
	struct ucred peer;
	socklen_t bytes = sizeof peer;
	if (strlen(t->path) >= sizeof address.sun_path) {
		snprintf(t->why, sizeof t->why, "the path is too long for a socket: %s", t->path);
		return TALK_USAGE;
	}
	memcpy(address.sun_path, t->path, strlen(t->path));
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return connect_failed(t, errno);
	setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(t->fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return connect_failed(t, errno);
	if (getsockopt(t->fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0)
		t->pid = peer.pid;
	/* one that turns us away may have closed already; what it said can be read all the same */
	if (send(t->fd, request, strlen(request), MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return connect_failed(t, errno);
	t->last_ms = clock_now_ms();
	return TALK_DONE;
}

/* Takes the lines before the text: "wait" any number of times, then the status. Returns how many bytes they
 * took. */
static size_t
take_head(struct talk *t, const char *bytes, size_t count)
{
	size_t at = 0;
	while (at < count && t->status < 0) {
		char byte = bytes[at++];
		if (byte != '\n') {
			if (t->head_bytes + 1 < sizeof t->head)
				t->head[t->head_bytes++] = byte;
			continue;
		}
		t->head[t->head_bytes] = '\0';
		t->head_bytes = 0;
		if (strcmp(t->head, "wait") == 0)
			continue;
		bool known = t->head[0] >= '0' && t->head[0] <= '2' && t->head[1] == '\0';
		t->status = known ? t->head[0] - '0' : TALK_FAILED;
	}
	return at;
}

/* Until when a sign of life must come, for poll(). */
static int
patience_left(const struct talk *t)
{
	uint64_t now = clock_now_ms(), until = t->last_ms + (uint64_t)t->patience_ms;
	if (t->streams && t->status == TALK_DONE)
		return -1;
	return now < until ? (int)(until - now) : 0;
}

/* More bytes than 0; 0: the end; -1: it does not answer. */
static ssize_t
hear(struct talk *t, char *bytes, size_t room)
{
	for (;;) {
		struct pollfd p = {.fd = t->fd, .events = POLLIN};
		int found = poll(&p, 1, patience_left(t));
		if (found == 0)
			return -1;
		if (found < 0)
			continue; /* a signal */
		ssize_t got = recv(t->fd, bytes, room, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		t->last_ms = clock_now_ms();
		return got < 0 ? 0 : got; /* a broken connection is an end like another */
	}
}

static enum talk_end
converse(struct talk *t)
{
	char bytes[4096];
	ssize_t got;
	while ((got = hear(t, bytes, sizeof bytes)) > 0) {
		size_t taken = take_head(t, bytes, (size_t)got);
		if (t->status >= 0 && (size_t)got > taken)
			t->hear(t->arg, t->status != TALK_DONE, bytes + taken, (size_t)got - taken);
	}
	if (got < 0)
		return no_answer(t);
	if (t->status < 0) {
		snprintf(t->why, sizeof t->why, "dotward (pid %d) ended without an answer", (int)t->pid);
		return TALK_FAILED;
	}
	return (enum talk_end)t->status;
}

enum talk_end
talk(struct talk *t, const char *request)
{
	t->pid = 0;
	t->why[0] = '\0';
	t->fd = -1;
	t->head_bytes = 0;
	t->status = -1;
	enum talk_end end = reach(t, request);
	if (end == TALK_DONE)
		end = converse(t);
	if (t->fd >= 0)
		close(t->fd);
	return end;
}
