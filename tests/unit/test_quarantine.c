/*
 * Questions that killed workers: two crashes within ten minutes, and ten minutes of peace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "shared/quarantine.h"
#include "shared/shm.h"

static struct quarantine q;

static int
empty(void **state)
{
	(void)state;
	memset(&q, 0, sizeof q);
	return 0;
}

static void
two_crashes(void **state)
{
	(void)state;
	assert_false(quarantine_holds(&q, 5, 1000));
	assert_int_equal(quarantine_note(&q, 5, 1000), 1);
	assert_false(quarantine_holds(&q, 5, 1000));
	assert_int_equal(quarantine_note(&q, 5, 1000 + QUARANTINE_MS - 1), 2);
	assert_true(quarantine_holds(&q, 5, 1000 + QUARANTINE_MS - 1));
	assert_false(quarantine_holds(&q, 6, 1000 + QUARANTINE_MS - 1));
}

static void
too_far_apart(void **state)
{
	(void)state;
	assert_int_equal(quarantine_note(&q, 5, 1000), 1);
	assert_int_equal(quarantine_note(&q, 5, 1000 + QUARANTINE_MS), 1);
	assert_false(quarantine_holds(&q, 5, 1000 + QUARANTINE_MS));
	/* That one counts as the first again. */
	assert_int_equal(quarantine_note(&q, 5, 2000 + QUARANTINE_MS), 2);
	assert_true(quarantine_holds(&q, 5, 2000 + QUARANTINE_MS));
}

static void
let_go_after_ten_minutes(void **state)
{
	(void)state;
	quarantine_note(&q, 5, 1000);
	quarantine_note(&q, 5, 2000);
	assert_true(quarantine_holds(&q, 5, 2000 + QUARANTINE_MS - 1));
	assert_false(quarantine_holds(&q, 5, 2000 + QUARANTINE_MS));
	/* Forgiven for good: one more crash alone does not bring it back. */
	assert_int_equal(quarantine_note(&q, 5, 2000 + QUARANTINE_MS), 1);
	assert_false(quarantine_holds(&q, 5, 2000 + QUARANTINE_MS));
	assert_int_equal(quarantine_note(&q, 5, 3000 + QUARANTINE_MS), 2);
	assert_true(quarantine_holds(&q, 5, 3000 + QUARANTINE_MS));
}

/* Questions that were taken in before it was quarantined may still come through. */
static void
further_crashes_make_it_longer(void **state)
{
	(void)state;
	quarantine_note(&q, 5, 1000);
	quarantine_note(&q, 5, 2000);
	assert_int_equal(quarantine_note(&q, 5, 50000), 3);
	assert_true(quarantine_holds(&q, 5, 50000 + QUARANTINE_MS - 1));
}

static void
full_table_forgets_the_oldest(void **state)
{
	(void)state;
	for (uint64_t hash = 1; hash <= QUARANTINE_ENTRIES; hash++)
		for (unsigned crash = 0; crash < QUARANTINE_CRASHES; crash++)
			quarantine_note(&q, hash, 1000 * hash + crash);
	for (uint64_t hash = 1; hash <= QUARANTINE_ENTRIES; hash++)
		assert_true(quarantine_holds(&q, hash, 70000));
	/* The first is the one that has been calm for longest; a new crash of it would have saved it. */
	quarantine_note(&q, 1, 70000);
	assert_int_equal(quarantine_note(&q, 1000, 70001), 1);
	assert_true(quarantine_holds(&q, 1, 70001));
	assert_false(quarantine_holds(&q, 2, 70001));
	assert_false(quarantine_holds(&q, 1000, 70001));
	assert_int_equal(quarantine_note(&q, 1000, 70002), 2);
	assert_true(quarantine_holds(&q, 1000, 70002));
	for (uint64_t hash = 3; hash <= QUARANTINE_ENTRIES; hash++)
		assert_true(quarantine_holds(&q, hash, 70002));
	assert_int_equal(quarantine_note(&q, 2, 70003), 1);
	assert_false(quarantine_holds(&q, 3, 70003));
}

/* What is free holds no question, not even one whose hash could be taken for "free". */
static void
free_entries_hold_nothing(void **state)
{
	(void)state;
	assert_false(quarantine_holds(&q, 0, 0));
	quarantine_note(&q, 5, 0);
	assert_false(quarantine_holds(&q, 0, 0));
}

static int
look(void *arg)
{
	return quarantine_holds(arg, 77, 3000) ? 0 : 1;
}

static void
seen_by_other_processes(void **state)
{
	(void)state;
	struct shm *shm = shm_new(shm_footprint(sizeof q));
	assert_non_null(shm);
	struct quarantine *shared = shm_carve(shm, sizeof q);
	quarantine_note(shared, 77, 1000);
	struct forked before = forked_run(look, shared);
	quarantine_note(shared, 77, 2000);
	struct forked after = forked_run(look, shared);
	assert_false(forked_succeeded(&before));
	assert_true(forked_succeeded(&after));
	shm_free(shm);
}

#define EMPTY(test) cmocka_unit_test_setup(test, empty)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        EMPTY(two_crashes),
	        EMPTY(too_far_apart),
	        EMPTY(let_go_after_ten_minutes),
	        EMPTY(further_crashes_make_it_longer),
	        EMPTY(full_table_forgets_the_oldest),
	        EMPTY(free_entries_hold_nothing),
	        EMPTY(seen_by_other_processes),
	};
	return cmocka_run_group_tests_name("quarantine", tests, NULL, NULL);
}
