/*
 * How a process died, in words, and whether it was its own doing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/death.h"
#include "process/sandbox.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

/* As wait() has it. */
#define EXITED(code)     ((code) << 8)
#define SIGNALED(number) (number)

static void
deaths_are_told(void **state)
{
	char text[DEATH_BYTES];
	(void)state;
	death_text(SIGNALED(SIGKILL), SANDBOX_NO_CALL, text);
	assert_string_equal(text, "signal=9 (Killed)");
	death_text(EXITED(78), SANDBOX_NO_CALL, text);
	assert_string_equal(text, "exit=78");
	death_text(SIGNALED(SIGSYS), SYS_execve, text);
	assert_string_equal(text, "signal=31 (Bad system call) call=execve");
	death_text(SIGNALED(SIGSYS), SANDBOX_NO_CALL, text);
	assert_string_equal(text, "signal=31 (Bad system call) call=unknown");
}

static void
whose_doing_it_was(void **state)
{
	(void)state;
	assert_true(death_is_crash(SIGNALED(SIGSEGV), false));
	assert_true(death_is_crash(SIGNALED(SIGABRT), false));
	assert_true(death_is_crash(SIGNALED(SIGSYS), false));
	assert_true(death_is_crash(EXITED(0), false));
	assert_false(death_is_crash(SIGNALED(SIGKILL), false));
	assert_false(death_is_crash(SIGNALED(SIGTERM), false));
	/* one that hung and was killed for it */
	assert_true(death_is_crash(SIGNALED(SIGKILL), true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(deaths_are_told),
	        cmocka_unit_test(whose_doing_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
