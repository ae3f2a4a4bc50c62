/*
 * Token buckets: how many pass and when, whose bucket gives way, and what several processes count together,
 * some of which are killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/limits.h"
#include "shared/shm.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)
#define NOW_NS    (UINT64_C(1000) * SECOND_NS)

enum { SEED = 99, PROCESSES = 4, TAKES = 50000, KEYS = 64 };

/* What processes tell each other. */
struct tally {
	_Atomic unsigned passed[KEYS];
	_Atomic bool go;
};

static struct shm *shm;
static struct limits *limits;
static struct tally *tally;

static int
start(void **state)
{
	(void)state;
	shm = shm_new(shm_footprint(limits_bytes()) + shm_footprint(sizeof *tally));
	if (shm == NULL)
		return -1;
	limits = shm_carve(shm, limits_bytes());
	tally = shm_carve(shm, sizeof *tally);
	limits_begin(limits, SEED);
	srand(4711);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	shm_free(shm);
	return 0;
}

static uint64_t
key_of(unsigned number)
{
	return limits_key(limits, &number, sizeof number);
}

static bool
take(uint64_t key, unsigned per_second, unsigned burst, uint64_t now_ns)
{
	struct limits_rate rate = limits_rate(per_second, burst);
	return limits_take(limits, LIMITS_QUESTIONS, key, &rate, now_ns);
}

static unsigned
take_many(uint64_t key, unsigned per_second, unsigned burst, uint64_t now_ns, unsigned count)
{
	unsigned passed = 0;
	for (unsigned i = 0; i < count; i++)
		passed += take(key, per_second, burst, now_ns);
	return passed;
}

static void
a_burst_and_no_more(void **state)
{
	(void)state;
	assert_int_equal(take_many(key_of(1), 10, 5, NOW_NS, 100), 5);
	assert_int_equal(take_many(key_of(2), 10, 1, NOW_NS, 100), 1);
	assert_int_equal(take_many(key_of(3), 10, 0, NOW_NS, 100), 10); /* those of a second */
	assert_int_equal(take_many(key_of(4), 1000000, 1000000, NOW_NS, 1000100), 1000000);
	assert_int_equal(take_many(key_of(5), 1, 1000000, NOW_NS, 1000100), 1000000);
}

static void
comes_back_at_its_rate(void **state)
{
	(void)state;
	take_many(key_of(1), 10, 5, NOW_NS, 100);
	assert_false(take(key_of(1), 10, 5, NOW_NS + SECOND_NS / 10 - 1));
	assert_true(take(key_of(1), 10, 5, NOW_NS + SECOND_NS / 10));
	assert_false(take(key_of(1), 10, 5, NOW_NS + SECOND_NS / 10));
	assert_int_equal(take_many(key_of(1), 10, 5, NOW_NS + SECOND_NS / 2, 100), 4);
	assert_int_equal(take_many(key_of(1), 10, 5, NOW_NS + 100 * SECOND_NS, 100), 5);
}

/* What is refused costs nothing: a flood gets what its rate allows, steadily. */
static void
excess_is_not_counted(void **state)
{
	(void)state;
	unsigned passed = 0;
	for (uint64_t us = 0; us < 1000000; us += 20)
		passed += take(key_of(1), 1000, 10, NOW_NS + us * 1000);
	assert_in_range(passed, 1009, 1010);
}

static void
keys_and_tables_are_apart(void **state)
{
	(void)state;
	struct limits_rate rate = limits_rate(10, 5);
	assert_int_equal(take_many(key_of(1), 10, 5, NOW_NS, 9), 5);
	assert_int_equal(take_many(key_of(2), 10, 5, NOW_NS, 9), 5);
	assert_true(limits_take(limits, LIMITS_ANSWERS, key_of(1), &rate, NOW_NS));
	assert_true(limits_key(limits, "", 0) != 0);
	limits_begin(limits, SEED + 1);
	assert_true(key_of(1) != limits_key(limits, &(unsigned){2}, sizeof(unsigned)));
	uint64_t other = key_of(1);
	limits_begin(limits, SEED);
	assert_true(key_of(1) != other);
}

/* A reader whose clock was read a moment ago sees a debt a little larger than there can be. */
static void
a_clock_that_lags(void **state)
{
	(void)state;
	take_many(key_of(1), 1000, 100, NOW_NS, 200);
	assert_int_equal(take_many(key_of(1), 1000, 100, NOW_NS - SECOND_NS / 2, 200), 0);
	assert_int_equal(take_many(key_of(1), 1000, 100, NOW_NS + SECOND_NS, 200), 100);
}

/* A time is held in 56 bits, which come round. */
static void
time_comes_round(void **state)
{
	(void)state;
	uint64_t round_ns = UINT64_C(1) << 56;
	assert_int_equal(take_many(key_of(1), 10, 5, round_ns - SECOND_NS / 10, 100), 5);
	assert_int_equal(take_many(key_of(1), 10, 5, round_ns + SECOND_NS / 10, 100), 2);
	assert_int_equal(take_many(key_of(1), 10, 5, round_ns + round_ns / 4 * 3, 100), 5);
}

/* A key of the set of key_of(1). */
static uint64_t
neighbour(unsigned number)
{
	return key_of(1) % LIMITS_SETS + (uint64_t)LIMITS_SETS * (number + (UINT64_C(7) << 40) * number);
}

/* Nobody is refused for a stranger: where all buckets are deep in debt, who comes new passes uncounted. */
static void
a_full_set_lets_pass(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= LIMITS_WAYS; i++)
		assert_int_equal(take_many(neighbour(i), 100, 0, NOW_NS, 1000), 100);
	assert_int_equal(take_many(neighbour(9), 100, 0, NOW_NS, 1000), 1000);
	/* and they are in debt still */
	for (unsigned i = 1; i <= LIMITS_WAYS; i++)
		assert_false(take(neighbour(i), 100, 0, NOW_NS));
}

static void
the_least_in_debt_gives_way(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= LIMITS_WAYS; i++)
		take_many(neighbour(i), 100, 0, NOW_NS, i == 3 ? 10 : 1000);
	assert_int_equal(take_many(neighbour(9), 100, 0, NOW_NS, 1000), 100);
	for (unsigned i = 1; i <= LIMITS_WAYS; i++)
		if (i != 3)
			assert_false(take(neighbour(i), 100, 0, NOW_NS));
	/* the one that gave way lost nothing but its debt */
	assert_true(take(neighbour(3), 100, 0, NOW_NS));
}

/* An exact reference: a bucket of its own for each key, filled in nanoseconds. With fewer keys than would
 * crowd a set the two must agree in every single question. */
static void
agrees_with_a_reference(void **state)
{
	(void)state;
	static const struct {
		unsigned per_second, burst;
	} rates[] = {{1, 0}, {10, 3}, {100, 0}, {333, 50}, {1000, 1}, {50000, 20000}};
	uint64_t full_ns[KEYS] = {0}, now_ns = NOW_NS;
	for (unsigned i = 0; i < 200000; i++) {
		unsigned number = (unsigned)rand() % KEYS, kind = number % (sizeof rates / sizeof *rates);
		struct limits_rate rate = limits_rate(rates[kind].per_second, rates[kind].burst);
		uint64_t from_ns = full_ns[number] > now_ns ? full_ns[number] : now_ns;
		bool expected = from_ns - now_ns <= rate.tolerance_ns;
		if (expected)
			full_ns[number] = from_ns + rate.interval_ns;
		bool found = limits_take(limits, LIMITS_QUESTIONS, key_of(number), &rate, now_ns);
		assert_int_equal(found, expected);
		now_ns += (uint64_t)rand() % 2000000;
	}
}

/* A table that is crowded tenfold errs in one direction only. */
static void
a_crowd_is_never_refused_too_much(void **state)
{
	(void)state;
	enum { CROWD = LIMITS_SETS * LIMITS_WAYS * 10, ROUNDS = 3, BURST = 4 };
	unsigned char *passed = calloc(CROWD, 1);
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < CROWD; i++)
			if (take(key_of(i), 1, BURST, NOW_NS))
				passed[i]++;
	/* nobody had more than his burst, so nobody may have been refused */
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(passed[i], ROUNDS);
	free(passed);
}

static void
process(unsigned number, uint64_t now_ns)
{
	unsigned passed[KEYS] = {0};
	while (!atomic_load(&tally->go))
		;
	for (unsigned i = 0; i < TAKES; i++) {
		unsigned key = (i + number) % KEYS;
		passed[key] += take(key_of(key), 1000, 100, now_ns);
	}
	for (unsigned i = 0; i < KEYS; i++)
		atomic_fetch_add(&tally->passed[i], passed[i]);
	_exit(0);
}

static void
start_processes(pid_t pids[PROCESSES], uint64_t now_ns)
{
	atomic_store(&tally->go, false);
	for (unsigned i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			process(i, now_ns);
	}
	atomic_store(&tally->go, true);
}

/* Time stands still, so each key has a burst and no more; only two who make a bucket for it at the same
 * instant may make two, one of which is found by nobody then. */
static void
processes_count_together(void **state)
{
	(void)state;
	pid_t pids[PROCESSES];
	int status;
	start_processes(pids, NOW_NS);
	for (unsigned i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	for (unsigned i = 0; i < KEYS; i++)
		assert_in_range(atomic_load(&tally->passed[i]), 100, 100 + PROCESSES);
}

/* Whatever the dead leave, a second later all is as it should be: nobody is locked out, and nobody has more
 * than his due. */
static void
the_dead_leave_nothing(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		uint64_t now_ns = NOW_NS + round * 10 * SECOND_NS;
		pid_t pids[PROCESSES];
		start_processes(pids, now_ns);
		usleep((useconds_t)(rand() % 3000));
		for (unsigned i = 0; i < PROCESSES; i++)
			kill(pids[i], SIGKILL);
		for (unsigned i = 0; i < PROCESSES; i++)
			assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
		for (unsigned i = 0; i < KEYS; i++)
			assert_int_equal(take_many(key_of(i), 1000, 100, now_ns + 5 * SECOND_NS, 300), 100);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
	        TEST(a_burst_and_no_more),
	        TEST(comes_back_at_its_rate),
	        TEST(excess_is_not_counted),
	        TEST(keys_and_tables_are_apart),
	        TEST(a_clock_that_lags),
	        TEST(time_comes_round),
	        TEST(a_full_set_lets_pass),
	        TEST(the_least_in_debt_gives_way),
	        TEST(agrees_with_a_reference),
	        TEST(a_crowd_is_never_refused_too_much),
	        TEST(processes_count_together),
	        TEST(the_dead_leave_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
