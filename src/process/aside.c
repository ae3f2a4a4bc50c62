/*
 * The master forks here because a worker could not do it: it would stop answering questions meanwhile, and
 * the control socket is nothing that a worker may hold. The child gives up what a worker gives up, in the
 * same order, before it looks at anything (sandbox.h).
 *
 * Invariant: a place in `pids` is not 0 exactly while that child was not buried.
 */
#include "process/aside.h"

#include "base/json.h"
#include "base/log.h"
#include "process/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ASIDE_BUFFER_BYTES = 1 << 16, ASIDE_TIME_S = CONTROL_TIME_MS / 1000 };

/* --- the child -------------------------------------------------------------------------------------------
 */

static void
reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGSYS, SIG_DFL);
	signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the whole group; the master says when to stop, by ending */
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
give_up_rights(const struct aside_ground *ground, pid_t master, char why[SANDBOX_WHY_BYTES])
{
	int failed = sandbox_enter_worker(&ground->user, master, why);
	if (failed == 0 && sandbox_limit_memory(ground->config->limits.worker_memory) < 0)
		log_warn("limits.worker_memory cannot be set why=\"%s\"", strerror(errno));
	if (failed == 0 && ground->config->sandbox)
		failed = sandbox_ward(ground->config, why);
	if (failed == 0 && ground->config->sandbox)
		failed = sandbox_seal(ground->connects == NULL            ? SANDBOX_ERRAND
		                      : config_has_source(ground->config) ? SANDBOX_WORKER_SOURCE
		                                                          : SANDBOX_WORKER,
		        why);
	return failed;
}

/* File global, as a handler has no argument: where the answer goes. */
static int wait_fd;

static void
on_second(int signal)
{
	static const char word[] = "wait\n";
	(void)signal;
	/* all or nothing: the socket is empty but for a few of these */
	ssize_t ignored = write(wait_fd, word, sizeof word - 1);
	(void)ignored;
}

/* A signal, as the deed may be in the middle of whatever takes long. */
static void
begin_signs_of_life(int fd)
{
	const struct sigaction action = {.sa_handler = on_second, .sa_flags = SA_RESTART};
	const struct timeval second = {
	        .tv_sec = CONTROL_WAIT_MS / 1000, .tv_usec = CONTROL_WAIT_MS % 1000 * 1000};
	const struct itimerval timer = {.it_interval = second, .it_value = second};
	wait_fd = fd;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* For good, and before the first byte of the answer; nor may it interrupt a write, which would not go on. */
static void
end_signs_of_life(void)
{
	sigset_t alarm;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
}

/* Waits for a slow reader, but not for one that has stopped reading. */
static bool
open_answer(struct aside *aside, int fd)
{
	static char buffer[ASIDE_BUFFER_BYTES];
	struct timeval limit = {.tv_sec = ASIDE_TIME_S};
	if (fcntl(fd, F_SETFL, 0) < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		return false;
	aside->out = fdopen(fd, "w");
	return aside->out != NULL && setvbuf(aside->out, buffer, _IOFBF, sizeof buffer) == 0;
}

static int
child(const struct aside_ground *ground, int fd, pid_t master, bool json, aside_deed_fn *deed, void *arg)
{
	struct aside aside = {.json = json};
	char why[SANDBOX_WHY_BYTES];
	log_set_role("aside");
	reset_signals();
	fds_keep(&fd, 1);
	if (!open_answer(&aside, fd))
		return EXIT_FAILURE;
	begin_signs_of_life(fd);
	if (ground->connects != NULL)
		ground->connects(arg);
	if (give_up_rights(ground, master, why) < 0) {
		log_error("a request cannot be answered: %s", why);
		aside_say(&aside, CONTROL_FAILED, "%s", why);
	} else {
		deed(arg, &aside);
	}
	return fclose(aside.out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

FILE *
aside_begin(struct aside *aside, enum control_status status)
{
	end_signs_of_life();
	fprintf(aside->out, "%d\n", (int)status);
	return aside->out;
}

void
aside_say(struct aside *aside, enum control_status status, const char *format, ...)
{
	char *message = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&message, format, args);
	va_end(args);
	FILE *out = aside_begin(aside, length < 0 ? CONTROL_FAILED : status);
	if (length < 0) {
		fputs("out of memory\n", out);
		return;
	}
	if (aside->json) {
		struct json j = {.out = out};
		json_object(&j, NULL);
		json_bool(&j, "done", status == CONTROL_DONE);
		json_text(&j, "message", message);
		json_end(&j);
	} else {
		fprintf(out, "%s\n", message);
	}
	free(message);
}

/* --- the master ------------------------------------------------------------------------------------------
 */

static pid_t *
find(struct asides *asides, pid_t pid)
{
	for (size_t i = 0; i < ASIDE_MOST; i++)
		if (asides->pids[i] == pid)
			return &asides->pids[i];
	return NULL;
}

void
asides_start(struct asides *asides, const struct aside_ground *ground, struct control_call *call,
        aside_deed_fn *deed, void *arg)
{
	pid_t *place = find(asides, 0), master = getpid();
	if (place == NULL) {
		control_say(
		        call, CONTROL_FAILED, "%d such requests are being answered; try again", ASIDE_MOST);
		return;
	}
	/* what is not written yet would be written twice */
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0) {
		control_say(call, CONTROL_FAILED, "no process for it: %s", strerror(errno));
		return;
	}
	bool json = control_wants_json(call);
	int fd = control_take(call);
	if (pid == 0)
		/* exit(), not _exit(): leak checker and coverage report from exit handlers */
		exit(fd < 0 ? EXIT_SUCCESS : child(ground, fd, master, json, deed, arg));
	*place = pid;
	if (fd >= 0)
		close(fd);
}

bool
asides_bury(struct asides *asides, pid_t pid, int status)
{
	pid_t *place = pid > 0 ? find(asides, pid) : NULL;
	if (place == NULL)
		return false;
	*place = 0;
	if (WIFSIGNALED(status))
		log_error("a request could not be answered pid=%d signal=%d (%s)", (int)pid, WTERMSIG(status),
		        strsignal(WTERMSIG(status)));
	return true;
}
