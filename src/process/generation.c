/*
 * The workers of one configuration.
 *
 *    STARTING ── all have reported ──► SERVING ── drain ──► DRAINING ── none alive ──► freed by the master
 *        └──────────────────────── drain ──────────────────────┘
 *
 * A slot whose worker is not born again at once is taken out of the steering until it is, so that only what
 * is queued on its sockets already has to wait. Of the others as many are given something as there is
 * something to do for (steering.h).
 */
#include "process/generation.h"

#include "base/clock.h"
#include "base/lastwords.h"
#include "base/must.h"
#include "net/source.h"
#include "net/tls.h"
#include "process/child.h"
#include "process/death.h"
#include "process/handover.h"
#include "process/steering.h"
#include "process/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	GENERATION_FORK_RETRY_MS = 1000,
	GENERATION_GRACE_MS =
	        1000, /* beyond the workers' own drain time, and after SIGABRT, before they are killed */
};

struct generation_slot {
	pid_t pid; /* 0: none */
	uint64_t born_ms;
	uint64_t birth_ms; /* when the next one is due, if there is none */
	uint64_t kill_ms;  /* when one that got SIGABRT gets SIGKILL; 0: not */
	int log_end;       /* a new log file goes through it; while there is a pid */
	uint32_t member;   /* of the cache */
	uint64_t busy_us;  /* when the steering last looked */
	unsigned deaths;
	bool retired; /* cannot work */
	bool leaves;  /* it served and was killed or crashed: what it had taken in waits for a successor */
	struct child_history history;
	struct worker_room room;
	char death[DEATH_BYTES];
};

struct generation {
	const struct generation_world *world;
	unsigned number;
	struct config *config;
	struct cache *cache; /* NULL: none */
	struct shelf *shelf; /* NULL: no lists of names */
	struct sandbox_user user;
	struct sockets *sockets;
	struct tls_store *tls;
	struct shm *shm;
	struct stats *stats;
	struct generation_slot *slots;
	enum generation_state state;
	struct steering steering;
	bool failed, killed;
	int ready[2];      /* a pipe on which workers report to serve */
	uint64_t kill_ms;  /* draining: when patience ends */
	uint64_t watch_ms; /* when the watchdog last looked */
};

static bool
memory_make(struct generation *g)
{
	const struct config *config = g->config;
	g->shm = shm_new(stats_footprint(config->workers) + config->workers * worker_footprint(config));
	if (g->shm == NULL)
		return false;
	g->stats = stats_carve(g->shm, config->workers);
	for (unsigned slot = 0; slot < config->workers; slot++) {
		struct worker_room *room = &g->slots[slot].room;
		worker_carve(g->shm, config, room);
		room->state->words.call = SANDBOX_NO_CALL;
		if (roster_claim(g->world->roster, getpid(), g->number, slot, &room->roster))
			stats_lend(g->stats, slot, room->roster.slab);
		room->stats = stats_slab(g->stats, slot);
	}
	return true;
}

/* It has a worker, or will have one at once. */
static bool
is_well(const struct generation_slot *s, uint64_t now_ms)
{
	return s->pid != 0 || (!s->retired && s->birth_ms <= now_ms);
}

/* Chooses the slots that are given new questions, and tells all. */
static void
choose_active(struct generation *g, bool *active, uint64_t now_ms)
{
	unsigned slots = g->config->workers, width = g->steering.width, chosen = 0;
	for (unsigned slot = 0; slot < slots; slot++) {
		bool well = is_well(&g->slots[slot], now_ms);
		active[slot] = well && chosen < width;
		chosen += active[slot];
		atomic_store(&g->slots[slot].room.state->steered, width == slots          ? SLOTS_SHARING
		                                                  : well && !active[slot] ? SLOTS_SPARED
		                                                                          : SLOTS_ALONE);
	}
}

static void
steer(struct generation *g, uint64_t now_ms)
{
	bool active[g->config->workers];
	if (g->state != GENERATION_SERVING)
		return;
	choose_active(g, active, now_ms);
	sockets_steer(g->sockets, active);
}

void
generation_steer(struct generation *g, uint64_t now_ms)
{
	steer(g, now_ms);
}

/* Those that will be spared know it from the beginning. */
static void
steering_prepare(struct generation *g)
{
	bool active[g->config->workers];
	unsigned slots = g->config->workers, qps = g->world->qps != NULL ? atomic_load(g->world->qps) : 0;
	steering_begin(&g->steering, slots, qps, clock_now_ms());
	if (g->config->steer_all)
		steering_alarm(&g->steering, clock_now_ms());
	choose_active(g, active, clock_now_ms());
}

struct generation *
generation_new(const struct generation_world *world, unsigned number, struct config *config,
        struct cache *cache, const struct sockets_bound *bound, char why[GENERATION_WHY_BYTES])
{
	_Static_assert(
	        (int)GENERATION_WHY_BYTES >= SOCKETS_WHY_BYTES && (int)GENERATION_WHY_BYTES >= TLS_WHY_BYTES,
	        "one line fits all");
	struct generation *g = must_alloc(1, sizeof *g);
	g->world = world;
	g->number = number;
	g->config = config;
	g->cache = cache;
	g->ready[0] = g->ready[1] = -1;
	g->slots = must_alloc(config->workers, sizeof *g->slots);
	if (sandbox_find_user(config->user, &g->user, why) == 0 &&
	        source_check(config->upstreams, config->upstream_count, why) == 0)
		g->tls = tls_store_open(config->upstreams, config->upstream_count, why);
	if (g->tls != NULL &&
	        tls_store_serve(g->tls, config->listens, config->listen_count, world->stek, why) == 0) {
		tls_store_keep_tickets(g->tls, world->tickets);
		g->sockets = sockets_open(config->listens, config->listen_count, config->workers, bound, why);
	}
	if (g->sockets != NULL) {
		if (memory_make(g) && pipe2(g->ready, O_CLOEXEC | O_NONBLOCK) == 0) {
			steering_prepare(g);
			return g;
		}
		snprintf(why, GENERATION_WHY_BYTES, "no memory or descriptors for %u workers: %s",
		        config->workers, strerror(errno));
	}
	generation_free(g);
	return NULL;
}

void
generation_free(struct generation *g)
{
	if (g == NULL)
		return;
	must(generation_alive(g) == 0);
	for (unsigned slot = 0; slot < g->config->workers; slot++) {
		roster_release(g->slots[slot].room.roster.row);
		worker_room_free(&g->slots[slot].room);
	}
	for (int end = 0; end < 2; end++)
		if (g->ready[end] >= 0)
			close(g->ready[end]);
	shelf_drop(g->shelf);
	sockets_close(g->sockets);
	tls_store_close(g->tls);
	stats_free(g->stats);
	shm_free(g->shm);
	free(g->slots);
	config_free(g->config);
	free(g);
}

static struct worker_setup
setup_of(const struct generation *g, unsigned slot, int log_end)
{
	return (struct worker_setup){
	        .config = g->config,
	        .sockets = g->sockets,
	        .tls = g->tls,
	        .quarantine = g->world->quarantine,
	        .health = g->world->health,
	        .limits = g->world->limits,
	        .epoch = g->world->epoch,
	        .cache = g->cache,
	        .member = g->slots[slot].member,
	        .shelf = g->shelf,
	        .hits = g->world->hits,
	        .tops = g->world->tops,
	        .bureau = g->world->bureau,
	        .generation = g->number,
	        .cookies = g->world->cookies,
	        .seed = g->world->seed,
	        .room = g->slots[slot].room,
	        .user = g->user,
	        .master = getpid(),
	        .slot = slot,
	        .log_end = log_end,
	        .ready_fd = g->ready[1],
	};
}

static void
close_end(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
bear(struct generation *g, unsigned slot, uint64_t now_ms)
{
	struct generation_slot *s = &g->slots[slot];
	int ends[2] = {-1, -1};
	int failed = handover_open(ends);
	if (failed < 0)
		log_warn("worker gets no new log file after a rotation slot=%u why=\"%s\"", slot,
		        strerror(-failed));
	s->member = g->cache != NULL ? cache_next_member(g->cache) : 0;
	struct worker_setup setup = setup_of(g, slot, ends[1]);
	fflush(NULL);
	atomic_store(&s->room.state->heartbeat_ms, now_ms);
	atomic_store(&s->room.state->lists, shelf_number(g->shelf));
	pid_t pid = fork();
	if (pid == 0) {
		close(g->ready[0]);
		g->world->leave_master(g->world->arg);
		/* exit(), not _exit(): leak checker and coverage report from exit handlers */
		exit(worker_run(&setup));
	}
	int error = errno;
	close_end(ends[1]);
	if (pid < 0) {
		close_end(ends[0]);
		log_error("worker cannot be forked slot=%u why=\"%s\" next=%dms", slot, strerror(error),
		        GENERATION_FORK_RETRY_MS);
		s->birth_ms = now_ms + GENERATION_FORK_RETRY_MS;
		return;
	}
	bool was_out = s->history.deaths > 1;
	s->pid = pid;
	s->log_end = ends[0];
	s->born_ms = now_ms;
	s->kill_ms = 0;
	roster_born(g->world->roster, s->room.roster.row, pid, now_ms);
	log_notice("worker born slot=%u pid=%d generation=%u", slot, (int)pid, g->number);
	if (was_out)
		steer(g, now_ms);
}

void
generation_bear(struct generation *g, uint64_t now_ms)
{
	if (g->state == GENERATION_DRAINING || g->failed)
		return;
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		if (g->slots[slot].pid == 0 && !g->slots[slot].retired && g->slots[slot].birth_ms <= now_ms)
			bear(g, slot, now_ms);
}

/* The question in hand at a crash is not taken up again, and at the second crash quarantined. What to tell
 * the log. */
static void
blame(struct generation *g, struct generation_slot *s, int status, uint64_t now_ms, char *out, size_t room)
{
	struct slot_state *state = s->room.state;
	uint64_t hand = atomic_load(&state->words.hand);
	atomic_store(&state->skip, 0);
	out[0] = '\0';
	if (hand == 0)
		return;
	bool crash = death_is_crash(status, s->kill_ms != 0);
	unsigned crashes = crash ? quarantine_note(g->world->quarantine, hand, now_ms) : 0;
	if (crash)
		atomic_store(&state->skip, hand);
	snprintf(out, room, " in_hand=%016llx%s", (unsigned long long)hand,
	        crashes >= QUARANTINE_CRASHES ? " quarantined=600s" : "");
}

/* How long until the next life. Call it while `serving` still tells of this one. */
static uint64_t
wait_after(struct generation_slot *s, int status, uint64_t uptime_ms)
{
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && s->kill_ms == 0;
	return child_died(&s->history, uptime_ms, killed && atomic_load(&s->room.state->serving) != 0);
}

static void
obituary(struct generation *g, unsigned slot, int status, uint64_t now_ms)
{
	struct generation_slot *s = &g->slots[slot];
	char hand[80], words[DEATH_WORDS_BYTES];
	uint64_t uptime_ms = now_ms - s->born_ms;
	blame(g, s, status, now_ms, hand, sizeof hand);
	death_take_words(&s->room.state->words, words);
	s->deaths++;
	uint64_t next_ms = wait_after(s, status, uptime_ms);
	s->birth_ms = now_ms + next_ms;
	s->retired = WIFEXITED(status) && WEXITSTATUS(status) == WORKER_CANNOT_WORK;
	/* A new generation that cannot serve is given up; the one before goes on. */
	if (g->state == GENERATION_STARTING && (s->retired || !atomic_load(&s->room.state->serving)))
		g->failed = true;
	if (s->retired)
		log_error("worker died slot=%u pid=%d %s uptime=%llus: it cannot work and is not born again",
		        slot, (int)s->pid, s->death, (unsigned long long)(uptime_ms / 1000));
	else
		log_notice("worker died slot=%u pid=%d %s uptime=%llus next=%llums%s%s", slot, (int)s->pid,
		        s->death, (unsigned long long)(uptime_ms / 1000), (unsigned long long)next_ms, hand,
		        words);
}

/* Of a generation that drains: it answers what its predecessor left, and ends. */
static void
bear_last(struct generation *g, unsigned slot, uint64_t now_ms)
{
	bear(g, slot, now_ms);
	/* It heeds signals once it has taken up what there is. */
	if (g->slots[slot].pid != 0)
		kill(g->slots[slot].pid, SIGTERM);
}

/* The end of a worker that drains is nothing to write home about, unless it left something. */
static void
bury_drained(struct generation *g, unsigned slot, int status, uint64_t now_ms)
{
	struct generation_slot *s = &g->slots[slot];
	char hand[80], words[DEATH_WORDS_BYTES];
	blame(g, s, status, now_ms, hand, sizeof hand);
	death_take_words(&s->room.state->words, words);
	log_at(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	        "worker stopped slot=%u pid=%d %s generation=%u%s%s", slot, (int)s->pid, s->death, g->number,
	        hand, words);
	uint64_t next_ms = wait_after(s, status, now_ms - s->born_ms);
	atomic_store(&s->room.state->serving, 0);
	s->pid = 0;
	if (s->leaves && next_ms == 0 && !g->killed)
		bear_last(g, slot, now_ms);
}

bool
generation_bury(struct generation *g, int pid, int status, uint64_t now_ms)
{
	for (unsigned slot = 0; slot < g->config->workers; slot++) {
		struct generation_slot *s = &g->slots[slot];
		if (s->pid != pid)
			continue;
		death_text(status, s->room.state->words.call, s->death);
		roster_died(g->world->roster, s->room.roster.row, status, s->room.state->words.call);
		if (g->world->health != NULL)
			health_bury(g->world->health, pid);
		close_end(s->log_end);
		/* One that dies before it serves has not taken up what the one before it left. */
		s->leaves = WIFSIGNALED(status) && (s->leaves || atomic_load(&s->room.state->serving));
		if (g->state == GENERATION_DRAINING) {
			bury_drained(g, slot, status, now_ms);
			return true;
		}
		obituary(g, slot, status, now_ms);
		s->pid = 0;
		atomic_store(&s->room.state->serving, 0);
		if (s->birth_ms > now_ms || s->retired)
			steer(g, now_ms);
		return true;
	}
	return false;
}

/* What workers say. True when one has too much to do. */
static bool
listen_to_workers(const struct generation *g)
{
	char bytes[256];
	bool alarm = false;
	for (ssize_t got; (got = read(g->ready[0], bytes, sizeof bytes)) > 0;)
		alarm |= memchr(bytes, WORKER_SAYS_BUSY, (size_t)got) != NULL;
	return alarm;
}

bool
generation_hear(struct generation *g)
{
	listen_to_workers(g);
	if (g->state != GENERATION_STARTING)
		return false;
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		if (!atomic_load(&g->slots[slot].room.state->serving))
			return false;
	g->state = GENERATION_SERVING;
	steer(g, clock_now_ms());
	return true;
}

static void
watch_slot(struct generation *g, unsigned slot, uint64_t now_ms)
{
	struct generation_slot *s = &g->slots[slot];
	uint64_t beat_ms = atomic_load(&s->room.state->heartbeat_ms);
	if (s->pid == 0)
		return;
	if (s->kill_ms != 0) {
		if (now_ms >= s->kill_ms)
			kill(s->pid, SIGKILL);
		return;
	}
	if (now_ms < beat_ms + g->config->watchdog_ms)
		return;
	log_error("worker hangs slot=%u pid=%d silent=%llums: it is aborted", slot, (int)s->pid,
	        (unsigned long long)(now_ms - beat_ms));
	s->kill_ms = now_ms + GENERATION_GRACE_MS;
	kill(s->pid, SIGABRT);
}

/* Is there anything to decide about how many slots are given something? */
static bool
is_steered(const struct generation *g)
{
	return g->state == GENERATION_SERVING && !g->config->steer_all && g->config->workers > 1;
}

/* What the workers have done since the last look. */
static struct steering_look
look(struct generation *g, uint64_t passed_ms)
{
	const struct config_limits *limits = &g->config->limits;
	struct steering_look seen = {.questions = stats_sum(g->stats, STATS_queries)};
	/* One client may have used up what is for one address. */
	unsigned room = limits->tcp_clients < limits->tcp_clients_per_address
	                        ? limits->tcp_clients
	                        : limits->tcp_clients_per_address;
	for (unsigned slot = 0; slot < g->config->workers; slot++) {
		struct generation_slot *s = &g->slots[slot];
		uint64_t busy_us = atomic_load(&s->room.state->busy_us);
		unsigned busy = (unsigned)((busy_us - s->busy_us) / 10 / passed_ms);
		unsigned clients = s->pid != 0 ? atomic_load(&s->room.state->tcp_clients) * 100 / room : 0;
		s->busy_us = busy_us;
		seen.busy = busy > seen.busy ? busy : seen.busy;
		seen.clients = clients > seen.clients ? clients : seen.clients;
	}
	return seen;
}

static void
watch_steering(struct generation *g, uint64_t now_ms)
{
	unsigned width = g->steering.width;
	uint64_t passed_ms = now_ms - g->steering.looked_ms;
	if (!is_steered(g))
		return;
	bool changed = listen_to_workers(g) && steering_alarm(&g->steering, now_ms);
	if (passed_ms >= STEERING_LOOK_MS) {
		const struct steering_look seen = look(g, passed_ms);
		changed |= steering_look(&g->steering, &seen, now_ms);
		if (g->world->qps != NULL)
			atomic_store(g->world->qps, g->steering.qps);
	}
	if (!changed)
		return;
	log_info("workers that are given questions: %u, before %u qps=%u", g->steering.width, width,
	        g->steering.qps);
	steer(g, now_ms);
}

void
generation_watch(struct generation *g, uint64_t now_ms)
{
	watch_steering(g, now_ms);
	if (g->state == GENERATION_DRAINING && now_ms >= g->kill_ms) {
		if (generation_alive(g) > 0)
			log_warn("workers do not end: they are killed workers=%u generation=%u",
			        generation_alive(g), g->number);
		generation_kill(g);
		g->kill_ms = UINT64_MAX;
	}
	if (g->config->watchdog_ms == 0 || g->state == GENERATION_DRAINING)
		return;
	/* A master that was itself held up (a stopped machine, a frozen group) has heard nobody and blames
	 * nobody. */
	bool late =
	        g->watch_ms != 0 && now_ms > g->watch_ms + g->config->watchdog_ms / 2 + GENERATION_GRACE_MS;
	g->watch_ms = now_ms;
	for (unsigned slot = 0; slot < g->config->workers && !late; slot++)
		watch_slot(g, slot, now_ms);
}

void
generation_drain(struct generation *g, uint64_t now_ms)
{
	if (g->state == GENERATION_DRAINING)
		return;
	g->state = GENERATION_DRAINING;
	g->kill_ms = now_ms + g->config->drain_timeout_ms + GENERATION_GRACE_MS;
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		atomic_store(&g->slots[slot].room.roster.row->draining, 1);
	generation_signal(g, SIGTERM);
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		if (g->slots[slot].pid == 0 && g->slots[slot].leaves && !g->slots[slot].retired)
			bear_last(g, slot, now_ms);
}

void
generation_kill(struct generation *g)
{
	g->killed = true;
	generation_signal(g, SIGKILL);
}

void
generation_signal(const struct generation *g, int signal)
{
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		if (g->slots[slot].pid != 0)
			kill(g->slots[slot].pid, signal);
}

/* `what`: for the log. */
static void
give(const struct generation *g, const struct handover_note *note, int fd, const char *what)
{
	for (unsigned slot = 0; slot < g->config->workers && fd >= 0; slot++) {
		const struct generation_slot *s = &g->slots[slot];
		if (s->pid == 0 || s->log_end < 0)
			continue;
		int failed = handover_give(s->log_end, note, fd);
		if (failed < 0)
			log_warn("worker does not take %s slot=%u why=\"%s\"", what, slot, strerror(-failed));
	}
}

void
generation_give_log(const struct generation *g)
{
	static const struct handover_note note = {.kind = HANDOVER_LOG};
	give(g, &note, log_descriptor(), "the new log file");
}

void
generation_set_lists(struct generation *g, struct shelf *shelf)
{
	const struct handover_note note = {
	        .kind = HANDOVER_LISTS, .bytes = shelf_bytes(shelf), .number = shelf_number(shelf)};
	shelf_hold(shelf);
	shelf_drop(g->shelf);
	g->shelf = shelf;
	give(g, &note, shelf_descriptor(shelf), "the new lists");
}

struct shelf *
generation_lists(const struct generation *g)
{
	return g->shelf;
}

bool
generation_has_lists(const struct generation *g)
{
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		if (g->slots[slot].pid != 0 &&
		        atomic_load(&g->slots[slot].room.state->lists) != shelf_number(g->shelf))
			return false;
	return true;
}

enum generation_state
generation_state(const struct generation *g)
{
	return g->state;
}

unsigned
generation_number(const struct generation *g)
{
	return g->number;
}

unsigned
generation_alive(const struct generation *g)
{
	unsigned count = 0;
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		count += g->slots[slot].pid != 0;
	return count;
}

bool
generation_has_failed(const struct generation *g)
{
	return g->failed;
}

int
generation_ready_fd(const struct generation *g)
{
	return g->ready[0];
}

/* The watchdog looks four times in its period. */
uint64_t
generation_next_ms(const struct generation *g)
{
	if (g->state == GENERATION_DRAINING)
		return g->kill_ms;
	uint64_t next_ms = UINT64_MAX;
	if (g->config->watchdog_ms > 0)
		next_ms = g->watch_ms + g->config->watchdog_ms / 4;
	if (is_steered(g) && g->steering.looked_ms + STEERING_LOOK_MS < next_ms)
		next_ms = g->steering.looked_ms + STEERING_LOOK_MS;
	for (unsigned slot = 0; slot < g->config->workers; slot++) {
		const struct generation_slot *s = &g->slots[slot];
		if (s->pid == 0 && !s->retired && !g->failed && s->birth_ms < next_ms)
			next_ms = s->birth_ms;
		if (s->pid != 0 && s->kill_ms != 0 && s->kill_ms < next_ms)
			next_ms = s->kill_ms;
	}
	return next_ms;
}

const struct config *
generation_config(const struct generation *g)
{
	return g->config;
}

const struct sockets *
generation_sockets(const struct generation *g)
{
	return g->sockets;
}

const struct sandbox_user *
generation_user(const struct generation *g)
{
	return &g->user;
}

const struct stats *
generation_stats(const struct generation *g)
{
	return g->stats;
}

struct cache *
generation_cache(const struct generation *g)
{
	return g->cache;
}

bool
generation_has_member(const struct generation *g, uint32_t member)
{
	for (unsigned slot = 0; slot < g->config->workers; slot++)
		if (g->slots[slot].pid != 0 && g->slots[slot].member == member)
			return true;
	return false;
}

struct generation_worker
generation_worker(const struct generation *g, unsigned slot, uint64_t now_ms)
{
	const struct generation_slot *s = &g->slots[slot];
	return (struct generation_worker){
	        .pid = s->pid,
	        .uptime_ms = s->pid != 0 ? now_ms - s->born_ms : 0,
	        .next_birth_ms = s->pid == 0 && s->birth_ms > now_ms ? s->birth_ms - now_ms : 0,
	        .deaths = s->deaths,
	        .serving = atomic_load(&s->room.state->serving) != 0,
	        .last_death = s->death,
	};
}
