/*
 * The cache through its door: what was put in is found by its key and by no other, replaced, kept, too large,
 * taken over by another process, and claimed. What happens among processes at random is the torture's
 * business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "caches.h"
#include "forked.h"

#include <errno.h>
#include <fcntl.h>

enum { MIB = 1 << 20, PAUSE_MS = 5000 };

static struct caches_thing thing, other;
static struct stats_slab slab;
static struct cache *cache;

#define COUNTED(name) slab.counters[STATS_cache_##name]

static int
make(void **state)
{
	(void)state;
	memset(&slab, 0, sizeof slab);
	cache = cache_new(16 * MIB, CACHES_SEED);
	if (cache != NULL)
		cache_join(cache, cache_next_member(cache), &slab);
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
put(const char *name, uint32_t value)
{
	caches_make(&thing, name, value);
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
}

static int64_t
get(const char *name)
{
	caches_make(&other, name, 0);
	return caches_get(cache, &other, true);
}

/* How many words of the index have this key's tag. */
static unsigned
words_of(const struct cache_key *key)
{
	struct bucket_pair pair = bucket_pair(&cache->evict.buckets, key->hash);
	unsigned count = 0;
	for (unsigned i = 0; i < BUCKET_CANDIDATES; i++)
		count += bucket_has_tag(*bucket_candidate(&pair, i), pair.tag);
	return count;
}

/* --- keys */

static void
found_by_its_name_in_any_case(void **state)
{
	struct cache_entry entry;
	(void)state;
	put("Www.Example.", 7);
	assert_int_equal(get("wWW.eXAMPLE."), 7);
	assert_int_equal(get("ww.example."), CACHES_MISS);
	assert_int_equal(get("example."), CACHES_MISS);
	assert_int_equal(get("."), CACHES_MISS);
	assert_true(cache_get(cache, &thing.key, true, &entry));
	assert_int_equal(entry.answer.bytes, thing.answer.bytes);
	assert_memory_equal(entry.answer.msg, thing.answer.msg, thing.answer.bytes);
	assert_int_equal(entry.stored_ms, CACHES_NOW_MS);
	assert_int_equal(entry.expires_ms, CACHES_NOW_MS + 300000);
	assert_int_equal(entry.ttl_count, 1);
	assert_int_equal(entry.ttls[0], thing.ttls[0]);
}

static void
variants_types_and_classes_are_apart(void **state)
{
	static const unsigned types[] = {CACHES_A, CACHES_AAAA, CACHES_TXT};
	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 3 * 2 * 4; i++) {
			caches_make(&thing, "apart.example.", i);
			thing.item.ttl_count = 0;
			caches_question(
			        &thing, "apart.example.", types[i % 3], i / 3 % 2 ? CACHES_CH : CACHES_IN);
			caches_record(&thing, 4, i);
			caches_variant(&thing, (i / 6 & 1) != 0, (i / 6 & 2) != 0);
			if (round == 0) {
				assert_int_equal(caches_get(cache, &thing, true), CACHES_MISS);
				assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
			}
			struct cache_entry entry;
			assert_true(cache_get(cache, &thing.key, true, &entry));
			assert_int_equal(caches_value(&entry), i);
			assert_int_equal(entry.dnssec_ok, i / 6 & 1);
			assert_int_equal(entry.checking_disabled, i / 6 >> 1);
		}
	assert_int_equal(caches_census(cache).entries, 3 * 2 * 4);
}

/* Whoever has other upstreams has other answers, also where the numbers of views meet in the index. */
static void
views_are_apart(void **state)
{
	static const uint32_t views[] = {0, 1, 0x3000001, 0xfedcba98, UINT32_MAX};
	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < sizeof views / sizeof *views; i++) {
			struct cache_entry entry;
			caches_make(&thing, "apart.example.", i + 1);
			thing.query.view = views[i];
			caches_key(&thing);
			if (round == 0) {
				assert_int_equal(caches_get(cache, &thing, true), CACHES_MISS);
				assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
			}
			assert_true(cache_get(cache, &thing.key, true, &entry));
			assert_int_equal(caches_value(&entry), i + 1);
			assert_true(entry.view == views[i]);
		}
	assert_true(cache_flush(cache, &thing.key));
	assert_int_equal(caches_get(cache, &thing, true), CACHES_MISS);
	assert_int_equal(caches_census(cache).entries, sizeof views / sizeof *views - 1);
}

/* Same hash, other question: what is compared is the question. */
static void
a_hash_is_not_believed(void **state)
{
	(void)state;
	put("one.example.", 1);
	caches_make(&other, "two.example.", 2);
	other.key.hash = thing.key.hash;
	assert_int_equal(caches_get(cache, &other, false), CACHES_MISS);
	assert_int_equal(caches_put(cache, &other), CACHE_PUT);
	assert_int_equal(caches_get(cache, &other, false), 2);
	assert_int_equal(get("one.example."), 1);
}

static void
upper_bits_of_rcodes(void **state)
{
	struct cache_entry entry;
	(void)state;
	caches_make(&thing, "rcode.example.", 1);
	caches_empty(&thing, CACHE_FAILURE, 0xfed);
	thing.answer.edns.ede_bytes = 6;
	memcpy(thing.answer.edns.ede, "\0\26text", 6);
	thing.item.unasked = true;
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	assert_true(cache_get(cache, &thing.key, true, &entry));
	assert_int_equal(entry.answer.rcode, 0xfed);
	assert_int_equal(entry.kind, CACHE_FAILURE);
	assert_true(entry.unasked);
	assert_int_equal(entry.answer.edns.ede_bytes, 6);
	assert_memory_equal(entry.answer.edns.ede, "\0\26text", 6);
	assert_false(entry.answer.edns.present || entry.answer.edns.dnssec_ok);
}

static void
counts_how_often_it_was_asked(void **state)
{
	struct cache_entry entry;
	(void)state;
	put("asked.example.", 1);
	for (unsigned n = 0; n < 6; n++) {
		assert_true(cache_get(cache, &thing.key, true, &entry));
		assert_int_equal(entry.asked, n < 3 ? n : 3);
		assert_true(cache_get(cache, &thing.key, false, &entry));
		assert_int_equal(entry.asked, n < 3 ? n : 3);
	}
	/* renewed, it has to prove itself a little */
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	assert_true(cache_get(cache, &thing.key, true, &entry));
	assert_int_equal(entry.asked, 2);
}

/* --- replacing and keeping */

static void
the_newest_replaces(void **state)
{
	(void)state;
	for (uint32_t value = 0; value < 50000; value++) {
		put("again.example.", value);
		if (value % 100 == 0)
			assert_int_equal(get("again.example."), value);
	}
	assert_int_equal(get("again.example."), 49999);
	assert_int_equal(caches_census(cache).entries, 1);
	assert_int_equal(COUNTED(inserts), 50000);
}

/* Words of the same key, as two that put at the same time leave them, or a mover that is killed. */
static void
twins_are_replaced_with_it(void **state)
{
	(void)state;
	struct cache *second = caches_again(cache);
	assert_non_null(second);
	put("twin.example.", 1);
	struct bucket_pair pair = bucket_pair(&cache->evict.buckets, thing.key.hash);
	assert_ptr_not_equal(pair.at[0], pair.at[1]);
	/* hidden from the second, which is about to publish */
	uint64_t first = atomic_exchange(&pair.at[0][0], 0);
	assert_int_not_equal(first, 0);
	caches_make(&other, "twin.example.", 2);
	assert_int_equal(caches_put(second, &other), CACHE_PUT);
	pair.at[1][3] = first;
	pair.at[1][5] = first;
	assert_int_equal(words_of(&thing.key), 3);
	put("twin.example.", 3);
	assert_int_equal(words_of(&thing.key), 1);
	assert_int_equal(get("twin.example."), 3);
	cache_free(second);
}

static void
failures_keep_what_is_of_use(void **state)
{
	const uint32_t stale_s = 1000;
	(void)state;
	put("fails.example.", 1);
	caches_make(&thing, "fails.example.", 2);
	caches_empty(&thing, CACHE_FAILURE, 2);
	thing.item.stale_s = stale_s;
	thing.item.stored_ms = CACHES_NOW_MS + (300 + stale_s) * 1000 - 100;
	assert_int_equal(caches_put(cache, &thing), CACHE_KEPT);
	assert_int_equal(get("fails.example."), 1);
	assert_int_equal(COUNTED(inserts), 1);
	assert_int_equal(COUNTED(unstored), 0);
	thing.item.stored_ms += 100;
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	struct cache_entry entry;
	assert_true(cache_get(cache, &thing.key, true, &entry));
	assert_int_equal(entry.kind, CACHE_FAILURE);
	/* a failure replaces a failure, and anything replaces it */
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	put("fails.example.", 3);
	assert_int_equal(get("fails.example."), 3);
}

static void
a_failure_keeps_a_negative_answer(void **state)
{
	(void)state;
	caches_make(&thing, "none.example.", 1);
	caches_empty(&thing, CACHE_NEGATIVE, 3);
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	caches_empty(&thing, CACHE_FAILURE, 2);
	assert_int_equal(caches_put(cache, &thing), CACHE_KEPT);
	caches_variant(&thing, true, false); /* of another key: nothing to keep */
	assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
}

/* --- sizes */

static void
the_largest_answers(void **state)
{
	struct cache_entry entry;
	(void)state;
	caches_make_of(&thing, "large.example.", 65000, 77);
	caches_record(&thing, WIRE_MESSAGE_BYTES - thing.msg.length - 12, 78);
	assert_int_equal(thing.answer.bytes, WIRE_MESSAGE_BYTES);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(caches_put(cache, &thing), CACHE_PUT);
	assert_true(cache_get(cache, &thing.key, true, &entry));
	assert_int_equal(entry.answer.bytes, WIRE_MESSAGE_BYTES);
	assert_memory_equal(entry.answer.msg, thing.msg.bytes, WIRE_MESSAGE_BYTES);
}

static void
too_large_for_this_cache(void **state)
{
	(void)state;
	struct cache *small = cache_new(CACHE_LEAST_BYTES, CACHES_SEED);
	memset(&slab, 0, sizeof slab);
	assert_non_null(small);
	cache_join(small, 1, &slab);
	size_t most = caches_census(small).segment_bytes;
	caches_make(&thing, "size.example.", 1);
	size_t rest = entry_bytes(&thing.item) - 4;
	for (size_t count = most - rest - 10; count < most - rest + 20; count++) {
		caches_make_of(&thing, "size.example.", count, (uint32_t)count);
		enum cache_put want = entry_bytes(&thing.item) > most ? CACHE_TOO_LARGE : CACHE_PUT;
		assert_int_equal(caches_put(small, &thing), want);
		assert_int_equal(caches_get(small, &thing, true) == (int64_t)count, want == CACHE_PUT);
	}
	assert_true(COUNTED(unstored) > 0);
	assert_int_equal(COUNTED(unstored) + COUNTED(inserts), 30);
	cache_free(small);
}

static void
too_little_or_too_much_for_a_cache(void **state)
{
	(void)state;
	assert_null(cache_new(0, 1));
	assert_null(cache_new(CACHE_LEAST_BYTES - 1, 1));
	assert_int_equal(errno, EINVAL);
	assert_null(cache_new(((uint64_t)1 << 38) + 1, 1));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cache_bytes(cache), 16 * MIB);
	cache_free(NULL);
}

/* --- by another process */

static int
spare_descriptor(void)
{
	return dup(cache_descriptor(cache));
}

static void
adopted(void **state)
{
	(void)state;
	put("adopted.example.", 5);
	struct cache *same = caches_again(cache);
	assert_non_null(same);
	caches_make(&other, "adopted.example.", 0);
	assert_int_equal(caches_get(same, &other, true), 5);
	caches_make(&other, "back.example.", 6);
	assert_int_equal(caches_put(same, &other), CACHE_PUT);
	cache_free(same);
	assert_int_equal(get("back.example."), 6);
}

static void
not_adopted(void **state)
{
	(void)state;
	assert_null(cache_adopt(spare_descriptor(), 16 * MIB, CACHES_SEED + 1));
	assert_null(cache_adopt(spare_descriptor(), 8 * MIB, CACHES_SEED));
	assert_null(cache_adopt(spare_descriptor(), 16 * MIB + 1, CACHES_SEED));
	assert_null(cache_adopt(spare_descriptor(), 0, CACHES_SEED));
	assert_null(cache_adopt(-1, 16 * MIB, CACHES_SEED));
	uint8_t *header = (uint8_t *)cache->header;
	for (size_t i = 0; i < offsetof(struct layout_header, next_sequence); i++) {
		header[i] ^= 1;
		assert_null(cache_adopt(spare_descriptor(), 16 * MIB, CACHES_SEED));
		header[i] ^= 1;
	}
	/* taken over in every case */
	int descriptor = spare_descriptor();
	assert_null(cache_adopt(descriptor, 8 * MIB, CACHES_SEED));
	assert_int_equal(fcntl(descriptor, F_GETFD), -1);
	descriptor = spare_descriptor();
	assert_null(cache_adopt(descriptor, 16 * MIB, 0));
	assert_int_equal(fcntl(descriptor, F_GETFD), -1);
}

static int
do_put(void *arg)
{
	cache_join(cache, cache_next_member(cache), NULL);
	for (unsigned i = 0; i < *(unsigned *)arg; i++) {
		caches_make_one(&other, i, i);
		if (caches_put(cache, &other) != CACHE_PUT)
			return 1;
	}
	return 0;
}

static void
a_child_writes_and_its_parent_reads(void **state)
{
	unsigned count = 5000;
	(void)state;
	put("mine.example.", 1);
	struct forked child = forked_run(do_put, &count);
	assert_true(forked_succeeded(&child));
	for (unsigned i = 0; i < count; i++) {
		caches_make_one(&other, i, 0);
		assert_int_equal(caches_get(cache, &other, false), i);
	}
	/* what the parent holds is its own as before */
	put("more.example.", 2);
	assert_int_equal(get("mine.example."), 1);
	assert_int_equal(get("more.example."), 2);
}

/* Dies with an entry half written, and holds a segment. */
static int
do_die(void *arg)
{
	struct evict_room room;
	do_put(arg);
	caches_make(&other, "half.example.", 1);
	evict_room(&cache->evict, SEGMENT_NEW, entry_bytes(&other.item), &room);
	entry_write(room.at, &other.key, &other.item, &room.bond);
	memset(room.at + 30, 0, 10);
	raise(SIGKILL);
	return 0;
}

static void
a_killed_child_is_swept(void **state)
{
	struct cache_census census;
	unsigned count = 100;
	(void)state;
	struct forked child = forked_run(do_die, &count);
	assert_true(WIFSIGNALED(child.status));
	cache_census(cache, caches_none_lives, NULL, &census);
	assert_int_equal(census.segments_lost, 1);
	assert_int_equal(census.segments_open, 0);
	assert_int_equal(census.entries, count);
	cache_sweep(cache, caches_none_lives, NULL);
	cache_census(cache, caches_none_lives, NULL, &census);
	assert_int_equal(census.segments_lost, 0);
	assert_int_equal(census.segments_small, 1);
	assert_int_equal(census.entries, count);
	assert_int_equal(census.entries_wrong, 0);
	assert_int_equal(get("half.example."), CACHES_MISS);
	for (unsigned i = 0; i < count; i++) {
		caches_make_one(&other, i, 0);
		assert_int_equal(caches_get(cache, &other, false), i);
	}
}

static void
members_are_never_given_twice(void **state)
{
	uint32_t first = cache_next_member(cache);
	(void)state;
	assert_int_not_equal(first, 0);
	assert_int_equal(cache_next_member(cache), first + 1);
	struct cache *again = caches_again(cache); /* takes one */
	assert_int_equal(cache_next_member(again), first + 3);
	cache_free(again);
	cache->header->next_member = (1 << 24) - 2;
	assert_int_equal(cache_next_member(cache), (1 << 24) - 1);
	assert_int_equal(cache_next_member(cache), 1);
	cache->header->next_member = UINT32_MAX - 1;
	assert_int_equal(cache_next_member(cache), (1 << 24) - 1);
	assert_int_equal(cache_next_member(cache), 1);
}

static int
do_put_as_nobody(void *arg)
{
	struct cache *nobody = cache_new(CACHE_LEAST_BYTES, CACHES_SEED);
	(void)arg;
	caches_make(&other, "nobody.example.", 1);
	return (int)caches_put(nobody, &other);
}

static int
do_join_as_nobody(void *arg)
{
	cache_join(cache, *(uint32_t *)arg, NULL);
	return 0;
}

static void
nobody_puts_anything_in(void **state)
{
	static uint32_t wrong[] = {0, 1 << 24};
	(void)state;
	struct forked child = forked_run(do_put_as_nobody, NULL);
	assert_true(forked_aborted(&child));
	for (unsigned i = 0; i < 2; i++) {
		child = forked_run(do_join_as_nobody, &wrong[i]);
		assert_true(forked_aborted(&child));
	}
}

/* --- hints */

static void
a_hint_changes_nothing(void **state)
{
	enum { BYTES = CACHE_LEAST_BYTES };
	(void)state;
	struct cache *small = caches_new(BYTES);
	uint8_t *before = malloc(BYTES);
	assert_true(small != NULL && before != NULL);
	for (unsigned i = 0; i < 3000; i++) {
		caches_make_one(&thing, i, i);
		assert_int_equal(caches_put(small, &thing), CACHE_PUT);
	}
	memcpy(before, small->header, BYTES);
	for (unsigned i = 0; i < 6000; i++) {
		caches_make_one(&thing, i, i);
		cache_hint(small, thing.key.hash, CACHE_HINT_INDEX);
		cache_hint(small, thing.key.hash ^ i % 4, CACHE_HINT_ENTRY);
	}
	assert_memory_equal(before, small->header, BYTES);
	free(before);
	cache_free(small);
}

/* --- claims */

static bool
claim(const char *name, uint64_t now_ms)
{
	caches_make(&thing, name, 0);
	return cache_claim(cache, &thing.key, now_ms, PAUSE_MS);
}

static void
claimed_once_in_a_pause(void **state)
{
	(void)state;
	caches_make(&thing, "claim.example.", 0);
	assert_int_equal(cache_claimed_ms(cache, &thing.key), 0);
	for (unsigned round = 0; round < 5; round++) {
		uint64_t now_ms = CACHES_NOW_MS + round * PAUSE_MS;
		assert_true(claim("claim.example.", now_ms));
		assert_int_equal(cache_claimed_ms(cache, &thing.key), now_ms);
		for (unsigned ms = 0; ms < PAUSE_MS; ms += 50)
			assert_false(claim("CLAIM.example.", now_ms + ms));
		assert_int_equal(cache_claimed_ms(cache, &thing.key), now_ms);
	}
	struct cache *second = caches_again(cache);
	assert_false(cache_claim(second, &thing.key, CACHES_NOW_MS + 4 * PAUSE_MS + 1, PAUSE_MS));
	cache_free(second);
}

/* Hot in all variants, each is claimed once all the same. */
static void
variants_are_claimed_apart(void **state)
{
	unsigned claims = 0;
	(void)state;
	caches_make(&thing, "claims.example.", 0);
	for (unsigned i = 0; i < 400; i++) {
		caches_variant(&thing, i & 1, i & 2);
		claims += cache_claim(cache, &thing.key, CACHES_NOW_MS + i, PAUSE_MS);
	}
	assert_int_equal(claims, 4);
}

/* With few cells, too: names that meet in one do not drive each other out all the time. */
static void
neighbours_are_claimed_apart(void **state)
{
	enum { NAMES = 100, ROUNDS = 20 };
	unsigned claims = 0;
	(void)state;
	struct cache *small = caches_new(CACHE_LEAST_BYTES);
	assert_true(small->layout.claims > 2 * NAMES);
	for (unsigned i = 0; i < ROUNDS * NAMES; i++) {
		caches_make_one(&thing, i % NAMES, 0);
		claims += cache_claim(small, &thing.key, CACHES_NOW_MS + i, PAUSE_MS);
	}
	assert_in_range(claims, NAMES, NAMES + ROUNDS);
	cache_free(small);
}

static void
a_clock_ahead_is_not_waited_for_for_ever(void **state)
{
	(void)state;
	assert_true(claim("ahead.example.", CACHES_NOW_MS + 3600000));
	assert_true(claim("ahead.example.", CACHES_NOW_MS));
	assert_false(claim("ahead.example.", CACHES_NOW_MS + 100));
	/* a little ahead: within twice the pause at most */
	assert_true(claim("ahead.example.", CACHES_NOW_MS + 20000));
	unsigned waited = 0;
	while (!claim("ahead.example.", CACHES_NOW_MS + 20000 - PAUSE_MS + 100 + waited))
		waited += 100;
	assert_true(waited <= 2 * PAUSE_MS);
}

/* Whatever is in the cells: within the pause everybody gets a turn. */
static void
damaged_claims(void **state)
{
	static const uint64_t words[] = {0, UINT64_MAX, 0xffffffff, 0xffffffff00000000, 1};
	(void)state;
	caches_make(&thing, "damaged.example.", 0);
	for (unsigned i = 0; i < 5 + 2; i++) {
		uint64_t word = i < 5 ? words[i] : thing.key.hash << 32 | (i == 5 ? 0xffffffff : 0);
		for (uint64_t cell = 0; cell < cache->layout.claims; cell++)
			cache->claims[cell] = word;
		assert_true(claim("damaged.example.", CACHES_NOW_MS));
		assert_false(claim("damaged.example.", CACHES_NOW_MS + 1));
	}
}

int
main(void)
{
#define FRESH(test) cmocka_unit_test_setup_teardown(test, make, end)
	const struct CMUnitTest tests[] = {
	        FRESH(found_by_its_name_in_any_case),
	        FRESH(variants_types_and_classes_are_apart),
	        FRESH(views_are_apart),
	        FRESH(a_hash_is_not_believed),
	        FRESH(upper_bits_of_rcodes),
	        FRESH(counts_how_often_it_was_asked),
	        FRESH(the_newest_replaces),
	        FRESH(twins_are_replaced_with_it),
	        FRESH(failures_keep_what_is_of_use),
	        FRESH(a_failure_keeps_a_negative_answer),
	        FRESH(the_largest_answers),
	        FRESH(too_large_for_this_cache),
	        FRESH(too_little_or_too_much_for_a_cache),
	        FRESH(adopted),
	        FRESH(not_adopted),
	        FRESH(a_child_writes_and_its_parent_reads),
	        FRESH(a_killed_child_is_swept),
	        FRESH(members_are_never_given_twice),
	        FRESH(nobody_puts_anything_in),
	        FRESH(a_hint_changes_nothing),
	        FRESH(claimed_once_in_a_pause),
	        FRESH(variants_are_claimed_apart),
	        FRESH(neighbours_are_claimed_apart),
	        FRESH(a_clock_ahead_is_not_waited_for_for_ever),
	        FRESH(damaged_claims),
	};
	return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
