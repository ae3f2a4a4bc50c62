/*
 * Lines are gathered in a block and written with one call. Who reads them may keep us waiting; a target that
 * fails (a disk that is full, a pipe that nobody reads any more) costs the lines, and is tried with the next
 * ones.
 */
#include "process/ledger.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "query/queryline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEDGER_BLOCK_BYTES = 64 * 1024, LEDGER_COMPLAIN_MS = 10000, LEDGER_PREFIX_BYTES = sizeof "file:" - 1 };

struct ledger {
	int fd; /* -1: it goes where the log goes */
	size_t used;
	unsigned lost;        /* since the last flush */
	uint64_t complain_ms; /* not again before */
	struct queryline *form;
	char block[LEDGER_BLOCK_BYTES];
};

static bool
wanted(const struct config *config)
{
	return config->log.queries;
}

/* Without waiting: a pipe that nobody reads yet would make the master wait. Later the scribe may. */
static int
open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

static int
open_target(const struct config *config, char why[SCRIBE_WHY_BYTES])
{
	const char *target = config->log.queries_target;
	if (target[0] == '\0')
		return -1;
	int fd = open_file(target + LEDGER_PREFIX_BYTES);
	if (fd < 0)
		snprintf(why, SCRIBE_WHY_BYTES, "log.queries_target = \"%.150s\" cannot be opened: %s",
		        target, fd == -ENXIO ? "a pipe that nobody reads" : strerror(-fd));
	return fd < 0 ? fd - 1 : fd;
}

static void *
begin(const struct config *config, int fd)
{
	struct ledger *l = must_alloc(1, sizeof *l);
	l->fd = fd;
	l->form = queryline_new(config);
	return l;
}

static unsigned
count_lines(const char *text, size_t bytes)
{
	unsigned count = 0;
	for (const char *at = text, *end = text + bytes;
	        at < end && (at = memchr(at, '\n', (size_t)(end - at))); at++)
		count++;
	return count;
}

/* Somebody else may have made a shared descriptor one that does not wait; we do. */
static bool
is_passing(int error, int fd)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	if (error == EAGAIN)
		poll(&room, 1, -1);
	return error == EAGAIN || error == EINTR;
}

static void
complain(struct ledger *l, int error)
{
	uint64_t now_ms = clock_now_ms();
	if (now_ms < l->complain_ms)
		return;
	l->complain_ms = now_ms + LEDGER_COMPLAIN_MS;
	log_error("query log: it cannot be written why=\"%s\"", strerror(error));
}

static void
write_block(struct ledger *l)
{
	int fd = l->fd >= 0 ? l->fd : log_output();
	size_t done = 0;
	while (done < l->used) {
		ssize_t count = write(fd, l->block + done, l->used - done);
		if (count >= 0) {
			done += (size_t)count;
		} else if (!is_passing(errno, fd)) {
			l->lost += count_lines(l->block + done, l->used - done);
			complain(l, errno);
			break;
		}
	}
	l->used = 0;
}

/* syslog and the journal have time and level by themselves, and take lines one by one: "ROLE: WORDS...". */
static void
put_by_line(char *line, size_t bytes)
{
	line[bytes - 1] = '\0';
	char *words = strstr(line, ": ");
	if (words != NULL)
		*words = '\0';
	log_relay(LOG_LEVEL_NOTICE, line, words != NULL ? words + 2 : "");
}

static bool
put(void *arg, const uint8_t *record, size_t bytes)
{
	struct ledger *l = arg;
	if (sizeof l->block - l->used < QUERYLINE_BYTES)
		write_block(l);
	char *line = l->block + l->used;
	size_t stamp, length = queryline_write(l->form, record, bytes, line, &stamp);
	if (length > 0 && l->fd < 0 && log_output() < 0)
		put_by_line(line + stamp, length - stamp);
	else
		l->used += length;
	return length > 0;
}

static unsigned
flush(void *arg)
{
	struct ledger *l = arg;
	write_block(l);
	unsigned lost = l->lost;
	l->lost = 0;
	return lost;
}

static void
adopt(void *arg, int fd)
{
	struct ledger *l = arg;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
}

static void
end(void *arg)
{
	struct ledger *l = arg;
	queryline_free(l->form);
	free(l);
}

const struct scribe_craft ledger_craft = {.name = "query log",
        .counter = STATS_log_dropped,
        .wanted = wanted,
        .open = open_target,
        .begin = begin,
        .put = put,
        .flush = flush,
        .adopt = adopt,
        .end = end};
