/*
 *    sweep ── something was there ──► a short rest ──► sweep
 *       └──── nothing ── closed ──► the end
 *                   └──► sleep until the bell rings, or somebody may have died before ringing it
 *
 * The rest makes work cheap: many records for each look, and as long as there are some nobody has to ring. It
 * is much shorter than what a spool has room for. What was given back to a spool is written, so that a scribe
 * that dies leaves it to the next one; some lines may be there twice then.
 */
#include "process/scribe.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "process/fds.h"
#include "process/handover.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
	SCRIBE_REST_MS = 20,
	SCRIBE_SLEEP_MS = 10000,
	SCRIBE_BATCH = 1024, /* records before they are flushed, and their room is given back */
	SCRIBE_TELL_MS = 1000,
};

struct scribe {
	const struct scribe_setup *setup;
	void *arg; /* of the craft */
	struct spool_reader *readers;
	uint64_t tell_ms;
};

static void
add(_Atomic uint64_t *word, uint64_t count)
{
	atomic_fetch_add_explicit(word, count, memory_order_relaxed);
}

static void
flush(struct scribe *s, struct spool_reader *reader, uint64_t put)
{
	unsigned lost = s->setup->craft->flush(s->arg);
	spool_release(reader);
	add(&s->setup->state->written, put > lost ? put - lost : 0);
	add(&s->setup->state->failed, lost);
}

/* Writes down what one worker has said; how many records that were. */
static unsigned
read_one(struct scribe *s, struct spool_reader *reader)
{
	const uint8_t *record;
	size_t bytes;
	unsigned count = 0, put = 0;
	while (count < SCRIBE_BATCH && (record = spool_next(reader, &bytes)) != NULL) {
		put += s->setup->craft->put(s->arg, record, bytes);
		count++;
	}
	if (count > 0)
		flush(s, reader, put);
	add(&s->setup->state->failed, count - put);
	return count;
}

uint64_t
scribe_lost(const struct scribe_state *state, struct spool *const *spools, unsigned count)
{
	uint64_t lost = atomic_load(&state->failed);
	for (unsigned i = 0; i < count; i++)
		lost += spool_lost(spools[i]);
	return lost;
}

/* What was lost is said once it can be. */
static void
tell(struct scribe *s, bool at_once)
{
	struct scribe_state *state = s->setup->state;
	uint64_t lost = scribe_lost(state, s->setup->spools, s->setup->spool_count);
	uint64_t told = atomic_load(&state->told), now_ms = clock_now_ms();
	if (lost == told || (now_ms < s->tell_ms && !at_once))
		return;
	s->tell_ms = now_ms + SCRIBE_TELL_MS;
	atomic_store(&state->told, lost);
	log_warn("%s: lines lost: what it is written to is too slow, or fails lost=%llu in_all=%llu",
	        s->setup->craft->name, (unsigned long long)(lost - told), (unsigned long long)lost);
}

/* How much the busiest worker has said. */
static unsigned
sweep(struct scribe *s)
{
	unsigned most = 0;
	for (unsigned i = 0; i < s->setup->spool_count; i++) {
		unsigned count = read_one(s, &s->readers[i]);
		most = count > most ? count : most;
	}
	tell(s, false);
	return most;
}

static void
take_descriptors(const struct scribe *s)
{
	struct handover_note note;
	for (int fd; (fd = handover_take(s->setup->log_end, &note)) >= 0;)
		if (note.kind == HANDOVER_LOG)
			log_adopt(fd);
		else if (note.kind == HANDOVER_CRAFT && s->setup->craft->adopt != NULL)
			s->setup->craft->adopt(s->arg, fd);
		else
			close(fd);
}

static void
rest(void)
{
	struct timespec pause = {.tv_nsec = SCRIBE_REST_MS * 1000000L};
	nanosleep(&pause, NULL);
}

static void
work(struct scribe *s)
{
	struct scribe_state *state = s->setup->state;
	for (;;) {
		bool closed = atomic_load(&state->closed) != 0; /* before the last look */
		take_descriptors(s);
		unsigned most = sweep(s);
		if (most > 0) {
			if (most < SCRIBE_BATCH)
				rest();
			continue;
		}
		if (closed)
			return;
		bell_lie_down(&state->bell);
		if (sweep(s) == 0 && atomic_load(&state->closed) == 0)
			bell_sleep(&state->bell, SCRIBE_SLEEP_MS);
		bell_get_up(&state->bell);
	}
}

/* What the master set up for itself is not for us, and it is the master who says when to end. */
static void
reset_signals(void)
{
	static const int defaults[] = {SIGCHLD, SIGQUIT, SIGALRM, SIGUSR2, SIGABRT};
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1};
	sigset_t none;
	for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
		signal(defaults[i], SIG_DFL);
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool
give_up_rights(const struct scribe_setup *setup)
{
	char why[SANDBOX_WHY_BYTES];
	const int own[] = {setup->fd, setup->log_end};
	fds_keep(own, sizeof own / sizeof own[0]);
	if (sandbox_enter_worker(&setup->user, setup->master, why) == 0 &&
	        (!setup->config->sandbox || sandbox_seal(SANDBOX_SCRIBE, why) == 0))
		return true;
	log_error("%s: it cannot be written: %s", setup->craft->name, why);
	return false;
}

static void
open_spools(struct scribe *s)
{
	unsigned count = s->setup->spool_count;
	s->readers = must_alloc(count, sizeof *s->readers);
	for (unsigned i = 0; i < count; i++)
		spool_read_begin(&s->readers[i], s->setup->spools[i]);
}

int
scribe_run(const struct scribe_setup *setup)
{
	struct scribe s = {.setup = setup};
	log_set_role("scribe");
	prctl(PR_SET_NAME, "dotward-scribe"); /* in ps and top; who counts workers counts others */
	reset_signals();
	open_spools(&s);
	s.arg = setup->craft->begin(setup->config, setup->fd);
	if (!give_up_rights(setup))
		return SCRIBE_CANNOT_WORK;
	work(&s);
	tell(&s, true);
	if (setup->craft->end != NULL)
		setup->craft->end(s.arg);
	free(s.readers);
	return EXIT_SUCCESS;
}
