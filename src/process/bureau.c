/*
 * A desk is what one generation has: memory of its own, and a seat for each craft that it wants.
 *
 *    made ── begin ──► at work ── its generation is gone ──► closed ── all scribes have ended ──► freed
 *       └── another one is made, and this one has not begun ────────────────────────────────────────┘
 *
 * A generation's configuration is copied, for it is gone before its scribes are. They are waited for as long
 * as its workers were (drain_timeout_ms), then killed: what they write to does not take it.
 */
#include "process/bureau.h"

#include "autoconf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "process/child.h"
#include "process/death.h"
#include "process/handover.h"
#include "process/ledger.h"
#include "process/tapster.h"
#include "shared/shm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUREAU_FORK_RETRY_MS = 1000 };

static const struct scribe_craft *const crafts[BUREAU_CRAFTS] = {
        [BUREAU_QUERYLOG] = &ledger_craft,
#ifdef DOTWARD_DNSTAP
        [BUREAU_DNSTAP] = &tapster_craft,
#endif
};

struct seat {
	const struct scribe_craft *craft; /* NULL: it is not wanted */
	struct scribe_state *state;
	struct spool **spools; /* by slot */
	int fd;                /* what it writes to; -1: nothing that it could not open itself */
	int log_end;           /* while there is a pid */
	pid_t pid;             /* 0: none */
	uint64_t born_ms, birth_ms;
	struct child_history history;
	uint64_t counted; /* of its failures */
	bool ended;       /* there is nothing left to write */
};

struct desk {
	struct desk *next;
	unsigned generation;
	struct config *config;
	struct sandbox_user user;
	struct shm *shm;
	struct seat seats[BUREAU_CRAFTS];
	bool begun, closed;
	uint64_t kill_ms; /* closed: when patience ends */
};

struct bureau {
	struct bureau_setup setup;
	struct desk *desks;
	bool killed;
};

static bool
is_wanted(unsigned craft, const struct config *config)
{
	/* one that this dotward was built without is missing */
	return crafts[craft] != NULL && crafts[craft]->wanted(config);
}

struct bureau *
bureau_new(const struct bureau_setup *setup)
{
	struct bureau *b = must_alloc(1, sizeof *b);
	b->setup = *setup;
	return b;
}

static void
close_end(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
desk_free(struct desk *d)
{
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++) {
		must(d->seats[i].pid == 0);
		close_end(d->seats[i].fd);
		free(d->seats[i].spools);
	}
	shm_free(d->shm);
	config_free(d->config);
	free(d);
}

void
bureau_free(struct bureau *b)
{
	if (b == NULL)
		return;
	for (struct desk *d = b->desks, *next; d != NULL; d = next) {
		next = d->next;
		desk_free(d);
	}
	free(b);
}

static struct desk *
find(const struct bureau *b, unsigned generation)
{
	for (struct desk *d = b->desks; d != NULL; d = d->next)
		if (d->generation == generation)
			return d;
	return NULL;
}

/* --- making ----------------------------------------------------------------------------------------------
 */

static unsigned
wanted(const struct config *config)
{
	unsigned count = 0;
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++)
		count += is_wanted(i, config);
	return count;
}

static void
seat_carve(struct desk *d, struct seat *s)
{
	s->state = shm_carve(d->shm, sizeof *s->state);
	s->spools = must_alloc(d->config->workers, sizeof(struct spool *));
	for (unsigned slot = 0; slot < d->config->workers; slot++)
		s->spools[slot] = shm_carve(d->shm, spool_bytes());
}

/* Memory and descriptors for every craft that is wanted. */
static int
furnish(struct desk *d, unsigned seats, char why[BUREAU_WHY_BYTES])
{
	d->shm = shm_new(seats * (shm_footprint(sizeof(struct scribe_state)) +
	                                 d->config->workers * shm_footprint(spool_bytes())));
	if (d->shm == NULL) {
		int error = errno;
		snprintf(why, BUREAU_WHY_BYTES, "no memory for what %u workers write to logs: %s",
		        d->config->workers, strerror(error));
		return -error;
	}
	shm_hide(d->shm); /* there are names and clients in it */
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++) {
		if (!is_wanted(i, d->config))
			continue;
		int fd = crafts[i]->open(d->config, why);
		if (fd < -1)
			return fd + 1;
		d->seats[i].craft = crafts[i];
		d->seats[i].fd = fd;
		seat_carve(d, &d->seats[i]);
	}
	return 0;
}

static void
forget(struct bureau *b, struct desk *d)
{
	struct desk **at = &b->desks;
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	desk_free(d);
}

static void
forget_unbegun(struct bureau *b)
{
	for (struct desk *d = b->desks, *next; d != NULL; d = next) {
		next = d->next;
		if (!d->begun)
			forget(b, d);
	}
}

int
bureau_provide(struct bureau *b, unsigned generation, const struct config *config, char why[BUREAU_WHY_BYTES])
{
	unsigned seats = wanted(config);
	forget_unbegun(b);
	must(find(b, generation) == NULL);
	if (seats == 0)
		return 0;
	struct desk *d = must_alloc(1, sizeof *d);
	d->generation = generation;
	d->config = config_copy(config);
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++)
		d->seats[i].fd = d->seats[i].log_end = -1;
	int failed = furnish(d, seats, why);
	if (failed < 0) {
		desk_free(d);
		return failed;
	}
	d->next = b->desks;
	b->desks = d;
	return 0;
}

static const struct seat *
seat_of(const struct bureau *b, unsigned generation, enum bureau_craft craft)
{
	const struct desk *d = b != NULL ? find(b, generation) : NULL;
	return d != NULL && d->seats[craft].craft != NULL ? &d->seats[craft] : NULL;
}

struct spool *
bureau_spool(const struct bureau *b, unsigned generation, enum bureau_craft craft, unsigned slot)
{
	const struct seat *s = seat_of(b, generation, craft);
	return s != NULL ? s->spools[slot] : NULL;
}

struct bell *
bureau_bell(const struct bureau *b, unsigned generation, enum bureau_craft craft)
{
	const struct seat *s = seat_of(b, generation, craft);
	return s != NULL ? &s->state->bell : NULL;
}

/* --- births and deaths -----------------------------------------------------------------------------------
 */

static void
bear(const struct bureau *b, const struct desk *d, struct seat *s, uint64_t now_ms)
{
	int ends[2] = {-1, -1};
	int failed = handover_open(ends);
	if (failed < 0)
		log_warn("%s: gets no new file after a rotation why=\"%s\"", s->craft->name,
		        strerror(-failed));
	const struct scribe_setup setup = {.craft = s->craft,
	        .config = d->config,
	        .state = s->state,
	        .spools = s->spools,
	        .spool_count = d->config->workers,
	        .user = d->user,
	        .fd = s->fd,
	        .log_end = ends[1],
	        .master = getpid()};
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		b->setup.leave_master(b->setup.arg);
		/* exit(), not _exit(): leak checker and coverage report from exit handlers */
		exit(scribe_run(&setup));
	}
	int error = errno;
	close_end(ends[1]);
	if (pid < 0) {
		close_end(ends[0]);
		log_error("%s: no process to write it why=\"%s\" next=%dms", s->craft->name, strerror(error),
		        BUREAU_FORK_RETRY_MS);
		s->birth_ms = now_ms + BUREAU_FORK_RETRY_MS;
		return;
	}
	s->pid = pid;
	s->log_end = ends[0];
	s->born_ms = now_ms;
	log_info("%s: scribe born pid=%d generation=%u", s->craft->name, (int)pid, d->generation);
}

static bool
is_due(const struct seat *s, uint64_t now_ms)
{
	return s->craft != NULL && s->pid == 0 && !s->ended && s->birth_ms <= now_ms;
}

static void
bear_all(const struct bureau *b, struct desk *d, uint64_t now_ms)
{
	for (unsigned i = 0; i < BUREAU_CRAFTS && !b->killed; i++)
		if (is_due(&d->seats[i], now_ms))
			bear(b, d, &d->seats[i], now_ms);
}

void
bureau_begin(struct bureau *b, unsigned generation, const struct sandbox_user *user, uint64_t now_ms)
{
	struct desk *d = find(b, generation);
	if (d == NULL)
		return;
	d->begun = true;
	d->user = *user;
	bear_all(b, d, now_ms);
}

/* How many lines are lost for good, when nobody writes them any more. */
static void
tell_lost(const struct desk *d, const struct seat *s)
{
	uint64_t lost = scribe_lost(s->state, s->spools, d->config->workers), told = s->state->told;
	for (unsigned slot = 0; slot < d->config->workers; slot++) {
		struct spool_reader reader;
		size_t bytes;
		spool_read_begin(&reader, s->spools[slot]);
		while (spool_next(&reader, &bytes) != NULL)
			lost++;
		spool_release(&reader);
	}
	if (lost != told)
		log_warn("%s: lines lost: they could not be written in time lost=%llu in_all=%llu",
		        s->craft->name, (unsigned long long)(lost - told), (unsigned long long)lost);
}

static void
died(struct desk *d, struct seat *s, int status, uint64_t now_ms)
{
	char death[DEATH_BYTES];
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0, late = d->closed && now_ms >= d->kill_ms;
	bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	pid_t pid = s->pid;
	s->pid = 0;
	close_end(s->log_end);
	s->log_end = -1;
	s->ended = well || late;
	if (well)
		return;
	uint64_t next_ms = child_died(&s->history, now_ms - s->born_ms, killed);
	s->birth_ms = now_ms + next_ms;
	death_text(status, SANDBOX_NO_CALL, death);
	if (late)
		tell_lost(d, s);
	else
		log_warn("%s: scribe died pid=%d %s next=%llums", s->craft->name, (int)pid, death,
		        (unsigned long long)next_ms);
}

bool
bureau_bury(struct bureau *b, pid_t pid, int status, uint64_t now_ms)
{
	for (struct desk *d = b->desks; d != NULL; d = d->next)
		for (unsigned i = 0; i < BUREAU_CRAFTS; i++)
			if (d->seats[i].pid == pid) {
				died(d, &d->seats[i], status, now_ms);
				return true;
			}
	return false;
}

/* --- time passes -----------------------------------------------------------------------------------------
 */

static void
give(const struct seat *s, enum handover_kind kind, int fd)
{
	const struct handover_note note = {.kind = kind};
	int failed = fd >= 0 && s->log_end >= 0 ? handover_give(s->log_end, &note, fd) : 0;
	if (failed < 0)
		log_warn("%s: its scribe does not take a new file why=\"%s\"", s->craft->name,
		        strerror(-failed));
}

static void
reopen(const struct desk *d, struct seat *s)
{
	char why[BUREAU_WHY_BYTES];
	int fd = s->craft->adopt != NULL ? s->craft->open(d->config, why) : -1;
	if (fd < -1) {
		log_error("%s; going on with the old one", why);
	} else if (fd >= 0) {
		close_end(s->fd);
		s->fd = fd;
	}
	give(s, HANDOVER_LOG, log_descriptor());
	if (fd >= 0)
		give(s, HANDOVER_CRAFT, s->fd);
	bell_ring(&s->state->bell);
}

void
bureau_reopen(const struct bureau *b)
{
	for (struct desk *d = b->desks; d != NULL; d = d->next)
		for (unsigned i = 0; i < BUREAU_CRAFTS; i++)
			if (d->seats[i].craft != NULL)
				reopen(d, &d->seats[i]);
}

static bool
is_listed(const struct desk *d, const unsigned *generations, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (generations[i] == d->generation)
			return true;
	return false;
}

/* Nobody writes into its spools any more. */
static void
desk_close(const struct bureau *b, struct desk *d, uint64_t now_ms)
{
	d->closed = true;
	d->kill_ms = b->killed ? now_ms : now_ms + d->config->drain_timeout_ms;
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++) {
		struct seat *s = &d->seats[i];
		if (s->craft == NULL)
			continue;
		s->birth_ms = now_ms; /* one that is not there now is needed now */
		atomic_store(&s->state->closed, 1);
		bell_ring(&s->state->bell);
	}
}

static bool
desk_is_done(const struct desk *d)
{
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++)
		if (d->seats[i].craft != NULL && (d->seats[i].pid != 0 || !d->seats[i].ended))
			return false;
	return true;
}

static void
desk_kill(struct desk *d)
{
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++) {
		d->seats[i].ended |= d->seats[i].pid == 0;
		if (d->seats[i].pid != 0)
			kill(d->seats[i].pid, SIGKILL);
	}
}

/* What the scribes could not write is a counter like others; the workers count what had no room. */
static void
count_failures(const struct bureau *b, struct desk *d)
{
	for (unsigned i = 0; i < BUREAU_CRAFTS; i++) {
		struct seat *s = &d->seats[i];
		uint64_t failed = s->craft != NULL ? atomic_load(&s->state->failed) : s->counted;
		if (b->setup.retired != NULL && failed != s->counted)
			stats_add(b->setup.retired, s->craft->counter, failed - s->counted);
		s->counted = failed;
	}
}

void
bureau_tend(struct bureau *b, const unsigned *generations, unsigned count, uint64_t now_ms)
{
	for (struct desk *d = b->desks, *next; d != NULL; d = next) {
		next = d->next;
		count_failures(b, d);
		if (d->begun && !d->closed && !is_listed(d, generations, count))
			desk_close(b, d, now_ms);
		if (d->closed && now_ms >= d->kill_ms)
			desk_kill(d);
		else if (d->begun)
			bear_all(b, d, now_ms);
		if (d->closed && desk_is_done(d))
			forget(b, d);
	}
}

uint64_t
bureau_next_ms(const struct bureau *b)
{
	uint64_t next_ms = UINT64_MAX, now_ms = clock_now_ms();
	for (const struct desk *d = b->desks; d != NULL; d = d->next) {
		/* one that was killed is heard of */
		if (d->closed && d->kill_ms > now_ms && d->kill_ms < next_ms)
			next_ms = d->kill_ms;
		for (unsigned i = 0; d->begun && i < BUREAU_CRAFTS; i++)
			if (is_due(&d->seats[i], UINT64_MAX) && d->seats[i].birth_ms < next_ms)
				next_ms = d->seats[i].birth_ms;
	}
	return next_ms;
}

bool
bureau_is_empty(const struct bureau *b)
{
	for (const struct desk *d = b->desks; d != NULL; d = d->next)
		if (d->begun)
			return false;
	return true;
}

void
bureau_kill(struct bureau *b)
{
	b->killed = true;
	for (struct desk *d = b->desks; d != NULL; d = d->next) {
		d->kill_ms = 0;
		desk_kill(d);
	}
}
