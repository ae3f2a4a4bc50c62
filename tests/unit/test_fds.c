/*
 * Descriptors: what is not kept is closed, whichever way the kernel has.
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

#include "process/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdbool.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { MOST = 60 };

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* A kernel in which these calls fail. */
static void
without(const char *const *calls, size_t count, int error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	for (size_t i = 0; i < count; i++)
		seccomp_rule_add(
		        filter, SCMP_ACT_ERRNO((unsigned)error), seccomp_syscall_resolve_name(calls[i]), 0);
	seccomp_load(filter);
	seccomp_release(filter);
}

/* Fills 3 to MOST, closes all but a few, and says which is not as it should be. */
static int
close_but(const int *keep, size_t count)
{
	int list[16];
	for (int fd = 3; fd <= MOST; fd++)
		if (dup2(0, fd) < 0)
			return 126;
	memcpy(list, keep, count * sizeof *keep);
	fds_close_but(list, count);
	for (int fd = 0; fd <= MOST + 10; fd++) {
		bool kept = false;
		for (size_t i = 0; i < count; i++)
			kept = kept || keep[i] == fd;
		if (is_open(fd) != kept)
			return 1 + fd;
	}
	return 0;
}

static const int some[] = {2, 40, 0, -1, 5, 1, 5, 6, MOST, 40}, none_above[] = {1, 0, 2};

static int
do_close(void *arg)
{
	(void)arg;
	int first = close_but(some, COUNT(some));
	return first ? first : close_but(none_above, COUNT(none_above));
}

static int
do_close_by_list(void *arg)
{
	static const char *const calls[] = {"close_range"};
	without(calls, COUNT(calls), ENOSYS);
	return do_close(arg);
}

static int
do_close_by_number(void *arg)
{
	static const char *const calls[] = {"close_range", "open", "openat"};
	struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};
	setrlimit(RLIMIT_NOFILE, &limit);
	without(calls, COUNT(calls), ENOENT);
	return do_close(arg);
}

static void
expect(forked_fn *deed)
{
	if (getenv("VALGRIND") != NULL)
		skip();
	struct forked child = forked_run(deed, NULL);
	if (!forked_succeeded(&child))
		fail_msg("descriptor %d is not as it should be (status %#x)", WEXITSTATUS(child.status) - 1,
		        child.status);
}

static void
holes_are_closed(void **state)
{
	(void)state;
	expect(do_close);
}

static void
an_older_kernel_does_it_by_list(void **state)
{
	(void)state;
	expect(do_close_by_list);
}

static void
without_proc_it_is_done_by_number(void **state)
{
	(void)state;
	expect(do_close_by_number);
}

/* The standard three, the log's if it has one, and what is named; nothing else. */
static int
do_keep(void *arg)
{
	const int own[] = {40, -1, 5};
	(void)arg;
	for (int fd = 3; fd <= MOST; fd++)
		if (dup2(0, fd) < 0)
			return 126;
	fds_keep(own, COUNT(own));
	for (int fd = 0; fd <= MOST; fd++)
		if (is_open(fd) != (fd <= 2 || fd == 5 || fd == 40))
			return 1 + fd;
	return 0;
}

static void
the_common_ones_are_kept_with_those_named(void **state)
{
	(void)state;
	expect(do_keep);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(holes_are_closed),
	        cmocka_unit_test(an_older_kernel_does_it_by_list),
	        cmocka_unit_test(without_proc_it_is_done_by_number),
	        cmocka_unit_test(the_common_ones_are_kept_with_those_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
