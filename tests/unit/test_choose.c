/*
 * The order in which places are asked, policy by policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/choose.h"

#include <stdlib.h>
#include <string.h>

enum { PLACES = 64 };

static struct choose_place places[PLACES];
static struct choose_question question;

/* Two places for each upstream, all fit: 0 and 1 of upstream 0, 2 and 3 of upstream 1, ... */
static int
all_fit(void **state)
{
	(void)state;
	memset(&question, 0, sizeof question);
	question.random = 1;
	for (unsigned i = 0; i < PLACES; i++)
		places[i] = (struct choose_place){
		        .key = (i + 1) * 2654435761u, .upstream = i / 2, .usable = true};
	return 0;
}

static void
back_off(unsigned place, uint64_t until_ms)
{
	places[place].usable = false;
	places[place].backoff_until_ms = until_ms;
}

/* Asks on and on and compares the places that were asked, in their order. */
static void
assert_order(enum config_policy policy, unsigned count, const char *order)
{
	char seen[PLACES + 1] = "";
	for (size_t i = 0; i < strlen(order); i++) {
		int next = choose(policy, places, count, &question, true);
		seen[i] = (char)(next < 0 ? '-' : '0' + next);
		if (next >= 0)
			question.tried |= 1ull << next;
	}
	assert_string_equal(seen, order);
}

static void
sequential_goes_to_other_upstreams_first(void **state)
{
	(void)state;
	assert_order(CONFIG_SEQUENTIAL, 6, "024135-");
}

static void
sequential_prefers_the_first_that_is_fit(void **state)
{
	(void)state;
	back_off(0, 100);
	assert_order(CONFIG_SEQUENTIAL, 6, "124350-");
	assert_int_equal(question.tried, 0x3f);
}

static void
tried_ones_come_last_unless_only_others_count(void **state)
{
	(void)state;
	question.tried = 0xf;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, true), -1);
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), 0);
	question.tried = 0xe;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), 0);
	question.tried = 0xd;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), 1);
}

static void
broken_places_and_refusing_upstreams_are_out(void **state)
{
	(void)state;
	question.broken = 1;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), 1);
	question.refused = 1;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), 2);
	question.refused = 3;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), -1);
	question.refused = 0;
	question.broken = 0xf;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), -1);
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 0, &question, false), -1);
}

static void
all_backed_off_the_first_to_end_is_tried_anyway(void **state)
{
	static const enum config_policy policies[] = {
	        CONFIG_SEQUENTIAL, CONFIG_ROUND_ROBIN, CONFIG_FASTEST, CONFIG_HASHED};
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		back_off(i, 10000 + (i ^ 2) * 1000);
	for (unsigned p = 0; p < 4; p++)
		assert_int_equal(choose(policies[p], places, 4, &question, false), 2);
	/* An hour later than UINT32_MAX milliseconds, too. */
	for (unsigned i = 0; i < 4; i++)
		back_off(i, (1ull << 40) + (i == 1 ? 0 : 1));
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 4, &question, false), 1);
}

/* Trying a place again is better than one that is backed off. */
static void
any_fit_place_is_better_than_one_backed_off(void **state)
{
	(void)state;
	back_off(1, 5);
	question.tried = 1;
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 2, &question, false), 0);
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, 2, &question, true), 1);
}

static void
round_robin_takes_turns(void **state)
{
	unsigned times[5] = {0};
	(void)state;
	for (uint32_t turn = 0; turn < 50; turn++) {
		question.turn = turn;
		int next = choose(CONFIG_ROUND_ROBIN, places, 5, &question, false);
		assert_int_equal(next, turn % 5);
		times[next]++;
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(times[i], 10);
	/* Those who are left share the turns of one who is not well. */
	places[3].usable = false;
	memset(times, 0, sizeof times);
	for (uint32_t turn = 0; turn < 40; turn++) {
		question.turn = turn;
		times[choose(CONFIG_ROUND_ROBIN, places, 5, &question, false)]++;
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(times[i], i == 3 ? 0 : 10);
	question.turn = 3;
	assert_int_equal(choose(CONFIG_ROUND_ROBIN, places, 5, &question, false), 4);
	question.turn = UINT32_MAX;
	assert_in_range(choose(CONFIG_ROUND_ROBIN, places, 5, &question, false), 0, 4);
}

/* How often each of the first four is chosen for so many questions, of which none explores. */
static void
draw(unsigned seen[4])
{
	memset(seen, 0, 4 * sizeof *seen);
	srand(7);
	for (unsigned i = 0; i < 10000; i++) {
		question.random = (uint32_t)rand() * 50u + 1;
		question.random += question.random % 50 == 0;
		seen[choose(CONFIG_FASTEST, places, 4, &question, false)]++;
	}
}

static void
fastest_is_latency_times_load(void **state)
{
	unsigned seen[4];
	(void)state;
	places[0].latency_us = 30000;
	places[1].latency_us = 10000;
	places[2].latency_us = 21000;
	places[3].latency_us = 90000;
	draw(seen);
	assert_int_equal(seen[1], 10000);
	/* 30000 against 30000 and 21000: all three contend, and of any two the lower wins. */
	places[1].load = 2;
	draw(seen);
	assert_in_range(seen[2], 6500, 6850); /* two pairs of three */
	assert_in_range(seen[0], 1400, 1950);
	assert_in_range(seen[1], 1400, 1950);
	assert_int_equal(seen[3], 0);
	places[2].usable = false;
	draw(seen);
	assert_int_equal(seen[0] + seen[1], 10000);
	places[0].latency_us = places[1].latency_us = UINT32_MAX;
	places[0].load = places[1].load = 1000000;
	draw(seen);
	assert_int_equal(seen[3], 10000);
}

/* Places that are alike share the questions. */
static void
fastest_spreads_over_equals(void **state)
{
	unsigned seen[4];
	(void)state;
	for (unsigned i = 0; i < 4; i++)
		places[i].latency_us = 10000;
	draw(seen);
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(seen[i], 2250, 2750);
	/* A little slower, and it gets what is drawn without a better one: nothing. */
	places[2].latency_us = 12000;
	draw(seen);
	assert_int_equal(seen[2], 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(i == 2 || seen[i] > 2900);
}

static void
fastest_counts_the_unknown_as_slow_but_not_hopeless(void **state)
{
	(void)state;
	places[0].latency_us = 90000;
	assert_int_equal(choose(CONFIG_FASTEST, places, 2, &question, false), 0);
	places[0].latency_us = 110000;
	assert_int_equal(choose(CONFIG_FASTEST, places, 2, &question, false), 1);
}

static void
fastest_explores_now_and_then(void **state)
{
	unsigned elsewhere = 0, seen[4] = {0};
	(void)state;
	places[0].latency_us = 1000;
	for (unsigned i = 1; i < 4; i++)
		places[i].latency_us = 50000;
	srand(11);
	for (unsigned i = 0; i < 20000; i++) {
		question.random = (uint32_t)rand() * 2u + (uint32_t)(rand() & 1);
		int next = choose(CONFIG_FASTEST, places, 4, &question, false);
		elsewhere += next != 0;
		seen[next]++;
	}
	assert_in_range(elsewhere, 150, 600); /* 20000 / 50 * 3 / 4 = 300 */
	for (unsigned i = 1; i < 4; i++)
		assert_true(seen[i] > 30);
}

static void
hashed_keeps_to_its_place(void **state)
{
	unsigned times[8] = {0};
	(void)state;
	for (uint32_t name = 0; name < 8000; name++) {
		question.name_hash = name * 2654435761u;
		question.turn = question.random = name;
		int first = choose(CONFIG_HASHED, places, 8, &question, false);
		question.turn = question.random = name + 1;
		assert_int_equal(choose(CONFIG_HASHED, places, 8, &question, false), first);
		times[first]++;
	}
	for (unsigned i = 0; i < 8; i++)
		assert_in_range(times[i], 750, 1250);
}

/* It is the key that counts: another order in the configuration, or a place less, moves nothing. */
static void
hashed_goes_by_key(void **state)
{
	uint32_t before[1000];
	(void)state;
	for (uint32_t name = 0; name < 1000; name++) {
		question.name_hash = name * 2654435761u;
		before[name] = places[choose(CONFIG_HASHED, places, 8, &question, false)].key;
	}
	struct choose_place first = places[0];
	memmove(places, places + 1, 7 * sizeof first);
	for (uint32_t name = 0; name < 1000; name++) {
		question.name_hash = name * 2654435761u;
		uint32_t after = places[choose(CONFIG_HASHED, places, 7, &question, false)].key;
		assert_true(after == before[name] || before[name] == first.key);
	}
}

/* A place that goes away moves only its own names. */
static void
hashed_moves_no_other_names(void **state)
{
	unsigned moved_to[8] = {0};
	(void)state;
	for (uint32_t name = 0; name < 8000; name++) {
		question.name_hash = name * 2654435761u;
		places[5].usable = true;
		int before = choose(CONFIG_HASHED, places, 8, &question, false);
		places[5].usable = false;
		int after = choose(CONFIG_HASHED, places, 8, &question, false);
		if (before != 5)
			assert_int_equal(after, before);
		else
			moved_to[after]++;
	}
	assert_int_equal(moved_to[5], 0);
	for (unsigned i = 0; i < 8; i++)
		assert_true(i == 5 || moved_to[i] > 60);
}

static void
sixty_four_places(void **state)
{
	static const enum config_policy policies[] = {
	        CONFIG_SEQUENTIAL, CONFIG_ROUND_ROBIN, CONFIG_FASTEST, CONFIG_HASHED};
	(void)state;
	for (unsigned i = 0; i < PLACES; i++)
		places[i].upstream = i;
	for (unsigned p = 0; p < 4; p++) {
		question = (struct choose_question){.random = 1};
		for (unsigned i = 0; i < PLACES; i++) {
			int next = choose(policies[p], places, PLACES, &question, true);
			assert_in_range(next, 0, PLACES - 1);
			assert_false(question.tried >> next & 1);
			question.tried |= 1ull << next;
		}
		assert_int_equal(choose(policies[p], places, PLACES, &question, true), -1);
	}
	question = (struct choose_question){.refused = ~(1ull << 63)};
	assert_int_equal(choose(CONFIG_SEQUENTIAL, places, PLACES, &question, false), 63);
}

#define FIT(test) cmocka_unit_test_setup(test, all_fit)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        FIT(sequential_goes_to_other_upstreams_first),
	        FIT(sequential_prefers_the_first_that_is_fit),
	        FIT(tried_ones_come_last_unless_only_others_count),
	        FIT(broken_places_and_refusing_upstreams_are_out),
	        FIT(all_backed_off_the_first_to_end_is_tried_anyway),
	        FIT(any_fit_place_is_better_than_one_backed_off),
	        FIT(round_robin_takes_turns),
	        FIT(fastest_is_latency_times_load),
	        FIT(fastest_spreads_over_equals),
	        FIT(fastest_counts_the_unknown_as_slow_but_not_hopeless),
	        FIT(fastest_explores_now_and_then),
	        FIT(hashed_keeps_to_its_place),
	        FIT(hashed_goes_by_key),
	        FIT(hashed_moves_no_other_names),
	        FIT(sixty_four_places),
	};
	return cmocka_run_group_tests_name("choose", tests, NULL, NULL);
}
