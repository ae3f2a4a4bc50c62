/*
 * A signal descriptor and a table.
 */
#include "process/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int
signals_watch(const struct signals_handler *handlers, size_t count)
{
	sigset_t signals;
	sigemptyset(&signals);
	for (size_t i = 0; i < count; i++)
		sigaddset(&signals, handlers[i].signal);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
signals_heed(int fd, const struct signals_handler *handlers, size_t count, void *arg)
{
	struct signalfd_siginfo got;
	while (read(fd, &got, sizeof got) == sizeof got)
		for (size_t i = 0; i < count; i++)
			if (handlers[i].signal == (int)got.ssi_signo)
				handlers[i].handle(arg);
}
