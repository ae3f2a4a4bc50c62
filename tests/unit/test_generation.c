/*
 * The workers of one configuration: real ones, on real sockets, with nobody upstream. What the master does
 * in its loop, the test does.
 *
 * The module is included, not linked: what a worker has in hand lies in memory that its header rightly hides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"
#include "looping.h"
#include "ports.h"
#include "process/generation.c"

static struct quarantine quarantine;
static struct generation_world world;
static struct epoch epoch;
static struct generation *g, *old;
static struct addr address;
static int exit_at_birth; /* what a worker exits with as soon as it is forked; -1: it lives */
static unsigned reports;

static void
leave_master(void *arg)
{
	assert_ptr_equal(arg, &reports);
	/* Those of cmocka, or of a sanitizer, would tell another story than a worker's death. */
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGSYS};
	for (size_t i = 0; i < COUNT(crashes); i++)
		signal(crashes[i], SIG_DFL);
	if (exit_at_birth >= 0)
		_exit(exit_at_birth);
}

static struct config *
configure(const char *more)
{
	char text[512], listen[ADDR_TEXT_BYTES];
	snprintf(text, sizeof text,
	        "listen = ( { address = \"%s\"; } );\nuser = \"\";\ndrain_timeout_ms = 1000;\n"
	        "upstreams = ( { addresses = [ \"127.0.0.1@1\" ]; } );\nsandbox = %s;\n%s",
	        addr_text(&address, listen), loading_sandbox(), more);
	return loading_good(text);
}

static struct generation *
make(unsigned number, const char *more, const struct sockets_bound *bound)
{
	char why[GENERATION_WHY_BYTES] = "";
	struct generation *made = generation_new(&world, number, configure(more), NULL, bound, why);
	if (made == NULL)
		fail_msg("%s", why);
	return made;
}

static int
start(void **state)
{
	(void)state;
	memset(&quarantine, 0, sizeof quarantine);
	/* as in a master; a worker is told to end before it can listen */
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	world = (struct generation_world){.quarantine = &quarantine,
	        .epoch = &epoch,
	        .seed = 1,
	        .leave_master = leave_master,
	        .arg = &reports};
	address = ports_free("127.0.0.1");
	exit_at_birth = -1;
	reports = 0;
	g = old = NULL;
	return 0;
}

/* Buries who has died; as the master does at SIGCHLD. */
static void
bury(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		if (!generation_bury(g, pid, status, clock_now_ms()))
			assert_true(old != NULL && generation_bury(old, pid, status, clock_now_ms()));
}

static void
turn(void)
{
	usleep(2000);
	bury();
	reports += generation_hear(g);
}

#define TURN_UNTIL(claim)                                                                                    \
	do {                                                                                                 \
		uint64_t until_ms = clock_now_ms() + LOOPING_DEADLINE_MS;                                    \
		while (!(claim)) {                                                                           \
			if (clock_now_ms() > until_ms)                                                       \
				fail_msg("never came: %s", #claim);                                          \
			turn();                                                                              \
		}                                                                                            \
	} while (0)

static void
end(struct generation **which)
{
	if (*which == NULL)
		return;
	generation_drain(*which, clock_now_ms());
	generation_kill(*which);
	uint64_t until_ms = clock_now_ms() + LOOPING_DEADLINE_MS;
	while (generation_alive(*which) > 0 && clock_now_ms() < until_ms)
		bury();
	struct generation *gone = *which;
	if (*which == old)
		old = NULL;
	generation_free(gone);
}

static int
stop(void **state)
{
	(void)state;
	end(&old);
	end(&g);
	g = NULL;
	return 0;
}

static void
serve(unsigned number, const char *more)
{
	g = make(number, more, NULL);
	generation_bear(g, clock_now_ms());
	TURN_UNTIL(generation_state(g) == GENERATION_SERVING);
}

static struct generation_worker
worker(unsigned slot)
{
	return generation_worker(g, slot, clock_now_ms());
}

/* A socket by which one question has been asked. */
static int
asked(int type)
{
	static const uint8_t question[] = "\0\x19\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\0\0\1\0";
	size_t without = type == SOCK_DGRAM ? 2 : 0; /* the length that a stream has before it */
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	struct timeval patience = {.tv_sec = 10};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert_int_equal(connect(fd, &address.any, addr_bytes(&address)), 0);
	assert_true(send(fd, question + without, sizeof question - without, 0) > 0);
	return fd;
}

/* It is answered, if only with SERVFAIL; `before` the message come so many bytes. Closes it. */
static bool
answered(int fd, size_t before)
{
	uint8_t answer[512];
	ssize_t got = recv(fd, answer, sizeof answer, 0);
	close(fd);
	return got >= 12 && answer[before] == 0x12 && (answer[before + 3] & 15) == 2;
}

static bool
answers(void)
{
	return answered(asked(SOCK_DGRAM), 0);
}

static void
comes_up_and_serves(void **state)
{
	(void)state;
	g = make(7, "workers = 2;\n", NULL);
	assert_int_equal(generation_number(g), 7);
	assert_int_equal(generation_state(g), GENERATION_STARTING);
	assert_int_equal(generation_alive(g), 0);
	assert_false(generation_hear(g));
	assert_true(generation_next_ms(g) <= clock_now_ms()); /* births are due */
	generation_bear(g, clock_now_ms());
	generation_bear(g, clock_now_ms()); /* once each */
	assert_int_equal(generation_alive(g), 2);
	TURN_UNTIL(generation_state(g) == GENERATION_SERVING);
	assert_int_equal(reports, 1);
	for (unsigned slot = 0; slot < 2; slot++) {
		assert_true(worker(slot).pid > 0);
		assert_true(worker(slot).serving);
		assert_int_equal(worker(slot).deaths, 0);
		assert_string_equal(worker(slot).last_death, "");
	}
	for (int i = 0; i < 8; i++)
		assert_true(answers());
	assert_int_equal(stats_sum(generation_stats(g), STATS_queries), 8);
	assert_int_equal(stats_sum(generation_stats(g), STATS_servfail), 8);
	assert_false(generation_has_failed(g));
	assert_false(generation_bury(g, getpid(), 0, clock_now_ms())); /* none of its own */
}

static uint64_t
questions_of(unsigned slot)
{
	return atomic_load(&g->slots[slot].room.stats->counters[STATS_queries]);
}

/* With little to do one slot is given all, and when that is down the next. */
static void
few_questions_are_for_one_slot(void **state)
{
	(void)state;
	serve(1, "workers = 3;\n");
	assert_int_equal(atomic_load(&g->slots[2].room.state->steered), SLOTS_SPARED);
	for (unsigned i = 0; i < 30; i++)
		assert_true(answers() && questions_of(0) == i + 1);
	/* its second crash costs it half a second */
	for (unsigned death = 1; death <= 2; death++) {
		TURN_UNTIL(worker(0).serving);
		kill(worker(0).pid, SIGABRT);
		TURN_UNTIL(worker(0).deaths == death);
		if (death == 1)
			generation_bear(g, clock_now_ms());
	}
	for (unsigned i = 0; i < 30; i++)
		assert_true(answers() && questions_of(1) == i + 1);
	assert_int_equal(questions_of(2), 0);
}

/* As its predecessor had much to do, it begins with two slots; a cry for help is for all. */
static void
more_slots_when_there_is_need(void **state)
{
	_Atomic uint32_t qps = 300;
	(void)state;
	world.qps = &qps;
	serve(2, "workers = 3;\n");
	assert_int_equal(atomic_load(&g->slots[1].room.state->steered), SLOTS_ALONE);
	assert_int_equal(atomic_load(&g->slots[2].room.state->steered), SLOTS_SPARED);
	assert_int_equal(write(g->ready[1], "b", 1), 1); /* as a worker does */
	generation_watch(g, clock_now_ms());
	for (unsigned slot = 0; slot < 3; slot++)
		assert_int_equal(atomic_load(&g->slots[slot].room.state->steered), SLOTS_SHARING);
}

static void
killed_worker_is_reborn(void **state)
{
	(void)state;
	serve(1, "workers = 2;\n");
	for (unsigned death = 1; death <= 5; death++) {
		int before = worker(0).pid, other = worker(1).pid;
		kill(before, SIGKILL);
		TURN_UNTIL(worker(0).pid == 0);
		assert_int_equal(generation_alive(g), 1);
		assert_string_equal(worker(0).last_death, "signal=9 (Killed)");
		assert_int_equal(worker(0).deaths, death);
		assert_false(worker(0).serving);
		assert_int_equal(worker(0).next_birth_ms, 0); /* at once, however often */
		generation_bear(g, clock_now_ms());
		assert_true(worker(0).pid > 0 && worker(0).pid != before);
		assert_int_equal(worker(1).pid, other);
		TURN_UNTIL(worker(0).serving);
	}
	assert_int_equal(atomic_load(&quarantine.used), 0);
	assert_true(answers());
	assert_false(generation_has_failed(g));
}

/* Whose own fault it is waits; meanwhile all questions go to the other. */
static void
crashing_worker_waits(void **state)
{
	(void)state;
	serve(1, "workers = 2;\nwatchdog_ms = 0;\n");
	kill(worker(0).pid, SIGABRT);
	TURN_UNTIL(worker(0).pid == 0);
	assert_int_equal(worker(0).next_birth_ms, 0);
	generation_bear(g, clock_now_ms());
	TURN_UNTIL(worker(0).serving);
	kill(worker(0).pid, SIGABRT);
	TURN_UNTIL(worker(0).pid == 0);
	uint64_t due_ms = generation_next_ms(g), now_ms = clock_now_ms();
	assert_in_range(due_ms, g->slots[0].born_ms + CHILD_WAIT_FIRST_MS, now_ms + CHILD_WAIT_FIRST_MS);
	generation_bear(g, due_ms - 1);
	assert_int_equal(worker(0).pid, 0);
	uint64_t before = atomic_load(&g->slots[1].room.stats->counters[STATS_queries]);
	for (int i = 0; i < 16; i++)
		assert_true(answers());
	assert_true(atomic_load(&g->slots[1].room.stats->counters[STATS_queries]) == before + 16);
	generation_bear(g, due_ms);
	assert_true(worker(0).pid > 0);
	TURN_UNTIL(worker(0).serving);
	uint64_t there = atomic_load(&g->slots[0].room.stats->counters[STATS_queries]);
	for (int i = 0; i < 32; i++)
		assert_true(answers());
	assert_true(atomic_load(&g->slots[0].room.stats->counters[STATS_queries]) > there);
}

static struct lastwords *
words(void)
{
	return &g->slots[0].room.state->words;
}

static uint64_t
skipped(void)
{
	return atomic_load(&g->slots[0].room.state->skip);
}

static void
die_with_in_hand(uint64_t hash, int signal)
{
	kill(worker(0).pid, SIGSTOP); /* it would drop what we put into its hand */
	atomic_store(&words()->hand, hash);
	snprintf(words()->text, sizeof words()->text, "said before");
	kill(worker(0).pid, signal);
	kill(worker(0).pid, SIGCONT);
	TURN_UNTIL(worker(0).pid == 0);
	/* The successor begins with a clean place. */
	assert_int_equal(atomic_load(&words()->hand), 0);
	assert_string_equal(words()->text, "");
}

/* However long it takes. */
static bool
is_born(void)
{
	generation_bear(g, clock_now_ms());
	return worker(0).serving;
}

static void
await_birth(void)
{
	TURN_UNTIL(is_born());
}

static void
question_in_hand_is_blamed(void **state)
{
	(void)state;
	serve(1, "workers = 1;\n");
	die_with_in_hand(77, SIGABRT);
	assert_int_equal(skipped(), 77);
	assert_false(quarantine_holds(&quarantine, 77, clock_now_ms()));
	await_birth();
	die_with_in_hand(77, SIGABRT);
	assert_int_equal(skipped(), 77);
	assert_true(quarantine_holds(&quarantine, 77, clock_now_ms()));
	assert_false(quarantine_holds(&quarantine, 77, clock_now_ms() + QUARANTINE_MS + 1));
}

/* A kill from outside hits whoever is there; the question that happens to be in hand is asked again. */
static void
question_in_hand_at_a_kill_is_not(void **state)
{
	static const int outside[] = {SIGKILL, SIGALRM};
	(void)state;
	serve(1, "workers = 1;\n");
	for (int i = 0; i < 2; i++) {
		die_with_in_hand(77, outside[i]);
		assert_int_equal(skipped(), 0);
		assert_int_equal(atomic_load(&quarantine.used), 0);
		await_birth();
	}
	/* And a crash with nothing in hand blames nobody, and forgets whom the one before blamed. */
	die_with_in_hand(77, SIGABRT);
	assert_int_equal(skipped(), 77);
	await_birth();
	die_with_in_hand(0, SIGABRT);
	assert_int_equal(skipped(), 0);
	assert_int_equal(atomic_load(&quarantine.used), 1);
}

static void
cannot_work(void **state)
{
	(void)state;
	exit_at_birth = WORKER_CANNOT_WORK;
	g = make(1, "workers = 2;\n", NULL);
	generation_bear(g, clock_now_ms());
	TURN_UNTIL(generation_alive(g) == 0);
	assert_true(generation_has_failed(g));
	assert_int_equal(generation_state(g), GENERATION_STARTING);
	assert_string_equal(worker(0).last_death, "exit=78");
	/* Never again, as long as one may wait. */
	exit_at_birth = -1;
	generation_bear(g, UINT64_MAX / 2);
	assert_int_equal(generation_alive(g), 0);
}

static void
dies_before_it_serves(void **state)
{
	(void)state;
	exit_at_birth = 1;
	g = make(1, "workers = 2;\n", NULL);
	generation_bear(g, clock_now_ms());
	TURN_UNTIL(generation_alive(g) == 0);
	assert_true(generation_has_failed(g));
	assert_string_equal(worker(0).last_death, "exit=1");
	exit_at_birth = -1;
	generation_bear(g, UINT64_MAX / 2);
	assert_int_equal(generation_alive(g), 0);
}

/* A generation that serves goes on with what it has, whatever happens to one slot. */
static void
cannot_work_any_more(void **state)
{
	(void)state;
	serve(1, "workers = 2;\n");
	exit_at_birth = WORKER_CANNOT_WORK;
	kill(worker(0).pid, SIGKILL);
	TURN_UNTIL(worker(0).pid == 0);
	generation_bear(g, clock_now_ms());
	TURN_UNTIL(worker(0).pid == 0);
	exit_at_birth = -1;
	assert_false(generation_has_failed(g));
	assert_int_equal(generation_state(g), GENERATION_SERVING);
	generation_bear(g, UINT64_MAX / 2);
	assert_int_equal(worker(0).pid, 0);
	for (int i = 0; i < 8; i++)
		assert_true(answers());
}

static void
drained(void **state)
{
	(void)state;
	serve(1, "workers = 2;\n");
	uint64_t now_ms = clock_now_ms();
	generation_drain(g, now_ms);
	generation_drain(g, now_ms + 100000); /* is a drain already */
	assert_int_equal(generation_state(g), GENERATION_DRAINING);
	assert_int_equal(generation_next_ms(g), now_ms + 1000 + GENERATION_GRACE_MS);
	TURN_UNTIL(generation_alive(g) == 0);
	assert_string_equal(worker(0).last_death, "exit=0");
	assert_string_equal(worker(1).last_death, "exit=0");
	generation_bear(g, UINT64_MAX / 2);
	assert_int_equal(generation_alive(g), 0);
}

/* What a worker leaves that dies while it drains is answered by another, which then goes as well. */
static void
dead_while_draining_is_succeeded(void **state)
{
	enum { MANY = 8 };
	int fds[MANY];
	(void)state;
	serve(1, "workers = 1;\n");
	int first = worker(0).pid;
	kill(first, SIGSTOP);
	for (int i = 0; i < MANY; i++)
		fds[i] = asked(SOCK_DGRAM);
	generation_drain(g, clock_now_ms());
	kill(first, SIGKILL);
	TURN_UNTIL(worker(0).pid != first);
	assert_true(worker(0).pid > 0);
	TURN_UNTIL(generation_alive(g) == 0);
	assert_string_equal(worker(0).last_death, "exit=0");
	for (int i = 0; i < MANY; i++)
		assert_true(answered(fds[i], 0));
}

/* Nor does it matter that it died before, and was to wait for its next life. */
static void
drained_with_a_slot_down(void **state)
{
	(void)state;
	serve(1, "workers = 2;\nwatchdog_ms = 0;\n");
	for (int death = 0; death < 2; death++) {
		kill(worker(0).pid, SIGABRT);
		TURN_UNTIL(worker(0).pid == 0);
		if (death == 0)
			await_birth();
	}
	assert_true(worker(0).next_birth_ms > 0);
	generation_drain(g, clock_now_ms());
	assert_true(worker(0).pid > 0);
	TURN_UNTIL(generation_alive(g) == 0);
	assert_string_equal(worker(0).last_death, "exit=0");
}

/* One crash in a drain, not as many as there is time for. */
static void
crashes_while_draining_have_an_end(void **state)
{
	(void)state;
	serve(1, "workers = 1;\n");
	generation_signal(g, SIGSTOP);
	generation_drain(g, clock_now_ms());
	for (int death = 0; death < 2; death++) {
		int pid = worker(0).pid;
		assert_true(pid > 0);
		kill(pid, SIGSTOP);
		atomic_store(&words()->hand, 55);
		kill(pid, SIGABRT);
		kill(pid, SIGCONT);
		TURN_UNTIL(worker(0).pid != pid);
	}
	assert_int_equal(generation_alive(g), 0);
	assert_true(quarantine_holds(&quarantine, 55, clock_now_ms()));
}

static void
killed_for_good(void **state)
{
	(void)state;
	serve(1, "workers = 2;\n");
	generation_signal(g, SIGSTOP);
	generation_drain(g, clock_now_ms());
	generation_kill(g);
	TURN_UNTIL(generation_alive(g) == 0);
	assert_string_equal(worker(0).last_death, "signal=9 (Killed)");
}

static void
drain_has_an_end(void **state)
{
	(void)state;
	serve(1, "workers = 2;\n");
	kill(worker(0).pid, SIGSTOP);
	uint64_t now_ms = clock_now_ms();
	generation_drain(g, now_ms);
	TURN_UNTIL(generation_alive(g) == 1);
	generation_watch(g, now_ms + 1000 + GENERATION_GRACE_MS - 1);
	usleep(20000);
	bury();
	assert_int_equal(generation_alive(g), 1);
	generation_watch(g, now_ms + 1000 + GENERATION_GRACE_MS);
	TURN_UNTIL(generation_alive(g) == 0);
	assert_string_equal(worker(0).last_death, "signal=9 (Killed)");
	assert_true(generation_next_ms(g) == UINT64_MAX);
}

/* Stopped, it can be aborted only by SIGKILL; that is our doing, so the question in hand is to blame. */
static void
hanging_worker_is_replaced(void **state)
{
	(void)state;
	serve(1, "workers = 2;\nwatchdog_ms = 400;\n");
	int other = worker(1).pid;
	kill(worker(0).pid, SIGSTOP);
	atomic_store(&words()->hand, 99);
	uint64_t begun_ms = clock_now_ms(), until_ms = begun_ms + LOOPING_DEADLINE_MS;
	while (worker(0).pid != 0 && clock_now_ms() < until_ms) {
		generation_watch(g, clock_now_ms());
		turn();
	}
	assert_int_equal(worker(0).pid, 0);
	assert_true(clock_now_ms() - begun_ms >= 300 + GENERATION_GRACE_MS);
	assert_string_equal(worker(0).last_death, "signal=9 (Killed)");
	assert_int_equal(skipped(), 99);
	assert_int_equal(worker(1).pid, other);
	assert_int_equal(worker(1).deaths, 0);
}

/* Idle ones too come round in time. */
static void
idle_workers_are_left_alone(void **state)
{
	(void)state;
	serve(1, "workers = 2;\nwatchdog_ms = 2000;\n");
	uint64_t begun_ms = clock_now_ms();
	while (clock_now_ms() - begun_ms < 2500) {
		generation_watch(g, clock_now_ms());
		turn();
	}
	for (unsigned slot = 0; slot < 2; slot++) {
		assert_int_equal(g->slots[slot].kill_ms, 0);
		assert_int_equal(worker(slot).deaths, 0);
	}
}

/* A master that was itself held up has heard nobody. */
static void
late_watchdog_blames_nobody(void **state)
{
	(void)state;
	serve(1, "workers = 2;\nwatchdog_ms = 400;\n");
	uint64_t now_ms = clock_now_ms();
	generation_watch(g, now_ms);
	generation_watch(g, now_ms + 100000);
	assert_int_equal(g->slots[0].kill_ms, 0);
	assert_int_equal(g->slots[1].kill_ms, 0);
	generation_watch(g, now_ms + 100100);
	assert_true(g->slots[0].kill_ms > 0);
	TURN_UNTIL(worker(0).pid == 0 && worker(1).pid == 0);
	assert_string_equal(worker(0).last_death, "signal=6 (Aborted)");
}

/* Questions go on being answered while one generation takes the place of another on the same sockets. */
static void
takes_the_place_of_another(void **state)
{
	int fds[64];
	(void)state;
	serve(1, "workers = 2;\n");
	old = g;
	struct sockets_bound bound = {
	        .descriptors = fds, .count = sockets_descriptors(generation_sockets(old), fds, 64)};
	g = make(2, "workers = 3;\n", &bound);
	generation_bear(g, clock_now_ms());
	assert_true(answers());
	TURN_UNTIL(generation_state(g) == GENERATION_SERVING);
	generation_drain(old, clock_now_ms());
	for (int i = 0; i < 8; i++)
		assert_true(answers());
	TURN_UNTIL(generation_alive(old) == 0);
	generation_free(old);
	old = NULL;
	for (int i = 0; i < 24; i++)
		assert_true(answers());
	assert_true(stats_sum(generation_stats(g), STATS_queries) >= 24);
}

/* One of three slots goes, and its worker does nothing for what came to it last. */
static void
fewer_slots_leave_nobody_waiting(void **state)
{
	enum { MANY = 30 };
	int fds[64], udp[MANY], tcp[MANY];
	(void)state;
	serve(1, "workers = 3;\n");
	old = g;
	kill(worker(2).pid, SIGSTOP);
	for (int i = 0; i < MANY; i++) {
		udp[i] = asked(SOCK_DGRAM);
		tcp[i] = asked(SOCK_STREAM);
	}
	struct sockets_bound bound = {
	        .descriptors = fds, .count = sockets_descriptors(generation_sockets(old), fds, 64)};
	g = make(2, "workers = 2;\n", &bound);
	generation_bear(g, clock_now_ms());
	TURN_UNTIL(generation_state(g) == GENERATION_SERVING);
	generation_drain(old, clock_now_ms());
	TURN_UNTIL(generation_alive(old) == 1);
	end(&old);
	for (int i = 0; i < MANY; i++) {
		assert_true(answered(udp[i], 0));
		assert_true(answered(tcp[i], 2));
	}
}

static void
refused_with_a_reason(void **state)
{
	char why[GENERATION_WHY_BYTES];
	(void)state;
	int taken = ports_bind(&address, SOCK_DGRAM);
	assert_null(generation_new(&world, 1, configure("workers = 2;\n"), NULL, NULL, why));
	assert_memory_equal(why, "cannot listen on 127.0.0.1@", 27);
	close(taken);
	generation_free(NULL);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(comes_up_and_serves),
	        STARTED(few_questions_are_for_one_slot),
	        STARTED(more_slots_when_there_is_need),
	        STARTED(killed_worker_is_reborn),
	        STARTED(crashing_worker_waits),
	        STARTED(question_in_hand_is_blamed),
	        STARTED(question_in_hand_at_a_kill_is_not),
	        STARTED(cannot_work),
	        STARTED(dies_before_it_serves),
	        STARTED(cannot_work_any_more),
	        STARTED(drained),
	        STARTED(dead_while_draining_is_succeeded),
	        STARTED(drained_with_a_slot_down),
	        STARTED(crashes_while_draining_have_an_end),
	        STARTED(killed_for_good),
	        STARTED(drain_has_an_end),
	        STARTED(hanging_worker_is_replaced),
	        STARTED(idle_workers_are_left_alone),
	        STARTED(late_watchdog_blames_nobody),
	        STARTED(takes_the_place_of_another),
	        STARTED(fewer_slots_leave_nobody_waiting),
	        STARTED(refused_with_a_reason),
	};
	/* What is told of so many deaths is not the test's result. */
	if (log_open("file:/dev/null", LOG_LEVEL_DEBUG) < 0)
		return 99;
	return cmocka_run_group_tests_name("generation", tests, loading_begin, loading_end);
}
