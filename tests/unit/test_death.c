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

static void
last_words_are_taken_once(void **state)
{
	struct lastwords words = {.text = "assertion failed: \"x\"\n", .call = 59, .hand = 7};
	char text[DEATH_WORDS_BYTES];
	(void)state;
	death_take_words(&words, text);
	assert_string_equal(text, " words=\"assertion failed: \\034x\\034\\010\"");
	assert_int_equal(words.call, SANDBOX_NO_CALL);
	assert_true(atomic_load(&words.hand) == 0);
	death_take_words(&words, text);
	assert_string_equal(text, "");
	/* a process that was killed in the middle of writing them */
	memset(words.text, 'x', sizeof words.text);
	death_take_words(&words, text);
	assert_int_equal(strlen(text), sizeof " words=\"\"" - 1 + sizeof words.text - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(deaths_are_told),
	        cmocka_unit_test(whose_doing_it_was),
	        cmocka_unit_test(last_words_are_taken_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
