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
#include "base/must.h"
#include "process/admin.h"
#include "process/background.h"
#include "process/keeper.h"
#include "process/lineage.h"
#include "process/lookout.h"
#include "process/notify.h"
#include "process/pid_file.h"
#include "process/signals.h"
#include "process/successor.h"
#include "process/survey.h"
#include "process/upgrade.h"
#include "process/worker.h"
#include "shared/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef DOTWARD_VERSION
#define DOTWARD_VERSION "unknown"
#endif

enum {
	MASTER_START_MS = 10000,          /* for a new generation, or a new binary, to serve */
	MASTER_OWN_FDS = 3 + LOOKOUT_FDS, /* signals, what workers say, successor */
};

struct master {
	const struct master_setup *setup;
	struct world *world;
	struct admin *admin;
	uint64_t started_ms;
	struct generation_world shared;
	struct lineage line;
	struct keeper *keeper;
	struct lookout *lookout;
	uint64_t starting_until_ms, starting_since_ms;
	bool reload_again; /* asked for while one was under way */
	struct successor successor;
	struct upgrade_inheritance inheritance;
	struct background background;
	int signal_fd;
	struct pid_file pid_file;
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
	const int own[] = {
	        m->signal_fd, m->background.pipe, m->inheritance.ready, successor_fd(&m->successor)};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (own[i] >= 0)
			close(own[i]);
	admin_leave(m->admin);
	lookout_leave(m->lookout);
}

static int
write_pid_file(struct master *m, const char *path)
{
	char why[PID_FILE_WHY_BYTES];
	return pid_file_write(&m->pid_file, path, why) < 0 ? fail(m, why) : 0;
}

/* Goes to the background; true in the process that is to return at once, with *status. */
static bool
detach(struct master *m, int *status)
{
	if (m->setup->foreground || m->inheritance.ready >= 0)
		return false;
	const char *why = background_detach(&m->background, status);
	if (why == NULL)
		return false;
	if (why[0] != '\0')
		fail(m, why);
	return true;
}

/* --- generations --- */

/* Makes a generation of this configuration, on the sockets of those before it: of the one that serves, and of
 * those that drain too, for an address that was given up is not free before they are gone. */
static struct generation *
generation_make(struct master *m, struct config *config, char why[GENERATION_WHY_BYTES])
{
	struct cache *cache;
	if (keeper_provide(m->keeper, config, &cache, why) < 0) {
		config_free(config);
		return NULL;
	}
	struct sockets_bound bound = {0};
	int *fds = lineage_sockets(&m->line, &bound.count);
	bound.descriptors = fds;
	if (fds == NULL)
		bound = (struct sockets_bound){m->inheritance.sockets, m->inheritance.socket_count};
	struct generation *g = generation_new(
	        &m->shared, *m->world->generation + 1, config, cache, bound.count > 0 ? &bound : NULL, why);
	free(fds);
	return g;
}

int
master_open_log(const struct config *config, bool foreground)
{
	bool unread = strcmp(config->log.target, "stderr") == 0 && !foreground;
	return log_open(unread ? "syslog" : config->log.target, config->log.level);
}

static void
apply_log(const struct master *m, const struct config *config)
{
	int failed = master_open_log(config, m->setup->foreground);
	if (failed < 0)
		log_error("log.target = \"%s\" cannot be opened, going on with the old one: %s",
		        config->log.target, strerror(-failed));
}

static void
start(struct master *m, struct generation *g)
{
	*m->world->generation = generation_number(g);
	/* Its workers are born with the log they are to write. */
	if (m->line.serving != NULL)
		apply_log(m, generation_config(g));
	m->line.starting = g;
	keeper_carry(m->keeper, g);
	m->starting_since_ms = clock_now_ms();
	m->starting_until_ms = m->starting_since_ms + MASTER_START_MS;
	generation_bear(g, m->starting_since_ms);
}

/* The answer to whoever asked for a reload. The complaints are lines of their own; the log gets each. */
static void
reload_answer(struct master *m, bool good, char *text)
{
	size_t length = strlen(text);
	while (length > 0 && text[length - 1] == '\n')
		text[--length] = '\0';
	admin_done(m->admin, ADMIN_RELOAD, good, text);
	admin_serves(generation_alive(m->line.serving));
	if (good) {
		log_notice("%s", text);
		return;
	}
	char *rest = text;
	for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
		log_error("reload refused, the old configuration serves on: %s", line);
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
		reload_answer(m, false, config != NULL ? why : complaints);
	free(complaints);
}

static void
reload(void *arg)
{
	struct master *m = arg;
	if (m->stopping || m->handed_over) {
		admin_done(m->admin, ADMIN_RELOAD, false, "it is stopping");
		return;
	}
	if (m->line.starting != NULL || m->line.serving == NULL || successor_is_coming(&m->successor) ||
	        keeper_is_busy(m->keeper) || lineage_is_full(&m->line)) {
		m->reload_again = true;
		return;
	}
	m->reload_again = false;
	admin_begins(ADMIN_RELOAD);
	reload_begin(m);
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

/* What a new configuration says of what is around the workers. */
static void
apply_outside(struct master *m)
{
	const struct config *config = generation_config(m->line.serving);
	char why[ADMIN_WHY_BYTES];
	if (admin_listen(m->admin, config->control.socket, generation_user(m->line.serving), -1, why) < 0)
		log_error("%s; going on without it", why);
	if (seal(m, config) < 0)
		log_error("the master goes on without its part of the sandbox");
	if (write_pid_file(m, config->pid_file) < 0)
		log_error("going on without a pid file");
}

/* The new generation serves: the old one is relieved. */
static void
take_over(struct master *m)
{
	struct generation *old = m->line.serving;
	char text[128];
	m->line.serving = m->line.starting;
	m->line.starting = NULL;
	keeper_serve(m->keeper, m->line.serving);
	if (old == NULL)
		return;
	lineage_retire(&m->line, old, clock_now_ms());
	snprintf(text, sizeof text, "reloaded generation=%u workers=%u ms=%llu",
	        generation_number(m->line.serving), generation_alive(m->line.serving),
	        (unsigned long long)(clock_now_ms() - m->starting_since_ms));
	reload_answer(m, true, text);
	/* after the answer, for the control socket that it leaves by may be another now */
	apply_outside(m);
}

/* The new generation does not come up: it goes. Without one before it, so do we. */
static void
give_up(struct master *m, const char *reason)
{
	char why[GENERATION_WHY_BYTES];
	struct generation *g = m->line.starting;
	snprintf(why, sizeof why, "%s", reason);
	m->line.starting = NULL;
	/* Some of its workers may have served, and have questions in flight. */
	lineage_retire(&m->line, g, clock_now_ms());
	if (m->line.serving != NULL) {
		/* Its sockets may have changed the steering of a group it only shared. */
		generation_steer(m->line.serving, clock_now_ms());
		apply_log(m, generation_config(m->line.serving));
		reload_answer(m, false, why);
		return;
	}
	fail(m, why);
	m->stopping = true;
}

static void
judge_starting(struct master *m, uint64_t now_ms)
{
	if (m->line.starting == NULL)
		return;
	if (generation_hear(m->line.starting))
		take_over(m);
	else if (generation_has_failed(m->line.starting))
		give_up(m, "a worker of the new configuration died before it served");
	else if (now_ms >= m->starting_until_ms)
		give_up(m, "the workers of the new configuration did not serve in time");
}

/* --- upgrade --- */

static void
upgrade(void *arg)
{
	struct master *m = arg;
	successor_ask(&m->successor, m->stopping, MASTER_START_MS);
}

static void
judge_upgrade(struct master *m, bool readable, uint64_t now_ms)
{
	if (successor_judge(&m->successor, readable, now_ms))
		m->handed_over = m->stopping = true;
}

/* --- signals --- */

static void
on_child(void *arg)
{
	struct master *m = arg;
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (lineage_bury(&m->line, pid, status, clock_now_ms()))
			keeper_member_died(m->keeper, clock_now_ms());
		else if (!keeper_bury(m->keeper, pid, status))
			admin_bury(m->admin, pid, status);
}

static void
on_stop(void *arg)
{
	struct master *m = arg;
	m->impatient = m->stopping;
	m->stopping = true;
	if (m->impatient) {
		log_warn("asked to stop twice: workers are killed");
		lineage_kill(&m->line);
		keeper_hurry(m->keeper);
		return;
	}
	successor_give_up(&m->successor);
	admin_begins(ADMIN_STOP);
	log_notice("draining workers=%u limit=%ums", m->line.serving ? generation_alive(m->line.serving) : 0,
	        m->line.serving ? generation_config(m->line.serving)->drain_timeout_ms : 0);
	if (m->line.starting != NULL)
		lineage_retire(&m->line, m->line.starting, clock_now_ms());
	if (m->line.serving != NULL)
		lineage_retire(&m->line, m->line.serving, clock_now_ms());
	m->line.starting = m->line.serving = NULL;
}

/* The workers may not open files: they are given ours. */
static void
on_reopen(void *arg)
{
	struct master *m = arg;
	int failed = log_reopen();
	if (failed < 0) {
		log_error("log file cannot be reopened; going on with the old one why=\"%s\"",
		        strerror(-failed));
		return;
	}
	lineage_give_log(&m->line);
	log_notice("log reopened");
}

static const struct signals_handler handlers[] = {
        {SIGCHLD, on_child},
        {SIGTERM, on_stop},
        {SIGINT, on_stop},
        {SIGUSR1, on_reopen},
        {SIGHUP, reload},
        {SIGUSR2, upgrade},
};

enum { MASTER_SIGNALS = sizeof handlers / sizeof handlers[0] };

static int
watch_signals(struct master *m)
{
	m->signal_fd = signals_watch(handlers, MASTER_SIGNALS);
	return m->signal_fd < 0 ? fail(m, "no signal descriptor") : 0;
}

/* --- the loop --- */

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Until something has to be done of itself; -1: for as long as it takes. */
static int
wait_ms(const struct master *m)
{
	uint64_t now_ms = clock_now_ms(),
	         next_ms = earlier(lineage_next_ms(&m->line), keeper_next_ms(m->keeper));
	if (m->line.starting != NULL)
		next_ms = earlier(next_ms, m->starting_until_ms);
	next_ms = earlier(next_ms, successor_due_ms(&m->successor));
	next_ms = earlier(earlier(next_ms, admin_due_ms(m->admin)), lookout_due_ms(m->lookout));
	if (next_ms == UINT64_MAX)
		return -1;
	return next_ms > now_ms ? (int)earlier(next_ms - now_ms, 60000) : 0;
}

static void
tend(struct master *m, uint64_t now_ms)
{
	struct generation *all[LINEAGE_MOST];
	lineage_tend(&m->line, now_ms);
	lineage_free_drained(&m->line, m->world->retired);
	unsigned count = lineage_all(&m->line, all);
	keeper_tend(m->keeper, all, count, now_ms);
}

static void
turn(struct master *m)
{
	const struct generation *newest = m->line.starting != NULL ? m->line.starting : m->line.serving;
	struct pollfd fds[MASTER_OWN_FDS + ADMIN_POLL_MOST] = {
	        {.fd = m->signal_fd, .events = POLLIN},
	        {.fd = newest != NULL ? generation_ready_fd(newest) : -1, .events = POLLIN},
	        {.fd = successor_fd(&m->successor), .events = POLLIN},
	};
	lookout_poll(m->lookout, fds + MASTER_OWN_FDS - LOOKOUT_FDS);
	/* Before we serve, somebody else may still be behind the socket. */
	bool attend = m->line.serving != NULL || m->stopping;
	size_t asked = attend ? admin_poll(m->admin, fds + MASTER_OWN_FDS, ADMIN_POLL_MOST) : 0;
	bool polled = poll(fds, MASTER_OWN_FDS + asked, wait_ms(m)) >= 0;
	signals_heed(m->signal_fd, handlers, MASTER_SIGNALS, m);
	uint64_t now_ms = clock_now_ms();
	if (polled && attend)
		admin_heed(m->admin, fds + MASTER_OWN_FDS, asked, now_ms);
	if (lookout_heed(m->lookout, now_ms)) {
		health_forget_all(m->world->health, now_ms);
		tickets_forget_all(m->world->tickets, clock_boot_ms());
		lineage_signal(&m->line, WORKER_EPOCH_SIGNAL);
	}
	judge_upgrade(m, polled && fds[2].revents != 0, now_ms);
	judge_starting(m, now_ms);
	tend(m, now_ms);
	if (m->reload_again)
		reload(m);
}

/* --- what people ask for --- */

static void
on_report(void *arg, struct report *r)
{
	const struct master *m = arg;
	struct generation *generations[LINEAGE_MOST];
	unsigned count = lineage_all(&m->line, generations);
	survey_fill(r, m->world, generations, count, clock_now_ms());
	r->version = DOTWARD_VERSION;
	r->uptime_ms = clock_now_ms() - m->started_ms;
	r->stopping = m->stopping;
}

static bool
on_cache(void *arg, struct verbs_cache *out)
{
	const struct master *m = arg;
	struct generation *generations[LINEAGE_MOST];
	return survey_cache(m->world, generations, lineage_all(&m->line, generations), out);
}

/* Who asks while it is stopping already waits with the others and hurries nobody. */
static void
on_stop_asked(void *arg)
{
	struct master *m = arg;
	if (!m->stopping)
		on_stop(m);
}

static int
open_admin(struct master *m, const struct generation *first)
{
	char why[ADMIN_WHY_BYTES];
	int inherited = m->inheritance.control;
	m->inheritance.control = -1;
	if (admin_listen(m->admin, generation_config(first)->control.socket, generation_user(first),
	            inherited, why) < 0)
		return fail(m, why);
	return 0;
}

/* --- start and end */

/* Until the first generation serves. False when it does not. */
static bool
come_up(struct master *m)
{
	while (m->line.starting != NULL)
		turn(m);
	if (m->line.serving == NULL)
		return false;
	survey_log_serving(m->line.serving);
	admin_serves(generation_alive(m->line.serving));
	if (write_pid_file(m, generation_config(m->line.serving)->pid_file) < 0)
		on_stop(m);
	upgrade_serves(&m->inheritance);
	upgrade_forget(&m->inheritance);
	background_serves(&m->background);
	return true;
}

/* What was known when dotward last ran is known before anybody is served. False when it is to stop meanwhile.
 */
static bool
remember(struct master *m, const struct generation *first)
{
	keeper_load(m->keeper, first);
	while (keeper_is_busy(m->keeper) && !m->stopping)
		turn(m);
	if (m->stopping)
		keeper_hurry(m->keeper);
	return !m->stopping;
}

static void
wait_for_all(struct master *m)
{
	while (!lineage_is_empty(&m->line) || keeper_is_busy(m->keeper))
		turn(m);
}

static int
serve(struct master *m, struct generation *first)
{
	bool came_up = false;
	background_leave_terminal(&m->background);
	if (remember(m, first)) {
		start(m, first);
		came_up = come_up(m);
	} else {
		generation_free(first);
	}
	wait_for_all(m);
	if (came_up && !m->handed_over && !m->impatient)
		keeper_save(m->keeper);
	wait_for_all(m);
	if (!m->handed_over)
		survey_log_stopped(m->world);
	return came_up ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void
take_apart(struct master *m)
{
	if (!m->handed_over)
		pid_file_remove(&m->pid_file);
	if (m->signal_fd >= 0)
		close(m->signal_fd);
	upgrade_forget(&m->inheritance);
	log_share_level(NULL);
	keeper_free(m->keeper);
	lookout_close(m->lookout);
	/* last but for the memory, so that who hears of the end can start the next one at once */
	admin_free(m->admin, m->handed_over, "stopped");
	world_close(m->world);
}

int
master_run(const struct master_setup *setup)
{
	static struct master m; /* large, and there is one */
	char why[GENERATION_WHY_BYTES];
	int status = EXIT_FAILURE;
	m = (struct master){.setup = setup, .signal_fd = -1, .background = {.pipe = -1}};
	m.started_ms = clock_now_ms();
	m.log_is_stderr = setup->foreground && strcmp(setup->config->log.target, "stderr") == 0;
	log_set_role("master");
	successor_begin(&m.successor, setup->argv);
	upgrade_inherit(&m.inheritance);
	sandbox_limit();
	m.world = world_open(m.inheritance.world);
	m.inheritance.world = -1;
	if (m.world == NULL) {
		config_free(setup->config);
		fail(&m, "no shared memory");
		return status;
	}
	m.lookout = lookout_open(m.world->epoch);
	m.shared = (struct generation_world){.quarantine = m.world->quarantine,
	        .health = m.world->health,
	        .tickets = m.world->tickets,
	        .epoch = m.world->epoch,
	        .qps = m.world->qps,
	        .seed = m.world->seed,
	        .leave_master = leave_master,
	        .arg = &m};
	const struct keeper_setup keeping = {.seed = m.world->seed,
	        .inherited = m.inheritance.cache,
	        .predecessor = m.inheritance.ready >= 0 ? getppid() : 0,
	        .leave_master = leave_master,
	        .arg = &m};
	m.keeper = keeper_new(&keeping);
	m.inheritance.cache = -1;
	log_share_level(m.world->log_level);
	log_set_level(setup->config->log.level);
	const struct admin_deeds deeds = {.arg = &m,
	        .report = on_report,
	        .reload = reload,
	        .upgrade = upgrade,
	        .stop = on_stop_asked,
	        .cache = on_cache};
	m.admin = admin_new(&deeds);
	m.successor.line = &m.line;
	m.successor.keeper = m.keeper;
	m.successor.admin = m.admin;
	m.successor.world = m.world;
	struct generation *first = generation_make(&m, setup->config, why);
	if (first == NULL) {
		fail(&m, why);
		goto out;
	}
	if (detach(&m, &status)) {
		generation_free(first);
		goto out;
	}
	if (open_admin(&m, first) < 0) {
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
