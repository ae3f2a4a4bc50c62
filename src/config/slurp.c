/*
 * Reads files the way a configuration wants them: no directories, no endless devices, and nothing that makes
 * the reader wait but what the user named as the configuration itself.
 */
#include "config/slurp.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char slurp_too_large[] = "it is too large (at most 256 KiB with all it includes)";

static const char *
slurp_opened(struct slurp *out, int fd, bool pipe_too, size_t limit)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (S_ISDIR(st.st_mode))
		return "it is a directory";
	if (!pipe_too && !S_ISREG(st.st_mode))
		return "it is not a regular file";
	*out = (struct slurp){.text = must_alloc(limit + 1, 1), .device = st.st_dev, .inode = st.st_ino};
	while (out->count <= limit) {
		ssize_t got = read(fd, out->text + out->count, limit + 1 - out->count);
		if (got < 0 && errno != EINTR)
			return strerror(errno);
		if (got == 0)
			return NULL;
		out->count += got > 0 ? (size_t)got : 0;
	}
	return slurp_too_large;
}

const char *
slurp_file(struct slurp *out, const char *name, bool pipe_too, size_t limit)
{
	*out = (struct slurp){0};
	int fd = open(name, O_RDONLY | O_CLOEXEC | (pipe_too ? 0 : O_NONBLOCK));
	if (fd < 0)
		return strerror(errno);
	const char *why = slurp_opened(out, fd, pipe_too, limit);
	close(fd);
	if (why != NULL) {
		free(out->text);
		return why;
	}
	char *fitted = realloc(out->text, out->count + 1);
	out->text = fitted ? fitted : out->text;
	return NULL;
}
