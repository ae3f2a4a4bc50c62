/*
 * Faults on purpose: each ends its process as its name says, where its name says, and nobody else. Only in a
 * build with --enable-fault-injection; a release must not know them at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "base/fault.h"
#include "forked.h"

#include <stdio.h>

struct passing {
	const char *name; /* in wire form, without the root */
	const char *point;
};

static int
pass(void *arg)
{
	const struct passing *p = arg;
	const struct rlimit small = {256 << 20, 256 << 20};
	/* A sanitizer would tell more of a crash than the test wants to hear. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
#ifndef DOTWARD_SANITIZERS
	setrlimit(RLIMIT_AS, &small);
#else
	(void)small;
#endif
	alarm(1);
	fault_pass(p->point, (const uint8_t *)p->name, strlen(p->name) + 1);
	return 42;
}

static int
status_of(const char *name, const char *point)
{
	struct passing p = {name, point};
	return forked_run(pass, &p).status;
}

#ifdef DOTWARD_FAULTS
static int
signal_of(const char *name, const char *point)
{
	int status = status_of(name, point);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
#endif

static void
assert_passes(const char *name, const char *point)
{
	int status = status_of(name, point);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

#ifdef DOTWARD_FAULTS
static void
faults_of_each_kind(void **state)
{
	(void)state;
	assert_int_equal(signal_of("\4segv\5begin\5fault\4test", "begin"), SIGSEGV);
	assert_int_equal(signal_of("\5abort\5begin\5fault\4test", "begin"), SIGABRT);
	assert_int_equal(signal_of("\4hang\6answer\5fault\4test", "answer"), SIGALRM);
	assert_int_equal(WEXITSTATUS(status_of("\4exit\5begin\5fault\4test", "begin")), 3);
	/* Another program came in its place. */
	assert_int_equal(status_of("\4exec\5begin\5fault\4test", "begin"), 0);
	assert_passes("\4open\5begin\5fault\4test", "begin");
}

/* The clock that counts sleep is ahead by it, in this process. */
static void
a_machine_that_sleeps(void **state)
{
	static const uint8_t name[] = "\5sleep\5begin\5fault\4test";
	uint64_t boot_ms = clock_boot_ms(), slept_ms = fault_slept_ms();
	(void)state;
	fault_pass("begin", name, sizeof name);
	assert_int_equal(fault_slept_ms(), slept_ms + 5000);
	assert_true(clock_boot_ms() >= boot_ms + 5000);
}

#ifndef DOTWARD_SANITIZERS
static void
leak(void **state)
{
	(void)state;
	assert_int_equal(signal_of("\4leak\5begin\5fault\4test", "begin"), SIGABRT);
}
#endif
#endif

/* Labels in front of the kind would be another name; what stands behind the point does not matter. */
static void
at_its_point_only(void **state)
{
	(void)state;
	assert_passes("\4segv\5begin\5fault\4test", "answer");
	assert_passes("\4segv\6begins\5fault\4test", "begin");
	assert_passes("\5segvs\5begin\5fault\4test", "begin");
	assert_passes("\3www\4segv\5begin\5fault\4test", "begin");
	assert_passes("\4segv\5fault\4test", "begin");
	assert_passes("\5fault\4test", "begin");
	assert_passes("", "begin");
}

/* Not a name of the real world, whatever it begins with; and this is all that a release ever sees. */
static void
other_names_are_safe(void **state)
{
	(void)state;
	assert_passes("\4segv\5begin\5fault\7example", "begin");
	assert_passes("\4segv\5begin\6faults\4test", "begin");
	assert_passes("\5abort\5begin\4test", "begin");
#ifndef DOTWARD_FAULTS
	assert_passes("\4segv\5begin\5fault\4test", "begin");
	assert_passes("\4hang\5begin\5fault\4test", "begin");
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef DOTWARD_FAULTS
	        cmocka_unit_test(faults_of_each_kind),
	        cmocka_unit_test(a_machine_that_sleeps),
#ifndef DOTWARD_SANITIZERS
	        cmocka_unit_test(leak), /* a sanitizer's own memory does not fit into a limit */
#endif
#endif
	        cmocka_unit_test(at_its_point_only),
	        cmocka_unit_test(other_names_are_safe),
	};
	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
