/*
 * A connection that is being opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "net/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

static struct addr listening;
static int listener;

static int
start(void **state)
{
	socklen_t bytes = sizeof listening;
	(void)state;
	assert_int_equal(addr_parse(&listening, "127.0.0.1", 1), 0);
	addr_set_port(&listening, 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, &listening.any, addr_bytes(&listening)) < 0 || listen(listener, 4) < 0)
		return -1;
	return getsockname(listener, &listening.any, &bytes);
}

static int
stop(void **state)
{
	(void)state;
	return close(listener);
}

/* What the kernel says of a connection once it says something. */
static int
outcome(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	int error = -1;
	socklen_t bytes = sizeof error;
	assert_int_equal(poll(&ready, 1, 5000), 1);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
	return error;
}

static void
it_connects(void **state)
{
	int timeout_ms = 0;
	socklen_t bytes = sizeof timeout_ms;
	(void)state;
	int fd = dial_open(NULL, &listening);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(outcome(fd), 0);
	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &bytes), 0);
	assert_int_equal(timeout_ms, 10000);
	close(fd);
}

static void
from_where_it_is_told(void **state)
{
	struct addr from, seen;
	char text[ADDR_TEXT_BYTES];
	(void)state;
	assert_int_equal(addr_parse(&from, "127.0.0.7", 1), 0);
	addr_set_port(&from, 0);
	int fd = dial_open(&from, &listening);
	assert_true(fd >= 0);
	assert_int_equal(outcome(fd), 0);
	socklen_t bytes = sizeof seen;
	int peer = accept(listener, &seen.any, &bytes);
	assert_true(peer >= 0);
	assert_string_equal(addr_host_text(&seen, text), "127.0.0.7");
	close(peer);
	close(fd);
}

static void
from_anywhere(void **state)
{
	struct addr none = {.any.sa_family = AF_UNSPEC};
	(void)state;
	int fd = dial_open(&none, &listening);
	assert_true(fd >= 0);
	assert_int_equal(outcome(fd), 0);
	close(fd);
}

static void
an_address_of_somebody_else(void **state)
{
	struct addr from;
	(void)state;
	assert_int_equal(addr_parse(&from, "192.0.2.77", 1), 0);
	addr_set_port(&from, 0);
	assert_int_equal(dial_open(&from, &listening), -EADDRNOTAVAIL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(it_connects, start, stop),
	        cmocka_unit_test_setup_teardown(from_where_it_is_told, start, stop),
	        cmocka_unit_test_setup_teardown(from_anywhere, start, stop),
	        cmocka_unit_test_setup_teardown(an_address_of_somebody_else, start, stop),
	};
	return cmocka_run_group_tests_name("dial", tests, NULL, NULL);
}
