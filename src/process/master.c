/*
 * A loop that waits for signals, for workers that report to serve, and for the time of the next birth. No
 * libev here: a signal descriptor and poll() are all it takes, and the children start without a loop to get
 * rid of.
 *
 * At any time there is at most one generation that starts and one that serves; any number may be draining. A
 * reload makes the first, and when all its workers have reported it takes the place of the second. Whatever
 * goes wrong before that costs nothing but a line in the log. An upgrade does the same with another master.
 */
#include "process/master.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/must.h"
#include "process/background.h"
#include "process/generation.h"
#include "process/upgrade.h"
#include "shared/world.h"

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
	MASTER_DRAINING = 64,    /* generations; more reloads than that have to wait for the drain of one */
	MASTER_START_MS = 10000, /* for a new generation, or a new binary, to serve */
	MASTER_DESCRIPTORS = 8192,
	MASTER_PATH_BYTES = 4096,
};

struct master {
	const struct master_setup *setup;
	struct world *world;
	struct generation_world shared;
	struct generation *serving, *starting;
	struct generation *draining[MASTER_DRAINING];
	unsigned draining_count;
	uint64_t starting_until_ms, starting_since_ms;
	bool reload_again; /* asked for while one was under way */
	struct upgrade upgrade;
	struct upgrade_inheritance inheritance;
	struct background background;
	int signal_fd;
	char binary[MASTER_PATH_BYTES];
	char pid_file[MASTER_PATH_BYTES]; /* "": none written */
	bool log_is_stderr;
	bool stopping, impatient;
	bool handed_over; /* a new master serves: what is left behind is its */
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

/* In a worker just forked. */
static void
leave_master(void *arg)
{
	struct master *m = arg;
	close(m->signal_fd);
	if (m->background.pipe >= 0)
		close(m->background.pipe);
	if (m->inheritance.ready >= 0)
		close(m->inheritance.ready);
	if (m->upgrade.ready >= 0)
		close(m->upgrade.ready);
}

/* For good, so a reload can ask for it and cannot take it back. */
static int
seal(const struct master *m, const struct config *config)
{
	char why[SANDBOX_WHY_BYTES];
	if (config->sandbox)
		return sandbox_seal(SANDBOX_MASTER, why) < 0 ? fail(m, why) : 0;
	log_warn("sandbox = false: the workers may make every system call and open every file");
	return 0;
}

static int
write_pid_file(struct master *m, const char *path)
{
	if (path[0] == '\0')
		return 0;
	char why[GENERATION_WHY_BYTES], text[24];
	int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	bool written = fd >= 0 && write(fd, text, (size_t)length) == length;
	snprintf(why, sizeof why, "pid_file \"%.300s\" cannot be written: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (!written)
		return fail(m, why);
	snprintf(m->pid_file, sizeof m->pid_file, "%s", path);
	return 0;
}

/* Forks to the background; true in the process that is to return at once, with *status. */
static bool
detach(struct master *m, int *status)
{
	int ends[2];
	m->background.pipe = -1;
	if (m->setup->foreground || m->inheritance.ready >= 0)
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
log_serving(const struct master *m)
{
	const struct sockets *sockets = generation_sockets(m->serving);
	char listens[1024] = "", text[ADDR_TEXT_BYTES];
	size_t used = 0;
	for (size_t i = 0; i < sockets_count(sockets) && used < sizeof listens; i++) {
		bool udp = sockets_udp(sockets, i, 0) >= 0, tcp = sockets_tcp(sockets, i, 0) >= 0;
		used += (size_t)snprintf(listens + used, sizeof listens - used, "%s%s/%s", i ? "," : "",
		        addr_text(sockets_address(sockets, i), text),
		        udp && tcp ? "udp+tcp"
		        : udp      ? "udp"
		                   : "tcp");
	}
	log_notice("ready workers=%u listen=%s upstreams=%zu generation=%u", generation_alive(m->serving),
	        listens, generation_config(m->serving)->upstream_count, generation_number(m->serving));
}

/* --- generations
 * ------------------------------------------------------------------------------------------------- */

static void
retire(struct master *m, struct generation *g)
{
	must(m->draining_count < MASTER_DRAINING);
	generation_drain(g, clock_now_ms());
	m->draining[m->draining_count++] = g;
}

/* Those whose last worker has gone. Their counters live on. */
static void
free_drained(struct master *m)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < m->draining_count; i++) {
		struct generation *g = m->draining[i];
		if (generation_alive(g) > 0) {
			m->draining[kept++] = g;
			continue;
		}
		stats_retire(generation_stats(g), m->world->retired);
		generation_free(g);
	}
	m->draining_count = kept;
}

/* Makes a generation of this configuration, on the sockets of the one that serves. */
static struct generation *
generation_make(struct master *m, struct config *config, char why[GENERATION_WHY_BYTES])
{
	static int fds[MASTER_DESCRIPTORS];
	struct sockets_bound bound = {
	        .descriptors = m->inheritance.sockets, .count = m->inheritance.socket_count};
	if (m->serving != NULL) {
		bound.descriptors = fds;
		bound.count = sockets_descriptors(generation_sockets(m->serving), fds, MASTER_DESCRIPTORS);
	}
	return generation_new(
	        &m->shared, *m->world->generation + 1, config, bound.count > 0 ? &bound : NULL, why);
}

static void
start(struct master *m, struct generation *g)
{
	*m->world->generation = generation_number(g);
	m->starting = g;
	m->starting_since_ms = clock_now_ms();
	m->starting_until_ms = m->starting_since_ms + MASTER_START_MS;
	generation_bear(g, m->starting_since_ms);
}

/* The answer to whoever asked for a reload. */
static void
reload_answer(struct master *m, int status, const char *text)
{
	(void)m;
	if (status == 0)
		log_notice("%s", text);
	else
		log_error("reload refused, the old configuration serves on: %s", text);
}

static void
reload_begin(struct master *m)
{
	char *complaints = NULL, why[GENERATION_WHY_BYTES];
	size_t bytes = 0;
	FILE *out = open_memstream(&complaints, &bytes);
	must(out != NULL);
	struct config *config = config_load(m->setup->sources, out);
	fclose(out);
	struct generation *g = config != NULL ? generation_make(m, config, why) : NULL;
	if (g != NULL)
		start(m, g);
	else
		reload_answer(m, EXIT_FAILURE, config != NULL ? why : complaints);
	free(complaints);
}

static void
reload(struct master *m)
{
	if (m->stopping || m->handed_over)
		return;
	if (m->starting != NULL || m->upgrade.pid != 0 || m->draining_count == MASTER_DRAINING) {
		m->reload_again = true;
		return;
	}
	m->reload_again = false;
	reload_begin(m);
}

/* What a new configuration says of the log and the pid file. */
static void
apply_outside(struct master *m)
{
	const struct config *config = generation_config(m->serving);
	const char *target = config->log.target;
	if (strcmp(target, "stderr") == 0 && !m->setup->foreground)
		target = "syslog";
	int failed = log_open(target, config->log.level);
	if (failed < 0)
		log_error("log.target = \"%s\" cannot be opened, going on with the old one: %s", target,
		        strerror(-failed));
	if (seal(m, config) < 0)
		log_error("the master goes on without its part of the sandbox");
	if (strcmp(config->pid_file, m->pid_file) == 0)
		return;
	if (m->pid_file[0] != '\0')
		unlink(m->pid_file);
	m->pid_file[0] = '\0';
	if (write_pid_file(m, config->pid_file) < 0)
		log_error("going on without a pid file");
}

/* The new generation serves: the old one is relieved. */
static void
take_over(struct master *m)
{
	struct generation *old = m->serving;
	char text[128];
	m->serving = m->starting;
	m->starting = NULL;
	if (old == NULL)
		return;
	retire(m, old);
	apply_outside(m);
	snprintf(text, sizeof text, "reloaded generation=%u workers=%u ms=%llu",
	        generation_number(m->serving), generation_alive(m->serving),
	        (unsigned long long)(clock_now_ms() - m->starting_since_ms));
	reload_answer(m, EXIT_SUCCESS, text);
}

/* The new generation does not come up: it goes. Without one before it, so do we. */
static void
give_up(struct master *m, const char *why)
{
	struct generation *g = m->starting;
	m->starting = NULL;
	generation_signal(g, SIGKILL);
	retire(m, g);
	if (m->serving != NULL) {
		/* Its sockets may have changed the steering of a group it only shared. */
		sockets_steer(generation_sockets(m->serving), NULL);
		reload_answer(m, EXIT_FAILURE, why);
		return;
	}
	fail(m, why);
	m->stopping = true;
}

static void
judge_starting(struct master *m, uint64_t now_ms)
{
	if (m->starting == NULL)
		return;
	if (generation_hear(m->starting))
		take_over(m);
	else if (generation_has_failed(m->starting))
		give_up(m, "a worker of the new configuration died before it served");
	else if (now_ms >= m->starting_until_ms)
		give_up(m, "the workers of the new configuration did not serve in time");
}

/* --- upgrade
 * ------------------------------------------------------------------------------------------------------ */

static void
upgrade(struct master *m)
{
	if (m->stopping || m->handed_over || m->upgrade.pid != 0)
		return;
	if (m->starting != NULL || getpid() == 1) {
		log_error("upgrade refused why=\"%s\"", m->starting != NULL
		                                                ? "a reload is under way"
		                                                : "process 1 cannot hand over to another");
		return;
	}
	int failed = upgrade_begin(&m->upgrade, m->binary, m->setup->argv, generation_sockets(m->serving),
	        world_descriptor(m->world));
	if (failed < 0) {
		log_error("upgrade refused why=\"%s\"", strerror(-failed));
		return;
	}
	m->upgrade.until_ms = clock_now_ms() + MASTER_START_MS;
	log_notice("upgrading binary=%s pid=%d", m->binary, (int)m->upgrade.pid);
}

static void
upgrade_failed(struct master *m, const char *why)
{
	log_error("upgrade failed, the old binary serves on: %s", why);
	upgrade_end(&m->upgrade, true);
	/* The new master may have changed the steering before it failed. */
	sockets_steer(generation_sockets(m->serving), NULL);
}

/* The new master serves: nothing here is ours any more but the questions in flight. */
static void
hand_over(struct master *m)
{
	log_notice("handed over pid=%d", (int)m->upgrade.pid);
	upgrade_end(&m->upgrade, false);
	m->handed_over = true;
	m->stopping = true;
	retire(m, m->serving);
	m->serving = NULL;
}

static void
judge_upgrade(struct master *m, bool readable, uint64_t now_ms)
{
	if (m->upgrade.pid == 0)
		return;
	if (readable && upgrade_succeeded(&m->upgrade))
		hand_over(m);
	else if (readable)
		upgrade_failed(m, "the new binary ended before it served");
	else if (now_ms >= m->upgrade.until_ms)
		upgrade_failed(m, "the new binary did not serve in time");
}

/* --- signals
 * ------------------------------------------------------------------------------------------------------- */

static void
each_generation(struct master *m, void (*deed)(const struct generation *g, int signal), int signal)
{
	if (m->serving != NULL)
		deed(m->serving, signal);
	if (m->starting != NULL)
		deed(m->starting, signal);
	for (unsigned i = 0; i < m->draining_count; i++)
		deed(m->draining[i], signal);
}

static bool
bury(struct master *m, pid_t pid, int status, uint64_t now_ms)
{
	if (m->serving != NULL && generation_bury(m->serving, pid, status, now_ms))
		return true;
	if (m->starting != NULL && generation_bury(m->starting, pid, status, now_ms))
		return true;
	for (unsigned i = 0; i < m->draining_count; i++)
		if (generation_bury(m->draining[i], pid, status, now_ms))
			return true;
	return false;
}

static void
on_child(struct master *m)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		bury(m, pid, status, clock_now_ms());
}

static void
on_stop(struct master *m)
{
	m->impatient = m->stopping;
	m->stopping = true;
	if (m->impatient) {
		log_warn("asked to stop twice: workers are killed");
		each_generation(m, generation_signal, SIGKILL);
		return;
	}
	upgrade_end(&m->upgrade, true);
	log_notice("draining workers=%u limit=%ums", m->serving ? generation_alive(m->serving) : 0,
	        m->serving ? generation_config(m->serving)->drain_timeout_ms : 0);
	if (m->starting != NULL)
		retire(m, m->starting);
	if (m->serving != NULL)
		retire(m, m->serving);
	m->starting = m->serving = NULL;
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
	if (log_descriptor() >= 0)
		each_generation(m, generation_give_log, log_descriptor());
	log_notice("log reopened");
}

static const struct {
	int signal;
	void (*handle)(struct master *m);
} handlers[] = {
        {SIGCHLD, on_child},
        {SIGTERM, on_stop},
        {SIGINT, on_stop},
        {SIGUSR1, on_reopen},
        {SIGHUP, reload},
        {SIGUSR2, upgrade},
};

static int
watch_signals(struct master *m)
{
	sigset_t signals;
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		sigaddset(&signals, handlers[i].signal);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	m->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
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

/* --- the loop
 * ------------------------------------------------------------------------------------------------------- */

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until something has to be done of itself; -1: for as long as it takes. */
static int
wait_ms(const struct master *m)
{
	uint64_t now_ms = clock_now_ms(), next_ms = UINT64_MAX;
	if (m->serving != NULL)
		next_ms = earlier(next_ms, generation_next_ms(m->serving));
	if (m->starting != NULL)
		next_ms = earlier(next_ms, earlier(generation_next_ms(m->starting), m->starting_until_ms));
	for (unsigned i = 0; i < m->draining_count; i++)
		next_ms = earlier(next_ms, generation_next_ms(m->draining[i]));
	if (m->upgrade.pid != 0)
		next_ms = earlier(next_ms, m->upgrade.until_ms);
	if (next_ms == UINT64_MAX)
		return -1;
	return next_ms > now_ms ? (int)earlier(next_ms - now_ms, 60000) : 0;
}

static void
tend(struct generation *g, uint64_t now_ms)
{
	if (g == NULL)
		return;
	generation_watch(g, now_ms);
	generation_bear(g, now_ms);
}

static void
turn(struct master *m)
{
	struct pollfd fds[] = {
	        {.fd = m->signal_fd, .events = POLLIN},
	        {.fd = m->starting != NULL ? generation_ready_fd(m->starting) : -1, .events = POLLIN},
	        {.fd = m->upgrade.ready, .events = POLLIN},
	};
	poll(fds, sizeof fds / sizeof fds[0], wait_ms(m));
	heed_signals(m);
	uint64_t now_ms = clock_now_ms();
	judge_upgrade(m, fds[2].revents != 0, now_ms);
	judge_starting(m, now_ms);
	tend(m->serving, now_ms);
	tend(m->starting, now_ms);
	for (unsigned i = 0; i < m->draining_count; i++)
		generation_watch(m->draining[i], now_ms);
	free_drained(m);
	if (m->reload_again)
		reload(m);
}

static void
log_stopped(const struct master *m)
{
	char line[1800] = "";
	size_t used = 0;
	for (unsigned i = 0; i < STATS_COUNT && used < sizeof line; i++)
		used += (size_t)snprintf(line + used, sizeof line - used, " %s=%llu", stats_name(i),
		        (unsigned long long)atomic_load(&m->world->retired->counters[i]));
	log_notice("stopped%s", line);
}

/* Until the first generation serves. False when it does not. */
static bool
come_up(struct master *m)
{
	while (m->starting != NULL)
		turn(m);
	if (m->serving == NULL)
		return false;
	log_serving(m);
	if (m->pid_file[0] == '\0' && write_pid_file(m, generation_config(m->serving)->pid_file) < 0)
		on_stop(m);
	upgrade_serves(&m->inheritance);
	upgrade_forget(&m->inheritance);
	background_serves(&m->background);
	return true;
}

static int
serve(struct master *m, struct generation *first)
{
	background_leave_terminal(&m->background);
	start(m, first);
	bool came_up = come_up(m);
	while (m->serving != NULL || m->starting != NULL || m->draining_count > 0)
		turn(m);
	if (!m->handed_over)
		log_stopped(m);
	return came_up ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void
take_apart(struct master *m)
{
	if (m->pid_file[0] != '\0' && !m->handed_over && unlink(m->pid_file) < 0)
		log_warn("pid_file cannot be removed why=\"%s\"", strerror(errno));
	if (m->signal_fd >= 0)
		close(m->signal_fd);
	upgrade_forget(&m->inheritance);
	world_close(m->world);
}

/* The path of this program, as it is now: after an upgrade of the package another file lies there. */
static void
find_binary(struct master *m)
{
	ssize_t length = readlink("/proc/self/exe", m->binary, sizeof m->binary - 1);
	if (length < 0)
		length = 0;
	m->binary[length] = '\0';
}

int
master_run(const struct master_setup *setup)
{
	static struct master m; /* large, and there is one */
	char why[GENERATION_WHY_BYTES];
	int status = EXIT_FAILURE;
	m = (struct master){
	        .setup = setup, .signal_fd = -1, .upgrade = {.ready = -1}, .background = {.pipe = -1}};
	m.log_is_stderr = setup->foreground && strcmp(setup->config->log.target, "stderr") == 0;
	log_set_role("master");
	find_binary(&m);
	upgrade_inherit(&m.inheritance);
	sandbox_limit();
	m.world = world_open(m.inheritance.world);
	m.inheritance.world = -1;
	if (m.world == NULL) {
		config_free(setup->config);
		fail(&m, "no shared memory");
		return status;
	}
	m.shared = (struct generation_world){.quarantine = m.world->quarantine,
	        .seed = m.world->seed,
	        .leave_master = leave_master,
	        .arg = &m};
	struct generation *first = generation_make(&m, setup->config, why);
	if (first == NULL) {
		fail(&m, why);
		goto out;
	}
	if (detach(&m, &status)) {
		generation_free(first);
		goto out;
	}
	if (sandbox_enter_master() < 0)
		log_warn("capabilities cannot be reduced; the master keeps what it has");
	if (seal(&m, generation_config(first)) == 0 && watch_signals(&m) == 0)
		status = serve(&m, first);
	else
		generation_free(first);
out:
	take_apart(&m);
	return status;
}
