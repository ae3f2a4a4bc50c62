/*
 * The list of what is kept has holes between its elements, and each hole is one call. Kernels before 5.9 do
 * not have that call; there the list of what is open is read from /proc, and where that is not mounted every
 * number up to the limit is tried.
 */
#include "process/fds.h"

#include "base/log.h"
#include "base/logflood.h"
#include "base/must.h"

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int
by_number(const void *a, const void *b)
{
	int left = *(const int *)a, right = *(const int *)b;
	return (left > right) - (left < right);
}

static bool
close_hole(unsigned first, unsigned last)
{
	return first > last || syscall(SYS_close_range, first, last, 0) == 0;
}

static bool
close_holes(const int *keep, size_t count)
{
	unsigned first = 0;
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < 0)
			continue;
		unsigned kept = (unsigned)keep[i];
		if (kept > first && !close_hole(first, kept - 1))
			return false;
		first = kept + 1;
	}
	return close_hole(first, UINT_MAX);
}

static void
close_unless_kept(const int *keep, size_t count, int fd)
{
	if (bsearch(&fd, keep, count, sizeof *keep, by_number) == NULL)
		close(fd);
}

/* False where there is no /proc. What is closed while the directory is read does not come up again. */
static bool
close_listed(const int *keep, size_t count)
{
	DIR *fds = opendir("/proc/self/fd");
	if (fds == NULL)
		return false;
	for (struct dirent *e; (e = readdir(fds)) != NULL;) {
		char *end;
		long fd = strtol(e->d_name, &end, 10);
		if (*end == '\0' && end != e->d_name && fd != dirfd(fds))
			close_unless_kept(keep, count, (int)fd);
	}
	closedir(fds);
	return true;
}

static void
close_all(const int *keep, size_t count)
{
	struct rlimit limit;
	rlim_t most = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
	for (rlim_t fd = 0; fd < most && fd < INT_MAX; fd++)
		close_unless_kept(keep, count, (int)fd);
}

void
fds_close_but(int *keep, size_t count)
{
	qsort(keep, count, sizeof *keep, by_number);
	if (!close_holes(keep, count) && !close_listed(keep, count))
		close_all(keep, count);
}

void
fds_keep(const int *own, size_t count)
{
	const int all[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, log_descriptor()};
	size_t common = sizeof all / sizeof all[0];
	int *keep = must_alloc(common + count, sizeof *keep);
	memcpy(keep, all, sizeof all);
	memcpy(keep + common, own, count * sizeof *own);
	fds_close_but(keep, common + count);
	free(keep);
	log_reconnect();
	log_limit_begin();
}
