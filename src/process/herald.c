/*
 * One exporter at a time is the one; those before it end what they have under way, on the same sockets.
 *
 *    prepare ─► (the generation starts) ─► serve ─► fork ─► dies ─► back-off as of a worker ─► fork …
 *         └────────── abandon                         └─ another configuration ─► SIGTERM, and the next
 *
 * Nothing here can keep dotward from serving: what fails is logged, and tried again.
 */
#include "process/herald.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "net/web_sockets.h"
#include "process/child.h"
#include "process/death.h"
#include "process/exporter.h"
#include "shared/shm.h"

#include <errno.h>
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
	HERALD_OLD_ONES = 8,
	HERALD_FORK_AGAIN_MS = 1000,
	HERALD_END_MS = 3000, /* who was told to end has so long */
};

struct herald_old_one {
	pid_t pid;
	uint64_t kill_ms;
};

struct herald {
	struct herald_setup set;
	struct web_sockets *sockets, *next; /* NULL: none */
	struct web_secrets secrets, next_secrets;
	const struct generation *of; /* whose configuration counts; NULL: none serves */
	struct shm *shm;             /* for its last words */
	struct lastwords *words;
	pid_t pid; /* 0: none */
	uint64_t born_ms, birth_ms, watch_ms;
	struct child_history history;
	struct herald_old_one old_ones[HERALD_OLD_ONES];
	bool stopped;
};

struct herald *
herald_new(const struct herald_setup *setup)
{
	struct herald *h = must_alloc(1, sizeof *h);
	h->set = *setup;
	h->shm = shm_new(shm_footprint(sizeof(struct lastwords)));
	must(h->shm != NULL);
	h->words = shm_carve(h->shm, sizeof *h->words);
	h->words->call = SANDBOX_NO_CALL;
	return h;
}

static void
forget_secrets(struct web_secrets *secrets)
{
	explicit_bzero(secrets, sizeof *secrets);
}

void
herald_free(struct herald *h, bool handed_over)
{
	if (h == NULL)
		return;
	herald_stop(h);
	for (unsigned i = 0; i < HERALD_OLD_ONES; i++)
		if (h->old_ones[i].pid != 0)
			kill(h->old_ones[i].pid, SIGKILL);
	herald_abandon(h);
	if (handed_over)
		web_sockets_leave(h->sockets);
	else
		web_sockets_close(h->sockets, NULL);
	forget_secrets(&h->secrets);
	shm_free(h->shm);
	free(h);
}

/* --- configurations */

static struct web_sockets *
bind_all(const struct herald *h, const struct config_metrics *config, const struct sandbox_user *user,
        char why[HERALD_WHY_BYTES])
{
	struct addr *addresses = must_alloc(config->address_count + 1, sizeof *addresses);
	for (size_t i = 0; i < config->address_count; i++) {
		addresses[i] = config->addresses[i];
		if (addr_port(&addresses[i]) == 0)
			addr_set_port(&addresses[i], config->port);
	}
	const struct web_sockets_wanted wanted = {.addresses = addresses,
	        .address_count = config->address_count,
	        .path = config->socket,
	        .group = user->change ? user->gid : (gid_t)-1};
	_Static_assert((int)HERALD_WHY_BYTES >= (int)WEB_SOCKETS_WHY_BYTES, "one line fits all");
	struct web_sockets *sockets =
	        web_sockets_open(&wanted, h->sockets, h->set.inherited, h->set.inherited_count, why);
	free(addresses);
	return sockets;
}

int
herald_prepare(struct herald *h, const struct config *config, const struct sandbox_user *user,
        char why[HERALD_WHY_BYTES])
{
	_Static_assert((int)HERALD_WHY_BYTES >= CREDENTIALS_WHY_BYTES + 64, "one line fits all");
	herald_abandon(h);
	if (!config->metrics.enabled)
		return 0;
	if (!web_secrets_read(&h->next_secrets, &config->metrics, why))
		return -1;
	h->next = bind_all(h, &config->metrics, user, why);
	return h->next != NULL ? 0 : -1;
}

void
herald_abandon(struct herald *h)
{
	web_sockets_close(h->next, h->sockets);
	h->next = NULL;
	forget_secrets(&h->next_secrets);
}

/* What it has under way it may end. */
static void
relieve(struct herald *h, uint64_t now_ms)
{
	if (h->pid == 0)
		return;
	unsigned i = 0;
	while (i < HERALD_OLD_ONES - 1 && h->old_ones[i].pid != 0)
		i++;
	if (h->old_ones[i].pid != 0)
		kill(h->old_ones[i].pid, SIGKILL);
	kill(h->pid, SIGTERM);
	h->old_ones[i] = (struct herald_old_one){h->pid, now_ms + HERALD_END_MS};
	h->pid = 0;
}

void
herald_renew(struct herald *h, uint64_t now_ms)
{
	relieve(h, now_ms);
	h->birth_ms = now_ms;
	herald_tend(h, now_ms);
}

void
herald_serve(struct herald *h, const struct generation *g, uint64_t now_ms)
{
	web_sockets_close(h->sockets, h->next);
	h->sockets = h->next;
	h->next = NULL;
	h->secrets = h->next_secrets;
	forget_secrets(&h->next_secrets);
	/* They were for the first one. */
	h->set.inherited_count = 0;
	h->of = g;
	h->history = (struct child_history){0};
	herald_renew(h, now_ms);
}

void
herald_stop(struct herald *h)
{
	relieve(h, clock_now_ms());
	h->stopped = true;
	h->of = NULL;
}

/* --- births and deaths */

static int
run(const struct herald *h, pid_t master)
{
	const struct exporter_setup setup = {
	        .sources = {.version = DOTWARD_VERSION,
	                .world = h->set.world,
	                .config = generation_config(h->of),
	                .cache = generation_cache(h->of)},
	        .sockets = h->sockets,
	        .secrets = h->secrets,
	        .user = *generation_user(h->of),
	        .master = master,
	        .words = h->words,
	};
	h->set.leave_master(h->set.arg);
	return exporter_run(&setup);
}

static void
bear(struct herald *h, uint64_t now_ms)
{
	pid_t master = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		exit(run(h, master));
	h->born_ms = h->watch_ms = now_ms;
	if (pid < 0) {
		log_error("exporter cannot be forked why=\"%s\" next=%dms", strerror(errno),
		        HERALD_FORK_AGAIN_MS);
		h->birth_ms = now_ms + HERALD_FORK_AGAIN_MS;
		return;
	}
	h->pid = pid;
	roster_helper_born(h->set.world->roster, ROSTER_EXPORTER, pid, now_ms);
	log_info("exporter born pid=%d", (int)pid);
}

/* One that was told to end. */
static bool
bury_old_one(struct herald *h, pid_t pid)
{
	for (unsigned i = 0; i < HERALD_OLD_ONES; i++) {
		if (h->old_ones[i].pid != pid)
			continue;
		h->old_ones[i] = (struct herald_old_one){0};
		return true;
	}
	return false;
}

bool
herald_bury(struct herald *h, pid_t pid, int status, uint64_t now_ms)
{
	char death[DEATH_BYTES], words[DEATH_WORDS_BYTES];
	if (bury_old_one(h, pid))
		return true;
	if (h->pid != pid)
		return false;
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	uint64_t uptime_ms = now_ms - h->born_ms, wait_ms = child_died(&h->history, uptime_ms, killed);
	death_text(status, h->words->call, death);
	death_take_words(h->words, words);
	h->pid = 0;
	h->birth_ms = now_ms + wait_ms;
	roster_helper_died(h->set.world->roster, ROSTER_EXPORTER);
	log_notice("exporter died pid=%d %s uptime=%llus next=%llums%s", (int)pid, death,
	        (unsigned long long)(uptime_ms / 1000), (unsigned long long)wait_ms, words);
	return true;
}

/* As of the workers: one that does not come round is of no use to anybody. A master that was itself held up
 * blames nobody. */
static void
watch(struct herald *h, uint64_t now_ms)
{
	unsigned limit_ms = h->of != NULL ? generation_config(h->of)->watchdog_ms : 0;
	uint64_t beat_ms = atomic_load(&h->set.world->roster->helpers[ROSTER_EXPORTER].beat_ms);
	bool late = now_ms > h->watch_ms + limit_ms / 2 + 1000;
	h->watch_ms = now_ms;
	for (unsigned i = 0; i < HERALD_OLD_ONES; i++)
		if (h->old_ones[i].pid != 0 && now_ms >= h->old_ones[i].kill_ms)
			kill(h->old_ones[i].pid, SIGKILL);
	if (limit_ms == 0 || h->pid == 0 || late || now_ms < beat_ms + limit_ms + 1000)
		return;
	log_error("exporter hangs pid=%d silent=%llums: it is killed", (int)h->pid,
	        (unsigned long long)(now_ms - beat_ms));
	kill(h->pid, SIGKILL);
}

static bool
is_wanted(const struct herald *h)
{
	return h->sockets != NULL && h->of != NULL && !h->stopped;
}

void
herald_forget(struct herald *h)
{
	h->of = NULL;
}

void
herald_tend(struct herald *h, uint64_t now_ms)
{
	watch(h, now_ms);
	if (is_wanted(h) && h->pid == 0 && h->birth_ms <= now_ms)
		bear(h, now_ms);
}

uint64_t
herald_next_ms(const struct herald *h)
{
	uint64_t next_ms = UINT64_MAX;
	for (unsigned i = 0; i < HERALD_OLD_ONES; i++)
		if (h->old_ones[i].pid != 0 && h->old_ones[i].kill_ms < next_ms)
			next_ms = h->old_ones[i].kill_ms;
	if (!is_wanted(h))
		return next_ms;
	uint64_t due_ms = h->birth_ms;
	if (h->pid != 0 && generation_config(h->of)->watchdog_ms == 0)
		due_ms = UINT64_MAX;
	else if (h->pid != 0)
		due_ms = h->watch_ms + generation_config(h->of)->watchdog_ms / 2;
	return due_ms < next_ms ? due_ms : next_ms;
}

bool
herald_is_busy(const struct herald *h)
{
	bool busy = h->pid != 0;
	for (unsigned i = 0; i < HERALD_OLD_ONES; i++)
		busy |= h->old_ones[i].pid != 0;
	return busy;
}

size_t
herald_descriptors(const struct herald *h, int out[HERALD_DESCRIPTORS])
{
	size_t count = web_sockets_count(h->sockets);
	must(count <= HERALD_DESCRIPTORS);
	for (size_t i = 0; i < count; i++)
		out[i] = web_sockets_descriptor(h->sockets, i);
	return count;
}
