/*
 * A control socket with a table of verbs, and somebody who asks at it, in one process; children that answer
 * in its place are buried here.
 */
#ifndef DOTWARD_TESTS_ASKING_H
#define DOTWARD_TESTS_ASKING_H

#include "base/clock.h"
#include "base/log.h"
#include "process/aside.h"
#include "process/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	struct control *control;
	char path[96];
	struct asides asides;
	struct config config;
	struct aside_ground ground;
	int last_status; /* of a child, as waitpid() has it */
	unsigned buried;
	char said[4 << 20];
} asking;

static inline int
asking_begin(const struct control_verb *verbs, size_t count, void *arg)
{
	char why[LOCAL_WHY_BYTES];
	memset(&asking, 0, sizeof asking);
	snprintf(asking.path, sizeof asking.path, "/tmp/dotward-asking.%d", (int)getpid());
	/* valgrind makes calls of its own in our name, which the seal would not let pass */
	asking.config.sandbox = getenv("VALGRIND") == NULL;
	asking.ground.config = &asking.config;
	log_set_level(LOG_LEVEL_ERROR);
	struct control_setup setup = {.path = asking.path,
	        .group = (gid_t)-1,
	        .workers = (uid_t)-1,
	        .verbs = verbs,
	        .verb_count = count,
	        .arg = arg};
	return control_open(&asking.control, &setup, why);
}

static inline void
asking_end(void)
{
	control_close(asking.control);
	asking.control = NULL;
}

static inline void
asking_turn(void)
{
	struct pollfd fds[CONTROL_POLL_MOST];
	size_t count = control_poll(asking.control, fds, CONTROL_POLL_MOST);
	if (poll(fds, (nfds_t)count, 0) > 0)
		control_heed(asking.control, fds, count, clock_now_ms());
}

static inline int
asking_send(const char *request)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(address.sun_path, asking.path, strlen(asking.path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	assert_int_equal(send(fd, "\n", 1, MSG_NOSIGNAL), 1);
	asking_turn(); /* lets it in */
	asking_turn(); /* reads */
	return fd;
}

/* All that is said until the end, which comes within ten seconds. */
static inline const char *
asking_hear(int fd)
{
	size_t used = 0;
	ssize_t got = 1;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (got > 0) {
		asking_turn();
		assert_int_equal(poll(&p, 1, 10000), 1);
		got = recv(fd, asking.said + used, sizeof asking.said - 1 - used, 0);
		assert_true(got >= 0);
		used += (size_t)got;
	}
	asking.said[used] = '\0';
	close(fd);
	return asking.said;
}

/* Waits for a child that has answered. */
static inline void
asking_bury(void)
{
	pid_t pid = waitpid(-1, &asking.last_status, 0);
	assert_true(pid > 0);
	assert_true(asides_bury(&asking.asides, pid, asking.last_status));
	asking.buried++;
}

/* A request that a child answers, and in order. */
static inline const char *
asking_whole(const char *request)
{
	asking_hear(asking_send(request));
	asking_bury();
	assert_true(WIFEXITED(asking.last_status));
	assert_int_equal(WEXITSTATUS(asking.last_status), 0);
	return asking.said;
}

#endif
