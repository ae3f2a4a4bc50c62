/*
 * Words and a table: which verb is meant, and what is said when none is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/usage.h"

#include <string.h>

enum { MOST_WORDS = 8 };

static const struct control_verb verbs[] = {
        {.name = "now", .words = ""},
        {.name = "log", .words = "LEVEL"},
        {.name = "cache stats", .words = ""},
        {.name = "cache flush", .words = "NAME [TYPE]"},
        {.name = "cache flush --all", .words = ""},
        {.name = "cache flush --subtree", .words = "NAME"},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static char line[256], *words[MOST_WORDS];

static unsigned
split(const char *text)
{
	unsigned count = 0;
	strncpy(line, text, sizeof line - 1);
	for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " "))
		words[count++] = word;
	return count;
}

static void
the_longest_name_that_fits_is_meant(void **state)
{
	static const struct {
		const char *request;
		int row; /* -1: none */
		unsigned name_words;
	} cases[] = {
	        {"now", 0, 1},
	        {"log debug", 1, 1},
	        {"cache stats", 2, 2},
	        {"cache flush a.test", 3, 2},
	        {"cache flush a.test AAAA", 3, 2},
	        {"cache flush --all", 4, 3},
	        {"cache flush --subtree a.test", 5, 3},
	        {"", -1, 0},
	        {"nwo", -1, 0},
	        {"no", -1, 0},
	        {"nowhere", -1, 0},
	        {"now then", -1, 0},
	        {"log", -1, 0},
	        {"log a b", -1, 0},
	        {"cache", -1, 0},
	        {"cache sta", -1, 0},
	        {"cache flush", -1, 0},
	        {"cache flush a AAAA b", -1, 0},
	        {"cache flush --all a", -1, 0},
	        {"cache flush --subtree", -1, 0},
	        {"cache flush --subtree a AAAA", -1, 0},
	        {"flush a.test", -1, 0},
	};
	unsigned name_words;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned count = split(cases[i].request);
		const struct control_verb *found = usage_find(verbs, VERBS, words, count, &name_words);
		assert_ptr_equal(found, cases[i].row < 0 ? NULL : &verbs[cases[i].row]);
		if (found != NULL)
			assert_int_equal(name_words, cases[i].name_words);
	}
}

static void
what_would_be_right_is_said(void **state)
{
	static const struct {
		const char *request;
		const char *text; /* NULL: nothing begins so */
	} cases[] = {
	        {"now then", "usage: now"},
	        {"log", "usage: log LEVEL"},
	        {"cache", "usage: cache stats\n       cache flush NAME [TYPE]\n       cache flush --all\n"
	                  "       cache flush --subtree NAME"},
	        {"cache flush a b c", "usage: cache flush NAME [TYPE]\n       cache flush --all\n"
	                              "       cache flush --subtree NAME"},
	        {"cache flush --all a", "usage: cache flush --all"},
	        {"nwo", NULL},
	        {"flush", NULL},
	        {"", NULL},
	};
	char out[USAGE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned count = split(cases[i].request);
		assert_int_equal(usage_text(verbs, VERBS, words, count, out), cases[i].text != NULL);
		if (cases[i].text != NULL)
			assert_string_equal(out, cases[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_longest_name_that_fits_is_meant),
	        cmocka_unit_test(what_would_be_right_is_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
