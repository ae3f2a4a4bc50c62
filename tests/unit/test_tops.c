/*
 * Counts of what is frequent, among any number of what is not; of the last two windows; nothing when off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/tops.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { MOST = 10, WINDOW = TOPS_WINDOW_MS };
static const uint64_t begin_ms = 1000ull * WINDOW;

static struct tops *tops;
static struct tops_entry top[MOST];

static int
begin(void **state)
{
	(void)state;
	tops = mmap(NULL, tops_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tops == MAP_FAILED)
		return -1;
	tops_begin(tops, 42);
	tops_switch(tops, TOPS_WHOLE, begin_ms);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	return munmap(tops, tops_bytes());
}

static void
count_key(enum tops_mode mode, const char *key, size_t bytes, uint32_t times, uint64_t now_ms)
{
	tops_count(tops, &(struct tops_seen){.mode = mode,
	                         .kind = TOPS_NAMES,
	                         .key = key,
	                         .bytes = bytes,
	                         .times = times,
	                         .now_ms = now_ms});
}

static void
count_at(const char *key, unsigned times, uint64_t now_ms)
{
	for (unsigned i = 0; i < times; i++)
		count_key(TOPS_WHOLE, key, strlen(key), 1, now_ms);
}

static size_t
read_at(uint64_t now_ms)
{
	return tops_read(tops, TOPS_NAMES, top, MOST, now_ms);
}

static void
assert_top(size_t place, const char *key, uint64_t count)
{
	assert_int_equal(top[place].bytes, strlen(key));
	assert_memory_equal(top[place].key, key, top[place].bytes);
	assert_int_equal(top[place].count, count);
}

static void
few_are_counted_exactly(void **state)
{
	(void)state;
	assert_int_equal(read_at(begin_ms), 0);
	count_at("b", 3, begin_ms);
	count_at("a", 7, begin_ms);
	count_at("c", 1, begin_ms);
	assert_int_equal(read_at(begin_ms), 3);
	assert_top(0, "a", 7);
	assert_top(1, "b", 3);
	assert_top(2, "c", 1);
	assert_int_equal(tops_read(tops, TOPS_CLIENTS, top, MOST, begin_ms), 0);
}

static void
one_may_stand_for_several(void **state)
{
	(void)state;
	count_key(TOPS_WHOLE, "a", 1, 16, begin_ms);
	count_key(TOPS_WHOLE, "a", 1, 1, begin_ms);
	count_key(TOPS_WHOLE, "b", 1, 4, begin_ms);
	assert_int_equal(read_at(begin_ms), 2);
	assert_top(0, "a", 17);
	assert_top(1, "b", 4);
}

static void
no_more_than_asked_for(void **state)
{
	char key[8];
	(void)state;
	for (unsigned i = 1; i <= 30; i++) {
		snprintf(key, sizeof key, "k%u", i);
		count_at(key, i, begin_ms);
	}
	assert_int_equal(read_at(begin_ms), MOST);
	for (unsigned i = 0; i < MOST; i++) {
		snprintf(key, sizeof key, "k%u", 30 - i);
		assert_top(i, key, 30 - i);
	}
	assert_int_equal(tops_read(tops, TOPS_NAMES, top, 0, begin_ms), 0);
}

/* Ten times as many keys as there are rows, seen once each, do not drive out those that are seen often, and
 * no count is too high. */
static void
the_frequent_stand_out_of_a_flood(void **state)
{
	char key[16];
	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		snprintf(key, sizeof key, "flood%u", i);
		count_at(key, 1, begin_ms);
		if (i % 20 == 0)
			count_at("often", 1, begin_ms);
		if (i % 10 == 0)
			count_at("oftener", 1, begin_ms);
	}
	assert_int_equal(read_at(begin_ms), MOST);
	assert_int_equal(top[0].bytes, strlen("oftener"));
	assert_memory_equal(top[0].key, "oftener", 7);
	assert_in_range(top[0].count, 550, 600);
	assert_memory_equal(top[1].key, "often", 5);
	assert_in_range(top[1].count, 250, 300);
	assert_in_range(top[2].count, 1, 20);
}

static void
counts_go_back_two_windows(void **state)
{
	(void)state;
	count_at("a", 5, begin_ms);
	count_at("b", 1, begin_ms);
	count_at("a", 2, begin_ms + WINDOW);
	count_at("c", 3, begin_ms + WINDOW);
	assert_int_equal(read_at(begin_ms + WINDOW), 3);
	assert_top(0, "a", 7);
	assert_top(1, "c", 3);
	assert_top(2, "b", 1);
	assert_int_equal(read_at(begin_ms + 2 * WINDOW), 2);
	assert_top(0, "c", 3);
	assert_top(1, "a", 2);
	assert_int_equal(read_at(begin_ms + 3 * WINDOW), 0);
	count_at("d", 1, begin_ms + 4 * WINDOW);
	assert_int_equal(read_at(begin_ms + 4 * WINDOW), 1);
}

static void
says_how_far_it_goes_back(void **state)
{
	(void)state;
	assert_int_equal(tops_span_ms(tops, begin_ms), 0);
	assert_int_equal(tops_span_ms(tops, begin_ms + WINDOW), WINDOW);
	assert_int_equal(tops_span_ms(tops, begin_ms + 5 * WINDOW / 2), 3 * WINDOW / 2);
}

/* Not a byte of what was counted may stay. */
static void
off_is_empty(void **state)
{
	static const char secret[] = "secret-name";
	(void)state;
	count_at(secret, 5, begin_ms);
	assert_non_null(memmem(tops, tops_bytes(), secret, sizeof secret - 1));
	tops_switch(tops, TOPS_WHOLE, begin_ms);
	assert_int_equal(read_at(begin_ms), 1);
	tops_switch(tops, TOPS_OFF, begin_ms);
	assert_int_equal(tops_mode(tops), TOPS_OFF);
	assert_int_equal(read_at(begin_ms), 0);
	count_at(secret, 5, begin_ms);
	assert_null(memmem(tops, tops_bytes(), secret, sizeof secret - 1));
	tops_switch(tops, TOPS_WHOLE, begin_ms);
	assert_int_equal(read_at(begin_ms), 0);
}

/* Workers of the configuration before, which still drain, know more than may be kept now. */
static void
another_mode_begins_anew(void **state)
{
	(void)state;
	count_at("10.0.0.1", 5, begin_ms);
	tops_switch(tops, TOPS_NETWORKS, begin_ms);
	assert_int_equal(read_at(begin_ms), 0);
	count_at("10.0.0.1", 5, begin_ms);
	assert_int_equal(read_at(begin_ms), 0);
	count_key(TOPS_NETWORKS, "10.0.0.0/24", 11, 1, begin_ms);
	assert_int_equal(read_at(begin_ms), 1);
	assert_top(0, "10.0.0.0/24", 1);
}

static void
keys_of_all_lengths(void **state)
{
	char key[TOPS_KEY_BYTES + 1];
	(void)state;
	for (size_t bytes = 1; bytes <= TOPS_KEY_BYTES; bytes++) {
		memset(key, 'x', bytes);
		key[bytes] = '\0';
		count_at(key, (unsigned)bytes, begin_ms);
	}
	assert_int_equal(read_at(begin_ms), MOST);
	assert_int_equal(top[0].bytes, TOPS_KEY_BYTES);
	assert_int_equal(top[0].count, TOPS_KEY_BYTES);
}

static void
count_for_ever(void)
{
	char key[TOPS_KEY_BYTES];
	for (unsigned i = 0;; i++) {
		memset(key, 'a' + (int)(i * 7919 % 26), sizeof key);
		key[0] = (char)('a' + i % 23);
		count_key(TOPS_WHOLE, key, sizeof key, 1, begin_ms);
	}
}

/* Each key has one letter but for its first: a mixture of two would show. */
static void
assert_whole(const struct tops_entry *entry)
{
	assert_int_equal(entry->bytes, TOPS_KEY_BYTES);
	for (size_t i = 2; i < TOPS_KEY_BYTES; i++)
		assert_int_equal(entry->key[i], entry->key[1]);
}

/* Two processes that crowd the table are killed again and again, while a third reads. */
static void
survives_its_writers(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		pid_t writers[2];
		for (unsigned i = 0; i < 2; i++)
			if ((writers[i] = fork()) == 0)
				count_for_ever();
		for (unsigned reads = 0; reads < 20; reads++) {
			size_t count = read_at(begin_ms);
			for (size_t i = 0; i < count; i++)
				assert_whole(&top[i]);
		}
		for (unsigned i = 0; i < 2; i++) {
			kill(writers[i], SIGKILL);
			waitpid(writers[i], NULL, 0);
		}
	}
	/* what they left half written is good again two windows later */
	uint64_t later_ms = begin_ms + 2 * WINDOW;
	count_at("later", 3, later_ms);
	assert_int_equal(read_at(later_ms), 1);
	assert_top(0, "later", 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(few_are_counted_exactly, begin, end),
	        cmocka_unit_test_setup_teardown(one_may_stand_for_several, begin, end),
	        cmocka_unit_test_setup_teardown(no_more_than_asked_for, begin, end),
	        cmocka_unit_test_setup_teardown(the_frequent_stand_out_of_a_flood, begin, end),
	        cmocka_unit_test_setup_teardown(counts_go_back_two_windows, begin, end),
	        cmocka_unit_test_setup_teardown(says_how_far_it_goes_back, begin, end),
	        cmocka_unit_test_setup_teardown(off_is_empty, begin, end),
	        cmocka_unit_test_setup_teardown(another_mode_begins_anew, begin, end),
	        cmocka_unit_test_setup_teardown(keys_of_all_lengths, begin, end),
	        cmocka_unit_test_setup_teardown(survives_its_writers, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
