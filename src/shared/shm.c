/*
 * One memfd, carved from front to back and never given back in parts.
 */
#include "shared/shm.h"

#include "base/must.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHM_LINE_BYTES = 64 };

struct shm {
	uint8_t *bytes;
	size_t room, used;
	int descriptor;
};

size_t
shm_footprint(size_t bytes)
{
	return (bytes + SHM_LINE_BYTES - 1) / SHM_LINE_BYTES * SHM_LINE_BYTES;
}

/* Maps the descriptor, and owns it from now on. */
static struct shm *
shm_map(int descriptor, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	if (at == MAP_FAILED) {
		int error = errno;
		close(descriptor);
		errno = error;
		return NULL;
	}
	struct shm *shm = must_alloc(1, sizeof *shm);
	shm->bytes = at;
	shm->room = bytes;
	shm->descriptor = descriptor;
	return shm;
}

struct shm *
shm_new(size_t bytes)
{
	int fd = memfd_create("dotward", MFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	int failed = posix_fallocate(fd, 0, (off_t)bytes);
	if (failed == 0)
		return shm_map(fd, bytes);
	close(fd);
	errno = failed;
	return NULL;
}

struct shm *
shm_adopt(int descriptor, size_t bytes)
{
	struct stat status;
	if (fstat(descriptor, &status) == 0 && (size_t)status.st_size == bytes)
		return shm_map(descriptor, bytes);
	close(descriptor);
	errno = EINVAL;
	return NULL;
}

void *
shm_start(const struct shm *shm)
{
	return shm->bytes;
}

int
shm_descriptor(const struct shm *shm)
{
	return shm->descriptor;
}

void
shm_free(struct shm *shm)
{
	if (shm == NULL)
		return;
	munmap(shm->bytes, shm->room);
	close(shm->descriptor);
	free(shm);
}

void *
shm_carve(struct shm *shm, size_t bytes)
{
	size_t take = shm_footprint(bytes);
	must(take <= shm->room - shm->used);
	void *at = shm->bytes + shm->used;
	shm->used += take;
	return at;
}
