/*
 * Floods of lines: one a second and kind, how many were held back, and a last word when it is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/logflood.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/dotward-flood.XXXXXX";

static int
begin(void **state)
{
	char target[64];
	(void)state;
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	snprintf(target, sizeof target, "file:%s", path);
	return log_open(target, LOG_LEVEL_INFO);
}

static int
finish(void **state)
{
	(void)state;
	log_close();
	return unlink(path);
}

static int
fresh(void **state)
{
	(void)state;
	log_limit_begin();
	log_set_role("t"); /* forgets the last line, too */
	return truncate(path, 0);
}

/* What was written since, without time, level and role, a "|" for each line feed. */
static const char *
written(void)
{
	static char out[4096];
	char line[1024];
	size_t used = 0;
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	out[0] = '\0';
	while (fgets(line, sizeof line, f) != NULL) {
		const char *text = strstr(line, " t: ");
		assert_non_null(text);
		used += (size_t)snprintf(
		        out + used, sizeof out - used, "%.*s|", (int)strcspn(text + 4, "\n"), text + 4);
	}
	fclose(f);
	return out;
}

static void
event(struct log_limit *limit, uint64_t now_ms, int number)
{
	log_limited(limit, now_ms, LOG_LEVEL_INFO, "it came", "n=%d", number);
}

static void
one_line_a_second_and_how_many_were_not(void **state)
{
	struct log_limit limit = {0};
	(void)state;
	event(&limit, 5000, 1);
	event(&limit, 5000, 2);
	event(&limit, 5500, 3);
	event(&limit, 5999, 4);
	event(&limit, 6000, 5);
	event(&limit, 6999, 6);
	event(&limit, 60000, 7);
	event(&limit, 61000, 8);
	assert_string_equal(
	        written(), "it came n=1|it came n=5 suppressed=3|it came n=7 suppressed=1|it came n=8|");
	assert_int_equal(log_settle_ms(), UINT64_MAX);
}

static void
a_flood_that_is_over_has_a_last_word(void **state)
{
	struct log_limit one = {0}, other = {0};
	(void)state;
	event(&one, 5000, 1);
	event(&one, 5100, 2);
	event(&other, 5300, 3);
	event(&other, 5400, 4);
	event(&other, 5400, 5);
	assert_int_equal(log_settle_ms(), 7000);
	log_settle(6999);
	assert_string_equal(written(), "it came n=1|it came n=3|");
	log_settle(7000);
	assert_string_equal(written(), "it came n=1|it came n=3|it came suppressed=1|");
	assert_int_equal(log_settle_ms(), 7300);
	log_settle(UINT64_MAX);
	assert_string_equal(written(), "it came n=1|it came n=3|it came suppressed=1|it came suppressed=2|");
	assert_int_equal(log_settle_ms(), UINT64_MAX);
	log_settle(UINT64_MAX);
	event(&one, 9000, 6);
	assert_non_null(strstr(written(), "suppressed=2|it came n=6|"));
}

static void
a_place_that_goes_tells_what_it_held_back(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct log_limit limit = {0};
		event(&limit, 5000, i);
		if (i > 0)
			event(&limit, 5001, 9);
		log_limit_end(&limit);
		memset(&limit, 0xff, sizeof limit);
	}
	assert_string_equal(
	        written(), "it came n=0|it came n=1|it came suppressed=1|it came n=2|it came suppressed=1|");
	assert_int_equal(log_settle_ms(), UINT64_MAX);
}

static void
what_the_level_does_not_want_is_not_counted(void **state)
{
	struct log_limit limit = {0};
	(void)state;
	for (int i = 0; i < 3; i++)
		log_limited(&limit, 5000, LOG_LEVEL_DEBUG, "it came", "n=%d", i);
	event(&limit, 5000, 1);
	assert_string_equal(written(), "it came n=1|");
	assert_int_equal(log_settle_ms(), UINT64_MAX);
}

static void
the_same_line_in_a_row_is_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		log_warn("no room for=it");
	assert_string_equal(written(), "no room for=it|");
	log_notice("another");
	assert_string_equal(written(), "no room for=it|no room for=it repeated=3|another|");
	log_info("no room for=it");
	log_warn("no room for=it");
	assert_string_equal(written(), "no room for=it|no room for=it repeated=3|another|no room for=it|"
	                               "no room for=it|");
	assert_int_equal(log_settle_ms(), UINT64_MAX);
}

static void
in_the_end_repetitions_are_told_as_well(void **state)
{
	(void)state;
	log_warn("again");
	log_warn("again");
	uint64_t due_ms = log_settle_ms();
	assert_true(due_ms > 0 && due_ms < UINT64_MAX);
	log_settle(due_ms - 1);
	assert_string_equal(written(), "again|");
	log_settle(due_ms);
	assert_string_equal(written(), "again|again repeated=1|");
	log_warn("again");
	assert_string_equal(written(), "again|again repeated=1|");
	log_settle(UINT64_MAX);
	assert_string_equal(written(), "again|again repeated=1|again repeated=1|");
}

static void
events_and_debug_are_written_each_time(void **state)
{
	(void)state;
	log_notice("event");
	log_notice("event");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("again");
	log_debug("again");
	log_set_level(LOG_LEVEL_INFO);
	assert_string_equal(written(), "event|event|again|again|");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(one_line_a_second_and_how_many_were_not, fresh),
	        cmocka_unit_test_setup(a_flood_that_is_over_has_a_last_word, fresh),
	        cmocka_unit_test_setup(a_place_that_goes_tells_what_it_held_back, fresh),
	        cmocka_unit_test_setup(what_the_level_does_not_want_is_not_counted, fresh),
	        cmocka_unit_test_setup(the_same_line_in_a_row_is_counted, fresh),
	        cmocka_unit_test_setup(in_the_end_repetitions_are_told_as_well, fresh),
	        cmocka_unit_test_setup(events_and_debug_are_written_each_time, fresh),
	};
	return cmocka_run_group_tests_name("logflood", tests, begin, finish);
}
