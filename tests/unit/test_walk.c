/*
 * The cache as a whole: all is visited, what is to be forgotten is forgotten even if it moves meanwhile, and
 * the census adds up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "caches.h"

enum { MANY = 2000 };

static struct caches_thing thing;
static struct cache *cache;
static unsigned seen[MANY];

static int
make(void **state)
{
	(void)state;
	memset(seen, 0, sizeof seen);
	cache = caches_new(CACHE_LEAST_BYTES);
	return cache != NULL ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	cache_free(cache);
	return 0;
}

static void
put_in(struct cache *into, unsigned number)
{
	caches_make_one(&thing, number, number);
	assert_int_equal(caches_put(into, &thing), CACHE_PUT);
}

static void
put_many(void)
{
	for (unsigned i = 0; i < MANY; i++)
		put_in(cache, i);
}

static bool
is_there(unsigned number)
{
	caches_make_one(&thing, number, 0);
	return caches_get(cache, &thing, true) == number;
}

/* --- walking */

static bool
see(void *arg, const struct cache_entry *entry)
{
	uint32_t value = caches_value(entry);
	if (value < MANY)
		seen[value]++;
	return arg == NULL || --*(unsigned *)arg > 0;
}

static void
all_are_visited_once(void **state)
{
	(void)state;
	cache_walk(cache, see, NULL);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(seen[i], 0);
	put_many();
	cache_walk(cache, see, NULL);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(seen[i], 1);
}

static void
until_it_is_enough(void **state)
{
	unsigned left = 17, count = 0;
	(void)state;
	put_many();
	cache_walk(cache, see, &left);
	for (unsigned i = 0; i < MANY; i++)
		count += seen[i];
	assert_int_equal(left, 0);
	assert_int_equal(count, 17);
}

static bool
look_closely(void *arg, const struct cache_entry *entry)
{
	*(struct cache_entry *)arg = *entry;
	return true;
}

static void
visited_as_it_was_put_in(void **state)
{
	struct cache_entry entry = {0}, got;
	(void)state;
	caches_make(&thing, "visit.example.", 5);
	caches_variant(&thing, true, true);
	thing.item.kind = CACHE_NEGATIVE;
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	assert_true(cache_get(cache, &thing.key, false, &got));
	assert_true(cache_get(cache, &thing.key, false, &got));
	cache_walk(cache, look_closely, &entry);
	assert_int_equal(entry.answer.bytes, thing.answer.bytes);
	assert_int_equal(entry.kind, CACHE_NEGATIVE);
	assert_true(entry.dnssec_ok && entry.checking_disabled);
	assert_int_equal(entry.asked, 2);
	/* walking is not asking */
	cache_walk(cache, look_closely, &entry);
	assert_int_equal(entry.asked, 2);
}

/* --- forgetting */

static void
one_is_forgotten(void **state)
{
	(void)state;
	put_many();
	caches_make_one(&thing, 77, 0);
	caches_variant(&thing, true, false);
	assert_false(cache_flush(cache, &thing.key));
	caches_make_one(&thing, MANY, 0);
	assert_false(cache_flush(cache, &thing.key));
	caches_make_one(&thing, 77, 0);
	assert_true(cache_flush(cache, &thing.key));
	assert_false(cache_flush(cache, &thing.key));
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(is_there(i), i != 77);
	put_in(cache, 77);
	assert_true(is_there(77));
}

static bool
is_odd(void *arg, const struct cache_entry *entry)
{
	(void)arg;
	return caches_value(entry) % 2 == 1;
}

static void
some_are_forgotten(void **state)
{
	(void)state;
	put_many();
	assert_int_equal(cache_flush_if(cache, is_odd, NULL), MANY / 2);
	assert_int_equal(cache_flush_if(cache, is_odd, NULL), 0);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(is_there(i), i % 2 == 0);
}

static void
all_are_forgotten(void **state)
{
	(void)state;
	put_many();
	assert_int_equal(cache_flush_all(cache), MANY);
	assert_int_equal(cache_flush_all(cache), 0);
	struct cache_census census = caches_census(cache);
	assert_int_equal(census.entries, 0);
	assert_int_equal(census.used_bytes, 0);
	assert_int_equal(census.entries_wrong, 0);
	/* and what they left is room for others */
	for (unsigned round = 0; round < 10; round++)
		put_many();
	for (unsigned i = 0; i < MANY; i++)
		assert_true(is_there(i));
}

/* Somebody else makes room meanwhile, so that what is looked at lies elsewhere when it is to go. */
struct bystander {
	struct cache *cache;
	unsigned wanted, next, until;
};

static bool
wanted_while_it_moves(void *arg, const struct cache_entry *entry)
{
	struct bystander *by = arg;
	if (caches_value(entry) != by->wanted)
		return false;
	while (by->next < by->until)
		put_in(by->cache, by->next++);
	return true;
}

static void
what_moves_meanwhile_is_forgotten(void **state)
{
	struct bystander by = {.cache = caches_again(cache), .next = MANY};
	(void)state;
	assert_non_null(by.cache);
	for (; by.wanted < 10; by.wanted++) {
		put_in(by.cache, by.wanted); /* in a segment that can be emptied */
		for (unsigned i = 0; i < 3; i++)
			assert_true(cache_get(cache, &thing.key, false, &(struct cache_entry){0}));
		by.until = by.next + 15000;
		assert_int_equal(cache_flush_if(cache, wanted_while_it_moves, &by), 1);
		assert_true(by.next == by.until);
		assert_false(is_there(by.wanted));
	}
	cache_free(by.cache);
}

/* --- the census */

static void
segments_check(const struct cache_census *c)
{
	assert_int_equal(c->segments_free + c->segments_small + c->segments_main + c->segments_open +
	                         c->segments_evicting + c->segments_lost,
	        c->segments);
	assert_int_equal(c->room_bytes, (uint64_t)c->segments * c->segment_bytes);
	assert_true(c->room_bytes < c->bytes);
}

static void
the_census_adds_up(void **state)
{
	uint64_t bytes = 0;
	(void)state;
	struct cache_census c = caches_census(cache);
	segments_check(&c);
	assert_int_equal(c.bytes, CACHE_LEAST_BYTES);
	assert_int_equal(c.segments_free, c.segments);
	assert_int_equal(c.entries + c.used_bytes + c.dead_bytes + c.entries_wrong, 0);
	for (unsigned i = 0; i < MANY; i++) {
		put_in(cache, i);
		bytes += entry_bytes(&thing.item);
	}
	c = caches_census(cache);
	segments_check(&c);
	assert_int_equal(c.entries, MANY);
	assert_int_equal(c.used_bytes, bytes);
	assert_int_equal(c.dead_bytes, 0);
	assert_int_equal(c.segments_open, 1);
	assert_true(c.places >= MANY);
	/* what is replaced is dead until its segment is emptied */
	uint64_t dead = 0;
	for (unsigned i = 0; i < 100; i++) {
		put_in(cache, i);
		dead += entry_bytes(&thing.item);
	}
	c = caches_census(cache);
	assert_int_equal(c.entries, MANY);
	assert_int_equal(c.used_bytes, bytes);
	assert_int_equal(c.dead_bytes, dead);
	assert_int_equal(cache_flush_all(cache), MANY);
	/* what is sealed is free again at once; what is still written to is not */
	c = caches_census(cache);
	segments_check(&c);
	assert_int_equal(c.segments_free + c.segments_open, c.segments);
	assert_in_range(c.dead_bytes, 1, c.segments_open * c.segment_bytes);
}

static void
adds_up_when_it_is_full(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		put_in(cache, i);
		if (i % 2500 != 0)
			continue;
		struct cache_census c = caches_census(cache);
		segments_check(&c);
		assert_int_equal(c.entries_wrong + c.segments_lost, 0);
		assert_true(c.used_bytes + c.dead_bytes <= c.room_bytes);
		assert_true(c.entries <= c.places);
	}
}

static bool
not_the_second(void *arg, uint32_t member)
{
	return member != *(uint32_t *)arg;
}

static void
lost_until_they_are_swept(void **state)
{
	struct cache_census c;
	(void)state;
	struct cache *second = caches_again(cache);
	uint32_t member = second->evict.member;
	put_in(cache, 1);
	put_in(second, 2);
	cache_census(cache, not_the_second, &member, &c);
	segments_check(&c);
	assert_int_equal(c.segments_lost, 1);
	assert_int_equal(c.segments_open, 1);
	cache_sweep(cache, not_the_second, &member);
	cache_census(cache, not_the_second, &member, &c);
	segments_check(&c);
	assert_int_equal(c.segments_lost, 0);
	assert_int_equal(c.segments_open, 1);
	assert_int_equal(c.segments_small, 1);
	assert_true(is_there(1) && is_there(2));
	cache_free(second);
}

/* Held by nobody: lost, whoever is said to live. */
static void
held_by_nobody_is_lost(void **state)
{
	(void)state;
	segment_claim(&cache->evict.segments, SEGMENT_NEW, 0);
	struct cache_census c = caches_census(cache);
	segments_check(&c);
	assert_int_equal(c.segments_lost, 1);
	cache_sweep(cache, caches_all_live, NULL);
	assert_int_equal(caches_census(cache).segments_lost, 0);
}

static void
damage_is_counted_and_cleared_by_whoever_asks(void **state)
{
	(void)state;
	put_many();
	/* behind the head of the first entry */
	for (unsigned i = 0; i < 8; i++)
		cache->evict.segments.data[ENTRY_HEAD_BYTES + i] ^= 0x55;
	struct cache_census c = caches_census(cache);
	assert_int_equal(c.entries, MANY - 1);
	assert_int_equal(c.entries_wrong, 1);
	cache_walk(cache, see, NULL);
	assert_int_equal(seen[0], 0);
	assert_int_equal(seen[1], 1);
	assert_false(is_there(0));
	assert_int_equal(caches_census(cache).entries_wrong, 0);
	assert_int_equal(caches_census(cache).entries, MANY - 1);
}

/* --- at a glance */

static void
few_are_counted_and_many_estimated(void **state)
{
	enum { PLENTY = 20000 };
	struct cache *large = caches_new(32 << 20);
	struct cache_glance glance;
	(void)state;
	assert_non_null(large);
	for (unsigned i = 0; i < PLENTY; i++) {
		if (i == MANY) {
			cache_glance(large, &glance);
			assert_int_equal(glance.entries, MANY);
		}
		put_in(large, i);
	}
	cache_glance(large, &glance);
	assert_in_range(glance.entries, PLENTY * 9 / 10, PLENTY * 11 / 10);
	assert_true(glance.used_bytes > 0 && glance.used_bytes <= glance.bytes);
	cache_free(large);
}

int
main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, make, end)
	const struct CMUnitTest tests[] = {
	        FRESH(all_are_visited_once),
	        FRESH(until_it_is_enough),
	        FRESH(visited_as_it_was_put_in),
	        FRESH(one_is_forgotten),
	        FRESH(some_are_forgotten),
	        FRESH(all_are_forgotten),
	        FRESH(what_moves_meanwhile_is_forgotten),
	        FRESH(the_census_adds_up),
	        FRESH(adds_up_when_it_is_full),
	        FRESH(lost_until_they_are_swept),
	        FRESH(held_by_nobody_is_lost),
	        FRESH(damage_is_counted_and_cleared_by_whoever_asks),
	        FRESH(few_are_counted_and_many_estimated),
	};
	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
