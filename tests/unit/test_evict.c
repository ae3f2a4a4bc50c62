/*
 * Who makes room for whom: nobody while there is some, then those that were not asked for, and of every one
 * that went it is known why. With many members and few segments, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "caches.h"

enum { MANY = 8000, MEMBERS = 130 };

static struct caches_thing thing;
static struct stats_slab slab;
static struct cache *cache;

#define COUNTED(name) slab.counters[STATS_cache_##name]

static int
make(void **state)
{
	(void)state;
	memset(&slab, 0, sizeof slab);
	cache = cache_new(CACHE_LEAST_BYTES, CACHES_SEED);
	if (cache != NULL)
		cache_join(cache, 1, &slab);
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
put_at(unsigned number, uint64_t now_ms)
{
	caches_make_one(&thing, number, number);
	thing.item.stored_ms = now_ms;
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
}

static void
put(unsigned number)
{
	put_at(number, CACHES_NOW_MS);
}

/* How many of these are there. One that is there is the right one. */
static unsigned
present(unsigned first, unsigned count, bool peek)
{
	unsigned found = 0;
	for (unsigned i = first; i < first + count; i++) {
		caches_make_one(&thing, i, 0);
		int64_t value = caches_get(cache, &thing, peek);
		if (value != CACHES_MISS)
			assert_int_equal(value, i);
		found += value != CACHES_MISS;
	}
	return found;
}

static uint64_t
evicted(void)
{
	return COUNTED(evicted_new) + COUNTED(evicted_old) + COUNTED(evicted_expired) +
	       COUNTED(evicted_index);
}

/* --- room */

static void
room_lies_side_by_side(void **state)
{
	struct evict_room first, second, old;
	struct evict *e = &cache->evict;
	(void)state;
	assert_true(evict_room(e, SEGMENT_NEW, 64, &first));
	assert_ptr_equal(first.at, e->segments.data + first.bond.place);
	assert_int_equal(first.bond.seed, CACHES_SEED);
	assert_true(first.bond.sequence > 0);
	/* until it is said to be written, the same again */
	assert_true(evict_room(e, SEGMENT_NEW, 80, &second));
	assert_ptr_equal(second.at, first.at);
	evict_written(e, SEGMENT_NEW, 80);
	assert_true(evict_room(e, SEGMENT_NEW, 64, &second));
	assert_ptr_equal(second.at, first.at + 80);
	assert_true(second.bond.sequence == first.bond.sequence);
	assert_true(evict_room(e, SEGMENT_OLD, 64, &old));
	assert_true(old.bond.sequence != first.bond.sequence);
	assert_int_equal(segment_state(&e->segments, (unsigned)e->open[SEGMENT_OLD]).queue, SEGMENT_OLD);
}

static void
a_segment_is_filled_to_the_last_byte(void **state)
{
	struct evict_room first, next;
	struct evict *e = &cache->evict;
	size_t bytes = (size_t)1 << e->segments.shift;
	(void)state;
	assert_false(evict_room(e, SEGMENT_NEW, bytes + 8, &first));
	assert_true(evict_room(e, SEGMENT_NEW, bytes, &first));
	evict_written(e, SEGMENT_NEW, bytes - 8);
	assert_true(evict_room(e, SEGMENT_NEW, 8, &next));
	assert_ptr_equal(next.at, first.at + bytes - 8);
	evict_written(e, SEGMENT_NEW, 8);
	int before = e->open[SEGMENT_NEW];
	assert_true(evict_room(e, SEGMENT_NEW, 8, &next));
	assert_int_not_equal(e->open[SEGMENT_NEW], before);
	assert_int_equal(segment_state(&e->segments, (unsigned)before).kind, SEGMENT_SEALED);
	assert_int_equal(e->segments.used[before], bytes);
}

/* --- who goes */

static void
nobody_goes_while_there_is_room(void **state)
{
	unsigned count = 0;
	(void)state;
	while (caches_census(cache).segments_free > 8)
		for (unsigned i = 0; i < 100; i++)
			put(count++);
	assert_true(count > 5000);
	assert_int_equal(evicted(), 0);
	assert_int_equal(present(0, count, true), count);
	assert_int_equal(COUNTED(inserts), count);
	assert_int_equal(COUNTED(unstored), 0);
}

static void
asked_ones_outlive_a_scan(void **state)
{
	unsigned asked = 0, unasked = 0;
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		put(i);
	for (unsigned i = 0; i < 1000; i += 2)
		assert_int_equal(present(i, 1, false), 1);
	for (unsigned i = 0; i < 3 * MANY; i++)
		put(100000 + i);
	for (unsigned i = 0; i < 1000; i += 2) {
		asked += present(i, 1, true);
		unasked += present(i + 1, 1, true);
	}
	assert_int_equal(asked, 500);
	assert_int_equal(unasked, 0);
	assert_true(COUNTED(evicted_new) > MANY);
}

static void
peeking_keeps_nobody(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 500; i++)
		put(i);
	assert_int_equal(present(0, 500, true), 500);
	for (unsigned i = 0; i < 3 * MANY; i++)
		put(100000 + i);
	assert_int_equal(present(0, 500, true), 0);
}

/* What was asked once and then never again goes from the OLD queue, when that has to make room. */
static void
old_ones_go_when_nobody_asks_any_more(void **state)
{
	unsigned next = 0;
	(void)state;
	for (unsigned round = 0; round < 30; round++) {
		for (unsigned i = 0; i < 1000; i++)
			put(next + i);
		present(next, 1000, false);
		next += 1000;
	}
	assert_true(COUNTED(evicted_old) > MANY);
	assert_int_equal(present(0, 1000, true), 0);
}

static void
what_comes_back_soon_stays_longer(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * MANY; i++)
		put(i);
	unsigned gone = 2 * MANY;
	while (present(gone - 1, 1, true) == 1)
		gone--;
	uint64_t before = COUNTED(evicted_new);
	assert_true(before > 0);
	/* the one that went last is still remembered */
	put(gone - 1);
	struct bucket_pair pair = bucket_pair(&cache->evict.buckets, thing.key.hash);
	uint64_t place = 0;
	for (unsigned i = 0; i < BUCKET_CANDIDATES; i++)
		if (bucket_has_tag(*bucket_candidate(&pair, i), pair.tag))
			place = bucket_place(*bucket_candidate(&pair, i));
	unsigned segment = (unsigned)(place >> cache->evict.segments.shift);
	assert_int_equal(segment_state(&cache->evict.segments, segment).queue, SEGMENT_OLD);
	/* one that never was there is new */
	put(999999);
	assert_int_equal(cache->evict.used[SEGMENT_NEW] > 0, 1);
}

static void
useless_ones_go_however_often_they_were_asked(void **state)
{
	uint64_t later = CACHES_NOW_MS + 300 * 1000 + 1000;
	(void)state;
	for (unsigned i = 0; i < 500; i++)
		put(i);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(present(0, 500, false), 500);
	for (unsigned i = 0; i < 3 * MANY; i++)
		put_at(100000 + i, later);
	assert_int_equal(present(0, 500, true), 0);
	assert_int_equal(COUNTED(evicted_expired), 500);
}

/* Expired, but it may still help out; a failure never does. */
static void
stale_ones_are_of_use(void **state)
{
	uint64_t later = CACHES_NOW_MS + 300 * 1000 + 1000;
	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		caches_make_one(&thing, i, i);
		thing.item.kind = i % 2 == 0 ? CACHE_POSITIVE : CACHE_FAILURE;
		assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	}
	assert_int_equal(present(0, 400, false), 400);
	for (unsigned i = 0; i < 3 * MANY; i++) {
		caches_make_one(&thing, 100000 + i, i);
		thing.item.stored_ms = later;
		thing.item.stale_s = 86400;
		assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	}
	for (unsigned i = 0; i < 400; i++)
		assert_int_equal(present(i, 1, true), i % 2 == 0);
	assert_int_equal(COUNTED(evicted_expired), 200);
}

/* The NEW queue gives back what it has above its share, and what is asked for has the rest. */
static void
new_ones_have_their_share(void **state)
{
	unsigned next = 0;
	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 1000; i++)
			put(next + i);
		present(next, 900, false);
		next += 1000;
	}
	struct cache_census census = caches_census(cache);
	assert_true(census.segments_main > census.segments / 10 * 7);
	assert_true(census.segments_small <= census.segments / 10 + 2);
}

/* Each that was put in is there, or counted. */
static void
the_books_balance(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5 * MANY; i++) {
		put(i);
		if (i % 3 == 0)
			present(i / 2, 1, false);
	}
	struct cache_census census = caches_census(cache);
	assert_int_equal(census.entries, 5 * MANY - evicted());
	assert_int_equal(census.entries_wrong, 0);
	assert_int_equal(present(0, 5 * MANY, true), census.entries);
	assert_int_equal(COUNTED(unstored), 0);
}

/* A word that a killed mover left twice leaves with its entry both times. */
static void
twins_go_together(void **state)
{
	unsigned twins = 0;
	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		put(i);
		struct bucket_pair pair = bucket_pair(&cache->evict.buckets, thing.key.hash);
		for (unsigned j = 0; j < LAYOUT_BUCKET_WORDS && pair.at[0] != pair.at[1]; j++)
			if (bucket_has_tag(pair.at[0][j], pair.tag) && pair.at[1][j] == 0) {
				pair.at[1][j] = pair.at[0][j];
				twins++;
				break;
			}
	}
	assert_true(twins > 1000);
	assert_int_equal(present(0, 500, false), 500);
	for (unsigned i = 0; i < 3 * MANY; i++)
		put(100000 + i);
	struct cache_census census = caches_census(cache);
	assert_int_equal(census.entries_wrong, 0);
	assert_int_equal(present(0, 2000, true) + present(100000, 3 * MANY, true), census.entries);
}

/* --- members */

static void
what_a_member_held_is_given_back(void **state)
{
	(void)state;
	struct cache *other = caches_again(cache);
	assert_non_null(other);
	for (unsigned i = 0; i < 2 * MANY; i++) {
		caches_make_one(&thing, i, i);
		assert_int_equal(caches_put(other, &thing), CACHE_PUT);
	}
	struct cache_census before = caches_census(cache);
	for (unsigned i = 0; before.segments_evicting == 0; i++) {
		caches_make_one(&thing, 2 * MANY + i, i);
		assert_int_equal(caches_put(other, &thing), CACHE_PUT);
		before = caches_census(cache);
	}
	assert_true(before.segments_open >= 1);
	cache_free(other);
	struct cache_census after = caches_census(cache);
	assert_int_equal(after.segments_open, 0);
	assert_int_equal(after.segments_evicting, 0);
	assert_int_equal(after.segments_small + after.segments_main,
	        before.segments_small + before.segments_main + before.segments_open +
	                before.segments_evicting);
	assert_int_equal(after.entries, before.entries);
}

static struct cache *members[MEMBERS];

static void
join_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		members[i] = caches_again(cache);
		assert_non_null(members[i]);
	}
}

static void
part_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		cache_free(members[i]);
}

static unsigned
stored_by_many(unsigned count, unsigned rounds)
{
	unsigned stored = 0;
	for (unsigned round = 0; round < rounds; round++)
		for (unsigned i = 0; i < count; i++) {
			caches_make_one(&thing, round * count + i, round * count + i);
			stored += caches_put(members[i], &thing) == CACHE_PUT;
		}
	return stored;
}

static void
many_members_share_few_segments(void **state)
{
	(void)state;
	join_many(40);
	assert_int_equal(stored_by_many(40, 1000), 40 * 1000);
	assert_true(present(39 * 1000, 1000, true) > 900);
	assert_int_equal(caches_census(cache).entries_wrong, 0);
	part_many(40);
	assert_int_equal(caches_census(cache).segments_open, 0);
}

/*
 * More than there are segments: somebody always has to be refused, but not everybody, and not for ever. What
 * is full is there for all.
 */
static void
more_members_than_segments(void **state)
{
	(void)state;
	assert_true(MEMBERS > caches_census(cache).segments);
	join_many(MEMBERS);
	stored_by_many(MEMBERS, 300);
	unsigned stored = stored_by_many(MEMBERS, 300);
	if (stored < MEMBERS * 300 / 4)
		fail_msg("only %u of %u were stored", stored, MEMBERS * 300);
	assert_int_equal(caches_census(cache).entries_wrong, 0);
	part_many(MEMBERS);
	assert_int_equal(caches_census(cache).segments_open, 0);
}

int
main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, make, end)
	const struct CMUnitTest tests[] = {
	        FRESH(room_lies_side_by_side),
	        FRESH(a_segment_is_filled_to_the_last_byte),
	        FRESH(nobody_goes_while_there_is_room),
	        FRESH(asked_ones_outlive_a_scan),
	        FRESH(peeking_keeps_nobody),
	        FRESH(old_ones_go_when_nobody_asks_any_more),
	        FRESH(what_comes_back_soon_stays_longer),
	        FRESH(useless_ones_go_however_often_they_were_asked),
	        FRESH(stale_ones_are_of_use),
	        FRESH(new_ones_have_their_share),
	        FRESH(the_books_balance),
	        FRESH(twins_go_together),
	        FRESH(what_a_member_held_is_given_back),
	        FRESH(many_members_share_few_segments),
	        FRESH(more_members_than_segments),
	};
	return cmocka_run_group_tests_name("evict", tests, NULL, NULL);
}
