/*
 * The ring of events: nothing waits, and what a reader cannot have he is told of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct events *events;
static struct event event;
static uint64_t missed;

static int
begin(void **state)
{
	(void)state;
	events = mmap(NULL, events_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return events == MAP_FAILED;
}

static int
end(void **state)
{
	(void)state;
	return munmap(events, events_bytes());
}

static void
put(unsigned number)
{
	char text[32];
	snprintf(text, sizeof text, "event n=%u", number);
	events_put(events, 1000 + number, LOG_LEVEL_NOTICE, "worker 1", text);
}

static void
what_is_put_is_read_in_order(void **state)
{
	(void)state;
	struct events_reader reader = events_read(events, 0);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_NONE);
	put(1);
	put(2);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_string_equal(event.text, "event n=1");
	assert_string_equal(event.role, "worker 1");
	assert_int_equal(event.wall_ms, 1001);
	assert_int_equal(event.level, LOG_LEVEL_NOTICE);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_string_equal(event.text, "event n=2");
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_NONE);
}

static void
a_reader_may_have_some_from_before(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		put(i);
	struct events_reader reader = events_read(events, 2);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_string_equal(event.text, "event n=3");
	reader = events_read(events, 9);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_string_equal(event.text, "event n=0");
}

static void
a_reader_that_is_too_slow_is_told(void **state)
{
	(void)state;
	struct events_reader reader = events_read(events, 0);
	for (unsigned i = 0; i < EVENTS_KEPT + 7; i++)
		put(i);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_MISSED);
	assert_int_equal(missed, 7);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_string_equal(event.text, "event n=7");
}

static void
long_words_are_cut_and_a_role_may_be_missing(void **state)
{
	(void)state;
	char text[2 * EVENT_TEXT_BYTES];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	struct events_reader reader = events_read(events, 0);
	events_put(events, 1, LOG_LEVEL_ERROR, NULL, text);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_int_equal(strlen(event.text), EVENT_TEXT_BYTES - 1);
	assert_string_equal(event.role, "");
}

/* The memory is there for dead and taken-over workers too. */
static void
what_is_no_text_is_made_one(void **state)
{
	(void)state;
	struct events_reader reader = events_read(events, 0);
	put(1);
	char *at = memmem(events, events_bytes(), "event n=1", 9);
	assert_non_null(at);
	memset(at, '\033', EVENT_TEXT_BYTES);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_int_equal(strlen(event.text), EVENT_TEXT_BYTES - 1);
	assert_int_equal(strspn(event.text, "?"), EVENT_TEXT_BYTES - 1);
}

/* As if its writer had died between the number and the stamp: the number is the first word of the ring. */
static void
one_that_is_never_whole_is_given_up_at_the_second_look(void **state)
{
	(void)state;
	struct events_reader reader = events_read(events, 0);
	++*(uint64_t *)events;
	put(1);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_NONE);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_MISSED);
	assert_int_equal(missed, 1);
	assert_int_equal(events_next(events, &reader, &event, &missed), EVENTS_ONE);
	assert_string_equal(event.text, "event n=1");
}

/* Writers in several processes: no event is lost to a reader who keeps up with the ring, none is read twice.
 */
static void
processes_write_side_by_side(void **state)
{
	(void)state;
	enum { WRITERS = 4, EACH = 50 };
	unsigned seen[WRITERS] = {0}, all = 0;
	struct events_reader reader = events_read(events, 0);
	for (unsigned w = 0; w < WRITERS; w++)
		if (fork() == 0) {
			char role[2] = {(char)('0' + w), '\0'};
			for (unsigned i = 0; i < EACH; i++)
				events_put(events, i, LOG_LEVEL_NOTICE, role, "written");
			_exit(0);
		}
	for (unsigned w = 0; w < WRITERS; w++)
		wait(NULL);
	while (events_next(events, &reader, &event, &missed) == EVENTS_ONE) {
		unsigned writer = (unsigned)(event.role[0] - '0');
		assert_in_range(writer, 0, WRITERS - 1);
		assert_int_equal(event.wall_ms, seen[writer]++); /* each in his order */
		all++;
	}
	assert_int_equal(all, WRITERS * EACH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_is_put_is_read_in_order, begin, end),
	        cmocka_unit_test_setup_teardown(a_reader_may_have_some_from_before, begin, end),
	        cmocka_unit_test_setup_teardown(a_reader_that_is_too_slow_is_told, begin, end),
	        cmocka_unit_test_setup_teardown(long_words_are_cut_and_a_role_may_be_missing, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_no_text_is_made_one, begin, end),
	        cmocka_unit_test_setup_teardown(
	                one_that_is_never_whole_is_given_up_at_the_second_look, begin, end),
	        cmocka_unit_test_setup_teardown(processes_write_side_by_side, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
