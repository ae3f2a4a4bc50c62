/*
 * The cache's memory shared out: all of it, to parts that do not overlap, for every size that is allowed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "cache/cache.h"
#include "cache/entry.h"
#include "cache/layout.h"

#include <string.h>

#define GIB ((uint64_t)1 << 30)
#define MIB ((uint64_t)1 << 20)

enum { LINE = 64, PLACE_BITS = 35 };

static struct layout
made(uint64_t bytes)
{
	struct layout layout;
	if (!layout_make(bytes, &layout))
		fail_msg("no cache of %llu bytes", (unsigned long long)bytes);
	return layout;
}

static void
part_check(uint64_t at, uint64_t bytes, uint64_t next)
{
	assert_int_equal(at % LINE, 0);
	assert_true(at + bytes <= next);
	/* what lies between two parts only aligns the second */
	assert_true(next - (at + bytes) < LINE);
}

static void
size_check(uint64_t bytes)
{
	struct layout l = made(bytes);
	assert_true(l.bytes == bytes);
	uint64_t most = bytes >> l.segment_shift;
	assert_true(l.segments <= most);
	assert_true(sizeof(struct layout_header) <= l.states);
	part_check(l.states, most * 8, l.used);
	part_check(l.used, most * 4, l.index);
	part_check(l.index, l.buckets * LAYOUT_BUCKET_WORDS * 8, l.ghosts_at);
	part_check(l.ghosts_at, l.ghosts * (LAYOUT_GHOST_MARKS + 1) * 2, l.claims_at);
	part_check(l.claims_at, l.claims * 8, l.data);
	uint64_t end = l.data + (l.segments << l.segment_shift);
	assert_true(end <= bytes);
	assert_true(bytes - end < (uint64_t)1 << l.segment_shift);
}

/* Deterministic, and different for each size. */
static uint64_t
some_size(uint64_t from, unsigned i)
{
	return from + (i * 0x9e3779b97f4a7c15u) % from;
}

static void
every_size_adds_up(void **state)
{
	(void)state;
	for (uint64_t bytes = CACHE_LEAST_BYTES; bytes <= 128 * GIB; bytes *= 2) {
		for (int more = -70; more <= 70; more++)
			if (bytes + (uint64_t)more >= CACHE_LEAST_BYTES)
				size_check(bytes + (uint64_t)more);
		for (unsigned i = 0; i < 2000; i++)
			size_check(some_size(bytes, i));
	}
	for (uint64_t bytes = CACHE_LEAST_BYTES; bytes < 3 * MIB; bytes += 37)
		size_check(bytes);
}

/* A place has 35 bits in a word of the index. */
static void
every_place_can_be_said(void **state)
{
	(void)state;
	for (uint64_t bytes = CACHE_LEAST_BYTES; bytes <= 128 * GIB; bytes *= 2) {
		struct layout l = made(bytes);
		assert_true((l.segments << l.segment_shift) / LAYOUT_UNIT_BYTES <= (uint64_t)1 << PLACE_BITS);
	}
}

static void
segments_are_neither_few_nor_many(void **state)
{
	(void)state;
	for (uint64_t bytes = CACHE_LEAST_BYTES; bytes <= 128 * GIB; bytes += bytes / 7) {
		struct layout l = made(bytes);
		assert_in_range(l.segments, 100, 4096);
	}
}

static void
large_ones_hold_any_answer(void **state)
{
	(void)state;
	for (uint64_t bytes = 16 * MIB; bytes <= 128 * GIB; bytes += bytes / 7)
		assert_true((uint64_t)1 << made(bytes).segment_shift >= ENTRY_BYTES + LAYOUT_UNIT_BYTES);
}

/* What the whole is spent on: at most a tenth and a half on bookkeeping, and a place for each 100 bytes. */
static void
shares(void **state)
{
	(void)state;
	for (uint64_t bytes = CACHE_LEAST_BYTES; bytes <= 128 * GIB; bytes *= 3) {
		struct layout l = made(bytes);
		assert_true(l.data <= bytes / 100 * 12);
		assert_true(l.buckets * LAYOUT_BUCKET_WORDS * 101 >= bytes - 100 * LINE);
		assert_true(l.segments << l.segment_shift >= bytes / 100 * 87);
	}
}

static void
too_little(void **state)
{
	struct layout l;
	bool before = false;
	(void)state;
	assert_false(layout_make(0, &l));
	assert_false(layout_make(1, &l));
	assert_false(layout_make(1000, &l));
	/* whatever is called enough has room for all */
	for (uint64_t bytes = 0; bytes < CACHE_LEAST_BYTES; bytes++) {
		bool enough = layout_make(bytes, &l);
		if (enough && (!before || bytes % 1009 == 0))
			size_check(bytes);
		before = enough;
	}
	assert_true(before);
}

/* More than a word of the index can point into. */
static void
too_much(void **state)
{
	struct layout l;
	(void)state;
	assert_true(layout_make(256 * GIB, &l));
	assert_false(layout_make(512 * GIB, &l));
	assert_false(layout_make(UINT64_MAX / 2, &l));
	assert_false(layout_make(UINT64_MAX, &l));
}

/* Both are compared as bytes: a hole in them would be compared, too. */
static void
no_padding(void **state)
{
	(void)state;
	assert_int_equal(sizeof(struct layout), 12 * sizeof(uint64_t));
	assert_int_equal(offsetof(struct layout_header, entry_bytes), 16);
	assert_int_equal(offsetof(struct layout_header, layout), 16 + 2 * sizeof(uint64_t));
	assert_int_equal(offsetof(struct layout_header, next_sequence), 16 + 14 * sizeof(uint64_t));
	struct layout a, b;
	memset(&a, 0, sizeof a);
	memset(&b, 0xff, sizeof b);
	assert_true(layout_make(7777777, &a) && layout_make(7777777, &b));
	assert_memory_equal(&a, &b, sizeof a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_size_adds_up),
	        cmocka_unit_test(every_place_can_be_said),
	        cmocka_unit_test(segments_are_neither_few_nor_many),
	        cmocka_unit_test(large_ones_hold_any_answer),
	        cmocka_unit_test(shares),
	        cmocka_unit_test(too_little),
	        cmocka_unit_test(too_much),
	        cmocka_unit_test(no_padding),
	};
	return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
