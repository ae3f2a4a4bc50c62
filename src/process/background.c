/*
 * A pipe carries one byte when the daemon serves; when it closes without, the daemon has failed and has said
 * why on the standard error that it still shared with us.
 */
#include "process/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void
background_settle(void)
{
	setsid();
	umask(027);
	/* The working directory stays: paths on the command line are read again at a reload and by a new
	 * binary. */
}

void
background_leave_terminal(const struct background *b)
{
	if (b->pipe < 0)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

void
background_serves(struct background *b)
{
	if (b->pipe < 0)
		return;
	ssize_t ignored = write(b->pipe, "s", 1);
	(void)ignored;
	close(b->pipe);
	b->pipe = -1;
}

int
background_wait(int pipe)
{
	char word;
	ssize_t got;
	do
		got = read(pipe, &word, 1);
	while (got < 0 && errno == EINTR);
	close(pipe);
	return got == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}
