/*
 * Requests that a child answers in place of the master: what takes long, or reads bytes that came from the
 * network. The child has no more rights than a worker, holds nothing but the connection of who asked, writes
 * the answer to it as it comes, and ends with it. The master only keeps count.
 */
#ifndef DOTWARD_PROCESS_ASIDE_H
#define DOTWARD_PROCESS_ASIDE_H

#include "config/config.h"
#include "process/control.h"
#include "process/sandbox.h"

#include <stdio.h>

enum { ASIDE_MOST = 4 /* at once */ };

/* Zeroed: none runs. */
struct asides {
	pid_t pids[ASIDE_MOST];
};

/* In the child, with all the rights that the master has, and with the deed's argument. */
typedef void aside_prepare_fn(void *arg);

/* What the child may do. */
struct aside_ground {
	struct sandbox_user user;
	const struct config *config; /* sandbox, limits.worker_memory */
	/* It may connect to the upstreams, as a worker may; opens what that takes while it still can. NULL:
	 * it is an errand, and needs nothing but what it has. */
	aside_prepare_fn *connects;
};

/* In the child, for its deed. Until the answer begins, who asked is told once a second that it is at work. */
struct aside {
	FILE *out;
	bool json;
};
typedef void aside_deed_fn(void *arg, struct aside *aside);

/*
 * Takes the call over, in every case. In a child: deed(arg), with copies of all the master's memory as it is
 * now. When there can be no child, the call is answered with the reason.
 */
void asides_start(struct asides *asides, const struct aside_ground *ground, struct control_call *call,
        aside_deed_fn *deed, void *arg);
/* A process has ended; false when it is none of these. One that died of a signal leaves a line in the log. */
bool asides_bury(struct asides *asides, pid_t pid, int status);

/* The answer begins: its text is what is written to the result from now on. Once, and not after
 * aside_say(). */
FILE *aside_begin(struct aside *aside, enum control_status status);
/* The whole answer is this message, as control_say() would give it. */
void aside_say(struct aside *aside, enum control_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#endif
