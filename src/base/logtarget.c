/*
 * A line leaves in one call. systemd says by JOURNAL_STREAM which file it has put behind our standard error;
 * if it still is that one, lines go to the journal's socket by name, so that a journal that was restarted is
 * found again and a sealed process need not connect. It is not waited for: a line it cannot take goes to
 * standard error, with its priority in front as systemd reads it there.
 */
#include "base/logtarget.h"

#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

enum { LOG_LINE_BYTES = 4096, LOG_DATAGRAM_BYTES = 16384 };

enum log_kind { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE, LOG_TO_JOURNAL };

static struct {
	enum log_kind kind;
	int fd; /* of a file */
	char *path;
	int journal_fd; /* a socket that is connected to nobody; -1: none could be had */
	struct sockaddr_un journal;
} the_target = {.kind = LOG_TO_STDERR, .fd = -1, .journal_fd = -1};

static int
file_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	return fd < 0 ? -errno : fd;
}

static void
syslog_connect(void)
{
	openlog("dotward", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

/* What systemd connected our standard error to is there still: "DEVICE:INODE". */
static bool
stderr_is_journal(void)
{
	const char *said = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat is;
	return said != NULL && sscanf(said, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &is) == 0 && is.st_dev == (dev_t)device && is.st_ino == (ino_t)inode;
}

/* JOURNAL_SOCKET is for tests. */
static void
journal_open(void)
{
	const char *named = getenv("JOURNAL_SOCKET");
	const char *path = named != NULL ? named : "/run/systemd/journal/socket";
	the_target.journal = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(the_target.journal.sun_path, sizeof the_target.journal.sun_path, "%s", path);
	the_target.journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void
logtarget_close(void)
{
	if (the_target.kind == LOG_TO_SYSLOG)
		closelog();
	if (the_target.fd >= 0)
		close(the_target.fd);
	if (the_target.journal_fd >= 0)
		close(the_target.journal_fd);
	free(the_target.path);
	the_target.path = NULL;
	the_target.fd = the_target.journal_fd = -1;
	the_target.kind = LOG_TO_STDERR;
}

static int
open_file(const char *path)
{
	int fd = file_open(path);
	if (fd < 0)
		return fd;
	char *copy = strdup(path);
	if (copy == NULL) {
		close(fd);
		return -ENOMEM;
	}
	logtarget_close();
	the_target.kind = LOG_TO_FILE;
	the_target.fd = fd;
	the_target.path = copy;
	return 0;
}

int
logtarget_open(const char *target)
{
	static const char file_prefix[] = "file:";
	if (strncmp(target, file_prefix, sizeof file_prefix - 1) == 0)
		return open_file(target + sizeof file_prefix - 1);
	bool to_syslog = strcmp(target, "syslog") == 0;
	if (!to_syslog && strcmp(target, "stderr") != 0)
		return -EINVAL;
	logtarget_close();
	if (to_syslog) {
		syslog_connect();
		the_target.kind = LOG_TO_SYSLOG;
	} else if (stderr_is_journal()) {
		journal_open();
		the_target.kind = LOG_TO_JOURNAL;
	}
	return 0;
}

int
logtarget_reopen(void)
{
	if (the_target.kind != LOG_TO_FILE)
		return 0;
	int fd = file_open(the_target.path);
	if (fd < 0)
		return fd;
	close(the_target.fd);
	the_target.fd = fd;
	return 0;
}

void
logtarget_adopt(int fd)
{
	if (the_target.kind != LOG_TO_FILE) {
		close(fd);
		return;
	}
	close(the_target.fd);
	the_target.fd = fd;
}

void
logtarget_reconnect(void)
{
	if (the_target.kind == LOG_TO_SYSLOG) {
		closelog();
		syslog_connect();
	} else if (the_target.kind == LOG_TO_JOURNAL) {
		if (the_target.journal_fd >= 0)
			close(the_target.journal_fd);
		journal_open();
	}
}

int
logtarget_descriptor(void)
{
	return the_target.kind == LOG_TO_FILE ? the_target.fd : -1;
}

int
logtarget_output(void)
{
	return the_target.kind == LOG_TO_STDERR ? STDERR_FILENO : logtarget_descriptor();
}

/* The line without what syslogd and the journal put before it themselves. */
static void
put_bare(const struct logform *form, bool json, char *out, size_t room)
{
	if (json)
		logform_json(form, out, room);
	else
		snprintf(out, room, "%s%s%s", form->role, form->role[0] != '\0' ? ": " : "", form->text);
}

static bool
put_line(const struct logform *form, bool json, int fd, bool priority)
{
	char line[LOG_LINE_BYTES];
	size_t used = 0, room = sizeof line - 1;
	if (priority)
		used = (size_t)snprintf(line, room, "<%d>", form->priority);
	used += json ? logform_json(form, line + used, room - used)
	             : logform_text(form, line + used, room - used);
	line[used++] = '\n';
	return outlet_put(fd, line, used);
}

static bool
put_journal(const struct logform *form, bool json)
{
	char message[LOG_LINE_BYTES], datagram[LOG_DATAGRAM_BYTES];
	if (the_target.journal_fd < 0)
		return false;
	put_bare(form, json, message, sizeof message);
	size_t bytes = logform_journal(form, message, datagram, sizeof datagram);
	return sendto(the_target.journal_fd, datagram, bytes, MSG_NOSIGNAL,
	               (const struct sockaddr *)&the_target.journal, sizeof the_target.journal) >= 0;
}

static bool
put_syslog(const struct logform *form, bool json)
{
	char message[LOG_LINE_BYTES];
	put_bare(form, json, message, sizeof message);
	syslog(form->priority, "%s", message);
	return true;
}

bool
logtarget_put(const struct logform *form, bool json)
{
	switch (the_target.kind) {
	case LOG_TO_SYSLOG:
		return put_syslog(form, json);
	case LOG_TO_JOURNAL:
		return put_journal(form, json) || put_line(form, json, STDERR_FILENO, true);
	case LOG_TO_FILE:
		return put_line(form, json, the_target.fd, false);
	case LOG_TO_STDERR:
		break;
	}
	return put_line(form, json, STDERR_FILENO, false);
}
