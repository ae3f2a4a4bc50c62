/*
 * The control socket in one process: clients on one side, a table of verbs on the other, time as an argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "forked.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char path[96], why[LOCAL_WHY_BYTES], said[1 << 20];
static struct control *control;
static struct control_call *kept_call;
static struct list kept;
static unsigned runs;

static void
on_now(void *arg, struct control_call *call)
{
	(void)arg;
	runs++;
	control_answer(call, CONTROL_DONE, control_wants_json(call) ? "{}\n" : "here\n");
}

static void
on_later(void *arg, struct control_call *call)
{
	(void)arg;
	runs++;
	kept_call = call;
}

static void
on_word(void *arg, struct control_call *call)
{
	assert_int_equal(control_peer(call)->pid, getpid());
	control_say(call, CONTROL_FAILED, "%s \"%s\"", (const char *)arg, control_word(call, 0));
}

static void
on_together(void *arg, struct control_call *call)
{
	(void)arg;
	control_keep(&kept, call);
}

static void
on_long(void *arg, struct control_call *call)
{
	static char text[900000];
	(void)arg;
	memset(text, 'x', sizeof text - 1);
	control_answer(call, CONTROL_DONE, text);
}

static void
on_some(void *arg, struct control_call *call)
{
	const char *second = control_word(call, 1);
	(void)arg;
	control_say(call, CONTROL_DONE, "%s, %s", control_word(call, 0), second != NULL ? second : "nothing");
}

static int taken;

static void
on_taken(void *arg, struct control_call *call)
{
	(void)arg;
	taken = control_take(call);
}

static const struct control_verb verbs[] = {
        {"now", "", "", false, on_now},
        {"later", "", "", true, on_later},
        {"word", "WORD", "", false, on_word},
        {"together", "", "", false, on_together},
        {"long", "", "", false, on_long},
        {"give some", "WORD [WORD]", "", false, on_some},
        {"give all", "", "", false, on_now},
        {"taken", "", "", false, on_taken},
};

static char word_for_arg[] = "told";

static struct control_setup
setup(void)
{
	return (struct control_setup){.path = path,
	        .group = (gid_t)-1,
	        .workers = (uid_t)-1,
	        .verbs = verbs,
	        .verb_count = sizeof verbs / sizeof verbs[0],
	        .arg = word_for_arg};
}

static int
begin(void **state)
{
	(void)state;
	struct control_setup s = setup();
	snprintf(path, sizeof path, "/tmp/dotward-control.%d", (int)getpid());
	log_set_level(LOG_LEVEL_ERROR);
	list_init(&kept);
	runs = 0;
	kept_call = NULL;
	return control_open(&control, &s, why);
}

static int
end(void **state)
{
	(void)state;
	control_close(control);
	control = NULL;
	return 0;
}

/* The master's loop, until nothing more is to be done. */
static void
turn_at(uint64_t now_ms)
{
	struct pollfd fds[CONTROL_POLL_MOST];
	for (int i = 0; i < 100; i++) {
		size_t count = control_poll(control, fds, CONTROL_POLL_MOST);
		if (poll(fds, (nfds_t)count, 0) <= 0)
			break;
		control_heed(control, fds, count, now_ms);
	}
	control_heed(control, fds, 0, now_ms);
}

static void
turn(void)
{
	turn_at(clock_now_ms());
}

static int
reach(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that has come; *over tells whether it was the end. */
static const char *
hear(int fd, bool *over)
{
	size_t used = 0;
	ssize_t got;
	while ((got = recv(fd, said + used, sizeof said - 1 - used, 0)) > 0) {
		used += (size_t)got;
		turn();
	}
	*over = got == 0;
	said[used] = '\0';
	return said;
}

/* The whole answer to a request. */
static void
answers(const char *request, const char *expected)
{
	bool over;
	int fd = reach();
	say(fd, request);
	turn();
	assert_string_equal(hear(fd, &over), expected);
	assert_true(over);
	close(fd);
}

static void
a_verb_is_answered(void **state)
{
	(void)state;
	answers("now\n", "0\nhere\n");
	answers("  now \r\n", "0\nhere\n");
	answers("--json now\n", "0\n{}\n");
	answers("now --json\n", "0\n{}\n");
	answers("word abc\n", "1\ntold \"abc\"\n");
	answers("word abc --json\n", "1\n{\"done\":false,\"message\":\"told \\\"abc\\\"\"}\n");
	answers("give some a\n", "0\na, nothing\n");
	answers("give --json some a b\n", "0\n{\"done\":true,\"message\":\"a, b\"}\n");
	answers("give all\n", "0\nhere\n");
	/* only the first line counts */
	answers("now\nlater\n", "0\nhere\n");
	assert_int_equal(runs, 6);
}

static void
what_is_no_verb_is_said_to_be(void **state)
{
	(void)state;
	answers("\n", "2\nno verb\n");
	answers("--json\n", "2\n{\"done\":false,\"message\":\"no verb\"}\n");
	answers("nwo\n", "2\nno such verb: nwo\n");
	answers("\x1b[2J\"\n", "2\nno such verb: \\027[2J\\034\n");
	answers("word\n", "2\nusage: word WORD\n");
	answers("now and then\n", "2\nusage: now\n");
	answers("give\n", "2\nusage: give some WORD [WORD]\n       give all\n");
	answers("give some a b c\n", "2\nusage: give some WORD [WORD]\n");
	answers("now 1 2 3 4 5 6 7 8 9 10 11\n", "2\ntoo many words\n");
	assert_int_equal(runs, 0);
}

static void
a_request_may_come_in_pieces_and_end_with_the_connection(void **state)
{
	(void)state;
	bool over;
	int fd = reach();
	say(fd, "n");
	turn();
	say(fd, "ow");
	turn();
	assert_string_equal(hear(fd, &over), "");
	assert_false(over);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn();
	assert_string_equal(hear(fd, &over), "0\nhere\n");
	assert_true(over);
	close(fd);
}

static void
a_request_has_a_bound(void **state)
{
	(void)state;
	char far[CONTROL_REQUEST_BYTES + 100];
	memset(far, 'a', sizeof far - 1);
	far[sizeof far - 1] = '\0';
	answers(far, "2\nthe request is too long\n");
}

static void
who_says_nothing_is_cut_off(void **state)
{
	(void)state;
	bool over;
	int fd = reach();
	turn();
	assert_true(control_due_ms(control) <= clock_now_ms() + CONTROL_TIME_MS);
	turn_at(clock_now_ms() + CONTROL_TIME_MS - 1000);
	hear(fd, &over);
	assert_false(over);
	turn_at(clock_now_ms() + CONTROL_TIME_MS);
	assert_string_equal(hear(fd, &over), "");
	assert_true(over);
	assert_true(control_due_ms(control) == UINT64_MAX);
	close(fd);
}

static void
who_does_not_take_the_answer_is_cut_off(void **state)
{
	(void)state;
	int fd = reach();
	say(fd, "long\n");
	turn();
	assert_true(control_due_ms(control) != UINT64_MAX);
	turn_at(clock_now_ms() + CONTROL_TIME_MS + 1);
	assert_true(control_due_ms(control) == UINT64_MAX);
	close(fd);
}

static void
a_long_answer_comes_whole(void **state)
{
	(void)state;
	bool over;
	int fd = reach();
	say(fd, "long\n");
	turn();
	assert_int_equal(strlen(hear(fd, &over)), 2 + 899999);
	assert_true(over);
	close(fd);
}

static void
an_answer_may_come_later_with_signs_of_life_before(void **state)
{
	(void)state;
	bool over;
	int fd = reach();
	uint64_t now_ms = clock_now_ms();
	say(fd, "later\n");
	turn_at(now_ms);
	assert_string_equal(hear(fd, &over), "wait\n");
	assert_int_equal(control_due_ms(control), now_ms + CONTROL_WAIT_MS);
	turn_at(now_ms + CONTROL_WAIT_MS - 1);
	assert_string_equal(hear(fd, &over), "");
	turn_at(now_ms + CONTROL_WAIT_MS);
	assert_string_equal(hear(fd, &over), "wait\n");
	/* far beyond what a client has for its request */
	turn_at(now_ms + 10 * CONTROL_TIME_MS);
	assert_string_equal(hear(fd, &over), "wait\n");
	assert_false(over);
	control_say(kept_call, CONTROL_DONE, "at last");
	turn();
	assert_string_equal(hear(fd, &over), "0\nat last\n");
	assert_true(over);
	close(fd);
}

static void
an_answer_to_nobody_is_none(void **state)
{
	(void)state;
	int fd = reach();
	say(fd, "later\n");
	turn();
	close(fd);
	turn();
	assert_true(control_due_ms(control) == UINT64_MAX);
	control_answer(kept_call, CONTROL_DONE, "too late\n");
	answers("now\n", "0\nhere\n");
}

static void
a_call_outlives_the_control(void **state)
{
	(void)state;
	int fd = reach();
	say(fd, "later\n");
	turn();
	control_close(control);
	control = NULL;
	control_say(kept_call, CONTROL_DONE, "too late");
	assert_true(access(path, F_OK) < 0);
	close(fd);
}

static void
calls_can_be_answered_together(void **state)
{
	(void)state;
	bool over;
	int fds[3];
	for (int i = 0; i < 3; i++) {
		fds[i] = reach();
		say(fds[i], "together\n");
	}
	turn();
	close(fds[1]);
	turn();
	control_say_all(&kept, CONTROL_FAILED, "all of you");
	assert_true(list_empty(&kept));
	assert_string_equal(hear(fds[0], &over), "wait\n1\nall of you\n");
	assert_string_equal(hear(fds[2], &over), "wait\n1\nall of you\n");
	assert_true(over);
	close(fds[0]);
	close(fds[2]);
	control_say_all(&kept, CONTROL_FAILED, "nobody");
}

static void
a_connection_can_be_taken_over(void **state)
{
	(void)state;
	bool over;
	int fd = reach();
	say(fd, "taken\nand more");
	turn();
	assert_true(taken >= 0);
	/* nobody is at that place any more, and nothing is said of itself */
	assert_true(control_due_ms(control) == UINT64_MAX);
	assert_string_equal(hear(fd, &over), "");
	assert_false(over);
	say(taken, "0\nby myself\n");
	close(taken);
	assert_string_equal(hear(fd, &over), "0\nby myself\n");
	assert_true(over);
	close(fd);
	answers("now\n", "0\nhere\n");
}

static void
from_who_has_gone_there_is_nothing_to_take(void **state)
{
	(void)state;
	int fd = reach();
	say(fd, "later\n");
	turn();
	close(fd);
	turn();
	assert_int_equal(control_take(kept_call), -1);
	answers("now\n", "0\nhere\n");
}

static void
there_is_room_for_so_many_and_the_rest_is_told(void **state)
{
	(void)state;
	bool over;
	int fds[CONTROL_CLIENTS + 2];
	for (int i = 0; i < CONTROL_CLIENTS + 2; i++)
		fds[i] = reach();
	turn();
	for (int i = CONTROL_CLIENTS; i < CONTROL_CLIENTS + 2; i++) {
		assert_string_equal(hear(fds[i], &over), "1\ntoo many ask at once; try again\n");
		assert_true(over);
	}
	say(fds[3], "now\n");
	turn();
	assert_string_equal(hear(fds[3], &over), "0\nhere\n");
	answers("now\n", "0\nhere\n");
	for (int i = 0; i < CONTROL_CLIENTS + 2; i++)
		close(fds[i]);
	turn();
	assert_true(control_due_ms(control) == UINT64_MAX);
}

static void
a_client_that_vanishes_is_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		int fd = reach();
		if (i % 3 == 1)
			say(fd, "no");
		if (i % 3 == 2)
			say(fd, "now\n");
		if (i % 2)
			turn();
		close(fd);
	}
	for (int i = 0; i < 10; i++)
		turn();
	assert_true(control_due_ms(control) == UINT64_MAX);
	answers("now\n", "0\nhere\n");
}

static void
a_second_one_says_already_running(void **state)
{
	(void)state;
	struct control *second;
	struct control_setup s = setup();
	assert_int_equal(control_open(&second, &s, why), -EADDRINUSE);
	assert_null(second);
	assert_non_null(strstr(why, "already running"));
}

/* The successor serves at the same path, which never goes away. */
static void
it_is_handed_on(void **state)
{
	(void)state;
	struct control *successor;
	struct control_setup s = setup();
	int fd = dup(control_descriptor(control));
	assert_int_equal(control_adopt(&successor, &s, fd, why), 0);
	control_leave(control);
	control = successor;
	answers("now\n", "0\nhere\n");
	assert_int_equal(control_adopt(&successor, &s, STDIN_FILENO, why) < 0, true);
	assert_non_null(strstr(why, "does not listen at"));
}

/* What a child of ours is answered, or (by two forks) a process of somebody else's with our user. */
static void
ask_from(unsigned forks, char answer[64])
{
	int ends[2];
	if (pipe(ends) < 0)
		_exit(2);
	pid_t pid = fork();
	if (pid == 0) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		if (forks == 2 && fork() != 0)
			_exit(0);
		memcpy(address.sun_path, path, strlen(path));
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		ssize_t got = 0;
		if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
		        send(fd, "now\n", 4, MSG_NOSIGNAL) == 4)
			got = read(fd, answer, 63);
		_exit(got > 0 && write(ends[1], answer, (size_t)got) == got ? 0 : 1);
	}
	close(ends[1]);
	if (forks == 2)
		waitpid(pid, NULL, 0);
	struct pollfd told = {.fd = ends[0], .events = POLLIN};
	for (int i = 0; i < 2000 && poll(&told, 1, 5) == 0; i++)
		turn();
	ssize_t got = read(ends[0], answer, 63);
	answer[got > 0 ? got : 0] = '\0';
	close(ends[0]);
}

/* A master that was never root: who may ask is who has its user, but not its workers, which have it too. */
static int
serve_as_nobody_special(void *arg)
{
	struct control_setup s = setup();
	char answer[64];
	(void)arg;
	snprintf(path, sizeof path, "/tmp/dotward-control.%d", (int)getpid());
	if (geteuid() == 0 && setuid(65534) < 0)
		return 3;
	if (control_open(&control, &s, why) < 0)
		return 4;
	ask_from(2, answer);
	if (strcmp(answer, "0\nhere\n") != 0)
		return 5;
	ask_from(1, answer);
	control_close(control);
	return strstr(answer, "here") != NULL ? 6 : 0;
}

static void
a_worker_of_the_masters_own_user_is_refused(void **state)
{
	(void)state;
	struct forked result = forked_run(serve_as_nobody_special, NULL);
	assert_int_equal(result.status, 0);
}

static void
nothing_is_a_control_too(void **state)
{
	struct pollfd fds[1];
	(void)state;
	assert_int_equal(control_poll(NULL, fds, 1), 0);
	assert_true(control_due_ms(NULL) == UINT64_MAX);
	control_heed(NULL, fds, 0, 0);
	assert_int_equal(control_descriptor(NULL), -1);
	control_claim(NULL);
	control_leave(NULL);
	control_close(NULL);
}

int
main(void)
{
#define CONTROL_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        CONTROL_TEST(a_verb_is_answered),
	        CONTROL_TEST(what_is_no_verb_is_said_to_be),
	        CONTROL_TEST(a_request_may_come_in_pieces_and_end_with_the_connection),
	        CONTROL_TEST(a_request_has_a_bound),
	        CONTROL_TEST(who_says_nothing_is_cut_off),
	        CONTROL_TEST(who_does_not_take_the_answer_is_cut_off),
	        CONTROL_TEST(a_long_answer_comes_whole),
	        CONTROL_TEST(an_answer_may_come_later_with_signs_of_life_before),
	        CONTROL_TEST(an_answer_to_nobody_is_none),
	        CONTROL_TEST(a_call_outlives_the_control),
	        CONTROL_TEST(calls_can_be_answered_together),
	        CONTROL_TEST(a_connection_can_be_taken_over),
	        CONTROL_TEST(from_who_has_gone_there_is_nothing_to_take),
	        CONTROL_TEST(there_is_room_for_so_many_and_the_rest_is_told),
	        CONTROL_TEST(a_client_that_vanishes_is_forgotten),
	        CONTROL_TEST(a_second_one_says_already_running),
	        CONTROL_TEST(it_is_handed_on),
	        cmocka_unit_test(a_worker_of_the_masters_own_user_is_refused),
	        cmocka_unit_test(nothing_is_a_control_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
