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
#include <unistd.h>

enum { SHM_LINE_BYTES = 64 };

struct shm {
	uint8_t *bytes;
	size_t room, used;
};

size_t
shm_footprint(size_t bytes)
{
	return (bytes + SHM_LINE_BYTES - 1) / SHM_LINE_BYTES * SHM_LINE_BYTES;
}

/* The mapping, or MAP_FAILED with errno. */
static void *
shm_map(size_t bytes)
{
	int fd = memfd_create("dotward", MFD_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	void *at = MAP_FAILED;
	int failed = posix_fallocate(fd, 0, (off_t)bytes);
	if (failed == 0)
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	else
		errno = failed;
	int saved = errno;
	close(fd);
	errno = saved;
	return at;
}

struct shm *
shm_new(size_t bytes)
{
	void *at = shm_map(bytes);
	if (at == MAP_FAILED)
		return NULL;
	struct shm *shm = must_alloc(1, sizeof *shm);
	shm->bytes = at;
	shm->room = bytes;
	return shm;
}

void
shm_free(struct shm *shm)
{
	if (shm == NULL)
		return;
	munmap(shm->bytes, shm->room);
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
