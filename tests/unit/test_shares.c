/*
 * Places and who holds them: everybody any number while there is plenty, the greedy no more than they may
 * when there is not, and somebody new always one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "query/shares.h"

#include <stdlib.h>

enum { PLACES = 900, NETWORKS = 40 };

static struct share *held[PLACES];
static uint64_t key_held[PLACES];
static unsigned held_count;

static bool
ask(struct shares *shares, uint64_t key)
{
	if (!shares_allow(shares, key))
		return false;
	key_held[held_count] = key;
	held[held_count++] = shares_take(shares, key);
	return true;
}

static unsigned
ask_all(struct shares *shares, uint64_t key)
{
	unsigned count = 0;
	while (ask(shares, key))
		count++;
	return count;
}

static void
give(struct shares *shares, unsigned index)
{
	shares_give(shares, held[index]);
	held_count--;
	held[index] = held[held_count];
	key_held[index] = key_held[held_count];
}

static void
give_all(struct shares *shares)
{
	while (held_count > 0)
		give(shares, held_count - 1);
}

static void
alone_it_has_nearly_all(void **state)
{
	(void)state;
	struct shares *shares = shares_new(PLACES);
	assert_int_equal(ask_all(shares, 1), PLACES / 9 * 8);
	assert_true(ask(shares, 2));
	give_all(shares);
	assert_int_equal(ask_all(shares, 3), PLACES / 9 * 8);
	give_all(shares);
	shares_free(shares);
	shares_free(NULL);
}

static void
few_places_can_all_be_had(void **state)
{
	(void)state;
	for (unsigned places = 1; places <= SHARES_TIMES; places++) {
		struct shares *shares = shares_new(places);
		assert_int_equal(ask_all(shares, 1), places);
		assert_false(shares_allow(shares, 2));
		give_all(shares);
		shares_free(shares);
	}
}

/* One greedy one has the worker to itself; then others come. */
static void
who_comes_new_finds_room(void **state)
{
	(void)state;
	struct shares *shares = shares_new(PLACES);
	ask_all(shares, 1);
	for (uint64_t key = 2; key < 2 + NETWORKS; key++) {
		assert_true(ask(shares, key));
		assert_false(ask(shares, 1));
	}
	give_all(shares);
	shares_free(shares);
}

/* Questions are answered and asked at random; a greedy one asks ten times as often as the others together. */
static void
the_modest_are_not_refused(void **state)
{
	(void)state;
	struct shares *shares = shares_new(PLACES);
	unsigned refused_greedy = 0;
	srand(4711);
	for (unsigned i = 0; i < 200000; i++) {
		if (held_count > 0 && rand() % 100 < 45)
			give(shares, (unsigned)rand() % held_count);
		if (rand() % 11 == 0)
			assert_true(ask(shares, 2 + (uint64_t)rand() % NETWORKS));
		else
			refused_greedy += !ask(shares, 1);
	}
	assert_in_range(refused_greedy, 50000, 180000);
	give_all(shares);
	shares_free(shares);
}

static unsigned
count_of(uint64_t key)
{
	unsigned count = 0;
	for (unsigned i = 0; i < held_count; i++)
		count += key_held[i] == key;
	return count;
}

/* The same as counting them all each time. Keys that hang in one chain are among them. */
static void
agrees_with_a_reference(void **state)
{
	(void)state;
	struct shares *shares = shares_new(PLACES);
	srand(4712);
	for (unsigned i = 0; i < 50000; i++) {
		uint64_t key = ((uint64_t)rand() % 8) << (rand() % 2 * 20);
		unsigned spare = PLACES - held_count;
		assert_int_equal(shares_allow(shares, key), count_of(key) < spare * SHARES_TIMES);
		if (rand() % 100 < 45 && held_count > 0)
			give(shares, (unsigned)rand() % held_count);
		else
			ask(shares, key);
	}
	give_all(shares);
	shares_free(shares);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(alone_it_has_nearly_all),
	        cmocka_unit_test(few_places_can_all_be_had),
	        cmocka_unit_test(who_comes_new_finds_room),
	        cmocka_unit_test(the_modest_are_not_refused),
	        cmocka_unit_test(agrees_with_a_reference),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
