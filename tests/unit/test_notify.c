/*
 * Messages to the service manager, received by a real datagram socket, with a path and without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int manager;
static char path[96], message[2048];

/* Listens at `name`, "@" for the abstract namespace, and tells the environment. */
static void
listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	memcpy(address.sun_path, name, strlen(name));
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(manager >= 0);
	assert_int_equal(bind(manager, (struct sockaddr *)&address, bytes + (name[0] != '@')), 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static int
begin(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/dotward-notify.%d", (int)getpid());
	listen_at(path);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	close(manager);
	unlink(path);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static const char *
received(void)
{
	ssize_t got = recv(manager, message, sizeof message - 1, 0);
	message[got > 0 ? got : 0] = '\0';
	return message;
}

static void
each_message_is_what_the_protocol_says(void **state)
{
	(void)state;
	assert_true(notify_wanted());
	assert_int_equal(notify_ready("%d workers serve", 2), 0);
	assert_string_equal(received(), "READY=1\nSTATUS=2 workers serve");
	assert_int_equal(notify_status("%s", "one down"), 0);
	assert_string_equal(received(), "STATUS=one down");
	assert_int_equal(notify_stopping(), 0);
	assert_string_equal(received(), "STOPPING=1\nSTATUS=stopping");
	assert_int_equal(notify_watchdog(), 0);
	assert_string_equal(received(), "WATCHDOG=1");
	assert_int_equal(notify_main_pid(4711), 0);
	assert_string_equal(received(), "MAINPID=4711\nWATCHDOG=1");
	assert_string_equal(received(), "");
}

static uint64_t
monotonic_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A time that is rounded down lies before the manager's own request, which would then wait in vain. */
static void
a_reload_has_the_time_in_microseconds(void **state)
{
	(void)state;
	static const char head[] = "RELOADING=1\nMONOTONIC_USEC=";
	for (int i = 0; i < 20; i++) {
		uint64_t before = monotonic_us();
		assert_int_equal(notify_reloading(), 0);
		uint64_t after = monotonic_us();
		const char *text = received();
		assert_memory_equal(text, head, sizeof head - 1);
		uint64_t said = strtoull(text + sizeof head - 1, NULL, 10);
		assert_true(said >= before && said <= after);
	}
}

static void
a_status_is_one_line_and_not_too_long(void **state)
{
	(void)state;
	char far[2000];
	notify_status("a\nMAINPID=1\r\nb");
	assert_string_equal(received(), "STATUS=a MAINPID=1  b");
	memset(far, 'x', sizeof far - 1);
	far[sizeof far - 1] = '\0';
	assert_int_equal(notify_ready("%s", far), 0);
	assert_in_range(strlen(received()), 100, 600);
}

static void
abstract_names_are_found(void **state)
{
	(void)state;
	char name[64];
	end(NULL);
	snprintf(name, sizeof name, "@dotward-notify-%d", (int)getpid());
	listen_at(name);
	assert_int_equal(notify_watchdog(), 0);
	assert_string_equal(received(), "WATCHDOG=1");
}

static void
without_a_manager_nothing_happens(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_false(notify_wanted());
	assert_int_equal(notify_ready("x"), 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert_false(notify_wanted());
	assert_int_equal(notify_stopping(), 0);
	assert_string_equal(received(), "");
}

static void
a_manager_that_cannot_be_reached_is_an_error(void **state)
{
	(void)state;
	char far[200];
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	assert_int_equal(notify_ready("x"), -ENOENT);
	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	assert_int_equal(notify_ready("x"), -EAFNOSUPPORT);
	memset(far, 'x', sizeof far - 1);
	far[0] = '/';
	far[sizeof far - 1] = '\0';
	setenv("NOTIFY_SOCKET", far, 1);
	assert_int_equal(notify_ready("x"), -EINVAL);
}

static void
a_manager_that_does_not_read_holds_nobody_up(void **state)
{
	(void)state;
	int sent = 0, result = 0;
	while (sent < 10000 && (result = notify_watchdog()) == 0)
		sent++;
	assert_int_equal(result, -EAGAIN);
	uint64_t before = monotonic_us();
	assert_int_equal(notify_stopping(), -EAGAIN);
	assert_in_range(monotonic_us() - before, NOTIFY_PATIENCE_MS * 900, NOTIFY_PATIENCE_MS * 10000);
}

static void
watchdog(const char *usec, const char *pid, unsigned expected)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (usec != NULL)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_interval_ms(), expected);
}

static void
the_watchdog_is_fed_twice_as_often_as_needed(void **state)
{
	(void)state;
	char own[16];
	snprintf(own, sizeof own, "%d", (int)getpid());
	watchdog(NULL, NULL, 0);
	watchdog("30000000", NULL, 15000);
	watchdog("30000000", own, 15000);
	watchdog("30000000", "1", 0);
	watchdog("30000000", "", 0);
	watchdog("1", own, 1);
	watchdog("0", own, 0);
	watchdog("", own, 0);
	watchdog("-5", own, 0);
	watchdog("10s", own, 0);
	watchdog("18446744073709551615", own, 2147483647);
	watchdog("99999999999999999999999", own, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(each_message_is_what_the_protocol_says, begin, end),
	        cmocka_unit_test_setup_teardown(a_reload_has_the_time_in_microseconds, begin, end),
	        cmocka_unit_test_setup_teardown(a_status_is_one_line_and_not_too_long, begin, end),
	        cmocka_unit_test_setup_teardown(abstract_names_are_found, begin, end),
	        cmocka_unit_test_setup_teardown(without_a_manager_nothing_happens, begin, end),
	        cmocka_unit_test_setup_teardown(a_manager_that_cannot_be_reached_is_an_error, begin, end),
	        cmocka_unit_test_setup_teardown(a_manager_that_does_not_read_holds_nobody_up, begin, end),
	        cmocka_unit_test_setup_teardown(the_watchdog_is_fed_twice_as_often_as_needed, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
