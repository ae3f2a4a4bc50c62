/*
 * Privileges are given up in one order: groups, group, user (each needs the one that goes last),
 * capabilities, new privileges, and the parent-death signal at the end, because a change of user clears it.
 */
#include "process/sandbox.h"

#include "base/log.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int
sandbox_find_user(const char *name, struct sandbox_user *out, char why[SANDBOX_WHY_BYTES])
{
	*out = (struct sandbox_user){.change = false};
	if (name[0] == '\0' || geteuid() != 0)
		return 0;
	errno = 0;
	const struct passwd *user = getpwnam(name);
	if (user == NULL) {
		snprintf(why, SANDBOX_WHY_BYTES,
		        "user = \"%s\": there is no such user; make it (useradd --system --no-create-home "
		        "%s) or set user "
		        "= \"\" to stay root",
		        name, name);
		return errno ? -errno : -ENOENT;
	}
	*out = (struct sandbox_user){.change = true, .uid = user->pw_uid, .gid = user->pw_gid};
	return 0;
}

void
sandbox_limit(void)
{
	struct rlimit files, none = {0, 0};
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	setrlimit(RLIMIT_CORE, &none);
}

int
sandbox_enter_master(void)
{
	/* to make workers into their user, to end them afterwards, to bind at a reload, to give a new control
	 * socket its group */
	static const unsigned kept[] = {
	        CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_NET_BIND_SERVICE, CAP_CHOWN};
	if (geteuid() != 0)
		return 0;
	bool have[sizeof kept / sizeof kept[0]];
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]) != 0;
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		if (have[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	return capng_apply(CAPNG_SELECT_CAPS) == 0 ? 0 : -EPERM;
}

/* A core that is piped to a collector does not heed RLIMIT_CORE, and it would hold keys and questions. The
 * leak checker, on the other hand, traces its own process. */
#ifdef DOTWARD_SANITIZERS
enum { DUMPABLE = 1 };
#else
enum { DUMPABLE = 0 };
#endif

void
sandbox_keep_secrets(void)
{
	if (prctl(PR_SET_DUMPABLE, DUMPABLE) < 0)
		log_warn("keys may get into a core file why=\"%s\"", strerror(errno));
}

static int
become(const struct sandbox_user *user)
{
	if (!user->change)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
	        setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

/*
 * A service manager may have given us one capability beyond our user, to bind low ports, and may refuse
 * capset() (systemd's ~@privileged). Then what is left is of no use: the seal lets a worker neither listen
 * nor make a UDP socket, and nothing that it could execute would inherit it.
 */
static bool
is_harmless_rest(void)
{
	if (geteuid() == 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return false;
	capng_get_caps_process();
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap != CAP_NET_BIND_SERVICE && capng_have_capability(CAPNG_PERMITTED, cap) != 0)
			return false;
	return true;
}

int
sandbox_enter_worker(const struct sandbox_user *user, pid_t master, char why[SANDBOX_WHY_BYTES])
{
	/* The bounding set can be emptied only while there is CAP_SETPCAP; without it there is nothing worth
	 * bounding. */
	capng_get_caps_process();
	bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
	capng_clear(CAPNG_SELECT_BOTH);
	if (bounds)
		capng_apply(CAPNG_SELECT_BOUNDS);
	int failed = become(user);
	if (failed < 0) {
		snprintf(why, SANDBOX_WHY_BYTES, "cannot become uid %u gid %u: %s", user->uid, user->gid,
		        strerror(-failed));
		return failed;
	}
	if (capng_apply(CAPNG_SELECT_CAPS) != 0 && !is_harmless_rest())
		failed = -EPERM;
	if (failed == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		failed = -errno;
	if (failed == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		failed = -errno;
	if (failed == 0 && prctl(PR_SET_DUMPABLE, DUMPABLE) < 0)
		failed = -errno;
	if (failed < 0) {
		snprintf(why, SANDBOX_WHY_BYTES, "cannot give up privileges: %s", strerror(-failed));
		return failed;
	}
	/* The master may have died before the signal was asked for. */
	if (getppid() != master) {
		snprintf(why, SANDBOX_WHY_BYTES, "the master is gone");
		return -ESRCH;
	}
	return 0;
}

int
sandbox_limit_memory(uint64_t bytes)
{
#ifdef DOTWARD_SANITIZERS
	(void)bytes;
	return 0; /* their shadow alone is terabytes */
#endif
	struct rlimit limit;
	if (bytes == 0)
		return 0;
	if (getrlimit(RLIMIT_DATA, &limit) < 0)
		return -errno;
	/* whoever started us may have said less */
	if (limit.rlim_max <= bytes)
		return 0;
	limit.rlim_cur = limit.rlim_max = (rlim_t)bytes;
	return setrlimit(RLIMIT_DATA, &limit) < 0 ? -errno : 0;
}
