/*
 * Never through a symbolic link: the folder may be somebody else's.
 */
#include "process/pid_file.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
pid_file_remove(struct pid_file *file)
{
	if (file->path[0] != '\0' && unlink(file->path) < 0 && errno != ENOENT)
		log_warn("pid_file cannot be removed why=\"%s\"", strerror(errno));
	file->path[0] = '\0';
}

int
pid_file_write(struct pid_file *file, const char *path, char why[PID_FILE_WHY_BYTES])
{
	if (strcmp(file->path, path) == 0)
		return 0;
	pid_file_remove(file);
	if (path[0] == '\0')
		return 0;
	char text[24];
	int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	errno = fd < 0 ? errno : 0;
	int failed = fd >= 0 && write(fd, text, (size_t)length) == length ? 0 : errno != 0 ? -errno : -EIO;
	if (fd >= 0)
		close(fd);
	if (failed < 0)
		snprintf(why, PID_FILE_WHY_BYTES, "pid_file \"%.300s\" cannot be written: %s", path,
		        strerror(-failed));
	else
		snprintf(file->path, sizeof file->path, "%s", path);
	return failed;
}
