/*
 * Descriptors change their numbers on the way: all are first moved above every number that they may get, then
 * down into place, where they stay open over exec. Everything else of ours is close-on-exec.
 */
#include "process/upgrade.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	UPGRADE_FIRST = 3, /* SD_LISTEN_FDS_START */
	UPGRADE_MOST = 4096,
	UPGRADE_EXTRA = 5,
};

/* The names of what goes over behind the sockets. */
static const char world_name[] = "LISTEN_WORLD", cache_name[] = "LISTEN_CACHE", lists_name[] = "LISTEN_LISTS",
                  control_name[] = "LISTEN_CONTROL", ready_name[] = "LISTEN_READY",
                  hosts_name[] = "LISTEN_HOSTS"; /* a text, no descriptor */

/* A descriptor on its way, by name. */
struct upgrade_extra {
	const char *name;
	int fd; /* -1: there is none */
};

/* The value of a variable as a number, or -1; the variable is gone then. */
static int
take_number(const char *name)
{
	const char *text = getenv(name);
	int value = -1;
	char rest;
	if (text != NULL && (sscanf(text, "%d%c", &value, &rest) != 1 || value < 0))
		value = -1;
	unsetenv(name);
	return value;
}

static int
keep_to_ourselves(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* The value of a variable, to be freed; the variable is gone then. */
static char *
take_text(const char *name)
{
	const char *text = getenv(name);
	char *copy = text != NULL ? must_copy(text) : NULL;
	unsetenv(name);
	return copy;
}

void
upgrade_inherit(struct upgrade_inheritance *out)
{
	char *hosts = take_text(hosts_name);
	int pid = take_number("LISTEN_PID"), count = take_number("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*out = (struct upgrade_inheritance){
	        .world = -1, .cache = -1, .lists = -1, .control = -1, .ready = -1};
	int world = take_number(world_name), cache = take_number(cache_name), lists = take_number(lists_name),
	    control = take_number(control_name), ready = take_number(ready_name);
	if (pid != getpid() || count < 0 || count > UPGRADE_MOST) {
		free(hosts);
		return;
	}
	out->hosts = hosts;
	out->world = keep_to_ourselves(world);
	out->cache = keep_to_ourselves(cache);
	out->lists = keep_to_ourselves(lists);
	out->ready = keep_to_ourselves(ready);
	out->control = keep_to_ourselves(control);
	out->sockets = must_alloc((size_t)count, sizeof *out->sockets);
	out->socket_count = (size_t)count;
	for (int i = 0; i < count; i++)
		out->sockets[i] = keep_to_ourselves(UPGRADE_FIRST + i);
}

void
upgrade_forget(struct upgrade_inheritance *inheritance)
{
	for (size_t i = 0; i < inheritance->socket_count; i++)
		close(inheritance->sockets[i]);
	free(inheritance->sockets);
	free(inheritance->hosts);
	inheritance->hosts = NULL;
	inheritance->sockets = NULL;
	inheritance->socket_count = 0;
}

void
upgrade_serves(struct upgrade_inheritance *inheritance)
{
	if (inheritance->ready < 0)
		return;
	ssize_t ignored = write(inheritance->ready, "s", 1);
	(void)ignored;
	close(inheritance->ready);
	inheritance->ready = -1;
}

void
upgrade_find_binary(char *out, size_t room)
{
	ssize_t length = readlink("/proc/self/exe", out, room - 1);
	out[length < 0 ? 0 : length] = '\0';
}

/* Moves descriptors to FIRST, FIRST + 1, …, open over exec. */
static bool
move_into_place(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, UPGRADE_FIRST + (int)count)) < 0)
			return false;
	for (size_t i = 0; i < count; i++)
		if (dup2(fds[i], UPGRADE_FIRST + (int)i) < 0)
			return false;
	return true;
}

static void
set_number(const char *name, long value)
{
	char text[24];
	snprintf(text, sizeof text, "%ld", value);
	setenv(name, text, 1);
}

/* `fds`: the sockets, and room for the rest behind them. */
static _Noreturn void
become(const char *path, char *const *argv, int *fds, size_t sockets, const struct upgrade_extra *extra,
        const char *hosts)
{
	sigset_t none;
	size_t count = sockets;
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (size_t i = 0; i < UPGRADE_EXTRA; i++) {
		if (extra[i].fd < 0)
			continue;
		set_number(extra[i].name, UPGRADE_FIRST + (long)count);
		fds[count++] = extra[i].fd;
	}
	if (!move_into_place(fds, count))
		_exit(127);
	set_number("LISTEN_PID", getpid());
	set_number("LISTEN_FDS", (long)sockets);
	if (hosts != NULL)
		setenv(hosts_name, hosts, 1);
	/* systemd's watchdog was meant for us; the new master takes that over too */
	if (getenv("WATCHDOG_PID") != NULL)
		set_number("WATCHDOG_PID", getpid());
	execv(path, argv);
	_exit(127);
}

int
upgrade_begin(struct upgrade *u, const char *path, char *const *argv, const struct sockets *sockets,
        const struct upgrade_legacy *legacy)
{
	int ends[2], fds[UPGRADE_MOST + UPGRADE_EXTRA];
	size_t count = sockets_descriptors(sockets, fds, UPGRADE_MOST);
	if (count + legacy->more_count > UPGRADE_MOST)
		return -E2BIG;
	for (size_t i = 0; i < legacy->more_count; i++)
		fds[count++] = legacy->more[i];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	const struct upgrade_extra extra[UPGRADE_EXTRA] = {
	        {world_name, legacy->world},
	        {cache_name, legacy->cache},
	        {lists_name, legacy->lists},
	        {control_name, legacy->control},
	        {ready_name, ends[1]},
	};
	pid_t pid = fork();
	if (pid == 0)
		become(path, argv, fds, count, extra, legacy->hosts);
	int error = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -error;
	}
	u->pid = pid;
	u->ready = ends[0];
	return 0;
}

bool
upgrade_succeeded(const struct upgrade *u)
{
	char word;
	return read(u->ready, &word, 1) == 1;
}

void
upgrade_end(struct upgrade *u, bool kill_it)
{
	if (u->pid != 0 && kill_it)
		kill(u->pid, SIGKILL);
	if (u->ready >= 0)
		close(u->ready);
	*u = (struct upgrade){.ready = -1};
}
