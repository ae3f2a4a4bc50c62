/*
 * Users, capabilities and limits, in children that give up what the test still needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"

#include "base/must.h"
#include "process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define NEED(claim)                                                                                          \
	do {                                                                                                 \
		if (!(claim))                                                                                \
			return __LINE__ & 0x7f;                                                              \
	} while (0)

enum { MIB = 1 << 20, LIMIT_BYTES = 96 * MIB, FAR_BEYOND_BYTES = 1024 * MIB };

static bool
status_has(const char *line)
{
	static char text[8192];
	int fd = open("/proc/thread-self/status", O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return strstr(text, line) != NULL;
}

static int
do_enter_worker(void *arg)
{
	const struct sandbox_user *user = arg;
	char why[SANDBOX_WHY_BYTES];
	NEED(sandbox_enter_worker(user, getppid(), why) == 0);
	NEED(!user->change || (getuid() == user->uid && geteuid() == user->uid && getgid() == user->gid));
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	int signal = 0;
	NEED(prctl(PR_GET_PDEATHSIG, &signal) == 0 && signal == SIGKILL);
#ifndef DOTWARD_SANITIZERS
	NEED(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
#endif
	/* /proc/self is root's by now, but what it says of itself can be read */
	NEED(status_has("\nCapEff:\t0000000000000000\n") && status_has("\nCapPrm:\t0000000000000000\n"));
	NEED(setuid(0) < 0 || getuid() == 0);
	return 0;
}

static void
a_worker_has_given_everything_up(void **state)
{
	struct sandbox_user user = {.change = geteuid() == 0, .uid = 65534, .gid = 65534};
	(void)state;
	struct forked child = forked_run(do_enter_worker, &user);
	if (!forked_succeeded(&child))
		fail_msg("status %#x %s", child.status, child.said);
}

static int
do_orphan(void *arg)
{
	const struct sandbox_user user = {.change = false};
	char why[SANDBOX_WHY_BYTES] = "";
	(void)arg;
	NEED(sandbox_enter_worker(&user, getppid() + 1, why) == -ESRCH);
	NEED(strstr(why, "master is gone") != NULL);
	return 0;
}

static void
a_worker_without_its_master_does_not_serve(void **state)
{
	(void)state;
	struct forked child = forked_run(do_orphan, NULL);
	assert_true(forked_succeeded(&child));
}

static void
a_user_that_is_missing_is_named(void **state)
{
	struct sandbox_user user;
	char why[SANDBOX_WHY_BYTES] = "";
	(void)state;
	assert_int_equal(sandbox_find_user("", &user, why), 0);
	assert_false(user.change);
	if (geteuid() != 0)
		skip();
	assert_true(sandbox_find_user("nobody-of-that-name", &user, why) < 0);
	assert_non_null(strstr(why, "nobody-of-that-name"));
}

/* --- memory */

static int
do_leak(void *arg)
{
	(void)arg;
	NEED(sandbox_limit_memory(LIMIT_BYTES) == 0);
	for (size_t bytes = 0; bytes < FAR_BEYOND_BYTES; bytes += MIB)
		memset(must_alloc(1, MIB), 1, MIB);
	return 0;
}

static void
a_worker_that_leaks_dies_of_it(void **state)
{
	(void)state;
#ifdef DOTWARD_SANITIZERS
	skip();
#endif
	struct forked child = forked_run(do_leak, NULL);
	assert_true(forked_aborted(&child));
	assert_non_null(strstr(child.said, "assertion failed"));
}

/* What is shared with others is not its own. */
static int
do_share(void *arg)
{
	(void)arg;
	NEED(sandbox_limit_memory(LIMIT_BYTES) == 0);
	NEED(mmap(NULL, FAR_BEYOND_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) !=
	        MAP_FAILED);
	return 0;
}

static int
do_without_limit(void *arg)
{
	struct rlimit before, after;
	(void)arg;
	getrlimit(RLIMIT_DATA, &before);
	NEED(sandbox_limit_memory(0) == 0);
	getrlimit(RLIMIT_DATA, &after);
	NEED(before.rlim_cur == after.rlim_cur && before.rlim_max == after.rlim_max);
	return 0;
}

/* A limit from outside that is lower already stays, and is no failure. */
static int
do_below_a_limit(void *arg)
{
	struct rlimit limit = {.rlim_cur = LIMIT_BYTES, .rlim_max = LIMIT_BYTES};
	(void)arg;
	NEED(setrlimit(RLIMIT_DATA, &limit) == 0);
	NEED(sandbox_limit_memory(FAR_BEYOND_BYTES) == 0);
	getrlimit(RLIMIT_DATA, &limit);
	NEED(limit.rlim_cur == LIMIT_BYTES && limit.rlim_max == LIMIT_BYTES);
	return 0;
}

static void
the_limit_is_for_its_own_memory(void **state)
{
	static forked_fn *const deeds[] = {do_share, do_without_limit, do_below_a_limit};
	(void)state;
#ifdef DOTWARD_SANITIZERS
	skip();
#endif
	for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
		struct forked child = forked_run(deeds[i], NULL);
		if (!forked_succeeded(&child))
			fail_msg("deed %zu: status %#x %s", i, child.status, child.said);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_worker_has_given_everything_up),
	        cmocka_unit_test(a_worker_without_its_master_does_not_serve),
	        cmocka_unit_test(a_user_that_is_missing_is_named),
	        cmocka_unit_test(a_worker_that_leaks_dies_of_it),
	        cmocka_unit_test(the_limit_is_for_its_own_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
