/*
 * The worker's main: puts the parts together, takes up what a predecessor left, runs the loop, takes them
 * apart.
 *
 *    recovering ──► serving ── SIGTERM ──► draining ── nothing left, or drain_timeout_ms ──► gone
 */
#include "process/worker.h"

#include "base/clock.h"
#include "base/logflood.h"
#include "base/must.h"
#include "client/listener_stream.h"
#include "client/listener_udp.h"
#include "process/fds.h"
#include "process/handover.h"
#include "process/spending.h"
#include "query/popular.h"
#include "query/query.h"
#include "query/querylog.h"
#include "query/tapping.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WORKER_WINDOW_US = 100000, /* in which */
	WORKER_MANY = 200,         /* so many questions, */
	WORKER_LONG_US = 50000,    /* or so much work, are more than what one is to do alone */
};

/* What was done when a stretch of time began. */
struct worker_window {
	uint64_t begun_us, busy_us, questions;
};

struct worker {
	const struct worker_setup *setup;
	struct ev_loop *loop;
	struct stream_room *room;
	struct queries *queries;
	struct shelf *shelf;       /* lists of names; NULL: none */
	struct querylog *querylog; /* NULL: none */
	struct bell *bell;         /* of who writes it */
	struct tapping *tapping;   /* of dnstap; NULL: none */
	struct bell *tap_bell;
	struct popular popular;
	struct listener_stream *tcp;
	struct listener_udp **udp; /* by listen address; NULL where there is none */
	ev_signal terminate;
	ev_io handover;
	ev_check after_sleep;
	ev_prepare before_sleep;
	ev_timer patience, pulse;
	ev_signal new_epoch;
	uint32_t epoch; /* that the upstream connections belong to */
	uint64_t woken_us;
	struct worker_window window;
	struct spending spending;
	bool draining;
};

/* Between two questions, as all that the loop calls is. */
static void
take_lists(struct worker *w, int fd, const struct handover_note *note)
{
	struct shelf *shelf = shelf_open(fd, note->bytes, note->number);
	if (shelf == NULL) {
		log_error("new lists of names cannot be taken, the old ones stay bytes=%llu",
		        (unsigned long long)note->bytes);
		return;
	}
	shelf_close_descriptor(shelf);
	queries_set_lists(w->queries, shelf_lists(shelf));
	shelf_drop(w->shelf);
	w->shelf = shelf;
	atomic_store(&w->setup->room.state->lists, note->number);
}

static void
on_handover(struct ev_loop *loop, ev_io *io, int events)
{
	struct worker *w = io->data;
	struct handover_note note;
	int fd;
	(void)events;
	while ((fd = handover_take(io->fd, &note)) >= 0)
		if (note.kind == HANDOVER_LISTS)
			take_lists(w, fd, &note);
		else
			log_adopt(fd);
	if (fd != -EAGAIN && fd != -EINTR)
		ev_io_stop(loop, io);
}

static void
on_terminate(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct worker *w = signal->data;
	(void)events;
	if (w->draining)
		return;
	w->draining = true;
	log_info("draining in_flight=%u tcp_clients=%u", queries_in_flight(w->queries),
	        listener_stream_clients(w->tcp));
	queries_drain(w->queries);
	for (size_t i = 0; i < sockets_count(w->setup->sockets); i++)
		if (w->udp[i] != NULL)
			listener_udp_drain(w->udp[i]);
	listener_stream_drain(w->tcp);
	ev_timer_start(loop, &w->patience);
}

static void
on_patience(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct worker *w = timer->data;
	(void)events;
	log_warn("drain_timeout_ms is up in_flight=%u tcp_clients=%u", queries_in_flight(w->queries),
	        listener_stream_clients(w->tcp));
	ev_break(loop, EVBREAK_ALL);
}

static void
beat(struct worker *w)
{
	uint64_t now_ms = clock_now_ms();
	atomic_store_explicit(&w->setup->room.state->heartbeat_ms, now_ms, memory_order_relaxed);
	spending_tell(&w->spending, now_ms);
}

/* Nothing to do but to come round: the hooks below write the heartbeat, and look at the epoch. */
static void
on_pulse(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)timer;
	(void)events;
}

static void
on_epoch_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
	(void)loop;
	(void)signal;
	(void)events;
}

/* Before anything else that waking brought: what is asked now is asked on connections of this epoch. */
static void
heed_epoch(struct worker *w)
{
	struct epoch *epoch = w->setup->epoch;
	uint64_t boot_ms = clock_boot_ms(), slept_ms = epoch_woke(epoch, boot_ms, clock_now_ms());
	if (slept_ms > 0)
		log_notice("the machine slept: upstreams are connected anew s=%llu",
		        (unsigned long long)(slept_ms / 1000));
	uint32_t now = epoch_now(epoch);
	if (now == w->epoch)
		return;
	w->epoch = now;
	/* The master does so as well, but who was first is not known. */
	health_forget_all(w->setup->health, clock_now_ms());
	log_info("upstreams are connected anew in_flight=%u", queries_in_flight(w->queries));
	queries_reconnect(w->queries);
}

static void
on_after_sleep(struct ev_loop *loop, ev_check *check, int events)
{
	struct worker *w = check->data;
	(void)loop;
	(void)events;
	w->woken_us = clock_now_us();
	heed_epoch(w);
}

/* The master spares the others; does that still do? */
static void
cry_for_help(struct worker *w, uint64_t busy_us, uint64_t now_us)
{
	struct slot_state *state = w->setup->room.state;
	uint64_t questions =
	        atomic_load_explicit(&w->setup->room.stats->counters[STATS_queries], memory_order_relaxed);
	bool much =
	        questions - w->window.questions > WORKER_MANY || busy_us - w->window.busy_us > WORKER_LONG_US;
	if (!much && now_us < w->window.begun_us + WORKER_WINDOW_US)
		return;
	bool in_time = now_us < w->window.begun_us + 2 * WORKER_WINDOW_US;
	w->window = (struct worker_window){now_us, busy_us, questions};
	const char word = WORKER_SAYS_BUSY;
	if (much && in_time && atomic_load_explicit(&state->steered, memory_order_relaxed) == SLOTS_ALONE) {
		ssize_t ignored = write(w->setup->ready_fd, &word, 1);
		(void)ignored;
	}
}

static void
count_work(struct worker *w)
{
	struct slot_state *state = w->setup->room.state;
	struct roster_row *row = w->setup->room.roster.row;
	uint64_t now_us = clock_now_us(),
	         busy_us = atomic_load_explicit(&state->busy_us, memory_order_relaxed);
	if (w->woken_us != 0)
		busy_us += now_us - w->woken_us;
	atomic_store_explicit(&state->busy_us, busy_us, memory_order_relaxed);
	uint32_t tcp_clients = listener_stream_clients(w->tcp);
	atomic_store_explicit(&state->tcp_clients, tcp_clients, memory_order_relaxed);
	atomic_store_explicit(&row->tcp_clients, tcp_clients, memory_order_relaxed);
	atomic_store_explicit(&row->in_flight, queries_in_flight(w->queries), memory_order_relaxed);
	cry_for_help(w, busy_us, now_us);
}

static void
on_before_sleep(struct ev_loop *loop, ev_prepare *prepare, int events)
{
	struct worker *w = prepare->data;
	(void)events;
	beat(w);
	count_work(w);
	log_settle(w->setup->room.state->heartbeat_ms);
	if (w->bell != NULL)
		bell_ring(w->bell);
	if (w->tap_bell != NULL)
		bell_ring(w->tap_bell);
	if (w->draining && queries_in_flight(w->queries) == 0 && listener_stream_clients(w->tcp) == 0)
		ev_break(loop, EVBREAK_ALL);
}

static void
watch(struct worker *w)
{
	ev_signal_init(&w->terminate, on_terminate, SIGTERM);
	ev_io_init(&w->handover, on_handover, w->setup->log_end, EV_READ);
	ev_timer_init(&w->patience, on_patience, w->setup->config->drain_timeout_ms / 1000., 0.);
	ev_signal_init(&w->new_epoch, on_epoch_signal, WORKER_EPOCH_SIGNAL);
	ev_check_init(&w->after_sleep, on_after_sleep);
	ev_set_priority(&w->after_sleep, EV_MAXPRI);
	ev_prepare_init(&w->before_sleep, on_before_sleep);
	/* After the hooks that send: what they sent is gone when this one looks. */
	ev_set_priority(&w->before_sleep, EV_MINPRI);
	double pulse_s = w->setup->config->watchdog_ms / 4000.;
	ev_timer_init(&w->pulse, on_pulse, pulse_s, pulse_s);
	if (w->setup->config->watchdog_ms > 0)
		ev_timer_start(w->loop, &w->pulse);
	w->terminate.data = w->patience.data = w->before_sleep.data = w->after_sleep.data = w;
	w->handover.data = w;
	ev_signal_start(w->loop, &w->terminate);
	ev_signal_start(w->loop, &w->new_epoch);
	ev_check_start(w->loop, &w->after_sleep);
	if (w->setup->log_end >= 0)
		ev_io_start(w->loop, &w->handover);
	ev_prepare_start(w->loop, &w->before_sleep);
}

/* One listen address: the sockets of this slot, and the spare ones that it minds. */
static void
listen_on(struct worker *w, size_t listen)
{
	const struct worker_setup *setup = w->setup;
	const struct sockets *sockets = setup->sockets;
	unsigned slots = setup->config->workers, members = sockets_members(sockets);
	size_t wanted = sockets_wanted(sockets, listen); /* one may have been left out */
	const struct config_listen *by = &setup->config->listens[wanted];
	const struct tls_server *server = tls_store_server(setup->tls, wanted);
	for (unsigned member = setup->slot; member < members; member += slots) {
		int udp = sockets_udp(sockets, listen, member), tcp = sockets_tcp(sockets, listen, member);
		if (udp >= 0 && member == setup->slot)
			w->udp[listen] =
			        listener_udp_new(w->loop, w->queries, sockets_address(sockets, listen), udp,
			                (uint32_t)listen, setup->room.stats, setup->room.udp[listen]);
		else if (udp >= 0)
			listener_udp_also(w->udp[listen], udp);
		if (udp >= 0 && by->proxy_protocol)
			listener_udp_proxied(w->udp[listen], by);
		if (tcp >= 0)
			listener_stream_add(w->tcp, tcp, (uint32_t)listen, by, server);
	}
}

static void
listen_all(struct worker *w)
{
	const struct worker_setup *setup = w->setup;
	size_t count = sockets_count(setup->sockets);
	w->udp = must_alloc(count, sizeof(struct listener_udp *));
	w->tcp = listener_stream_new(w->loop, w->room, w->queries, setup->config, setup->room.stats);
	for (size_t i = 0; i < count; i++)
		listen_on(w, i);
}

static void
take_apart(struct worker *w)
{
	for (size_t i = 0; i < sockets_count(w->setup->sockets); i++)
		listener_udp_free(w->udp[i]);
	free(w->udp);
	listener_stream_free(w->tcp);
	queries_free(w->queries);
	querylog_free(w->querylog);
	tapping_close(w->tapping);
	shelf_drop(w->shelf);
	stream_room_free(w->room);
	ev_signal_stop(w->loop, &w->terminate);
	ev_signal_stop(w->loop, &w->new_epoch);
	ev_check_stop(w->loop, &w->after_sleep);
	ev_io_stop(w->loop, &w->handover);
	ev_timer_stop(w->loop, &w->patience);
	ev_timer_stop(w->loop, &w->pulse);
	ev_prepare_stop(w->loop, &w->before_sleep);
	ev_loop_destroy(w->loop);
}

/* What the master set up for itself is not for us. Ctrl-C goes to the whole group, but it is the master who
 * says when to stop. */
static void
reset_signals(void)
{
	static const int defaults[] = {SIGCHLD, SIGQUIT, SIGALRM, SIGUSR2, SIGABRT};
	static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE, SIGUSR1};
	for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
		signal(defaults[i], SIG_DFL);
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		signal(ignored[i], SIG_IGN);
}

static void
unblock_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Takes up what a predecessor in this slot left. Its own first questions come after these. */
static void
recover(struct worker *w)
{
	uint64_t skip = atomic_load(&w->setup->room.state->skip);
	unsigned count = queries_recover(w->queries, skip);
	for (size_t i = 0; i < sockets_count(w->setup->sockets); i++)
		if (w->udp[i] != NULL)
			listener_udp_recover(w->udp[i], skip);
	if (count > 0)
		log_info("questions of the predecessor taken up count=%u", count);
}

static void
tell_ready(const struct worker_setup *setup)
{
	atomic_store(&setup->room.state->serving, 1);
	atomic_store(&setup->room.roster.row->serving, 1);
	const char word = WORKER_SAYS_READY;
	ssize_t ignored = write(setup->ready_fd, &word, 1);
	(void)ignored;
	/* A worker that is never alone has nothing more to say. */
	if (setup->config->steer_all || setup->config->workers == 1)
		close(setup->ready_fd);
}

static void
open_querylog(struct worker *w)
{
	const struct worker_setup *setup = w->setup;
	struct spool *spool = bureau_spool(setup->bureau, setup->generation, BUREAU_QUERYLOG, setup->slot);
	if (spool == NULL)
		return;
	w->bell = bureau_bell(setup->bureau, setup->generation, BUREAU_QUERYLOG);
	w->querylog = querylog_new(setup->config, spool, setup->room.stats, setup->slot);
	const struct tale_hearer hearer = querylog_hearer(w->querylog);
	queries_add_hearer(w->queries, &hearer);
}

static void
open_tap(struct worker *w)
{
	const struct worker_setup *setup = w->setup;
	struct spool *spool = bureau_spool(setup->bureau, setup->generation, BUREAU_DNSTAP, setup->slot);
	if (spool == NULL)
		return;
	w->tap_bell = bureau_bell(setup->bureau, setup->generation, BUREAU_DNSTAP);
	w->tapping = tapping_open(setup->config, setup->sockets, spool, setup->room.stats);
	const struct tale_hearer hearer = tapping_hearer(w->tapping);
	queries_add_hearer(w->queries, &hearer);
}

/* Order matters: the hooks that send must be there before what they send. */
static bool
put_together(struct worker *w)
{
	const struct worker_setup *setup = w->setup;
	w->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (w->loop == NULL) {
		log_error("worker cannot start: no event loop: %s", strerror(errno));
		return false;
	}
	w->room = stream_room_new(w->loop);
	struct queries_setup queries = {
	        .loop = w->loop,
	        .room = w->room,
	        .config = setup->config,
	        .tls = setup->tls,
	        .health = setup->health,
	        .stats = setup->room.stats,
	        .quarantine = setup->quarantine,
	        .limits = setup->limits,
	        .cache = setup->cache,
	        .hits = setup->hits,
	        .slot = setup->slot,
	        .cookies = setup->cookies,
	        .seed = setup->seed,
	        .memory = setup->room.queries,
	};
	w->queries = queries_new(&queries);
	popular_listen(&w->popular, w->queries, setup->tops, setup->config);
	queries_set_lists(w->queries, shelf_lists(w->shelf));
	open_querylog(w);
	open_tap(w);
	if (atomic_load(&setup->room.state->steered) == SLOTS_SPARED)
		queries_stay_cold(w->queries);
	listen_all(w);
	watch(w);
	return true;
}

/* Where no roster has room for it, it tells of itself here. */
struct worker_unlisted {
	struct roster_row row;
	_Atomic uint64_t cpu_us;
};

size_t
worker_footprint(const struct config *config)
{
	return shm_footprint(sizeof(struct slot_state)) + shm_footprint(queries_footprint(config)) +
	       shm_footprint(sizeof(struct worker_unlisted)) +
	       config->listen_count * shm_footprint(listener_udp_footprint());
}

void
worker_carve(struct shm *shm, const struct config *config, struct worker_room *room)
{
	struct worker_unlisted *unlisted = shm_carve(shm, sizeof *unlisted);
	room->roster = (struct roster_hold){.row = &unlisted->row, .cpu_us = &unlisted->cpu_us};
	room->state = shm_carve(shm, sizeof(struct slot_state));
	room->queries = shm_carve(shm, queries_footprint(config));
	room->udp = must_alloc(config->listen_count, sizeof(void *));
	for (size_t i = 0; i < config->listen_count; i++)
		room->udp[i] = shm_carve(shm, listener_udp_footprint());
}

void
worker_room_free(struct worker_room *room)
{
	free(room->udp);
	room->udp = NULL;
}

/* Nothing is open here but what this worker works with. */
static void
keep_descriptors(const struct worker_setup *setup)
{
	enum { SINGLE = 2 };
	size_t listens = sockets_count(setup->sockets), count = 0;
	unsigned members = sockets_members(setup->sockets);
	int *own = must_alloc(SINGLE + 2 * listens * members, sizeof *own);
	own[count++] = setup->log_end;
	own[count++] = setup->ready_fd;
	for (size_t i = 0; i < listens; i++)
		for (unsigned member = 0; member < members; member++) {
			own[count++] = sockets_udp(setup->sockets, i, member);
			own[count++] = sockets_tcp(setup->sockets, i, member);
		}
	fds_keep(own, count);
	free(own);
}

/* The last step before it serves: what it needs is open now. */
static int
shut(const struct worker_setup *setup, char why[SANDBOX_WHY_BYTES])
{
	if (!setup->config->sandbox)
		return 0;
	sandbox_on_violation(&setup->room.state->words.call);
	int failed = sandbox_ward(setup->config, why);
	return failed < 0 ? failed
	                  : sandbox_seal(
	                            config_has_source(setup->config) ? SANDBOX_WORKER_SOURCE : SANDBOX_WORKER,
	                            why);
}

int
worker_run(const struct worker_setup *setup)
{
	char role[16], why[SANDBOX_WHY_BYTES];
	snprintf(role, sizeof role, "worker %u", setup->slot);
	log_set_role(role);
	lastwords_open(&setup->room.state->words);
	reset_signals();
	sockets_keep_slot(setup->sockets, setup->slot);
	shelf_keep_only(setup->shelf);
	keep_descriptors(setup);
	if (sandbox_enter_worker(&setup->user, setup->master, why) < 0) {
		log_error("worker cannot start: %s", why);
		return WORKER_CANNOT_WORK;
	}
	if (sandbox_limit_memory(setup->config->limits.worker_memory) < 0)
		log_warn("limits.worker_memory cannot be set why=\"%s\"", strerror(errno));
	if (setup->cache != NULL)
		cache_join(setup->cache, setup->member, setup->room.stats);
	const struct roster_hold *hold = &setup->room.roster;
	struct worker w = {.setup = setup, .shelf = setup->shelf, .epoch = epoch_now(setup->epoch)};
	spending_open(&w.spending, hold->cpu_us, &hold->row->memory_bytes, &hold->row->beat_ms);
	if (!put_together(&w))
		return EXIT_FAILURE;
	if (shut(setup, why) < 0) {
		log_error("worker cannot start: %s", why);
		return WORKER_CANNOT_WORK;
	}
	/* Strangers' bytes, the first of them. */
	recover(&w);
	beat(&w);
	tell_ready(setup);
	/* Only now: a signal that came before waits until somebody handles it. */
	unblock_signals();
	ev_run(w.loop, 0);
	take_apart(&w);
	log_repeats_tell(UINT64_MAX);
	return EXIT_SUCCESS;
}
