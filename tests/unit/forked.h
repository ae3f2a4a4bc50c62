/*
 * Deeds that end a process, or change it for good, done in a child, with what it says on standard error.
 */
#ifndef DOTWARD_TESTS_FORKED_H
#define DOTWARD_TESTS_FORKED_H

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct forked {
	int status; /* as waitpid() has it */
	char said[4096];
};

typedef int forked_fn(void *arg);

/* Runs deed(arg) in a child, which exits with what it returns. No assertion of cmocka's may be in it. */
static inline struct forked
forked_run(forked_fn *deed, void *arg)
{
	struct forked result = {.status = -1};
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		_exit(deed(arg));
	}
	close(ends[1]);
	size_t held = 0;
	ssize_t got;
	while ((got = read(ends[0], result.said + held, sizeof result.said - 1 - held)) > 0)
		held += (size_t)got;
	result.said[held] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &result.status, 0), pid);
	return result;
}

static inline bool
forked_aborted(const struct forked *result)
{
	return WIFSIGNALED(result->status) && WTERMSIG(result->status) == SIGABRT;
}

static inline bool
forked_succeeded(const struct forked *result)
{
	return WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0;
}

#endif
