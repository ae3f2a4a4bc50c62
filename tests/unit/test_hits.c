/*
 * Counts that belong to names: kept for a name that stays, begun anew for one that was away for long, and
 * never given to another while somebody may still count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "shared/hits.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static struct hits *hits;

static int
begin(void **state)
{
	(void)state;
	hits = mmap(NULL, hits_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return hits == MAP_FAILED ? -1 : 0;
}

static int
end(void **state)
{
	(void)state;
	return munmap(hits, hits_bytes());
}

static void
count(const char *name, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		hits_one(hits, hits_row(hits, name), i);
}

static uint64_t
sum(const char *name)
{
	return hits_sum(hits, hits_row(hits, name));
}

/* Lists "PREFIX0", "PREFIX1" ... */
static void
begin_many(const char *prefix, size_t lists)
{
	static char texts[HITS_LISTS][16];
	const char *names[HITS_LISTS];
	for (size_t i = 0; i < lists; i++) {
		snprintf(texts[i], sizeof texts[i], "%.7s%zu", prefix, i);
		names[i] = texts[i];
	}
	hits_begin(hits, names, lists);
}

static void
a_name_keeps_its_count(void **state)
{
	const char *const before[] = {"ads", "malware"}, *const after[] = {"new", "malware"};
	(void)state;
	hits_begin(hits, before, 2);
	count("ads", 3);
	count("malware", 100);
	hits_begin(hits, after, 2);
	assert_int_equal(sum("malware"), 100);
	assert_int_equal(sum("new"), 0);
	/* a worker of before may still count, and finds its own row */
	count("ads", 1);
	assert_int_equal(sum("ads"), 4);
}

static void
nobody_has_no_row(void **state)
{
	(void)state;
	assert_int_equal(hits_row(hits, ""), HITS_NONE);
	assert_int_equal(hits_row(hits, "ads"), HITS_NONE);
	hits_one(hits, HITS_NONE, 0);
	hits_one(hits, 100000, 0);
	assert_int_equal(hits_sum(hits, HITS_NONE), 0);
	assert_int_equal(hits_sum(hits, 100000), 0);
}

static void
rows_of_the_lists_before_are_left_alone(void **state)
{
	(void)state;
	begin_many("a", HITS_LISTS);
	count("a0", 1);
	count("a63", 2);
	begin_many("b", HITS_LISTS);
	count("b63", 7);
	assert_int_equal(sum("a0"), 1);
	assert_int_equal(sum("a63"), 2);
	/* those of "a" are the oldest now, and go */
	begin_many("c", HITS_LISTS);
	assert_int_equal(hits_row(hits, "a0"), HITS_NONE);
	assert_int_equal(sum("b63"), 7);
	for (unsigned i = 0; i < HITS_LISTS; i++) {
		char name[16];
		snprintf(name, sizeof name, "c%u", i);
		assert_int_not_equal(hits_row(hits, name), HITS_NONE);
		assert_int_equal(sum(name), 0);
	}
}

static void
a_known_name_is_not_taken_for_a_new_one(void **state)
{
	const char *const old[] = {"old"};
	(void)state;
	hits_begin(hits, old, 1);
	count("old", 5);
	begin_many("a", HITS_LISTS);
	begin_many("b", HITS_LISTS - 1);
	/* "old" has the oldest row of all, but for those of nobody, of which there are none left */
	static char text[HITS_LISTS][8];
	const char *names[HITS_LISTS];
	for (size_t i = 0; i < HITS_LISTS - 1; i++) {
		snprintf(text[i], sizeof text[i], "c%zu", i);
		names[i] = text[i];
	}
	names[HITS_LISTS - 1] = "old";
	hits_begin(hits, names, HITS_LISTS);
	assert_int_equal(sum("old"), 5);
}

enum { TURNS = 20000 };

static int
count_many(void *arg)
{
	(void)arg;
	count("ads", TURNS);
	return 0;
}

static void
processes_count_together(void **state)
{
	const char *const names[] = {"ads"};
	(void)state;
	hits_begin(hits, names, 1);
	pid_t pid = fork();
	if (pid == 0)
		_exit(count_many(NULL));
	struct forked other = forked_run(count_many, NULL);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(forked_succeeded(&other));
	assert_int_equal(sum("ads"), 2 * TURNS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_name_keeps_its_count, begin, end),
	        cmocka_unit_test_setup_teardown(nobody_has_no_row, begin, end),
	        cmocka_unit_test_setup_teardown(rows_of_the_lists_before_are_left_alone, begin, end),
	        cmocka_unit_test_setup_teardown(a_known_name_is_not_taken_for_a_new_one, begin, end),
	        cmocka_unit_test_setup_teardown(processes_count_together, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
