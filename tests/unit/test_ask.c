/*
 * One question to a server that is a child of the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/wire.h"
#include "forked.h"
#include "ports.h"
#include "process/ask.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum manner { RIGHT, REFUSING, WRONG_ID_FIRST, LOSING_ONE };

struct asking {
	const char *name, *type;
	char server[ADDR_TEXT_BYTES];
};

/* Answers until it has been silent for five seconds. Says on its end what type it was asked for. */
static int
serve(int fd, enum manner manner)
{
	uint8_t msg[512];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	for (unsigned n = 0; poll(&p, 1, 5000) == 1; n++) {
		struct addr from;
		socklen_t bytes = sizeof from;
		ssize_t got = recvfrom(fd, msg, sizeof msg, 0, &from.any, &bytes);
		struct wire_query q;
		if (got < 12 || wire_query_parse(msg, (size_t)got, &q) != WIRE_QUERY)
			return 1;
		if (manner == LOSING_ONE && n == 0)
			continue;
		struct edns_write opt = {.udp_bytes = 1232};
		uint16_t rcode = manner == REFUSING ? 5 : q.question.type == 28 ? 3 : 0;
		size_t length = wire_refuse(msg, sizeof msg, &q, rcode, EDNS_EDE_NONE, NULL, &opt);
		if (manner == WRONG_ID_FIRST && n == 0)
			msg[0] ^= 1;
		sendto(fd, msg, length, 0, &from.any, bytes);
	}
	return 0;
}

static int
run(void *arg)
{
	const struct asking *a = arg;
	dup2(STDERR_FILENO, STDOUT_FILENO);
	int status = ask_run(a->server, a->name, a->type);
	fflush(stdout);
	return status;
}

static void
assert_asks(enum manner manner, const char *name, const char *type, int status, const char *said)
{
	struct addr address;
	char want[256];
	struct asking a = {.name = name, .type = type};
	assert_int_equal(addr_parse(&address, "127.0.0.1", 1), 0);
	addr_set_port(&address, 0);
	int fd = ports_bind(&address, SOCK_DGRAM);
	pid_t pid = fork();
	if (pid == 0)
		_exit(serve(fd, manner));
	close(fd);
	addr_text(&address, a.server);
	struct forked result = forked_run(run, &a);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_true(WIFEXITED(result.status));
	snprintf(want, sizeof want, "%s: %s\n", a.server, said);
	assert_string_equal(result.said, want);
	assert_int_equal(WEXITSTATUS(result.status), status);
}

static void
answers(void **state)
{
	(void)state;
	assert_asks(RIGHT, "www.example.net", NULL, 0, "NOERROR");
	assert_asks(RIGHT, ".", "NS", 0, "NOERROR");
	assert_asks(RIGHT, "www.example.net.", "aaaa", 1, "NXDOMAIN");
	assert_asks(RIGHT, "www.example.net", "TYPE28", 1, "NXDOMAIN");
	assert_asks(REFUSING, "www.example.net", "A", 1, "REFUSED");
}

static void
tries_again(void **state)
{
	(void)state;
	assert_asks(WRONG_ID_FIRST, "www.example.net", NULL, 0, "NOERROR");
	assert_asks(LOSING_ONE, "www.example.net", NULL, 0, "NOERROR");
}

static void
arguments_without_sense(void **state)
{
	static const struct asking rows[] = {
	        {"www.example.net", NULL, "localhost"},
	        {"www.example.net", NULL, "127.0.0.1@0"},
	        {"www..example", NULL, "127.0.0.1"},
	        {"", "NOSUCHTYPE", "127.0.0.1"},
	        {"www.example.net", "TYPE65536", "127.0.0.1"},
	        {"a-label-of-more-than-sixty-three-characters-is-not-a-label-at-all-is-it", NULL,
	                "127.0.0.1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct asking a = rows[i];
		struct forked result = forked_run(run, &a);
		assert_true(WIFEXITED(result.status));
		assert_int_equal(WEXITSTATUS(result.status), 2);
		assert_memory_equal(result.said, "dotward: --ask ADDR[@PORT] NAME [TYPE]: ", 40);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(answers),
	        cmocka_unit_test(tries_again),
	        cmocka_unit_test(arguments_without_sense),
	};
	return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
