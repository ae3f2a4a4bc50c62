/*
 * Counters: a slab for each slot, a sum over all, and what a dead worker counted stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "shared/stats.h"

#include <ctype.h>
#include <string.h>

enum { SLOTS = 3 };

static struct shm *shm;
static struct stats *stats;

static int
carve(void **state)
{
	(void)state;
	shm = shm_new(stats_footprint(SLOTS));
	stats = shm ? stats_carve(shm, SLOTS) : NULL;
	return stats ? 0 : -1;
}

static int
give_back(void **state)
{
	(void)state;
	stats_free(stats);
	shm_free(shm);
	return 0;
}

static void
sums_over_slots(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STATS_COUNT; i++)
		assert_int_equal(stats_sum(stats, (enum stats_counter)i), 0);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		for (unsigned i = 0; i < STATS_COUNT; i++)
			stats_add(stats_slab(stats, slot), (enum stats_counter)i, (i + 1) << (8 * slot));
	for (unsigned i = 0; i < STATS_COUNT; i++)
		assert_int_equal(stats_sum(stats, (enum stats_counter)i), (i + 1) * 0x10101u);
	stats_one(stats_slab(stats, 1), STATS_queries);
	assert_int_equal(stats_sum(stats, STATS_queries), 0x10102);
}

static void
counts_beyond_32_bits(void **state)
{
	(void)state;
	stats_add(stats_slab(stats, 0), STATS_answered, UINT32_MAX);
	stats_add(stats_slab(stats, 2), STATS_answered, UINT32_MAX);
	assert_true(stats_sum(stats, STATS_answered) == 2ull * UINT32_MAX);
}

static int
count_as_worker(void *arg)
{
	struct stats_slab *slab = arg;
	for (int i = 0; i < 1000; i++)
		stats_one(slab, STATS_queries);
	return 0;
}

static void
counts_survive_their_worker(void **state)
{
	(void)state;
	for (int life = 1; life <= 2; life++) {
		struct forked result = forked_run(count_as_worker, stats_slab(stats, 1));
		assert_true(forked_succeeded(&result));
		assert_int_equal(stats_sum(stats, STATS_queries), life * 1000);
	}
}

/* What a generation counted goes on counting when it is gone. */
static void
retired_into_another(void **state)
{
	static struct stats_slab slab;
	(void)state;
	memset(&slab, 0, sizeof slab);
	stats_add(&slab, STATS_queries, 5);
	for (unsigned slot = 0; slot < SLOTS; slot++)
		stats_add(stats_slab(stats, slot), STATS_queries, 10u << slot);
	stats_one(stats_slab(stats, 1), (enum stats_counter)(STATS_COUNT - 1));
	stats_retire(stats, &slab);
	assert_int_equal(atomic_load(&slab.counters[STATS_queries]), 75);
	assert_int_equal(atomic_load(&slab.counters[STATS_COUNT - 1]), 1);
	assert_int_equal(atomic_load(&slab.counters[STATS_answered]), 0);
	assert_int_equal(stats_sum(stats, STATS_queries), 70);
}

static void
names_are_unique_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STATS_COUNT; i++) {
		const char *name = stats_name((enum stats_counter)i);
		assert_true(strlen(name) > 0);
		for (const char *c = name; *c != '\0'; c++)
			assert_true(islower((unsigned char)*c) || *c == '_');
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(name, stats_name((enum stats_counter)j));
	}
	assert_string_equal(stats_name(STATS_queries), "queries");
	assert_string_equal(stats_name(STATS_upstream_unverified), "upstream_unverified");
}

static int
ask_for_another_slot(void *arg)
{
	stats_slab(arg, SLOTS);
	return 0;
}

static void
no_slot_beyond_the_last(void **state)
{
	(void)state;
	struct forked result = forked_run(ask_for_another_slot, stats);
	assert_true(forked_aborted(&result));
}

#define CARVED(test) cmocka_unit_test_setup_teardown(test, carve, give_back)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        CARVED(sums_over_slots),
	        CARVED(counts_beyond_32_bits),
	        CARVED(counts_survive_their_worker),
	        CARVED(retired_into_another),
	        CARVED(no_slot_beyond_the_last),
	        cmocka_unit_test(names_are_unique_words),
	};
	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
