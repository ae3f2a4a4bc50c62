/*
 * The byte queue, against a plain array and two cursors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/buffer.h"
#include "forked.h"

#include <stdlib.h>
#include <string.h>

static void
put(struct buffer *b, const void *bytes, size_t count)
{
	uint8_t *to = buffer_reserve(b, count);
	assert_non_null(to);
	memcpy(to, bytes, count);
	buffer_added(b, count);
}

static void
empty_one_holds_nothing(void **state)
{
	struct buffer b = {0};
	(void)state;
	assert_int_equal(buffer_held(&b), 0);
	buffer_shrink(&b, 0);
	assert_non_null(buffer_reserve(&b, 0));
	assert_int_equal(buffer_held(&b), 0);
	buffer_free(&b);
	assert_null(b.bytes);
}

static void
what_is_only_reserved_does_not_count(void **state)
{
	struct buffer b = {0};
	(void)state;
	memset(buffer_reserve(&b, 100), 'x', 100);
	assert_int_equal(buffer_held(&b), 0);
	buffer_added(&b, 3);
	assert_int_equal(buffer_held(&b), 3);
	assert_memory_equal(buffer_front(&b), "xxx", 3);
	buffer_free(&b);
}

/* Any order of putting in and taking out keeps the bytes in theirs. */
static void
bytes_keep_their_order(void **state)
{
	struct buffer b = {0};
	static uint8_t in[400000];
	size_t added = 0, taken = 0;
	(void)state;
	srand(7);
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)rand();
	while (taken < sizeof in) {
		size_t count = (size_t)rand() % 3000;
		if (count > sizeof in - added)
			count = sizeof in - added;
		put(&b, in + added, count);
		added += count;
		count = (size_t)rand() % 3500;
		if (count > buffer_held(&b))
			count = buffer_held(&b);
		assert_int_equal(buffer_held(&b), added - taken);
		assert_memory_equal(buffer_front(&b), in + taken, count);
		buffer_taken(&b, count);
		taken += count;
	}
	assert_int_equal(buffer_held(&b), 0);
	buffer_free(&b);
}

static void
busy_one_stops_allocating(void **state)
{
	struct buffer b = {0};
	char bytes[300] = "";
	(void)state;
	put(&b, bytes, sizeof bytes);
	size_t room = b.room;
	for (int i = 0; i < 1000; i++) {
		buffer_taken(&b, 200);
		put(&b, bytes, 200);
	}
	assert_int_equal(b.room, room);
	buffer_free(&b);
}

static void
shrinks_only_when_empty_and_large(void **state)
{
	struct buffer b = {0};
	static char bytes[10000];
	(void)state;
	put(&b, bytes, sizeof bytes);
	buffer_shrink(&b, 100);
	assert_int_equal(buffer_held(&b), sizeof bytes);
	buffer_taken(&b, sizeof bytes);
	buffer_shrink(&b, 1 << 20);
	assert_non_null(b.bytes);
	buffer_shrink(&b, 100);
	assert_null(b.bytes);
	put(&b, "again", 5);
	assert_memory_equal(buffer_front(&b), "again", 5);
	buffer_free(&b);
}

static int
take_too_much(void *arg)
{
	struct buffer *b = arg;
	buffer_taken(b, buffer_held(b) + 1);
	return 0;
}

static int
add_too_much(void *arg)
{
	struct buffer *b = arg;
	buffer_added(b, b->room + 1);
	return 0;
}

static void
wrong_sums_abort(void **state)
{
	struct buffer b = {0};
	(void)state;
	put(&b, "four", 4);
	struct forked taken = forked_run(take_too_much, &b), added = forked_run(add_too_much, &b);
	assert_true(forked_aborted(&taken));
	assert_true(forked_aborted(&added));
	buffer_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(empty_one_holds_nothing),
	        cmocka_unit_test(what_is_only_reserved_does_not_count),
	        cmocka_unit_test(bytes_keep_their_order),
	        cmocka_unit_test(busy_one_stops_allocating),
	        cmocka_unit_test(shrinks_only_when_empty_and_large),
	        cmocka_unit_test(wrong_sums_abort),
	};
	return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
