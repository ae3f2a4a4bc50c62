/*
 * The word from the daemon to the command that started it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "process/background.h"

#include <stdlib.h>
#include <sys/stat.h>

static void
it_serves(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	struct background b = {.pipe = ends[1]};
	background_serves(&b);
	assert_int_equal(b.pipe, -1);
	background_serves(&b); /* told already */
	assert_int_equal(background_wait(ends[0]), EXIT_SUCCESS);
}

static void
it_failed(void **state)
{
	int ends[2];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	assert_int_equal(background_wait(ends[0]), EXIT_FAILURE);
}

static int
leave(void *arg)
{
	struct background b = {.pipe = 99};
	struct stat null, st;
	char before[256];
	(void)arg;
	if (getcwd(before, sizeof before) == NULL)
		return 4;
	background_settle();
	background_leave_terminal(&b);
	if (getsid(0) != getpid() || stat("/dev/null", &null) < 0)
		return 1;
	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) < 0 || st.st_rdev != null.st_rdev)
			return 2;
	/* Paths on the command line still lead to the same files at a reload. */
	char here[256];
	return getcwd(here, sizeof here) != NULL && strcmp(here, before) == 0 ? 0 : 3;
}

static void
terminal_is_left(void **state)
{
	(void)state;
	struct forked result = forked_run(leave, NULL);
	assert_true(WIFEXITED(result.status));
	assert_int_equal(WEXITSTATUS(result.status), 0);
}

static int
stay(void *arg)
{
	struct background b = {.pipe = -1};
	(void)arg;
	background_leave_terminal(&b);
	background_serves(&b);
	return write(STDERR_FILENO, "still here", 10) == 10 ? 0 : 1;
}

static void
foreground_keeps_its_streams(void **state)
{
	(void)state;
	struct forked result = forked_run(stay, NULL);
	assert_true(forked_succeeded(&result));
	assert_string_equal(result.said, "still here");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_serves),
	        cmocka_unit_test(it_failed),
	        cmocka_unit_test(terminal_is_left),
	        cmocka_unit_test(foreground_keeps_its_streams),
	};
	return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
