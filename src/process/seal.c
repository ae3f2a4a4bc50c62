/*
 * The seal: system calls by libseccomp. What is refused to a worker comes as SIGSYS, whose handler leaves the
 * number of the call where the master finds it and lets the signal end the process. The tables are calls.c.
 */
#include "process/sandbox.h"

#include "process/calls.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/*
 * A question that only a master's filter of ours answers, and with this error, so that an upgraded master
 * sees that it has the filter already: the kernel would run one more at every call, in all workers, after
 * each upgrade. The last digits are the table's version: a table that refuses more must have another.
 */
enum { SEAL_MARK = 0x64770001, SEAL_MARK_ANSWER = ENOTNAM };

enum { SEAL_BY_FILTER = 1 }; /* SYS_SECCOMP, for which not every libc has a name */

/* File global, as a handler has no argument. */
static volatile int *violation;

static void
on_violation(int signal, siginfo_t *info, void *context)
{
	(void)context;
	/* not when somebody has just sent us the signal */
	if (info->si_code == SEAL_BY_FILTER)
		*violation = info->si_syscall;
	/* The handler is gone with its first call (SA_RESETHAND), so this is the end. */
	raise(signal);
}

void
sandbox_on_violation(volatile int *where)
{
	struct sigaction action = {
	        .sa_sigaction = on_violation,
	        .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER),
	};
	sigset_t set;
	violation = where;
	*where = SANDBOX_NO_CALL;
	sigemptyset(&action.sa_mask);
	sigaction(SIGSYS, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

const char *
sandbox_call_name(int number, char out[SANDBOX_CALL_BYTES])
{
	char *name = number < 0 ? NULL : seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
	if (name != NULL)
		snprintf(out, SANDBOX_CALL_BYTES, "%s", name);
	else
		snprintf(out, SANDBOX_CALL_BYTES, number < 0 ? "unknown" : "%d", number);
	free(name);
	return out;
}

static int
add_calls(scmp_filter_ctx filter, uint32_t action, const struct call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct call *c = &calls[i];
		int number = seccomp_syscall_resolve_name(c->name);
		if (number == __NR_SCMP_ERROR)
			continue;
		int failed = seccomp_rule_add_array(filter, action, number, c->checks, c->check);
		/* -EDOM: not on this machine */
		if (failed < 0 && failed != -EDOM)
			return failed;
	}
	return 0;
}

/* raise() and abort(), and no signal to anybody else. musl and old glibc use tkill. */
static int
add_suicide(scmp_filter_ctx filter)
{
	const struct call calls[] = {
	        {.name = "tgkill",
	                .checks = 1,
	                .check = {{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (uint64_t)getpid()}}},
	        {.name = "tkill",
	                .checks = 1,
	                .check = {{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (uint64_t)getpid()}}},
	};
	return add_calls(filter, SCMP_ACT_ALLOW, calls, sizeof calls / sizeof calls[0]);
}

static int
fill_worker(scmp_filter_ctx filter)
{
	int failed = add_calls(filter, SCMP_ACT_ALLOW, calls_worker, calls_worker_count);
	return failed < 0 ? failed : add_suicide(filter);
}

static int
fill_worker_source(scmp_filter_ctx filter)
{
	int failed = fill_worker(filter);
	return failed < 0 ? failed
	                  : add_calls(filter, SCMP_ACT_ALLOW, calls_worker_source, calls_worker_source_count);
}

static int
fill_exporter(scmp_filter_ctx filter)
{
	int failed = add_calls(filter, SCMP_ACT_ALLOW, calls_exporter, calls_exporter_count);
	return failed < 0 ? failed : add_suicide(filter);
}

static int
fill_errand(scmp_filter_ctx filter)
{
	int failed = add_calls(filter, SCMP_ACT_ALLOW, calls_errand, calls_errand_count);
	return failed < 0 ? failed : add_suicide(filter);
}

static int
fill_scribe(scmp_filter_ctx filter)
{
	int failed = fill_errand(filter);
	return failed < 0 ? failed : add_calls(filter, SCMP_ACT_ALLOW, calls_scribe, calls_scribe_count);
}

static int
fill_loader(scmp_filter_ctx filter)
{
	int failed = fill_errand(filter);
	return failed < 0 ? failed : add_calls(filter, SCMP_ACT_ALLOW, calls_loader, calls_loader_count);
}

static int
fill_master(scmp_filter_ctx filter)
{
	static const struct call mark = {.name = "prctl",
	        .checks = 1,
	        .check = {{.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (uint64_t)SEAL_MARK}}};
	int failed = add_calls(filter, SCMP_ACT_ERRNO(SEAL_MARK_ANSWER), &mark, 1);
	return failed < 0 ? failed
	                  : add_calls(filter, SCMP_ACT_ERRNO(EPERM), calls_master_refused,
	                            calls_master_refused_count);
}

static bool
has_mark(void)
{
	return prctl(SEAL_MARK, 0, 0, 0, 0) < 0 && errno == SEAL_MARK_ANSWER;
}

static const struct {
	uint32_t otherwise;
	int (*fill)(scmp_filter_ctx filter);
} roles[] = {
        [SANDBOX_MASTER] = {SCMP_ACT_ALLOW, fill_master},
        [SANDBOX_WORKER] = {SCMP_ACT_TRAP, fill_worker},
        [SANDBOX_WORKER_SOURCE] = {SCMP_ACT_TRAP, fill_worker_source},
        [SANDBOX_EXPORTER] = {SCMP_ACT_TRAP, fill_exporter},
        [SANDBOX_SCRIBE] = {SCMP_ACT_TRAP, fill_scribe},
        [SANDBOX_LOADER] = {SCMP_ACT_TRAP, fill_loader},
        [SANDBOX_ERRAND] = {SCMP_ACT_TRAP, fill_errand},
};

static int
filter_load(enum sandbox_role role)
{
	scmp_filter_ctx filter = seccomp_init(roles[role].otherwise);
	if (filter == NULL)
		return -ENOMEM;
	/* Calls of another architecture (32 bits on 64) would pass by the table. */
	int failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A search tree rather than a chain, for kernels that do not remember what is always allowed. */
	if (failed == 0)
		failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* Kernels before 5.16 slow a sealed process down against an attack by the code it runs; ours runs
	 * none but its own. */
	if (failed == 0)
		failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	if (failed == 0)
		failed = roles[role].fill(filter);
	if (failed == 0)
		failed = seccomp_load(filter);
	seccomp_release(filter);
	return failed;
}

/* libc reads the time zone's file when it first needs it, which would be too late, and looks again later
 * whether it has changed, unless TZ names it. */
static void
settle_time_zone(void)
{
	setenv("TZ", ":/etc/localtime", 0);
	tzset();
}

int
sandbox_seal(enum sandbox_role role, char why[SANDBOX_WHY_BYTES])
{
	if (role == SANDBOX_MASTER && has_mark())
		return 0;
	if (role != SANDBOX_MASTER)
		settle_time_zone();
	int failed = filter_load(role);
	if (failed < 0)
		snprintf(why, SANDBOX_WHY_BYTES,
		        "system calls cannot be restricted (seccomp): %s; sandbox = false goes without",
		        strerror(-failed));
	return failed;
}
