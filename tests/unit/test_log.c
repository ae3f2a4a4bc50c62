/*
 * The level of the log: its words, and one word for several processes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/log.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void
words_and_levels_are_the_same_list(void **state)
{
	enum log_level level;
	(void)state;
	for (unsigned i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		assert_true(log_find_level(log_level_word((enum log_level)i), &level));
		assert_int_equal(level, i);
	}
	assert_false(log_find_level("loud", &level));
	assert_false(log_find_level("", &level));
	assert_false(log_find_level("Error", &level));
}

static void
a_level_is_what_is_wanted_and_all_above(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_WARN);
	assert_int_equal(log_get_level(), LOG_LEVEL_WARN);
	assert_true(log_wants(LOG_LEVEL_ERROR));
	assert_true(log_wants(LOG_LEVEL_WARN));
	assert_false(log_wants(LOG_LEVEL_NOTICE));
}

/* The word as every process sees it. */
static _Atomic unsigned *
shared_word(void)
{
	_Atomic unsigned *word =
	        mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(word != MAP_FAILED);
	return word;
}

static void
a_shared_level_is_followed_by_other_processes(void **state)
{
	(void)state;
	int status, ready[2], go[2];
	char byte;
	_Atomic unsigned *word = shared_word();
	log_set_level(LOG_LEVEL_ERROR);
	log_share_level(word);
	assert_int_equal(*word, LOG_LEVEL_ERROR);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		bool before = log_wants(LOG_LEVEL_INFO);
		bool told = write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1;
		_exit(told && !before && log_wants(LOG_LEVEL_INFO) ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	log_set_level(LOG_LEVEL_DEBUG);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
	log_share_level(NULL);
	assert_int_equal(munmap((void *)word, sizeof *word), 0);
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
}

static void
nonsense_in_the_shared_word_is_a_level_all_the_same(void **state)
{
	(void)state;
	_Atomic unsigned word;
	log_share_level(&word);
	word = 0xffffffff;
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
	assert_string_equal(log_level_word(log_get_level()), "debug");
	log_share_level(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(words_and_levels_are_the_same_list),
	        cmocka_unit_test(a_level_is_what_is_wanted_and_all_above),
	        cmocka_unit_test(a_shared_level_is_followed_by_other_processes),
	        cmocka_unit_test(nonsense_in_the_shared_word_is_a_level_all_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
