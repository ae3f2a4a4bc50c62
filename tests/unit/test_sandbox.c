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
#include "process/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

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

static void
limits(void **state)
{
	(void)state;
	struct forked result = forked_run(limit, NULL);
	assert_true(forked_succeeded(&result));
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
	};
	return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
