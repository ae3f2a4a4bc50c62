/*
 * One binary hands over to another. The other one is this program once more, started with a word that says
 * what it is to do, so that descriptors and environment truly go through exec.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "ports.h"
#include "process/upgrade.h"
#include "shared/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SLOTS = 3, WAIT_MS = 20000 };

static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_WORLD",
        "LISTEN_READY", "LISTEN_CACHE", "LISTEN_CONTROL", "LISTEN_HOSTS"};

/* --- the other binary --- */

static bool
environment_is_clear(void)
{
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		if (getenv(variables[i]) != NULL)
			return false;
	return true;
}

/* Only what was handed over is open, besides the standard streams. */
static bool
nothing_else_is_open(const struct upgrade_inheritance *in)
{
	for (int fd = 3 + (int)in->socket_count + 5; fd < 256; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return false;
	return true;
}

static bool
are_sockets(const struct upgrade_inheritance *in)
{
	for (size_t i = 0; i < in->socket_count; i++) {
		int type = 0, want = i < SLOTS ? SOCK_DGRAM : SOCK_STREAM;
		socklen_t bytes = sizeof type;
		if (in->sockets[i] != 3 + (int)i || !(fcntl(in->sockets[i], F_GETFD) & FD_CLOEXEC) ||
		        getsockopt(in->sockets[i], SOL_SOCKET, SO_TYPE, &type, &bytes) < 0 || type != want)
			return false;
	}
	return true;
}

static const char hosts[] = "a.example 192.0.2.1 2001:db8::1\nb.example 192.0.2.2\n";

static bool
has_the_memory(const struct upgrade_inheritance *in)
{
	struct shm *shm = shm_adopt(in->world, 4096);
	bool has = shm != NULL && strcmp(shm_start(shm), "from the old one") == 0;
	if (has)
		strcpy(shm_start(shm), "from the new one");
	shm_free(shm);
	return has;
}

/* The exit status says what was wrong. */
static int
be_new_master(const char *word)
{
	struct upgrade_inheritance in;
	sigset_t blocked;
	upgrade_inherit(&in);
	if (strcmp(word, "hangs") == 0)
		pause();
	if (strcmp(word, "dies") == 0) {
		upgrade_forget(&in);
		return 1;
	}
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	if (sigismember(&blocked, SIGTERM))
		return 2;
	if (!environment_is_clear())
		return 3;
	if (in.socket_count != 2 * SLOTS || !are_sockets(&in))
		return 4;
	if (in.ready < 0 || !(fcntl(in.ready, F_GETFD) & FD_CLOEXEC) || in.world < 0 ||
	        !(fcntl(in.world, F_GETFD) & FD_CLOEXEC))
		return 5;
	bool whole = strcmp(word, "inherits") == 0;
	if (whole != (in.control >= 0) || (whole && close(in.control) < 0))
		return 9;
	if (whole != (in.cache >= 0) ||
	        (whole && (!(fcntl(in.cache, F_GETFD) & FD_CLOEXEC) || close(in.cache) < 0)))
		return 10;
	if (whole != (in.lists >= 0) ||
	        (whole && (!(fcntl(in.lists, F_GETFD) & FD_CLOEXEC) || close(in.lists) < 0)))
		return 12;
	if (whole != (in.hosts != NULL) || (whole && strcmp(in.hosts, hosts) != 0))
		return 11;
	if (!nothing_else_is_open(&in))
		return 6;
	if (!has_the_memory(&in))
		return 7;
	upgrade_serves(&in);
	upgrade_serves(&in); /* told already */
	upgrade_forget(&in);
	if (in.sockets != NULL || fcntl(3, F_GETFD) >= 0)
		return 8;
	upgrade_forget(&in);
	return 0;
}

/* --- the old one --- */

static struct sockets *sockets;
static struct shm *shm;
static struct upgrade u;
static int cache, lists, control; /* what goes over besides; -1: it is not there */
static char why[SOCKETS_WHY_BYTES];
static char self[4096]; /* this program */

static int
start(void **state)
{
	struct config_listen l = {.udp = true, .tcp = true, .address = ports_free("127.0.0.1")};
	(void)state;
	sockets = sockets_open(&l, 1, SLOTS, NULL, why);
	shm = shm_new(4096);
	if (sockets == NULL || shm == NULL)
		return -1;
	strcpy(shm_start(shm), "from the old one");
	cache = lists = control = shm_descriptor(shm);
	u = (struct upgrade){.ready = -1};
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	upgrade_end(&u, false);
	shm_free(shm);
	sockets_close(sockets);
	return 0;
}

static void
begin(const char *path, const char *word)
{
	char *const argv[] = {strdup("upgrade"), strdup(word), NULL};
	const struct upgrade_legacy legacy = {.world = shm_descriptor(shm),
	        .cache = cache,
	        .lists = lists,
	        .control = control,
	        .hosts = strcmp(word, "inherits") == 0 ? hosts : NULL};
	assert_int_equal(upgrade_begin(&u, path, argv, sockets, &legacy), 0);
	assert_true(u.pid > 0);
	free(argv[0]);
	free(argv[1]);
}

static void
await_word(void)
{
	struct pollfd p = {.fd = u.ready, .events = POLLIN};
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

static int
status_of(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
hands_over(void **state)
{
	sigset_t ours;
	(void)state;
	/* As the master has it: its signals come by a descriptor. */
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	begin(self, "inherits");
	sigprocmask(SIG_UNBLOCK, &ours, NULL);
	await_word();
	bool succeeded = upgrade_succeeded(&u);
	int status = status_of(u.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(succeeded);
	assert_string_equal(shm_start(shm), "from the new one");
	/* Ours are where they were. */
	assert_true(fcntl(sockets_udp(sockets, 0, 0), F_GETFD) & FD_CLOEXEC);
	int ready = u.ready;
	upgrade_end(&u, false);
	assert_int_equal(u.pid, 0);
	assert_int_equal(u.ready, -1);
	assert_int_equal(fcntl(ready, F_GETFD), -1);
}

/* Descriptors that have the numbers which others are to get: none may be run over on the way. */
static void
descriptors_in_each_others_places(void **state)
{
	(void)state;
	/* The memory lies where the second socket has to go, and where the first has to go is a hole. */
	stop(NULL);
	int hole = open("/dev/null", O_RDONLY | O_CLOEXEC), low = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(hole, 3);
	assert_int_equal(low, 4);
	assert_int_equal(start(NULL), 0);
	assert_int_equal(dup3(shm_descriptor(shm), low, O_CLOEXEC), low);
	shm_free(shm);
	shm = shm_adopt(low, 4096);
	assert_non_null(shm);
	assert_int_equal(shm_descriptor(shm), 4);
	cache = lists = control = 4;
	assert_int_equal(sockets_udp(sockets, 0, 0), 5);
	close(hole);
	begin(self, "inherits");
	await_word();
	bool succeeded = upgrade_succeeded(&u);
	assert_int_equal(status_of(u.pid), 0);
	assert_true(succeeded);
}

/* Neither a cache nor lists nor a control socket are needed. */
static void
without_what_may_be_missing(void **state)
{
	(void)state;
	cache = lists = control = -1;
	begin(self, "inherits less");
	await_word();
	bool succeeded = upgrade_succeeded(&u);
	assert_int_equal(status_of(u.pid), 0);
	assert_true(succeeded);
}

static void
new_one_dies(void **state)
{
	(void)state;
	begin(self, "dies");
	await_word();
	assert_false(upgrade_succeeded(&u));
	assert_int_equal(WEXITSTATUS(status_of(u.pid)), 1);
	assert_string_equal(shm_start(shm), "from the old one");
}

static void
no_such_binary(void **state)
{
	(void)state;
	begin("/nonexistent/dotward", "inherits");
	await_word();
	assert_false(upgrade_succeeded(&u));
	assert_int_equal(WEXITSTATUS(status_of(u.pid)), 127);
}

static void
new_one_hangs(void **state)
{
	(void)state;
	begin(self, "hangs");
	struct pollfd p = {.fd = u.ready, .events = POLLIN};
	assert_int_equal(poll(&p, 1, 50), 0);
	assert_false(upgrade_succeeded(&u)); /* it has not said so */
	pid_t pid = u.pid;
	upgrade_end(&u, true);
	int status = status_of(pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	upgrade_end(&u, true); /* nobody */
}

/* --- what comes in the environment --- */

static void
set(const char *pid, const char *fds, const char *memory, const char *ready)
{
	const char *const values[] = {pid, fds, "a:b:c", memory, ready, memory, memory, memory};
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		if (values[i] != NULL)
			setenv(variables[i], values[i], 1);
}

static struct upgrade_inheritance
inherit(void)
{
	struct upgrade_inheritance in;
	upgrade_inherit(&in);
	assert_true(environment_is_clear());
	return in;
}

static void
assert_nothing(const struct upgrade_inheritance *in)
{
	assert_int_equal(in->socket_count, 0);
	assert_null(in->sockets);
	assert_int_equal(in->world, -1);
	assert_int_equal(in->cache, -1);
	assert_int_equal(in->lists, -1);
	assert_int_equal(in->control, -1);
	assert_int_equal(in->ready, -1);
	assert_null(in->hosts);
}

static void
nothing_in_the_environment(void **state)
{
	(void)state;
	struct upgrade_inheritance in = inherit();
	assert_nothing(&in);
	upgrade_serves(&in);
	upgrade_forget(&in);
}

/* Left in the environment by a parent that was itself activated: those descriptors are not for us. */
static void
meant_for_another_process(void **state)
{
	char pid[24];
	(void)state;
	snprintf(pid, sizeof pid, "%d", (int)getppid());
	set(pid, "2", "5", "6");
	struct upgrade_inheritance in = inherit();
	assert_nothing(&in);
}

static void
without_sense(void **state)
{
	static const char *const counts[] = {"", "x", "2x", "-1", "4097", "99999999999999999999", " ", NULL};
	char pid[24];
	(void)state;
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		set(pid, counts[i], "5", "6");
		struct upgrade_inheritance in = inherit();
		assert_nothing(&in);
	}
	strcat(pid, "1");
	set(pid, "2", "5", "6");
	struct upgrade_inheritance in = inherit();
	assert_nothing(&in);
}

static void
socket_activation(void **state)
{
	char pid[24];
	(void)state;
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	set(pid, "2", NULL, NULL);
	struct upgrade_inheritance in = inherit();
	assert_int_equal(in.socket_count, 2);
	assert_int_equal(in.sockets[0], 3);
	assert_int_equal(in.sockets[1], 4);
	assert_int_equal(in.world, -1);
	assert_int_equal(in.ready, -1);
	free(in.sockets); /* not upgrade_forget(): 3 and 4 are this program's */
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        STARTED(hands_over),
	        STARTED(descriptors_in_each_others_places),
	        STARTED(without_what_may_be_missing),
	        STARTED(new_one_dies),
	        STARTED(no_such_binary),
	        STARTED(new_one_hangs),
	        cmocka_unit_test(nothing_in_the_environment),
	        cmocka_unit_test(meant_for_another_process),
	        cmocka_unit_test(without_sense),
	        cmocka_unit_test(socket_activation),
	};
	if (argc > 1)
		return be_new_master(argv[1]);
	/* Not by that link itself, which under valgrind is valgrind. */
	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return 99;
	/* What whoever started us left open is none of ours. */
	close_range(3, ~0u, 0);
	return cmocka_run_group_tests_name("upgrade", tests, NULL, NULL);
}
