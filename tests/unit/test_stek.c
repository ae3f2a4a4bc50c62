/*
 * The secret of the day: the same for all, another one tomorrow, and never one that could be guessed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/shm.h"
#include "shared/stek.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOW = 1000000, RACERS = 4, ROUNDS = 2000 };

static struct shm *shm;
static struct stek *stek;

static int
start(void **state)
{
	(void)state;
	shm = shm_new(shm_footprint(sizeof *stek));
	if (shm == NULL)
		return -1;
	stek = shm_carve(shm, sizeof *stek);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	shm_free(shm);
	return 0;
}

static unsigned
zeroes(const uint8_t *bytes)
{
	unsigned count = 0;
	for (unsigned i = 0; i < STEK_BYTES; i++)
		count += bytes[i] == 0;
	return count;
}

static void
it_is_the_same_all_day(void **state)
{
	uint8_t first[STEK_BYTES], again[STEK_BYTES];
	(void)state;
	assert_true(stek_get(stek, NOW, first));
	assert_true(zeroes(first) < STEK_BYTES / 4);
	assert_true(stek_get(stek, NOW + STEK_LIFE_MS - 1, again));
	assert_memory_equal(first, again, STEK_BYTES);
}

static void
tomorrow_it_is_another_and_the_old_one_is_gone(void **state)
{
	uint8_t first[STEK_BYTES], next[STEK_BYTES];
	(void)state;
	assert_true(stek_get(stek, NOW, first));
	assert_true(stek_get(stek, NOW + STEK_LIFE_MS, next));
	assert_memory_not_equal(first, next, STEK_BYTES);
	for (unsigned i = 0; i < 2; i++) {
		assert_memory_not_equal(stek->keys[i], first, STEK_BYTES);
		assert_true(zeroes(stek->keys[i]) < STEK_BYTES / 4);
	}
	/* a day counts from when it was made, not from the first one */
	assert_true(stek_get(stek, NOW + 2ull * STEK_LIFE_MS - 1, first));
	assert_memory_equal(first, next, STEK_BYTES);
}

/* Memory that came from a machine whose clock is ahead. */
static void
a_clock_that_went_back_makes_a_new_one(void **state)
{
	uint8_t first[STEK_BYTES], next[STEK_BYTES];
	(void)state;
	assert_true(stek_get(stek, NOW, first));
	assert_true(stek_get(stek, NOW - 1, next));
	assert_memory_not_equal(first, next, STEK_BYTES);
}

/* Whatever several do at the same time: nobody is ever given zeroes, and in the end all have the same. */
static void
all_agree_in_the_end(void **state)
{
	(void)state;
	for (unsigned r = 0; r < RACERS; r++) {
		if (fork() != 0)
			continue;
		uint8_t own[STEK_BYTES];
		for (unsigned i = 0; i < ROUNDS; i++)
			if (!stek_get(stek, NOW + (uint64_t)i * STEK_LIFE_MS, own) ||
			        zeroes(own) > STEK_BYTES / 4)
				_exit(1);
		_exit(0);
	}
	for (unsigned r = 0; r < RACERS; r++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	uint8_t first[STEK_BYTES], again[STEK_BYTES];
	uint64_t made_ms = atomic_load(&stek->made_ms);
	assert_true(stek_get(stek, made_ms, first) && stek_get(stek, made_ms + 1, again));
	assert_memory_equal(first, again, STEK_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(it_is_the_same_all_day, start, stop),
	        cmocka_unit_test_setup_teardown(tomorrow_it_is_another_and_the_old_one_is_gone, start, stop),
	        cmocka_unit_test_setup_teardown(a_clock_that_went_back_makes_a_new_one, start, stop),
	        cmocka_unit_test_setup_teardown(all_agree_in_the_end, start, stop),
	};
	return cmocka_run_group_tests_name("stek", tests, NULL, NULL);
}
