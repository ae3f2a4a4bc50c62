/*
 * The log. File globals on purpose: there is one log in a process, and passing it through every function
 * would say nothing. A line is built on the stack and leaves in one write(2); what cannot be written is lost,
 * never waited for.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_BYTES = 4096 };

enum log_kind { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE };

static struct {
	enum log_kind kind;
	unsigned own_level;
	_Atomic unsigned *shared_level; /* NULL: own_level counts */
	int fd;                         /* of a file */
	char *path;
	char role[32];
	unsigned lost; /* lines since the last that could be written */
} the_log = {.kind = LOG_TO_STDERR, .own_level = LOG_LEVEL_NOTICE, .fd = -1};

static const struct {
	const char *word;
	int syslog;
} levels[] = {
        [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
        [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
        [LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE},
        [LOG_LEVEL_INFO] = {"info", LOG_INFO},
        [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

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

void
log_close(void)
{
	if (the_log.kind == LOG_TO_SYSLOG)
		closelog();
	if (the_log.fd >= 0)
		close(the_log.fd);
	free(the_log.path);
	the_log.path = NULL;
	the_log.fd = -1;
	the_log.kind = LOG_TO_STDERR;
}

int
log_open(const char *target, enum log_level level)
{
	static const char file_prefix[] = "file:";
	if (strncmp(target, file_prefix, sizeof file_prefix - 1) == 0) {
		const char *path = target + sizeof file_prefix - 1;
		int fd = file_open(path);
		if (fd < 0)
			return fd;
		char *copy = strdup(path);
		if (copy == NULL) {
			close(fd);
			return -ENOMEM;
		}
		log_close();
		the_log.kind = LOG_TO_FILE;
		the_log.fd = fd;
		the_log.path = copy;
	} else if (strcmp(target, "syslog") == 0) {
		log_close();
		syslog_connect();
		the_log.kind = LOG_TO_SYSLOG;
	} else if (strcmp(target, "stderr") == 0) {
		log_close();
	} else {
		return -EINVAL;
	}
	log_set_level(level);
	return 0;
}

int
log_reopen(void)
{
	if (the_log.kind != LOG_TO_FILE)
		return 0;
	int fd = file_open(the_log.path);
	if (fd < 0)
		return fd;
	close(the_log.fd);
	the_log.fd = fd;
	return 0;
}

void
log_adopt(int fd)
{
	if (the_log.kind != LOG_TO_FILE) {
		close(fd);
		return;
	}
	close(the_log.fd);
	the_log.fd = fd;
}

void
log_reconnect(void)
{
	if (the_log.kind != LOG_TO_SYSLOG)
		return;
	closelog();
	syslog_connect();
}

void
log_set_level(enum log_level level)
{
	if (the_log.shared_level != NULL)
		atomic_store_explicit(the_log.shared_level, (unsigned)level, memory_order_relaxed);
	else
		the_log.own_level = level;
}

static unsigned
level_now(void)
{
	if (the_log.shared_level != NULL)
		return atomic_load_explicit(the_log.shared_level, memory_order_relaxed);
	return the_log.own_level;
}

/* A word that others can write to may hold anything. */
enum log_level
log_get_level(void)
{
	unsigned level = level_now();
	return level <= LOG_LEVEL_DEBUG ? (enum log_level)level : LOG_LEVEL_DEBUG;
}

void
log_share_level(_Atomic unsigned *word)
{
	unsigned level = level_now();
	if (word != NULL)
		atomic_store_explicit(word, level, memory_order_relaxed);
	the_log.own_level = level;
	the_log.shared_level = word;
}

bool
log_find_level(const char *word, enum log_level *out)
{
	for (unsigned i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (strcmp(levels[i].word, word) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

const char *
log_level_word(enum log_level level)
{
	return levels[level].word;
}

void
log_set_role(const char *role)
{
	snprintf(the_log.role, sizeof the_log.role, "%s", role);
}

int
log_descriptor(void)
{
	return the_log.kind == LOG_TO_FILE ? the_log.fd : -1;
}

int
log_output(void)
{
	if (the_log.kind == LOG_TO_STDERR)
		return STDERR_FILENO;
	return the_log.kind == LOG_TO_FILE ? the_log.fd : -1;
}

bool
log_wants(enum log_level level)
{
	return (unsigned)level <= level_now();
}

/* "2026-11-21T11:20:03.123Z notice worker 1: "; the length. */
static size_t
line_head(char *line, size_t room, enum log_level level)
{
	struct timespec now;
	struct tm utc;
	char stamp[32];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	int used = snprintf(line, room, "%s.%03ldZ %s %s: ", stamp, now.tv_nsec / 1000000, levels[level].word,
	        the_log.role[0] ? the_log.role : "dotward");
	return used < 0 ? 0 : (size_t)used;
}

/* Who is slow to read the log loses lines; that is said once it can be. */
static void
put(int fd, const char *line, size_t used)
{
	char rest[128];
	if (!outlet_put(fd, line, used)) {
		the_log.lost++;
		return;
	}
	if (the_log.lost == 0)
		return;
	size_t head = line_head(rest, sizeof rest, LOG_LEVEL_WARN);
	int body = snprintf(
	        rest + head, sizeof rest - head, "log lines lost: nobody took them lost=%u\n", the_log.lost);
	if (body > 0 && head + (size_t)body < sizeof rest && outlet_put(fd, rest, head + (size_t)body))
		the_log.lost = 0;
}

void
log_write(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char line[LOG_LINE_BYTES];
	va_list args;
	va_start(args, format);
	size_t head = the_log.kind == LOG_TO_SYSLOG ? 0 : line_head(line, sizeof line, level);
	int body = vsnprintf(line + head, sizeof line - head - 1, format, args);
	va_end(args);
	size_t used = head + (body < 0 ? 0 : (size_t)body);
	if (used > sizeof line - 2)
		used = sizeof line - 2;
	if (the_log.kind == LOG_TO_SYSLOG) {
		syslog(levels[level].syslog, "%s%s%s", the_log.role, the_log.role[0] ? ": " : "", line);
	} else {
		line[used++] = '\n';
		put(log_output(), line, used);
	}
	errno = saved;
}

bool
log_allowed(struct log_limit *limit, uint64_t now_ms, unsigned *suppressed)
{
	if (now_ms < limit->next_ms) {
		limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_ms = now_ms + 1000;
	return true;
}

const char *
log_quote(char *out, size_t room, const void *bytes, size_t count)
{
	const unsigned char *in = bytes;
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		bool plain = in[i] >= 32 && in[i] < 127 && in[i] != '"' && in[i] != '\\';
		if (used + (plain ? 2 : 5) > room)
			break;
		if (plain)
			out[used++] = (char)in[i];
		else
			used += (size_t)snprintf(out + used, room - used, "\\%03u", in[i]);
	}
	if (room > 0)
		out[used] = '\0';
	return out;
}
