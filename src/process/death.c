/*
 * What wait() says of a worker, in words.
 */
#include "process/death.h"

#include "base/log.h"
#include "process/sandbox.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void
death_text(int status, int call, char out[DEATH_BYTES])
{
	char name[SANDBOX_CALL_BYTES];
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		snprintf(out, DEATH_BYTES, "signal=%d (%s) call=%s", SIGSYS, strsignal(SIGSYS),
		        sandbox_call_name(call, name));
	else if (WIFSIGNALED(status))
		snprintf(out, DEATH_BYTES, "signal=%d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(out, DEATH_BYTES, "exit=%d", WEXITSTATUS(status));
}

bool
death_is_crash(int status, bool aborted)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGSYS};
	/* A worker leaves when it is told to, which is no death, and else never: something in it called
	 * exit(). */
	if (!WIFSIGNALED(status) || aborted)
		return true;
	for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
		if (WTERMSIG(status) == crashes[i])
			return true;
	return false;
}

void
death_take_words(struct lastwords *words, char out[DEATH_WORDS_BYTES])
{
	char quoted[LASTWORDS_BYTES * 2];
	out[0] = '\0';
	words->text[sizeof words->text - 1] = '\0';
	if (words->text[0] != '\0')
		snprintf(out, DEATH_WORDS_BYTES, " words=\"%s\"",
		        log_quote(quoted, sizeof quoted, words->text, strlen(words->text)));
	memset(words->text, 0, sizeof words->text);
	words->call = SANDBOX_NO_CALL;
	atomic_store(&words->hand, 0);
}
