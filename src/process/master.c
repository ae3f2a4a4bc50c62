/*
 * Deeds in order: user, trust, sockets, shared memory, background, pid file, capabilities, births. Then a
 * loop that waits for signals and for the time of the next birth. No libev here: a signal descriptor and
 * poll() are all it takes, and the children start without a loop to get rid of.
 */
#include "process/master.h"

#include "base/clock.h"
#include "base/must.h"
#include "net/sockets.h"
#include "net/tls.h"
#include "process/background.h"
#include "process/child.h"
#include "process/handover.h"
#include "process/worker.h"
#include "shared/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MASTER_FORK_RETRY_MS = 1000,
	MASTER_GRACE_MS = 1000, /* beyond the workers' own drain time, before they are killed */
};

struct master_slot {
	pid_t pid; /* 0: none */
	uint64_t born_ms;
	uint64_t birth_ms; /* when the next one is due, if there is none */
	int log_end;       /* a new log file goes through it; while there is a pid */
	struct child_history history;
};

struct master {
	const struct config *config;
	struct worker_setup setup;
	struct tls_store *tls;
	struct shm *shm;
	struct master_slot *slots;
	struct background background;
	sigset_t signals;
	int signal_fd;
	bool pid_written;
	bool log_is_stderr;
	bool stopping, impatient;
	uint64_t stop_ms; /* when the workers that are left will be killed */
};

/* Start-up failures: one line, on the terminal as well when the log goes elsewhere. */
static int
fail(const struct master *m, const char *why)
{
	log_error("%s", why);
	if (!m->log_is_stderr)
		fprintf(stderr, "dotward: %s\n", why);
	return -1;
}

static int
prepare(struct master *m)
{
	char why[SOCKETS_WHY_BYTES];
	_Static_assert((int)SOCKETS_WHY_BYTES >= TLS_WHY_BYTES && (int)SOCKETS_WHY_BYTES >= SANDBOX_WHY_BYTES,
	        "one line fits all");
	const struct config *config = m->config;
	if (sandbox_find_user(config->user, &m->setup.user, why) < 0)
		return fail(m, why);
	sandbox_limit();
	m->tls = tls_store_open(config->upstreams, config->upstream_count, why);
	if (m->tls == NULL)
		return fail(m, why);
	m->setup.tls = m->tls;
	m->setup.sockets = sockets_open(config->listens, config->listen_count, config->workers, why);
	if (m->setup.sockets == NULL)
		return fail(m, why);
	size_t refused_bytes = config->workers * sizeof *m->setup.refused;
	m->shm = shm_new(stats_footprint(config->workers) + shm_footprint(refused_bytes));
	if (m->shm == NULL) {
		snprintf(why, sizeof why, "no shared memory: %s", strerror(errno));
		return fail(m, why);
	}
	m->setup.stats = stats_carve(m->shm, config->workers);
	m->setup.refused = shm_carve(m->shm, refused_bytes);
	return 0;
}

static int
write_pid_file(struct master *m)
{
	const char *path = m->config->pid_file;
	if (path[0] == '\0')
		return 0;
	char why[SOCKETS_WHY_BYTES], text[24];
	int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	bool written = fd >= 0 && write(fd, text, (size_t)length) == length;
	snprintf(why, sizeof why, "pid_file \"%.300s\" cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (!written)
		return fail(m, why);
	m->pid_written = true;
	return 0;
}

/* Forks to the background; true in the process that is to return at once, with *status. */
static bool
detach(struct master *m, bool foreground, int *status)
{
	int ends[2];
	m->background.pipe = -1;
	if (foreground)
		return false;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		fail(m, "cannot go to the background: no pipe");
		return true;
	}
	pid_t pid = fork();
	if (pid < 0) {
		fail(m, "cannot go to the background: fork failed");
		return true;
	}
	if (pid > 0) {
		close(ends[1]);
		*status = background_wait(ends[0]);
		return true;
	}
	close(ends[0]);
	m->background.pipe = ends[1];
	background_settle();
	return false;
}

static void
bear(struct master *m, unsigned slot)
{
	struct master_slot *s = &m->slots[slot];
	int ends[2] = {-1, -1};
	m->setup.slot = slot;
	m->setup.master = getpid();
	int failed = handover_open(ends);
	if (failed < 0)
		log_warn("worker gets no new log file after a rotation slot=%u why=\"%s\"", slot,
		        strerror(-failed));
	m->setup.log_end = ends[1];
	fflush(NULL);
	pid_t pid = fork();
	if (ends[1] >= 0 && pid != 0)
		close(ends[1]);
	if (pid == 0) {
		close(m->signal_fd);
		if (m->background.pipe >= 0)
			close(m->background.pipe);
		/* exit(), not _exit(): leak checker and coverage report from exit handlers */
		exit(worker_run(&m->setup));
	}
	if (pid < 0) {
		if (ends[0] >= 0)
			close(ends[0]);
		log_error("worker cannot be forked slot=%u why=\"%s\" next=%dms", slot, strerror(errno),
		        MASTER_FORK_RETRY_MS);
		s->birth_ms = clock_now_ms() + MASTER_FORK_RETRY_MS;
		return;
	}
	s->pid = pid;
	s->log_end = ends[0];
	s->born_ms = clock_now_ms();
	log_notice("worker born slot=%u pid=%d", slot, (int)pid);
}

static void
bear_due(struct master *m)
{
	uint64_t now_ms = clock_now_ms();
	for (unsigned slot = 0; slot < m->config->workers && !m->stopping; slot++)
		if (m->slots[slot].pid == 0 && m->slots[slot].birth_ms <= now_ms)
			bear(m, slot);
}

/* Until the next birth, or until patience with the stopping ends; -1: for as long as it takes. */
static int
wait_ms(const struct master *m)
{
	uint64_t now_ms = clock_now_ms(), until_ms = m->stopping ? m->stop_ms : UINT64_MAX;
	for (unsigned slot = 0; slot < m->config->workers && !m->stopping; slot++)
		if (m->slots[slot].pid == 0 && m->slots[slot].birth_ms < until_ms)
			until_ms = m->slots[slot].birth_ms;
	if (until_ms == UINT64_MAX)
		return -1;
	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static unsigned
alive(const struct master *m)
{
	unsigned count = 0;
	for (unsigned slot = 0; slot < m->config->workers; slot++)
		count += m->slots[slot].pid != 0;
	return count;
}

static void
signal_all(const struct master *m, int signal)
{
	for (unsigned slot = 0; slot < m->config->workers; slot++)
		if (m->slots[slot].pid != 0)
			kill(m->slots[slot].pid, signal);
}

/* "signal=11 (Segmentation fault)", "signal=31 (Bad system call) call=execve" or "exit=1" */
static void
death_text(int status, int refused, char *out, size_t room)
{
	char call[SANDBOX_CALL_BYTES];
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(out, room, "signal=%d (%s) call=%s", SIGSYS, strsignal(SIGSYS),
		        sandbox_call_name(refused, call));
	else if (WIFSIGNALED(status))
		snprintf(out, room, "signal=%d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, room, "exit=%d", WEXITSTATUS(status));
}

static void
bury(struct master *m, unsigned slot, int status)
{
	struct master_slot *s = &m->slots[slot];
	char how[100];
	uint64_t now_ms = clock_now_ms(), uptime_ms = now_ms - s->born_ms;
	pid_t pid = s->pid;
	s->pid = 0;
	if (s->log_end >= 0)
		close(s->log_end);
	death_text(status, m->setup.refused[slot], how, sizeof how);
	if (m->stopping) {
		log_at(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "worker stopped slot=%u pid=%d %s",
		        slot, (int)pid, how);
		return;
	}
	uint64_t next_ms = child_died(&s->history, uptime_ms);
	s->birth_ms = now_ms + next_ms;
	log_notice("worker died slot=%u pid=%d %s uptime=%llus next=%llums", slot, (int)pid, how,
	        (unsigned long long)(uptime_ms / 1000), (unsigned long long)next_ms);
}

static void
on_child(struct master *m)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned slot = 0; slot < m->config->workers; slot++)
			if (m->slots[slot].pid == pid)
				bury(m, slot, status);
}

static void
on_stop(struct master *m)
{
	m->impatient = m->stopping;
	m->stopping = true;
	if (m->impatient) {
		log_warn("asked to stop twice: workers are killed");
		signal_all(m, SIGKILL);
		return;
	}
	log_notice("draining workers=%u limit=%ums", alive(m), m->config->drain_timeout_ms);
	m->stop_ms = clock_now_ms() + m->config->drain_timeout_ms + MASTER_GRACE_MS;
	signal_all(m, SIGTERM);
}

static void
give_log(const struct master *m, unsigned slot)
{
	const struct master_slot *s = &m->slots[slot];
	if (s->pid == 0 || s->log_end < 0 || log_descriptor() < 0)
		return;
	int failed = handover_give(s->log_end, log_descriptor());
	if (failed < 0)
		log_warn("worker does not take the new log file slot=%u why=\"%s\"", slot, strerror(-failed));
}

/* The workers may not open files: they are given ours. */
static void
on_reopen(struct master *m)
{
	int failed = log_reopen();
	if (failed < 0) {
		log_error("log file cannot be reopened; going on with the old one why=\"%s\"",
		        strerror(-failed));
		return;
	}
	for (unsigned slot = 0; slot < m->config->workers; slot++)
		give_log(m, slot);
	log_notice("log reopened");
}

static void
on_hangup(struct master *m)
{
	(void)m;
	log_warn("SIGHUP: this version has no reload; restart to use a new configuration");
}

static const struct {
	int signal;
	void (*handle)(struct master *m);
} handlers[] = {
        {SIGCHLD, on_child},
        {SIGTERM, on_stop},
        {SIGINT, on_stop},
        {SIGUSR1, on_reopen},
        {SIGHUP, on_hangup},
};

static int
watch_signals(struct master *m)
{
	sigemptyset(&m->signals);
	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		sigaddset(&m->signals, handlers[i].signal);
	sigprocmask(SIG_BLOCK, &m->signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	m->signal_fd = signalfd(-1, &m->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signal_fd < 0 ? fail(m, "no signal descriptor") : 0;
}

static void
heed_signals(struct master *m)
{
	struct signalfd_siginfo got;
	while (read(m->signal_fd, &got, sizeof got) == sizeof got)
		for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
			if (handlers[i].signal == (int)got.ssi_signo)
				handlers[i].handle(m);
}

static void
log_ready(const struct master *m)
{
	char listens[1024] = "", text[ADDR_TEXT_BYTES];
	size_t used = 0;
	for (size_t i = 0; i < sockets_count(m->setup.sockets) && used < sizeof listens; i++) {
		bool udp = sockets_udp(m->setup.sockets, i, 0) >= 0,
		     tcp = sockets_tcp(m->setup.sockets, i, 0) >= 0;
		used += (size_t)snprintf(listens + used, sizeof listens - used, "%s%s/%s", i ? "," : "",
		        addr_text(sockets_address(m->setup.sockets, i), text),
		        udp && tcp ? "udp+tcp"
		        : udp      ? "udp"
		                   : "tcp");
	}
	log_notice("ready workers=%u listen=%s upstreams=%zu", alive(m), listens, m->config->upstream_count);
}

static void
log_stopped(const struct master *m)
{
	char line[1600] = "";
	size_t used = 0;
	for (unsigned i = 0; i < STATS_COUNT && used < sizeof line; i++)
		used += (size_t)snprintf(line + used, sizeof line - used, " %s=%llu", stats_name(i),
		        (unsigned long long)stats_sum(m->setup.stats, i));
	log_notice("stopped%s", line);
}

static void
serve(struct master *m)
{
	/* before the births: the workers would keep the user's terminal open */
	background_leave_terminal(&m->background);
	bear_due(m);
	log_ready(m);
	background_serves(&m->background);
	while (!m->stopping || alive(m) > 0) {
		struct pollfd p = {.fd = m->signal_fd, .events = POLLIN};
		poll(&p, 1, wait_ms(m));
		heed_signals(m);
		bear_due(m);
		if (m->stopping && clock_now_ms() >= m->stop_ms && !m->impatient) {
			log_warn("workers do not end: they are killed workers=%u", alive(m));
			m->impatient = true;
			m->stop_ms = UINT64_MAX;
			signal_all(m, SIGKILL);
		}
	}
	log_stopped(m);
}

static void
take_apart(struct master *m)
{
	if (m->pid_written && unlink(m->config->pid_file) < 0)
		log_warn("pid_file cannot be removed why=\"%s\"", strerror(errno));
	if (m->signal_fd >= 0)
		close(m->signal_fd);
	sockets_close(m->setup.sockets);
	tls_store_close(m->tls);
	stats_free(m->setup.stats);
	shm_free(m->shm);
	free(m->slots);
}

static int
seal(const struct master *m)
{
	char why[SANDBOX_WHY_BYTES];
	if (!m->config->sandbox) {
		log_warn("sandbox = false: the workers may make every system call and open every file");
		return 0;
	}
	return sandbox_seal(SANDBOX_MASTER, why) < 0 ? fail(m, why) : 0;
}

int
master_run(const struct config *config, bool foreground)
{
	struct master m = {.config = config, .signal_fd = -1};
	int status = EXIT_FAILURE;
	m.setup.config = config;
	m.log_is_stderr = foreground && strcmp(config->log.target, "stderr") == 0;
	m.slots = must_alloc(config->workers, sizeof *m.slots);
	log_set_role("master");
	if (prepare(&m) < 0 || detach(&m, foreground, &status))
		goto out;
	if (write_pid_file(&m) < 0)
		goto out;
	if (sandbox_enter_master() < 0)
		log_warn("capabilities cannot be reduced; the master keeps what it has");
	if (seal(&m) < 0)
		goto out;
	if (watch_signals(&m) < 0)
		goto out;
	serve(&m);
	status = EXIT_SUCCESS;
out:
	take_apart(&m);
	return status;
}
