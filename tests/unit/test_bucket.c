/*
 * The index: words go where they are found again, nothing is lost while there is room, and what gives way is
 * what was asked least.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "cache/bucket.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 1024, MANY_PLACES = MANY * LAYOUT_BUCKET_WORDS };

static struct buckets buckets;
static bool present[2 * MANY_PLACES + 1];

/* The exact size on the heap, so that a step outside is seen. */
static void
lay_out(uint64_t count)
{
	free((void *)buckets.words);
	buckets.words = calloc(count * LAYOUT_BUCKET_WORDS, sizeof *buckets.words);
	buckets.count = count;
	assert_non_null(buckets.words);
}

static int
clear_away(void **state)
{
	(void)state;
	free((void *)buckets.words);
	buckets.words = NULL;
	return 0;
}

static uint64_t
hash_of(uint64_t i)
{
	i = (i + 1) * 0x9e3779b97f4a7c15u;
	i = (i ^ i >> 30) * 0xbf58476d1ce4e5b9u;
	i = (i ^ i >> 27) * 0x94d049bb133111ebu;
	return i ^ i >> 31;
}

/* Word number i points to place 8 (i + 1). */
static uint64_t
place_of(uint64_t i)
{
	return 8 * (i + 1);
}

static bool
insert(uint64_t i, unsigned asked, bool *evicted)
{
	struct bucket_pair pair = bucket_pair(&buckets, hash_of(i));
	return bucket_insert(&buckets, &pair, bucket_make(pair.tag, asked, place_of(i)), evicted);
}

static bucket_word *
find(uint64_t i, uint64_t *word)
{
	struct bucket_pair pair = bucket_pair(&buckets, hash_of(i));
	return bucket_find_place(&pair, place_of(i), word);
}

static uint64_t
occupied(void)
{
	uint64_t count = 0;
	for (uint64_t i = 0; i < buckets.count * LAYOUT_BUCKET_WORDS; i++)
		count += buckets.words[i] != 0;
	return count;
}

/* --- words */

static void
words_put_together_and_taken_apart(void **state)
{
	static const uint64_t places[] = {0, 8, 4096, ((uint64_t)1 << 38) - 8};
	(void)state;
	lay_out(1);
	for (unsigned i = 0; i < 4 * 4; i++) {
		uint64_t tag = bucket_pair(&buckets, hash_of(i)).tag, place = places[i / 4];
		uint64_t word = bucket_make(tag, i % 4, place);
		assert_true(word != 0);
		assert_true(bucket_place(word) == place);
		assert_int_equal(bucket_asked(word), i % 4);
		assert_true(bucket_has_tag(word, tag));
		for (unsigned asked = 0; asked <= BUCKET_ASKED_MOST; asked++)
			assert_true(bucket_with_asked(word, asked) == bucket_make(tag, asked, place));
		for (unsigned bit = 0; bit < 26; bit++)
			assert_false(bucket_has_tag(word ^ bucket_tag((uint64_t)1 << bit), tag));
		assert_false(bucket_has_tag(0, tag));
	}
}

/* --- pairs */

/* A hash of this tag whose first bucket is this one. */
static uint64_t
hash_in(uint64_t bucket, uint64_t hash)
{
	uint64_t low = ((uint64_t)1 << 26) - 1;
	uint64_t middle = (uint64_t)((((unsigned __int128)bucket << 64) + ((unsigned __int128)1 << 63)) /
	                             buckets.count);
	return (middle & ~low) | (hash & low);
}

static void
the_other_of_the_other_is_the_first(void **state)
{
	static const uint64_t counts[] = {1, 2, 3, 7, 64, 1000, 1310};
	(void)state;
	for (unsigned c = 0; c < sizeof counts / sizeof counts[0]; c++) {
		lay_out(counts[c]);
		for (unsigned i = 0; i < 5000; i++) {
			uint64_t hash = i == 0 ? 0 : i == 1 ? UINT64_MAX : hash_of(i);
			struct bucket_pair pair = bucket_pair(&buckets, hash);
			for (unsigned side = 0; side < 2; side++) {
				ptrdiff_t word = pair.at[side] - buckets.words;
				assert_in_range(word, 0, (counts[c] - 1) * LAYOUT_BUCKET_WORDS);
				assert_int_equal(word % LAYOUT_BUCKET_WORDS, 0);
			}
			uint64_t second = (uint64_t)(pair.at[1] - buckets.words) / LAYOUT_BUCKET_WORDS;
			struct bucket_pair back = bucket_pair(&buckets, hash_in(second, hash));
			assert_true(back.tag == pair.tag);
			assert_ptr_equal(back.at[0], pair.at[1]);
			assert_ptr_equal(back.at[1], pair.at[0]);
		}
	}
}

static void
hashes_spread_over_all_buckets(void **state)
{
	unsigned first[64] = {0}, second[64] = {0}, same = 0;
	(void)state;
	lay_out(64);
	for (unsigned i = 0; i < 64000; i++) {
		struct bucket_pair pair = bucket_pair(&buckets, hash_of(i));
		first[(pair.at[0] - buckets.words) / LAYOUT_BUCKET_WORDS]++;
		second[(pair.at[1] - buckets.words) / LAYOUT_BUCKET_WORDS]++;
		same += pair.at[0] == pair.at[1];
	}
	for (unsigned i = 0; i < 64; i++) {
		assert_in_range(first[i], 800, 1200);
		assert_in_range(second[i], 800, 1200);
	}
	assert_in_range(same, 700, 1300);
}

static void
candidates_are_both_buckets(void **state)
{
	(void)state;
	lay_out(100);
	struct bucket_pair pair = bucket_pair(&buckets, hash_of(5));
	for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++) {
		assert_ptr_equal(bucket_candidate(&pair, i), pair.at[0] + i);
		assert_ptr_equal(bucket_candidate(&pair, LAYOUT_BUCKET_WORDS + i), pair.at[1] + i);
	}
}

/* --- insertion */

static void
found_by_its_place(void **state)
{
	bool evicted;
	uint64_t word;
	(void)state;
	lay_out(100);
	assert_true(insert(3, 2, &evicted));
	assert_false(evicted);
	bucket_word *at = find(3, &word);
	assert_non_null(at);
	assert_true(*at == word);
	assert_true(bucket_place(word) == place_of(3));
	assert_int_equal(bucket_asked(word), 2);
	/* in its first bucket, where readers look first */
	assert_ptr_equal(at, bucket_pair(&buckets, hash_of(3)).at[0]);
	assert_null(find(4, &word));
	struct bucket_pair pair = bucket_pair(&buckets, hash_of(3));
	assert_null(bucket_find_place(&pair, place_of(4), &word));
}

/* All that were put in are there, each once, wherever they were moved to. */
static void
all_check(uint64_t count)
{
	uint64_t word;
	for (uint64_t i = 0; i < count; i++)
		if (find(i, &word) == NULL)
			fail_msg("%llu of %llu", (unsigned long long)i, (unsigned long long)count);
	assert_int_equal(occupied(), count);
}

static void
nothing_is_lost_up_to_nine_tenths(void **state)
{
	bool evicted;
	(void)state;
	lay_out(MANY);
	for (uint64_t i = 0; i < MANY_PLACES * 9 / 10; i++) {
		assert_true(insert(i, 0, &evicted));
		if (evicted)
			fail_msg("lost at %llu of %d", (unsigned long long)i, MANY_PLACES);
		if (i % 512 == 0)
			all_check(i + 1);
	}
	all_check(MANY_PLACES * 9 / 10);
}

/* Beyond that each new one costs one old one at most, and none that nobody knows of. */
static void
full_and_fuller(void **state)
{
	uint64_t count = 0, lost = 0, word, found = 0;
	bool evicted;
	(void)state;
	lay_out(MANY);
	for (; count < MANY_PLACES * 95 / 100; count++) {
		assert_true(insert(count, 0, &evicted));
		lost += evicted;
	}
	assert_true(lost < MANY_PLACES / 100);
	for (; count < 2 * MANY_PLACES; count++) {
		assert_true(insert(count, 0, &evicted));
		lost += evicted;
		/* the newest is there, whoever went */
		assert_non_null(find(count, &word));
	}
	for (uint64_t i = 0; i < count; i++)
		found += find(i, &word) != NULL;
	assert_int_equal(found, count - lost);
	assert_int_equal(occupied(), found);
	assert_true(found > MANY_PLACES * 98 / 100);
}

static void
the_least_asked_gives_way(void **state)
{
	bool evicted;
	uint64_t word;
	(void)state;
	for (unsigned least = 0; least < LAYOUT_BUCKET_WORDS; least++) {
		lay_out(1); /* nowhere to move to */
		for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++) {
			assert_true(insert(i, i == least ? 1 : 2 + i % 2, &evicted));
			assert_false(evicted);
		}
		assert_true(insert(100, 3, &evicted));
		assert_true(evicted);
		for (unsigned i = 0; i < LAYOUT_BUCKET_WORDS; i++)
			assert_int_equal(find(i, &word) != NULL, i != least);
		assert_non_null(find(100, &word));
	}
}

/* In the second bucket, too. */
static void
the_least_asked_of_both_gives_way(void **state)
{
	bool evicted;
	uint64_t word, two = 0, count = 0;
	(void)state;
	lay_out(2);
	while (bucket_pair(&buckets, hash_of(two)).at[0] == bucket_pair(&buckets, hash_of(two)).at[1])
		two++;
	struct bucket_pair pair = bucket_pair(&buckets, hash_of(two));
	/* full of words that belong to one bucket only: none can be moved */
	for (uint64_t i = two + 1; occupied() < 2 * LAYOUT_BUCKET_WORDS; i++) {
		struct bucket_pair its = bucket_pair(&buckets, hash_of(i));
		uint64_t before = occupied();
		if (its.at[0] != its.at[1])
			continue;
		for (unsigned j = 0; j < LAYOUT_BUCKET_WORDS; j++)
			if (its.at[0][j] == 0) {
				bool is_least = its.at[0] == pair.at[1] && j == 5;
				its.at[0][j] = bucket_make(its.tag, is_least ? 2 : 3, place_of(i));
				present[i] = !is_least;
				break;
			}
		count += occupied() > before;
	}
	assert_int_equal(count, 2 * LAYOUT_BUCKET_WORDS);
	assert_true(insert(two, 0, &evicted));
	assert_true(evicted);
	assert_ptr_equal(find(two, &word), pair.at[1] + 5);
	for (uint64_t i = two + 1; i < MANY_PLACES; i++)
		if (present[i])
			assert_non_null(find(i, &word));
}

/* --- replacement */

static void
replaced_however_often_it_was_asked(void **state)
{
	bucket_word at;
	(void)state;
	lay_out(1);
	uint64_t tag = bucket_pair(&buckets, hash_of(1)).tag;
	uint64_t old = bucket_make(tag, 1, 800), new = bucket_make(tag, 0, 1600);
	for (unsigned asked = 0; asked <= BUCKET_ASKED_MOST; asked++) {
		at = bucket_with_asked(old, asked);
		assert_true(bucket_replace(&at, old, new));
		assert_true(at == new);
	}
	at = bucket_with_asked(old, 3);
	assert_true(bucket_replace(&at, old, 0));
	assert_true(at == 0);
}

static void
not_replaced_when_it_is_another(void **state)
{
	bucket_word at;
	(void)state;
	lay_out(1);
	uint64_t tag = bucket_pair(&buckets, hash_of(1)).tag;
	uint64_t old = bucket_make(tag, 1, 800), new = bucket_make(tag, 0, 1600);
	const uint64_t others[] = {0, bucket_make(tag, 1, 808), old ^ bucket_tag(1), new};
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
		at = others[i];
		assert_false(bucket_replace(&at, old, bucket_make(tag, 2, 2400)));
		assert_true(at == others[i]);
	}
}

/* Moving keeps how often it was asked. */
static void
moved_with_all_it_says(void **state)
{
	bool evicted;
	uint64_t word;
	(void)state;
	lay_out(64);
	for (uint64_t i = 0; i < 64 * LAYOUT_BUCKET_WORDS * 85 / 100; i++) {
		assert_true(insert(i, i % 4, &evicted));
		assert_false(evicted);
	}
	for (uint64_t i = 0; i < 64 * LAYOUT_BUCKET_WORDS * 85 / 100; i++) {
		assert_non_null(find(i, &word));
		assert_int_equal(bucket_asked(word), i % 4);
	}
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_teardown(test, clear_away)
	const struct CMUnitTest tests[] = {
	        TEST(words_put_together_and_taken_apart),
	        TEST(the_other_of_the_other_is_the_first),
	        TEST(hashes_spread_over_all_buckets),
	        TEST(candidates_are_both_buckets),
	        TEST(found_by_its_place),
	        TEST(nothing_is_lost_up_to_nine_tenths),
	        TEST(full_and_fuller),
	        TEST(the_least_asked_gives_way),
	        TEST(the_least_asked_of_both_gives_way),
	        TEST(replaced_however_often_it_was_asked),
	        TEST(not_replaced_when_it_is_another),
	        TEST(moved_with_all_it_says),
	};
	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
