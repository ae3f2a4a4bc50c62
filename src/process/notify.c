/*
 * Each message is one datagram of VARIABLE=value lines. Nothing is remembered between them: the environment
 * says where to, and a socket of its own for each costs nothing at the rate at which a master has news.
 */
#include "process/notify.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { NOTIFY_MESSAGE_BYTES = 1024, NOTIFY_STATUS_BYTES = 512 };

enum patience { NOTIFY_OR_NEVER, NOTIFY_OR_WAIT };

bool
notify_wanted(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	return path != NULL && path[0] != '\0';
}

/* A path, or a name in the abstract namespace, which is written with an @ in place of the zero byte. */
static int
address_read(const char *path, struct sockaddr_un *out, socklen_t *bytes)
{
	size_t length = strlen(path);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (path[0] != '/' && path[0] != '@')
		return -EAFNOSUPPORT;
	if (length < 2 || length >= sizeof out->sun_path)
		return -EINVAL;
	memcpy(out->sun_path, path, length);
	*bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
	if (path[0] == '@') {
		out->sun_path[0] = '\0';
		(*bytes)--; /* the name is as long as it is said to be: no zero byte ends it */
	}
	return 0;
}

static int
notify_send(const char *message, enum patience patience)
{
	static const struct timeval limit = {.tv_usec = (suseconds_t)NOTIFY_PATIENCE_MS * 1000};
	struct sockaddr_un address;
	socklen_t bytes;
	if (!notify_wanted())
		return 0;
	int failed = address_read(getenv("NOTIFY_SOCKET"), &address, &bytes);
	if (failed < 0)
		return failed;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	int flags = MSG_NOSIGNAL | (patience == NOTIFY_OR_NEVER ? MSG_DONTWAIT : 0);
	if (sendto(fd, message, strlen(message), flags, (const struct sockaddr *)&address, bytes) < 0)
		failed = -errno;
	close(fd);
	return failed;
}

/* A line feed would begin another variable. */
__attribute__((format(printf, 2, 0))) static void
status_text(char out[NOTIFY_STATUS_BYTES], const char *format, va_list args)
{
	vsnprintf(out, NOTIFY_STATUS_BYTES, format, args);
	for (char *at = out; (at = strpbrk(at, "\r\n")) != NULL;)
		*at = ' ';
}

int
notify_ready(const char *format, ...)
{
	char status[NOTIFY_STATUS_BYTES], message[NOTIFY_MESSAGE_BYTES];
	va_list args;
	va_start(args, format);
	status_text(status, format, args);
	va_end(args);
	snprintf(message, sizeof message, "READY=1\nSTATUS=%s", status);
	return notify_send(message, NOTIFY_OR_WAIT);
}

int
notify_reloading(void)
{
	char message[NOTIFY_MESSAGE_BYTES];
	/* to the microsecond: the manager drops what seems older than its own request */
	snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%llu",
	        (unsigned long long)clock_now_us());
	return notify_send(message, NOTIFY_OR_WAIT);
}

int
notify_stopping(void)
{
	return notify_send("STOPPING=1\nSTATUS=stopping", NOTIFY_OR_WAIT);
}

int
notify_status(const char *format, ...)
{
	char status[NOTIFY_STATUS_BYTES], message[NOTIFY_MESSAGE_BYTES];
	va_list args;
	va_start(args, format);
	status_text(status, format, args);
	va_end(args);
	snprintf(message, sizeof message, "STATUS=%s", status);
	return notify_send(message, NOTIFY_OR_NEVER);
}

int
notify_main_pid(pid_t pid)
{
	char message[NOTIFY_MESSAGE_BYTES];
	snprintf(message, sizeof message, "MAINPID=%d\nWATCHDOG=1", (int)pid);
	return notify_send(message, NOTIFY_OR_WAIT);
}

int
notify_watchdog(void)
{
	return notify_send("WATCHDOG=1", NOTIFY_OR_NEVER);
}

/* 0: not set, or no number. */
static uint64_t
environment_number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	if (text == NULL || text[0] < '0' || text[0] > '9')
		return 0;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0 ? number : 0;
}

unsigned
notify_watchdog_interval_ms(void)
{
	uint64_t limit_us = environment_number("WATCHDOG_USEC");
	if (getenv("WATCHDOG_PID") != NULL && environment_number("WATCHDOG_PID") != (uint64_t)getpid())
		return 0;
	uint64_t half_ms = limit_us / 2000;
	if (limit_us > 0 && half_ms == 0)
		half_ms = 1;
	return half_ms > INT_MAX ? INT_MAX : (unsigned)half_ms;
}
