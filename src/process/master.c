/*
 * A loop that waits for signals, for workers that report to serve, and for the time of the next birth. No
 * libev here: a signal descriptor and poll() are all it takes, and the children start without a loop to get
 * rid of.
 *
 * At any time there is at most one generation that starts and one that serves; any number may be draining. A
 * reload makes the first, and when all its workers have reported it takes the place of the second. Whatever
 * goes wrong before that costs nothing but a line in the log. An upgrade does the same with another master.
 */
#include "process/master_inside.h"

#include "base/clock.h"
#include "base/logflood.h"
#include "base/must.h"
#include "process/notify.h"
#include "process/signals.h"
#include "process/survey.h"
#include "process/worker.h"

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
	MASTER_OWN_FDS = 4 + LOOKOUT_FDS, /* signals, what workers say, successor, what is found of hosts */
};

/* Start-up failures: one line, on the terminal as well when the log goes elsewhere. */
int
master_fail(const struct master *m, const char *why)
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
	hosts_leave(m->hosts);
}

int
master_write_pid_file(struct master *m, const char *path)
{
	char why[PID_FILE_WHY_BYTES];
	return pid_file_write(&m->pid_file, path, why) < 0 ? master_fail(m, why) : 0;
}

/* Goes to the background; true in the process that is to return at once, with *status. */
static bool
detach(struct master *m, int *status)
{
	if (m->setup->foreground || m->inheritance.ready >= 0)
		return false;
	pid_t launcher = getpid();
	const char *why = background_detach(&m->background, status);
	if (why == NULL) {
		roster_move(m->world->roster, launcher, getpid());
		return false;
	}
	if (why[0] != '\0')
		master_fail(m, why);
	return true;
}

/* --- upgrade --- */

static void
upgrade(void *arg)
{
	struct master *m = arg;
	if (m->held != NULL || m->relisting)
		successor_refuse(&m->successor, "a start or reload is under way");
	else
		successor_ask(&m->successor, m->stopping, MASTER_START_MS);
}

static void
judge_upgrade(struct master *m, bool readable, uint64_t now_ms)
{
	if (!successor_judge(&m->successor, readable, now_ms))
		return;
	m->handed_over = m->stopping = true;
	herald_stop(m->herald);
	master_change_stop(m);
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
		else if (!bureau_bury(m->bureau, pid, status, clock_now_ms()) &&
		         !keeper_bury(m->keeper, pid, status) && !librarian_bury(m->librarian, pid, status) &&
		         !hosts_bury(m->hosts, pid, status, clock_now_ms()) &&
		         !herald_bury(m->herald, pid, status, clock_now_ms()))
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
		bureau_kill(m->bureau);
		keeper_hurry(m->keeper);
		return;
	}
	successor_give_up(&m->successor);
	master_change_stop(m);
	admin_begins(ADMIN_STOP);
	if (!m->handed_over)
		atomic_store(&m->world->roster->state, ROSTER_STOPPING);
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
	bureau_reopen(m->bureau);
	herald_renew(m->herald, clock_now_ms());
	log_notice("log reopened");
}

static const struct signals_handler handlers[] = {
        {SIGCHLD, on_child},
        {SIGTERM, on_stop},
        {SIGINT, on_stop},
        {SIGUSR1, on_reopen},
        {SIGHUP, master_reload},
        {SIGUSR2, upgrade},
};

enum { MASTER_SIGNALS = sizeof handlers / sizeof handlers[0] };

static int
watch_signals(struct master *m)
{
	m->signal_fd = signals_watch(handlers, MASTER_SIGNALS);
	return m->signal_fd < 0 ? master_fail(m, "no signal descriptor") : 0;
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
	next_ms = earlier(next_ms, earlier(hosts_next_ms(m->hosts), master_change_ms(m)));
	if (m->line.starting != NULL)
		next_ms = earlier(next_ms, m->starting_until_ms);
	next_ms = earlier(next_ms, earlier(librarian_next_ms(m->librarian), bureau_next_ms(m->bureau)));
	next_ms = earlier(next_ms, herald_next_ms(m->herald));
	if (m->relisting && m->handing_until_ms != 0)
		next_ms = earlier(next_ms, now_ms + MASTER_HAND_LOOK_MS);
	next_ms = earlier(next_ms, earlier(log_settle_ms(), successor_due_ms(&m->successor)));
	next_ms = earlier(earlier(next_ms, admin_due_ms(m->admin)), lookout_due_ms(m->lookout));
	next_ms = earlier(next_ms, now_ms + cookies_wait_ms(m->world->cookies, clock_boot_ms()));
	if (next_ms == UINT64_MAX)
		return -1;
	return next_ms > now_ms ? (int)earlier(next_ms - now_ms, 60000) : 0;
}

static void
tend_bureau(struct master *m, struct generation *const *all, unsigned count, uint64_t now_ms)
{
	unsigned numbers[LINEAGE_MOST];
	for (unsigned i = 0; i < count; i++)
		numbers[i] = generation_number(all[i]);
	bureau_tend(m->bureau, numbers, count, now_ms);
}

static void
tend(struct master *m, uint64_t now_ms)
{
	struct generation *all[LINEAGE_MOST + 1];
	lineage_tend(&m->line, now_ms);
	herald_tend(m->herald, now_ms);
	spending_tell(&m->spending, now_ms);
	if (m->line.serving == NULL) /* what is freed now may be what it was of */
		herald_forget(m->herald);
	lineage_free_drained(&m->line, m->world->retired);
	unsigned count = lineage_all(&m->line, all);
	tend_bureau(m, all, count, now_ms);
	if (m->held != NULL) /* it has a cache already */
		all[count++] = m->held;
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
	hosts_poll(m->hosts, &fds[3]);
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
		hosts_hurry(m->hosts, now_ms);
		lineage_signal(&m->line, WORKER_EPOCH_SIGNAL);
	}
	if (!m->handed_over)
		cookies_rotate(m->world->cookies, clock_boot_ms());
	log_settle(now_ms);
	judge_upgrade(m, polled && fds[2].revents != 0, now_ms);
	hosts_tend(m->hosts, now_ms);
	master_tend_lists(m, now_ms);
	master_judge_starting(m, now_ms);
	tend(m, now_ms);
	master_renew(m, now_ms);
	if (m->reload_again)
		master_reload(m);
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
	bool serves = survey_cache(m->world, generations, lineage_all(&m->line, generations), out);
	out->hosts = m->hosts;
	return serves;
}

static bool
on_overview(void *arg, struct overview_sources *out)
{
	struct master *m = arg;
	struct generation *generations[LINEAGE_MOST];
	unsigned count = lineage_all(&m->line, generations);
	if (count == 0)
		return false;
	m->unlisted = (struct stats_slab){0};
	for (unsigned i = 0; i < count; i++)
		stats_retire(generation_stats(generations[i]), &m->unlisted);
	*out = (struct overview_sources){.version = DOTWARD_VERSION,
	        .world = m->world,
	        .config = generation_config(generations[0]),
	        .cache = generation_cache(generations[0]),
	        .unlisted = &m->unlisted};
	return true;
}

static bool
on_lists(void *arg, struct verbs_lists *out)
{
	const struct master *m = arg;
	const struct generation *g = m->line.serving;
	if (g == NULL)
		return false;
	*out = (struct verbs_lists){
	        .config = generation_config(g), .shelf = generation_lists(g), .hits = m->world->hits};
	return true;
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
		return master_fail(m, why);
	return 0;
}

/* --- start and end */

/* Until the first generation serves. False when it does not. */
static bool
come_up(struct master *m)
{
	while (m->line.serving == NULL && (m->held != NULL || m->line.starting != NULL))
		turn(m);
	if (m->line.serving == NULL)
		return false;
	survey_log_serving(m->line.serving);
	roster_serve(m->world->roster, getpid(), m->started_ms,
	        clock_wall_ms() - (clock_now_ms() - m->started_ms));
	atomic_store(&m->world->roster->state, ROSTER_SERVING);
	if (m->inheritance.ready < 0)
		admin_serves(m->admin, generation_alive(m->line.serving), NULL);
	else
		admin_succeeds(m->admin);
	if (master_write_pid_file(m, generation_config(m->line.serving)->pid_file) < 0)
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
	while (!lineage_is_empty(&m->line) || !bureau_is_empty(m->bureau) || keeper_is_busy(m->keeper))
		turn(m);
	/* To the end, so that who watches sees how it stops. */
	herald_stop(m->herald);
	while (herald_is_busy(m->herald))
		turn(m);
}

static int
serve(struct master *m, struct generation *first)
{
	bool came_up = false;
	background_leave_terminal(&m->background);
	if (remember(m, first)) {
		master_launch(m, first, m->setup->config);
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

/* In every process, as all are children of this one. */
static void
on_event(void *arg, enum log_level level, const char *role, const char *text)
{
	events_put(arg, clock_wall_ms(), level, role, text);
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
	log_set_hearer(NULL, NULL);
	bureau_free(m->bureau);
	keeper_free(m->keeper);
	librarian_free(m->librarian);
	herald_free(m->herald, m->handed_over);
	hosts_free(m->hosts);
	lookout_close(m->lookout);
	/* last but for the memory, so that who hears of the end can start the next one at once */
	admin_free(m->admin, m->handed_over, "stopped");
	world_close(m->world);
}

/* What generations have of the world. */
static void
share_world(struct master *m)
{
	m->shared = (struct generation_world){.quarantine = m->world->quarantine,
	        .health = m->world->health,
	        .tickets = m->world->tickets,
	        .limits = m->world->limits,
	        .hits = m->world->hits,
	        .tops = m->world->tops,
	        .stek = m->world->stek,
	        .cookies = m->world->cookies,
	        .roster = m->world->roster,
	        .epoch = m->world->epoch,
	        .qps = m->world->qps,
	        .seed = m->world->seed,
	        .leave_master = leave_master,
	        .arg = m};
}

/* Whoever does a part of the master's work, with what a master before us has left for it. */
static void
open_departments(struct master *m)
{
	const struct keeper_setup keeping = {.seed = m->world->seed,
	        .inherited = m->inheritance.cache,
	        .predecessor = m->inheritance.ready >= 0 ? getppid() : 0,
	        .leave_master = leave_master,
	        .arg = m};
	m->keeper = keeper_new(&keeping);
	m->inheritance.cache = -1;
	const struct bureau_setup writing = {
	        .leave_master = leave_master, .arg = m, .retired = m->world->retired};
	m->bureau = bureau_new(&writing);
	m->shared.bureau = m->bureau;
	const struct librarian_setup listing = {
	        .inherited = m->inheritance.lists, .leave_master = leave_master, .arg = m};
	m->librarian = librarian_new(&listing);
	const struct hosts_setup looking_up = {
	        .inherited = m->inheritance.hosts, .leave_master = leave_master, .arg = m};
	m->hosts = hosts_new(&looking_up);
	const struct herald_setup telling = {.world = m->world,
	        .inherited = m->inheritance.sockets,
	        .inherited_count = m->inheritance.socket_count,
	        .leave_master = leave_master,
	        .arg = m};
	m->herald = herald_new(&telling);
}

/* From now on others see and hear what becomes of us. */
static void
begin_to_tell(struct master *m)
{
	struct roster_process *us = &m->world->roster->helpers[ROSTER_MASTER];
	spending_open(&m->spending, &us->cpu_us, &us->memory_bytes, &us->beat_ms);
	log_share_level(m->world->log_level);
	log_set_hearer(on_event, m->world->events);
	log_set_level(m->setup->config->log.level);
}

/* Where people ask, and who goes on when another binary takes over. */
static void
open_desk(struct master *m)
{
	const struct admin_deeds deeds = {.arg = m,
	        .report = on_report,
	        .reload = master_reload,
	        .reload_lists = master_reload_lists,
	        .upgrade = upgrade,
	        .stop = on_stop_asked,
	        .cache = on_cache,
	        .lists = on_lists,
	        .overview = on_overview,
	        .events = m->world->events};
	m->admin = admin_new(&deeds);
	m->successor.line = &m->line;
	m->successor.keeper = m->keeper;
	m->successor.admin = m->admin;
	m->successor.world = m->world;
	m->successor.hosts = m->hosts;
	m->successor.herald = m->herald;
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
		master_fail(&m, "no shared memory");
		return status;
	}
	m.lookout = lookout_open(m.world->epoch);
	share_world(&m);
	open_departments(&m);
	begin_to_tell(&m);
	open_desk(&m);
	struct generation *first = master_make(&m, setup->config, why);
	if (first == NULL) {
		master_fail(&m, why);
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
	if (master_seal(&m, generation_config(first)) == 0 && watch_signals(&m) == 0)
		status = serve(&m, first);
	else
		generation_free(first);
out:
	take_apart(&m);
	return status;
}
