/*
 * What a process has given up, as the kernel tells it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"

#include "base/must.h"
#include "process/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define NEED(claim)                                                                                          \
	do {                                                                                                 \
		if (!(claim))                                                                                \
			return __LINE__ & 0x7f;                                                              \
	} while (0)

enum { MIB = 1 << 20, LIMIT_BYTES = 96 * MIB, FAR_BEYOND_BYTES = 1024 * MIB };

static char why[SANDBOX_WHY_BYTES];

/* The value of a line of /proc/self/status, in this base; -1: no such line. */
static long long
status_of(const char *key, int base)
{
	char line[256];
	long long value = -1;
	FILE *f = fopen("/proc/self/status", "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			value = strtoll(line + strlen(key) + 1, NULL, base);
	if (f != NULL)
		fclose(f);
	return value;
}

static void
staying_who_we_are(void **state)
{
	struct sandbox_user user = {.change = true};
	(void)state;
	assert_int_equal(sandbox_find_user("", &user, why), 0);
	assert_false(user.change);
}

static int
find_as_nobody(void *arg)
{
	struct sandbox_user user = {.change = true};
	(void)arg;
	if (geteuid() == 0 && setuid(65534) < 0)
		return 1;
	/* Nothing to give up, whoever is named. */
	return sandbox_find_user("no-such-user-here", &user, why) == 0 && !user.change ? 0 : 2;
}

static void
not_being_root(void **state)
{
	(void)state;
	struct forked result = forked_run(find_as_nobody, NULL);
	assert_true(forked_succeeded(&result));
}

static void
users_by_name(void **state)
{
	struct sandbox_user user;
	(void)state;
	const struct passwd *nobody = getpwnam("nobody");
	if (geteuid() != 0 || nobody == NULL)
		skip();
	assert_int_equal(sandbox_find_user("nobody", &user, why), 0);
	assert_true(user.change);
	assert_int_equal(user.uid, nobody->pw_uid);
	assert_int_equal(user.gid, nobody->pw_gid);
	assert_int_equal(sandbox_find_user("no-such-user-here", &user, why), -ENOENT);
	assert_non_null(strstr(why, "user = \"no-such-user-here\": there is no such user"));
	assert_non_null(strstr(why, "useradd --system"));
	assert_false(user.change);
}

static int
become_worker(void *arg)
{
	const struct sandbox_user *user = arg;
	int signal = 0;
	if (sandbox_enter_worker(user, getppid(), why) < 0)
		return 1;
	if (user->change && (status_of("Uid", 10) != user->uid || status_of("Gid", 10) != user->gid ||
	                            geteuid() != user->uid || getgroups(0, NULL) != 0))
		return 2;
	if (user->change && (setuid(0) == 0 || setgid(0) == 0))
		return 3;
	static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapAmb"};
	for (int i = 0; i < 4; i++)
		if (status_of(sets[i], 16) != 0)
			return 4;
	if (user->change && status_of("CapBnd", 16) != 0)
		return 5;
	if (status_of("NoNewPrivs", 10) != 1)
		return 6;
	if (prctl(PR_GET_PDEATHSIG, &signal) < 0 || signal != SIGKILL)
		return 7;
#ifndef DOTWARD_SANITIZERS
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 8;
#endif
	return 0;
}

static void
worker_has_nothing_left(void **state)
{
	struct sandbox_user user = {.change = geteuid() == 0, .uid = 65534, .gid = 65534};
	(void)state;
	struct forked result = forked_run(become_worker, &user);
	assert_true(WIFEXITED(result.status));
	assert_int_equal(WEXITSTATUS(result.status), 0);
}

static int
become_orphan(void *arg)
{
	const struct sandbox_user stay = {.change = false};
	(void)arg;
	if (sandbox_enter_worker(&stay, getppid() + 1, why) != -ESRCH)
		return 1;
	return strcmp(why, "the master is gone") == 0 ? 0 : 2;
}

static void
worker_without_a_master(void **state)
{
	(void)state;
	struct forked result = forked_run(become_orphan, NULL);
	assert_true(forked_succeeded(&result));
}

static int
become_master(void *arg)
{
	(void)arg;
	long long before = status_of("CapPrm", 16);
	if (sandbox_enter_master() < 0)
		return 1;
	long long after = status_of("CapEff", 16);
	/* CHOWN, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE: those of them that there were */
	long long kept = 1 << 0 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10;
	return after == (before & kept) && status_of("CapPrm", 16) == after ? 0 : 2;
}

static void
master_keeps_what_births_need(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct forked result = forked_run(become_master, NULL);
	assert_true(WIFEXITED(result.status));
	assert_int_equal(WEXITSTATUS(result.status), 0);
}

static int
limit(void *arg)
{
	struct rlimit files, core = {1, 1};
	(void)arg;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return 1;
	files.rlim_cur = files.rlim_max / 2;
	setrlimit(RLIMIT_NOFILE, &files);
	sandbox_limit();
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_CORE, &core);
	return files.rlim_cur == files.rlim_max && core.rlim_cur == 0 && core.rlim_max == 0 ? 0 : 2;
}

static int
keep_secrets(void *arg)
{
	(void)arg;
	sandbox_keep_secrets();
#ifndef DOTWARD_SANITIZERS
	return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 1;
#else
	return 0;
#endif
}

static void
a_master_can_keep_secrets(void **state)
{
	(void)state;
	struct forked result = forked_run(keep_secrets, NULL);
	assert_true(forked_succeeded(&result));
}

static void
limits(void **state)
{
	(void)state;
	struct forked result = forked_run(limit, NULL);
	assert_true(forked_succeeded(&result));
}

/* --- memory */

static int
do_leak(void *arg)
{
	(void)arg;
	NEED(sandbox_limit_memory(LIMIT_BYTES) == 0);
	for (size_t bytes = 0; bytes < FAR_BEYOND_BYTES; bytes += MIB) {
		/* volatile: an optimizer that sees through must_alloc() leaves out what nobody uses */
		void *volatile room = must_alloc(1, MIB);
		memset(room, 1, MIB);
	}
	return 0;
}

static void
a_worker_that_leaks_dies_of_it(void **state)
{
	(void)state;
	/* valgrind's memory would be the one that runs out */
	if (getenv("VALGRIND") != NULL)
		skip();
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
	        cmocka_unit_test(staying_who_we_are),
	        cmocka_unit_test(not_being_root),
	        cmocka_unit_test(users_by_name),
	        cmocka_unit_test(worker_has_nothing_left),
	        cmocka_unit_test(worker_without_a_master),
	        cmocka_unit_test(master_keeps_what_births_need),
	        cmocka_unit_test(limits),
	        cmocka_unit_test(a_master_can_keep_secrets),
	        cmocka_unit_test(a_worker_that_leaks_dies_of_it),
	        cmocka_unit_test(the_limit_is_for_its_own_memory),
	};
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
