/*
 * Health as a server that is a child of the test shows it, and where a configuration has dotward listen.
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
#include "process/checkup.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

struct answer {
	uint16_t rcode;
	enum edns_ede ede;
	const char *text;
};

/* Says on its end: 0 when there was one question, or more, as check-health asks them. */
static int
serve(int fd, const struct answer *answer, const char *below)
{
	uint8_t msg[512];
	char name[NAME_TEXT_BYTES];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (poll(&p, 1, 5000) == 1) {
		struct addr from;
		socklen_t bytes = sizeof from;
		ssize_t got = recvfrom(fd, msg, sizeof msg, 0, &from.any, &bytes);
		struct wire_query q;
		if (got < 12 || wire_query_parse(msg, (size_t)got, &q) != WIRE_QUERY)
			return 1;
		name_text(q.question.name, q.question.name_bytes, name);
		bool asked = strcmp(below, "localhost.") == 0
		                     ? strcmp(name, below) == 0
		                     : strncmp(name, "health-", 7) == 0 && strcmp(name + 7 + 16, below) == 0;
		struct edns_write opt = {.udp_bytes = 1232};
		size_t length = wire_refuse(msg, sizeof msg, &q, asked ? answer->rcode : WIRE_RCODE_FORMERR,
		        answer->ede, answer->text, &opt);
		sendto(fd, msg, length, 0, &from.any, bytes);
	}
	return 0;
}

static int
run(void *arg)
{
	dup2(STDERR_FILENO, STDOUT_FILENO);
	int status = (int)checkup_run(arg);
	fflush(stdout);
	return status;
}

static void
assert_finds(struct checkup checkup, struct answer answer, const char *below, int status, const char *said)
{
	char server[ADDR_TEXT_BYTES], want[512];
	assert_int_equal(addr_parse(&checkup.server, "127.0.0.1", 1), 0);
	addr_set_port(&checkup.server, 0);
	int fd = ports_bind(&checkup.server, SOCK_DGRAM);
	pid_t pid = fork();
	if (pid == 0)
		_exit(serve(fd, &answer, below));
	close(fd);
	struct forked result = forked_run(run, &checkup);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	snprintf(want, sizeof want, "%s: %s\n", addr_text(&checkup.server, server), said);
	assert_string_equal(result.said, want);
	assert_true(WIFEXITED(result.status));
	assert_int_equal(WEXITSTATUS(result.status), status);
}

static void
an_upstream_answered(void **state)
{
	struct checkup resolves = {.alive = false};
	(void)state;
	assert_finds(resolves, (struct answer){0, EDNS_EDE_NONE, NULL}, ".example.", 0, "healthy: NOERROR");
	assert_finds(resolves, (struct answer){3, EDNS_EDE_NONE, NULL}, ".example.", 0, "healthy: NXDOMAIN");
	resolves.zone = "corp.test";
	assert_finds(
	        resolves, (struct answer){3, EDNS_EDE_NONE, NULL}, ".corp.test.", 0, "healthy: NXDOMAIN");
	resolves.zone = ".";
	assert_finds(resolves, (struct answer){3, EDNS_EDE_NONE, NULL}, ".", 0, "healthy: NXDOMAIN");
}

static void
none_did(void **state)
{
	const struct checkup resolves = {.alive = false};
	(void)state;
	assert_finds(resolves, (struct answer){2, EDNS_EDE_NETWORK_ERROR, "no answer\n"}, ".example.", 1,
	        "unhealthy: SERVFAIL (no answer\\010)");
	assert_finds(resolves, (struct answer){5, EDNS_EDE_NONE, NULL}, ".example.", 1, "unhealthy: REFUSED");
	assert_finds(
	        resolves, (struct answer){0, EDNS_EDE_STALE, NULL}, ".example.", 1, "unhealthy: NOERROR");
	assert_finds(resolves, (struct answer){3, EDNS_EDE_STALE_NXDOMAIN, NULL}, ".example.", 1,
	        "unhealthy: NXDOMAIN");
}

static void
any_answer_is_a_sign_of_life(void **state)
{
	const struct checkup alive = {.alive = true};
	(void)state;
	assert_finds(alive, (struct answer){0, EDNS_EDE_NONE, NULL}, "localhost.", 0, "healthy: NOERROR");
	assert_finds(alive, (struct answer){2, EDNS_EDE_NONE, NULL}, "localhost.", 0, "healthy: SERVFAIL");
	assert_finds(alive, (struct answer){5, EDNS_EDE_NONE, NULL}, "localhost.", 0, "healthy: REFUSED");
}

static void
a_zone_that_is_none(void **state)
{
	struct checkup checkup = {.zone = "corp..test"};
	(void)state;
	assert_int_equal(addr_parse(&checkup.server, "127.0.0.1", 1), 0);
	struct forked result = forked_run(run, &checkup);
	assert_string_equal(result.said, "dotward: check-health: corp..test is no name, or too long a one\n");
	assert_int_equal(WEXITSTATUS(result.status), 2);
}

static void
where_it_listens(void **state)
{
	struct config_listen listens[4] = {
	        {.tls = true}, {.udp = true, .proxy_protocol = true}, {.tcp = true}};
	struct config config = {.listens = listens, .listen_count = 3};
	static const char *const rows[][2] = {
	        {"192.0.2.7@53", "192.0.2.7@53"},
	        {"0.0.0.0@5353", "127.0.0.1@5353"},
	        {"::@5353", "::1@5353"},
	};
	char text[ADDR_TEXT_BYTES];
	struct addr found;
	(void)state;
	assert_false(checkup_find_server(&config, &found));
	config.listen_count = 4;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		listens[3] = (struct config_listen){.udp = true};
		assert_int_equal(addr_parse(&listens[3].address, rows[i][0], 53), 0);
		assert_true(checkup_find_server(&config, &found));
		assert_string_equal(addr_text(&found, text), rows[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(an_upstream_answered),
	        cmocka_unit_test(none_did),
	        cmocka_unit_test(any_answer_is_a_sign_of_life),
	        cmocka_unit_test(a_zone_that_is_none),
	        cmocka_unit_test(where_it_listens),
	};
	return cmocka_run_group_tests_name("checkup", tests, NULL, NULL);
}
