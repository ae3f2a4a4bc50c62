/*
 * Signals that wait until somebody looks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/signals.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

static char came[8];
static size_t count;

static void
on_first(void *arg)
{
	assert_ptr_equal(arg, came);
	came[count++] = '1';
}

static void
on_second(void *arg)
{
	assert_ptr_equal(arg, came);
	came[count++] = '2';
}

static bool
readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static void
each_is_handled_once_when_looked_at(void **state)
{
	static const struct signals_handler handlers[] = {{SIGUSR1, on_first}, {SIGUSR2, on_second}};
	(void)state;
	int fd = signals_watch(handlers, 2);
	assert_true(fd >= 0);
	assert_false(readable(fd));
	signals_heed(fd, handlers, 2, came);
	assert_int_equal(count, 0);
	raise(SIGUSR2);
	assert_true(readable(fd));
	assert_int_equal(count, 0);
	signals_heed(fd, handlers, 2, came);
	assert_string_equal(came, "2");
	raise(SIGUSR1);
	raise(SIGUSR1); /* they do not add up */
	raise(SIGUSR2);
	raise(SIGPIPE); /* nobody dies of it */
	signals_heed(fd, handlers, 2, came);
	assert_string_equal(came, "212");
	assert_false(readable(fd));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_is_handled_once_when_looked_at),
	};
	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
