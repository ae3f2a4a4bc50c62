/*
 * One request to a running dotward and its answer, over the control socket (process/control.h). It waits for
 * signs of life, never for a master that gives none.
 */
#ifndef DOTWARD_CONSOLE_TALK_H
#define DOTWARD_CONSOLE_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The exit statuses of dotwardctl. */
enum talk_end { TALK_DONE, TALK_FAILED, TALK_USAGE, TALK_NOT_RUNNING, TALK_NO_ANSWER };

enum { TALK_PATIENCE_MS = 5000, TALK_WHY_BYTES = 256, TALK_HEAD_BYTES = 16 };

/* A part of the answer, as it comes; `failed`: it is the reason why there is none. */
typedef void talk_hear_fn(void *arg, bool failed, const char *bytes, size_t count);

struct talk {
	const char *path; /* of the control socket */
	int patience_ms;  /* without a sign of life */
	bool streams;     /* once the answer has begun, silence is no sign of death */
	talk_hear_fn *hear;
	void *arg;

	/* what it found: */
	pid_t pid;                /* behind the socket; 0: unknown */
	char why[TALK_WHY_BYTES]; /* in one line, when dotward itself did not say; else "" */

	/* its own: */
	int fd;
	uint64_t last_ms;
	char head[TALK_HEAD_BYTES];
	size_t head_bytes;
	int status;
};

/* A number of seconds as somebody has typed it, in milliseconds, at least 1. False: none, or out of bounds.
 */
bool talk_seconds(const char *text, double least, double most, int *ms) __attribute__((warn_unused_result));
/* Puts the request, which ends with a line feed, and hears the answer to its end. */
enum talk_end talk(struct talk *t, const char *request) __attribute__((warn_unused_result));

#endif
