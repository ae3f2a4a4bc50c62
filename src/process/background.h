/*
 * Going to the background, so that the command which the user typed ends when the daemon serves, and with its
 * exit status.
 */
#ifndef DOTWARD_PROCESS_BACKGROUND_H
#define DOTWARD_PROCESS_BACKGROUND_H

#include <stdbool.h>
#include <sys/types.h>

/* How the two halves speak. */
struct background {
	int pipe; /* -1: in the foreground, or told already */
};

/* In the daemon after the fork: a session of its own. */
void background_settle(void);
/* In the process the user started: waits for the daemon's word; the exit status to end with. */
int background_wait(int pipe);
/*
 * Forks, and does what of the two above applies. In the daemon: NULL, and it has a session of its own. In the
 * process the user started: "" when the daemon serves or has failed, with the exit status to end with; or why
 * there is no daemon.
 */
const char *background_detach(struct background *b, int *status);
/* In the daemon, before its first child: standard streams go to /dev/null. Nothing in the foreground. */
void background_leave_terminal(const struct background *b);
/* In the daemon: it serves. Nothing in the foreground. */
void background_serves(struct background *b);

#endif
