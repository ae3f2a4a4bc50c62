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
#include "process/notify.h"
#include "process/verbs.h"
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

#ifndef DOTWARD_VERSION
#define DOTWARD_VERSION "unknown"
#endif

enum {
	MASTER_FORK_RETRY_MS = 1000,
	MASTER_GRACE_MS = 1000, /* beyond the workers' own drain time, before they are killed */
};

struct master_slot {
	pid_t pid; /* 0: none */
	uint64_t born_ms;
	uint64_t birth_ms; /* when the next one is due, if there is none */
	struct child_history history;
	uint64_t deaths;
	char last_death[64];
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
	struct control *control; /* NULL: none */
	struct verbs_master verbs;
	struct list stop_calls; /* who wants to know when all has ended */
	uint64_t started_ms;
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
	m->shm = shm_new(stats_footprint(config->workers) + shm_footprint(sizeof(_Atomic unsigned)));
	if (m->shm == NULL) {
		snprintf(why, sizeof why, "no shared memory: %s", strerror(errno));
		return fail(m, why);
	}
	m->setup.stats = stats_carve(m->shm, config->workers);
	log_share_level(shm_carve(m->shm, sizeof(_Atomic unsigned)));
	return 0;
}

/* The workers write to the log under their own user, and open it anew after a rotation. */
static void
give_log_file(const struct master *m)
{
	int fd = log_descriptor();
	if (fd >= 0 && m->setup.user.change && fchown(fd, m->setup.user.uid, m->setup.user.gid) < 0)
		log_warn("log file cannot be given to the workers' user why=\"%s\"", strerror(errno));
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
	m->setup.slot = slot;
	m->setup.master = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close(m->signal_fd);
		if (m->background.pipe >= 0)
			close(m->background.pipe);
		control_leave(m->control);
		/* exit(), not _exit(): leak checker and coverage report from exit handlers */
		exit(worker_run(&m->setup));
	}
	if (pid < 0) {
		log_error("worker cannot be forked slot=%u why=\"%s\" next=%dms", slot, strerror(errno),
		        MASTER_FORK_RETRY_MS);
		s->birth_ms = clock_now_ms() + MASTER_FORK_RETRY_MS;
		return;
	}
	s->pid = pid;
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

/* Until the next birth, until patience with the stopping ends, or until a client of the control socket is
 * due; -1: for as long as it takes. */
static int
wait_ms(const struct master *m)
{
	uint64_t now_ms = clock_now_ms(), until_ms = m->stopping ? m->stop_ms : UINT64_MAX;
	for (unsigned slot = 0; slot < m->config->workers && !m->stopping; slot++)
		if (m->slots[slot].pid == 0 && m->slots[slot].birth_ms < until_ms)
			until_ms = m->slots[slot].birth_ms;
	uint64_t control_ms = control_due_ms(m->control);
	if (control_ms < until_ms)
		until_ms = control_ms;
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

/* "signal=11 (Segmentation fault)" or "exit=1" */
static void
death_text(int status, char *out, size_t room)
{
	if (WIFSIGNALED(status))
		snprintf(out, room, "signal=%d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, room, "exit=%d", WEXITSTATUS(status));
}

static void
bury(struct master *m, unsigned slot, int status)
{
	struct master_slot *s = &m->slots[slot];
	char how[64];
	uint64_t now_ms = clock_now_ms(), uptime_ms = now_ms - s->born_ms;
	pid_t pid = s->pid;
	s->pid = 0;
	death_text(status, how, sizeof how);
	if (m->stopping) {
		log_at(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "worker stopped slot=%u pid=%d %s",
		        slot, (int)pid, how);
		return;
	}
	s->deaths++;
	snprintf(s->last_death, sizeof s->last_death, "%s", how);
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
	notify_stopping();
	m->stop_ms = clock_now_ms() + m->config->drain_timeout_ms + MASTER_GRACE_MS;
	signal_all(m, SIGTERM);
}

/* The master first, so that the file is there and belongs to the workers' user when they open it. */
static void
on_reopen(struct master *m)
{
	int failed = log_reopen();
	if (failed < 0) {
		log_error("log file cannot be reopened; going on with the old one why=\"%s\"",
		        strerror(-failed));
		return;
	}
	give_log_file(m);
	signal_all(m, SIGUSR1);
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

/* --- control ---------------------------------------------------------------------------------------------
 */

static void
report_worker(const struct master *m, unsigned slot, struct report_worker *out)
{
	const struct master_slot *s = &m->slots[slot];
	uint64_t now_ms = clock_now_ms();
	*out = (struct report_worker){.slot = slot, .generation = 1, .pid = s->pid, .deaths = s->deaths};
	out->state = s->pid == 0 ? REPORT_DOWN : m->stopping ? REPORT_DRAINING : REPORT_SERVING;
	out->uptime_ms = s->pid != 0 ? now_ms - s->born_ms : 0;
	out->birth_ms = s->pid == 0 && s->birth_ms > now_ms ? s->birth_ms - now_ms : 0;
	snprintf(out->last_death, sizeof out->last_death, "%s", s->last_death);
}

static void
on_report(void *arg, struct report *r)
{
	const struct master *m = arg;
	struct sockets *sockets = m->setup.sockets;
	report_begin(r, m->config->workers, sockets_count(sockets));
	r->version = DOTWARD_VERSION;
	r->pid = getpid();
	r->uptime_ms = clock_now_ms() - m->started_ms;
	r->generation = 1;
	r->workers_wanted = m->config->workers;
	r->stopping = m->stopping;
	r->log_level = log_get_level();
	r->upstream_count = m->config->upstream_count;
	r->stats = m->setup.stats;
	for (unsigned slot = 0; slot < m->config->workers; slot++)
		report_worker(m, slot, &r->workers[slot]);
	for (size_t i = 0; i < r->listen_count; i++)
		r->listens[i] = (struct report_listen){.address = *sockets_address(sockets, i),
		        .udp = sockets_udp(sockets, i, 0) >= 0,
		        .tcp = sockets_tcp(sockets, i, 0) >= 0};
}

/* Answered when all has ended. Who asks while it is stopping already waits with the others and hurries
 * nobody. */
static void
on_stop_call(void *arg, struct control_call *call)
{
	struct master *m = arg;
	control_keep(&m->stop_calls, call);
	if (!m->stopping)
		on_stop(m);
}

/* A machine that does not let us have the socket gets its DNS all the same; a second dotward does not start.
 */
static int
open_control(struct master *m)
{
	char why[SOCKETS_WHY_BYTES], reason[LOCAL_WHY_BYTES];
	bool change = m->setup.user.change;
	m->verbs = (struct verbs_master){.arg = m, .report = on_report, .stop = on_stop_call};
	struct control_setup setup = {
	        .path = m->config->control.socket,
	        .group = change ? m->setup.user.gid : (gid_t)-1,
	        .workers = change ? m->setup.user.uid : (uid_t)-1,
	        .verbs = verbs,
	        .verb_count = verbs_count,
	        .arg = &m->verbs,
	};
	if (setup.path[0] == '\0')
		return 0;
	int failed = control_open(&m->control, &setup, reason);
	if (failed == 0)
		return 0;
	snprintf(why, sizeof why, "control.socket: %s", reason);
	if (failed == -EADDRINUSE || failed == -ENOTSOCK)
		return fail(m, why);
	log_warn("%s; going on without it", why);
	return 0;
}

/* Waits for whatever comes first, and takes it. */
static void
heed(struct master *m)
{
	struct pollfd fds[1 + CONTROL_POLL_MOST] = {{.fd = m->signal_fd, .events = POLLIN}};
	size_t count = 1 + control_poll(m->control, fds + 1, CONTROL_POLL_MOST);
	if (poll(fds, (nfds_t)count, wait_ms(m)) < 0)
		return;
	heed_signals(m);
	control_heed(m->control, fds + 1, count - 1, clock_now_ms());
}

static void
serve(struct master *m)
{
	/* before the births: the workers would keep the user's terminal open */
	background_leave_terminal(&m->background);
	bear_due(m);
	log_ready(m);
	notify_ready("%u workers serve", alive(m));
	background_serves(&m->background);
	while (!m->stopping || alive(m) > 0) {
		heed(m);
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
	log_share_level(NULL);
	shm_free(m->shm);
	free(m->slots);
	/* last, so that who hears of the end can start the next one at once */
	control_say_all(&m->stop_calls, CONTROL_DONE, "stopped");
	control_close(m->control);
}

int
master_run(const struct config *config, bool foreground)
{
	struct master m = {.config = config, .signal_fd = -1};
	int status = EXIT_FAILURE;
	m.setup.config = config;
	m.started_ms = clock_now_ms();
	list_init(&m.stop_calls);
	m.log_is_stderr = foreground && strcmp(config->log.target, "stderr") == 0;
	m.slots = must_alloc(config->workers, sizeof *m.slots);
	log_set_role("master");
	if (prepare(&m) < 0 || detach(&m, foreground, &status))
		goto out;
	if (open_control(&m) < 0 || write_pid_file(&m) < 0)
		goto out;
	give_log_file(&m);
	if (sandbox_enter_master() < 0)
		log_warn("capabilities cannot be reduced; the master keeps what it has");
	if (watch_signals(&m) < 0)
		goto out;
	serve(&m);
	status = EXIT_SUCCESS;
out:
	take_apart(&m);
	return status;
}
