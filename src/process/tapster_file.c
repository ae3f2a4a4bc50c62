/*
 * Several processes may append to one file for a while: scribes of generations that follow each other. Each
 * holds a shared lock on it. Who can have it alone, at the beginning, puts its end right; and at the end,
 * says that it ended. Nobody waits for that but where a file is taken up, for others only hold it alone for a
 * moment.
 */
#include "process/tapster.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "dnstap/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILE_BLOCK_BYTES = 1 << 18, FILE_PARTS = 1024, FILE_RETRY_MS = 1000 };

struct tapster_file {
	int fd;
	bool spoilt; /* half a frame may be at its end */
	uint64_t retry_ms;
};

/* Is what is there the beginning of a stream of ours? */
static bool
begins_well(int fd)
{
	uint8_t start[FRAMES_HANDSHAKE_BYTES], found[FRAMES_HANDSHAKE_BYTES];
	size_t bytes = frames_write(FSTRM_CONTROL_START, start);
	ssize_t got = pread(fd, found, bytes, 0);
	return got >= 0 && memcmp(found, start, (size_t)got) == 0;
}

int
tapster_file_open(const char *path, char why[SCRIBE_WHY_BYTES])
{
	struct stat is;
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (fd < 0) {
		int error = errno;
		snprintf(why, SCRIBE_WHY_BYTES, "dnstap.file = \"%.150s\" cannot be opened: %s", path,
		        strerror(error));
		return -error;
	}
	if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && begins_well(fd))
		return fd;
	snprintf(why, SCRIBE_WHY_BYTES,
	        "dnstap.file = \"%.150s\" holds something else: move it away, or name another", path);
	close(fd);
	return -EEXIST;
}

/* --- its end ---------------------------------------------------------------------------------------------
 */

static int
append(int fd, const void *bytes, size_t count)
{
	ssize_t written = write(fd, bytes, count);
	if (written < 0)
		return -errno;
	return (size_t)written == count ? 0 : -ENOSPC;
}

/* How far it is whole. -1: it cannot be read. */
static int64_t
measure(int fd)
{
	struct frames_walk walk = {0};
	uint8_t *block = must_alloc(1, FILE_BLOCK_BYTES);
	ssize_t got;
	while ((got = pread(fd, block, FILE_BLOCK_BYTES, (off_t)walk.at)) > 0)
		if (!frames_walk(&walk, block, (size_t)got))
			break;
	free(block);
	return got < 0 ? -1 : (int64_t)walk.whole;
}

/* Nobody else writes to it: half a frame and a STOP go, and a new one is begun. */
static int
put_right(int fd)
{
	uint8_t start[FRAMES_HANDSHAKE_BYTES];
	struct stat is;
	if (fstat(fd, &is) < 0)
		return -errno;
	int64_t whole = is.st_size > 0 ? measure(fd) : 0;
	if (whole < 0 || (whole < is.st_size && ftruncate(fd, whole) < 0))
		return -errno;
	return whole > 0 ? 0 : append(fd, start, frames_write(FSTRM_CONTROL_START, start));
}

static bool
ends_with_stop(int fd)
{
	uint8_t stop[FRAMES_HANDSHAKE_BYTES], found[FRAMES_STOP_BYTES];
	struct stat is;
	frames_write(FSTRM_CONTROL_STOP, stop);
	return fstat(fd, &is) == 0 && is.st_size >= FRAMES_STOP_BYTES &&
	       pread(fd, found, sizeof found, is.st_size - FRAMES_STOP_BYTES) == sizeof found &&
	       memcmp(found, stop, sizeof found) == 0;
}

static int
lock_alone(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

/* Shares it, with its end right: by our hand, or because somebody else is at work. */
static int
take_up(int fd)
{
	for (;;) {
		bool alone = lock_alone(fd) == 0;
		int failed = alone ? put_right(fd) : 0;
		if (flock(fd, LOCK_SH) < 0)
			return -errno;
		/* the other may have ended just before */
		if (alone || !ends_with_stop(fd))
			return failed;
	}
}

/* The last one to write says that it ended. */
static void
give_up(int fd)
{
	uint8_t stop[FRAMES_HANDSHAKE_BYTES];
	if (lock_alone(fd) == 0 && put_right(fd) == 0) {
		int ignored = append(fd, stop, frames_write(FSTRM_CONTROL_STOP, stop));
		(void)ignored;
	}
	flock(fd, LOCK_UN);
	close(fd);
}

static void
failed_with(struct tapster_file *file, int failed)
{
	if (!file->spoilt)
		log_error("dnstap: the file cannot be written to why=\"%s\"", strerror(-failed));
	file->spoilt = true;
	file->retry_ms = clock_now_ms() + FILE_RETRY_MS;
}

struct tapster_file *
tapster_file_new(int fd)
{
	struct tapster_file *file = must_alloc(1, sizeof *file);
	file->fd = fd;
	int failed = take_up(fd);
	if (failed < 0)
		failed_with(file, failed);
	return file;
}

void
tapster_file_free(struct tapster_file *file)
{
	give_up(file->fd);
	free(file);
}

static bool
are_same(int a, int b)
{
	struct stat is, was;
	return fstat(a, &is) == 0 && fstat(b, &was) == 0 && is.st_dev == was.st_dev &&
	       is.st_ino == was.st_ino;
}

void
tapster_file_adopt(struct tapster_file *file, int fd)
{
	if (are_same(file->fd, fd)) {
		close(fd);
		return;
	}
	give_up(file->fd);
	file->fd = fd;
	file->spoilt = false;
	int failed = take_up(fd);
	if (failed < 0)
		failed_with(file, failed);
}

/* --- frames ----------------------------------------------------------------------------------------------
 */

/* After a failure: it is tried now and then whether it can be put right, which takes having it alone. */
static bool
is_good(struct tapster_file *file)
{
	if (!file->spoilt)
		return true;
	if (clock_now_ms() < file->retry_ms)
		return false;
	file->retry_ms = clock_now_ms() + FILE_RETRY_MS;
	bool good = lock_alone(file->fd) == 0 && put_right(file->fd) == 0;
	if (flock(file->fd, LOCK_SH) < 0 || !good)
		return false;
	log_notice("dnstap: the file can be written to again");
	file->spoilt = false;
	return true;
}

/* Whole frames in one call, so that those of others stand before or behind them. */
static int
write_some(int fd, const struct iovec *parts, unsigned count)
{
	size_t bytes = 0;
	for (unsigned i = 0; i < count; i++)
		bytes += parts[i].iov_len;
	ssize_t written = writev(fd, parts, (int)count);
	if (written < 0)
		return -errno;
	return (size_t)written == bytes ? 0 : -ENOSPC;
}

unsigned
tapster_file_append(struct tapster_file *file, const struct tapster_frames *frames)
{
	unsigned done = 0;
	if (!is_good(file))
		return frames->count;
	while (done < frames->count) {
		unsigned count =
		        frames->count - done < FILE_PARTS / 2 ? frames->count - done : FILE_PARTS / 2;
		int failed = write_some(file->fd, frames->parts + (size_t)2 * done, 2 * count);
		if (failed < 0) {
			failed_with(file, failed);
			break;
		}
		done += count;
	}
	return frames->count - done;
}
