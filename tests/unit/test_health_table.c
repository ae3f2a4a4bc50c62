/*
 * The table of addresses in shared memory: who has which entry, what lasts, what is forgotten, and what
 * becomes of it when its writers are killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "shared/health_inside.h"
#include "shared/shm.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct shm *shm;
static struct health_table *table;

static int
start(void **state)
{
	(void)state;
	shm = shm_new(health_footprint());
	if (shm == NULL)
		return -1;
	table = shm_start(shm);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	shm_free(shm);
	return 0;
}

static struct health *
open_key(uint64_t key, uint64_t now_ms)
{
	char name[24];
	snprintf(name, sizeof name, "u%llu", (unsigned long long)key);
	return health_open(
	        table, &(struct health_identity){.key = key, .name = name, .address = name}, now_ms);
}

static unsigned
count(void)
{
	struct health_view view;
	unsigned at = 0, all = 0;
	while (health_next(table, &at, &view, 1))
		all++;
	return all;
}

/* What one process learns another sees at once, and it stays when both have closed. */
static void
a_newcomer_knows_it_all(void **state)
{
	struct health_view view;
	(void)state;
	struct health *one = open_key(5, 1000), *two = open_key(5, 1000);
	health_failed(one, HEALTH_VERIFY, "expired", 1000, 0);
	assert_int_equal(health_state(two, 1500), HEALTH_BACKED_OFF);
	health_answered(two, 7000, false, 1500);
	health_idle_closed(two, 6000);
	health_close(one);
	health_close(two);
	struct health *late = open_key(5, 2000);
	assert_int_equal(health_latency_us(late), 7000);
	assert_int_equal(health_idle_ms(late), 5700);
	assert_true(health_find(table, 5, &view, 2000));
	assert_int_equal(view.failed[HEALTH_VERIFY], 1);
	assert_string_equal(view.why, "expired");
	assert_string_equal(view.name, "u5");
	assert_false(health_find(table, 6, &view, 2000));
	assert_int_equal(count(), 1);
	health_close(late);
}

static void
a_full_table_gives_what_nobody_uses(void **state)
{
	struct health_view view;
	(void)state;
	for (uint64_t key = 1; key <= HEALTH_ENTRIES; key++) {
		struct health *h = open_key(key, 1000 + key);
		health_failed(h, HEALTH_RESET, "reset", 1000 + key, 0);
		health_close(h);
	}
	assert_int_equal(count(), HEALTH_ENTRIES);
	/* All were used within the hour: what is learned stays with the hold. */
	struct health *alone = open_key(10001, 2000);
	health_failed(alone, HEALTH_CONNECT, "refused", 2000, 0);
	assert_int_equal(health_state(alone, 2000), HEALTH_BACKED_OFF);
	assert_false(health_find(table, 10001, &view, 2000));
	health_close(alone);
	/* An hour later the oldest makes room, and nothing of it is left but the place. */
	struct health *old = open_key(1, 1001);
	struct health *next = open_key(10002, 1001 + HEALTH_UNUSED_MS);
	assert_true(health_find(table, 10002, &view, 0));
	assert_false(health_find(table, 1, &view, 0));
	assert_int_equal(view.failed[HEALTH_RESET], 0);
	assert_string_equal(view.why, "");
	/* Who still holds the old one does not write into the new one's. */
	health_failed(old, HEALTH_RESET, "reset", 2000 + HEALTH_UNUSED_MS, 0);
	assert_int_equal(health_state(next, 2000 + HEALTH_UNUSED_MS), HEALTH_WELL);
	assert_int_equal(health_state(old, 2000 + HEALTH_UNUSED_MS), HEALTH_BACKED_OFF);
	health_close(old);
	health_close(next);
}

static void
keys_that_collide_stay_apart(void **state)
{
	(void)state;
	struct health *one = open_key(7, 1), *two = open_key(7 + HEALTH_ENTRIES, 1);
	health_failed(one, HEALTH_RESET, "reset", 1000, 0);
	assert_int_equal(health_state(one, 1000), HEALTH_BACKED_OFF);
	assert_int_equal(health_state(two, 1000), HEALTH_WELL);
	health_close(one);
	health_close(two);
}

/* Taken, and its taker dead before it cleared what the one before had left there. */
static void
half_taken_entries_are_cleared(void **state)
{
	(void)state;
	struct health *before = open_key(7, 1);
	health_failed(before, HEALTH_RESET, "reset", 1000, 0);
	health_close(before);
	atomic_store(&table->entries[7].key, 7 + HEALTH_ENTRIES);
	assert_int_equal(count(), 0);
	struct health *h = open_key(7 + HEALTH_ENTRIES, 1);
	assert_int_equal(health_state(h, 1000), HEALTH_WELL);
	assert_int_equal(count(), 1);
	health_close(h);
}

static void
a_change_of_the_network_forgets(void **state)
{
	(void)state;
	struct health *h = open_key(9, 1);
	health_failed(h, HEALTH_CONNECT, "unreachable", 1000, 0);
	health_idle_closed(h, 6000);
	health_answered(h, 5000, true, 999);
	while (health_may_shake(h, 1000))
		;
	health_early_failed(h, 1000);
	health_forget_all(table, 1100);
	assert_true(health_may_early(h, 1100));
	assert_int_equal(health_state(h, 1100), HEALTH_WELL);
	assert_true(health_may_shake(h, 1100));
	assert_int_equal(health_idle_ms(h), 5700);
	assert_int_equal(health_latency_us(h), 5000);
	/* What breaks now breaks because of that. */
	assert_int_equal(health_failed(h, HEALTH_RESET, "reset", 1200, 0), HEALTH_NO_NEWS);
	assert_int_equal(health_state(h, 1200), HEALTH_WELL);
	health_silent(h, "", 1400, 0);
	health_silent(h, "", 1400, 0);
	health_forget_all(table, 1450);
	health_silent(h, "", 1800, 0);
	assert_int_equal(health_state(h, 1800), HEALTH_WELL);
	/* It was down, and nobody has said otherwise. */
	assert_int_equal(health_failed(h, HEALTH_RESET, "reset", 1900, 0), HEALTH_STAYS_BAD);
	assert_int_equal(health_backoff_until_ms(h), 2900);
	health_close(h);
}

static struct health_view
found(uint64_t key)
{
	struct health_view view;
	assert_true(health_find(table, key, &view, 1));
	return view;
}

static void
gauges_of_the_dead_are_swept(void **state)
{
	(void)state;
	struct health *h = open_key(3, 1);
	health_gauge(h, 1, 2);
	pid_t child = fork();
	if (child == 0) {
		struct health *other = open_key(3, 1);
		health_gauge(other, 10, 20);
		health_gauge(other, 3, 4);
		_exit(0);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(found(3).connections, 4);
	assert_int_equal(found(3).in_flight, 6);
	health_bury(table, child);
	assert_int_equal(found(3).connections, 1);
	health_close(h);
	assert_int_equal(found(3).in_flight, 0);
	/* More processes than cells: those who find none do not show, and spoil nothing. */
	for (unsigned i = 0; i < HEALTH_CELLS; i++)
		atomic_store(&table->entries[3].facts.cells[i], (uint64_t)(1000000 + i) << 32 | 1);
	h = open_key(3, 1);
	health_gauge(h, 50, 50);
	assert_int_equal(found(3).in_flight, HEALTH_CELLS);
	health_close(h);
}

/* Writes all there is to write, as fast as it can, until it is killed. */
static void
write_for_ever(unsigned seed)
{
	static const char *const whys[] = {
	        "connection refused by the peer, who is far away and does not care", "no",
	        "the certificate has expired, and nobody has noticed"};
	srand(seed);
	for (uint64_t now = 1000;; now += 100) {
		struct health *h = open_key(1 + (uint64_t)rand() % 300, now);
		for (int i = 0; i < 20; i++) {
			health_failed(h, HEALTH_CONNECT, whys[rand() % 3], now, (uint32_t)rand());
			health_answered(h, (uint32_t)rand(), false, now + (uint64_t)(rand() % 3000));
			health_silent(h, whys[rand() % 3], now, 0);
			health_idle_closed(h, (uint32_t)rand());
			health_may_shake(h, now);
			health_gauge(h, 1, 1);
		}
		health_close(h);
	}
}

static void
assert_sane(const struct health_view *view)
{
	char name[24];
	if (view->name[0] != '\0') {
		snprintf(name, sizeof name, "u%s", view->name + 1);
		assert_string_equal(view->name, name);
		assert_in_range(strtoul(view->name + 1, NULL, 10), 1, 300);
	}
	/* A reason is one that was written, or none. */
	if (view->why[0] != '\0')
		assert_true(
		        strcmp(view->why, "no") == 0 ||
		        strcmp(view->why,
		                "connection refused by the peer, who is far away and does not care") == 0 ||
		        strcmp(view->why, "the certificate has expired, and nobody has noticed") == 0);
	assert_in_range(view->idle_ms, 100, HEALTH_IDLE_MOST_MS);
	assert_true(view->backoff_left_ms <= HEALTH_BACKOFF_MOST_MS || view->state == HEALTH_BACKED_OFF);
}

/* Killed at random instants while others write and we read: no wrong word ever comes out, and afterwards the
 * table is as good as new. */
static void
killed_writers_spoil_nothing(void **state)
{
	enum { WRITERS = 3, KILLS = 120 };
	pid_t writers[WRITERS] = {0};
	(void)state;
	srand(3);
	for (unsigned kill_number = 0; kill_number < KILLS; kill_number++) {
		pid_t *victim = &writers[kill_number % WRITERS];
		if (*victim != 0) {
			kill(*victim, SIGKILL);
			assert_int_equal(waitpid(*victim, NULL, 0), *victim);
			health_bury(table, *victim);
		}
		if ((*victim = fork()) == 0)
			write_for_ever(kill_number);
		struct health_view view;
		unsigned at = 0;
		usleep((useconds_t)(rand() % 4000));
		while (health_next(table, &at, &view, clock_now_ms()))
			assert_sane(&view);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		kill(writers[i], SIGKILL);
		assert_int_equal(waitpid(writers[i], NULL, 0), writers[i]);
		health_bury(table, writers[i]);
	}
	assert_int_equal(count(), HEALTH_ENTRIES);
	health_forget_all(table, 1);
	for (uint64_t key = 1; key <= 300; key++) {
		struct health_view view;
		if (!health_find(table, key, &view, 1))
			continue;
		struct health *h = open_key(key, UINT32_MAX);
		assert_int_equal(health_state(h, UINT32_MAX), HEALTH_WELL);
		health_read(h, &view, UINT32_MAX);
		assert_int_equal(view.in_flight, 0);
		health_failed(h, HEALTH_CONNECT, "no", UINT32_MAX, 0);
		assert_int_equal(health_backoff_until_ms(h), UINT32_MAX + 1000ull);
		assert_true(health_find(table, key, &view, 1));
		assert_string_equal(view.why, "no");
		health_close(h);
	}
}

/* Waits until so many have come here. */
static void
meet(_Atomic unsigned *round, unsigned all)
{
	atomic_fetch_add(round, 1);
	while (atomic_load(round) < all)
		sched_yield();
}

/* All find out at the same moment, and one of them has the word. */
static void
one_of_many_tells(void **state)
{
	enum { PROCESSES = 4, ROUNDS = 2000 };
	pid_t children[PROCESSES];
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	_Atomic unsigned *round = (_Atomic unsigned *)&table->entries[200].facts.samples;
	for (unsigned i = 0; i < PROCESSES; i++) {
		if ((children[i] = fork()) != 0)
			continue;
		struct health *h = open_key(3, 1);
		unsigned told = 0, probes = 0;
		for (unsigned r = 0; r < ROUNDS; r++) {
			uint64_t now = 1000 + (uint64_t)r * 100000;
			meet(round, (2 * r + 1) * PROCESSES);
			told += health_failed(h, HEALTH_RESET, "reset", now, 0) != HEALTH_NO_NEWS;
			meet(round, (2 * r + 2) * PROCESSES);
			probes += health_claim_probe(h, now + 70000, 10000);
		}
		unsigned result[2] = {told, probes};
		ssize_t written = write(ends[1], result, sizeof result);
		_exit(written == (ssize_t)sizeof result ? 0 : 1);
	}
	unsigned told = 0, probes = 0;
	for (unsigned i = 0; i < PROCESSES; i++) {
		unsigned result[2];
		assert_int_equal(read(ends[0], result, sizeof result), sizeof result);
		told += result[0];
		probes += result[1];
		assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
	}
	assert_int_equal(told, ROUNDS);
	assert_int_equal(probes, ROUNDS);
	assert_int_equal(found(3).failed[HEALTH_RESET], PROCESSES * ROUNDS);
	close(ends[0]);
	close(ends[1]);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(a_newcomer_knows_it_all),
	        STARTED(a_full_table_gives_what_nobody_uses),
	        STARTED(keys_that_collide_stay_apart),
	        STARTED(half_taken_entries_are_cleared),
	        STARTED(a_change_of_the_network_forgets),
	        STARTED(gauges_of_the_dead_are_swept),
	        STARTED(killed_writers_spoil_nothing),
	        STARTED(one_of_many_tells),
	};
	return cmocka_run_group_tests_name("health_table", tests, NULL, NULL);
}
