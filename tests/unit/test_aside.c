/*
 * Requests answered by a child: whole and as they come, by one that dies, to one that does not listen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "asking.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

enum { LINES = 200000 };

static int gate[2]; /* a deed that waits goes on when this is closed */
static char secret[] = "the master's own";

static void
greet(void *arg, struct aside *aside)
{
	aside_say(aside, CONTROL_FAILED, "from %s", (const char *)arg);
}

static void
recite(void *arg, struct aside *aside)
{
	(void)arg;
	FILE *out = aside_begin(aside, CONTROL_DONE);
	for (int i = 0; i < LINES; i++)
		fprintf(out, "%d\n", i);
}

static void
crash(void *arg, struct aside *aside)
{
	(void)arg;
	fprintf(aside_begin(aside, CONTROL_DONE), "half of it");
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
}

static void
linger(void *arg, struct aside *aside)
{
	char byte;
	(void)arg;
	/* its own copy of the writing end is gone with all other descriptors; the reading end is kept here as
	 * standard input */
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	aside_say(aside, CONTROL_DONE, "at last");
}

static void
busy(void *arg, struct aside *aside)
{
	(void)arg;
	for (uint64_t until_ms = clock_now_ms() + CONTROL_WAIT_MS * 5 / 4; clock_now_ms() < until_ms;)
		;
	aside_say(aside, CONTROL_DONE, "over");
}

/* Says what it should not be able to do. */
static void
misbehave(void *arg, struct aside *aside)
{
	(void)arg;
	socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	aside_say(aside, CONTROL_DONE, "a way out was opened");
}

static void
look_around(void *arg, struct aside *aside)
{
	unsigned held = 0;
	(void)arg;
	for (int fd = 0; fd < 256; fd++)
		held += fcntl(fd, F_GETFL) >= 0;
	aside_say(aside, CONTROL_DONE, "%u", held);
}

#define DEED_VERB(deed)                                                                                      \
	static void on_##deed(void *arg, struct control_call *call)                                          \
	{                                                                                                    \
		asides_start(&asking.asides, &asking.ground, call, deed, arg);                               \
	}
DEED_VERB(greet)
DEED_VERB(recite)
DEED_VERB(crash)
DEED_VERB(linger)
DEED_VERB(busy)
DEED_VERB(misbehave)
DEED_VERB(look_around)

static const struct control_verb table[] = {
        {"greet", "", "", false, on_greet},
        {"recite", "", "", false, on_recite},
        {"crash", "", "", false, on_crash},
        {"linger", "", "", false, on_linger},
        {"busy", "", "", false, on_busy},
        {"misbehave", "", "", false, on_misbehave},
        {"look around", "", "", false, on_look_around},
};

static int
begin(void **state)
{
	(void)state;
	if (pipe(gate) < 0 || dup2(gate[0], STDIN_FILENO) < 0)
		return -1;
	fcntl(gate[1], F_SETFD, FD_CLOEXEC);
	return asking_begin(table, sizeof table / sizeof table[0], secret);
}

static int
end(void **state)
{
	(void)state;
	asking_end();
	close(gate[0]);
	close(gate[1]);
	return 0;
}

static void
a_child_answers(void **state)
{
	(void)state;
	assert_string_equal(asking_whole("greet"), "1\nfrom the master's own\n");
	assert_string_equal(
	        asking_whole("greet --json"), "1\n{\"done\":false,\"message\":\"from the master's own\"}\n");
}

static void
one_that_takes_long_says_so_before(void **state)
{
	(void)state;
	const char *said = asking_whole("busy");
	assert_memory_equal(said, "wait\n", 5);
	assert_string_equal(said + strlen(said) - 7, "0\nover\n");
}

static void
a_long_answer_comes_as_it_is_read(void **state)
{
	char last[16];
	(void)state;
	int fd = asking_send("recite");
	/* more than fits anywhere: it waits for us, and nobody waits for it */
	assert_string_equal(asking_whole("greet"), "1\nfrom the master's own\n");
	size_t bytes = 0;
	ssize_t got;
	char piece[4096];
	while ((got = recv(fd, piece, sizeof piece, 0)) > 0) {
		bytes += (size_t)got;
		memcpy(last, piece + (got > 8 ? got - 8 : 0), 8);
	}
	close(fd);
	asking_bury();
	assert_int_equal(asking.last_status, 0);
	/* "0\n", then 10, 90, … numbers of 1, 2, … digits with a line feed */
	assert_int_equal(bytes, 2 + 10 * 2 + 90 * 3 + 900 * 4 + 9000 * 5 + 90000 * 6 + 100000 * 7);
	assert_memory_equal(last, "\n199999\n", 8);
}

static void
one_that_dies_costs_its_answer(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	assert_string_equal(asking_hear(asking_send("crash")), "");
	asking_bury();
	assert_true(WIFSIGNALED(asking.last_status));
	assert_string_equal(asking_whole("greet"), "1\nfrom the master's own\n");
}

static void
who_goes_away_ends_it(void **state)
{
	(void)state;
	int fd = asking_send("recite");
	close(fd);
	asking_bury();
	assert_true(WIFEXITED(asking.last_status));
	assert_int_equal(WEXITSTATUS(asking.last_status), EXIT_FAILURE);
}

static void
there_are_only_so_many_at_once(void **state)
{
	char expected[80];
	int fds[ASIDE_MOST];
	(void)state;
	for (int i = 0; i < ASIDE_MOST; i++)
		fds[i] = asking_send("linger");
	snprintf(
	        expected, sizeof expected, "1\n%d such requests are being answered; try again\n", ASIDE_MOST);
	assert_string_equal(asking_hear(asking_send("greet")), expected);
	close(gate[1]);
	for (int i = 0; i < ASIDE_MOST; i++) {
		assert_string_equal(asking_hear(fds[i]), "0\nat last\n");
		asking_bury();
	}
	assert_string_equal(asking_whole("greet"), "1\nfrom the master's own\n");
}

static void
it_is_sealed(void **state)
{
	(void)state;
	if (!asking.config.sandbox)
		skip();
	assert_string_equal(asking_hear(asking_send("misbehave")), "");
	asking_bury();
	assert_true(WIFSIGNALED(asking.last_status));
	assert_int_equal(WTERMSIG(asking.last_status), SIGSYS);
}

static void
it_holds_nothing_but_the_connection(void **state)
{
	(void)state;
	/* and the three standard ones; valgrind's own are elsewhere */
	assert_string_equal(asking_whole("look around"), "0\n4\n");
}

static void
others_are_not_buried(void **state)
{
	struct asides none = {0};
	(void)state;
	assert_false(asides_bury(&none, getpid(), 0));
	assert_false(asides_bury(&none, 0, 0));
}

int
main(void)
{
#define ASIDE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        ASIDE_TEST(a_child_answers),
	        ASIDE_TEST(one_that_takes_long_says_so_before),
	        ASIDE_TEST(a_long_answer_comes_as_it_is_read),
	        ASIDE_TEST(one_that_dies_costs_its_answer),
	        ASIDE_TEST(who_goes_away_ends_it),
	        ASIDE_TEST(there_are_only_so_many_at_once),
	        ASIDE_TEST(it_is_sealed),
	        ASIDE_TEST(it_holds_nothing_but_the_connection),
	        cmocka_unit_test(others_are_not_buried),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
