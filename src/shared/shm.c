/*
 * One memfd, carved from front to back and never given back in parts.
 *
 * A large one asks for large pages. They come only through a mapping that has asked, so it is filled through
 * one; that is taken down again, so that a process is charged only for what it touches. Where the machine
 * gives no large pages to shared memory (shmem_enabled), all is as without.
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

enum {
	SHM_LINE_BYTES = 64,
	SHM_LARGE_BYTES = 4 << 20, /* from here on large pages save more than they waste */
};

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

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
	if (bytes >= SHM_LARGE_BYTES)
		madvise(at, bytes, MADV_HUGEPAGE);
	struct shm *shm = must_alloc(1, sizeof *shm);
	shm->bytes = at;
	shm->room = bytes;
	shm->descriptor = descriptor;
	return shm;
}

/* With large pages; what this leaves out, posix_fallocate() fills with small ones. */
static void
fill_large(int fd, size_t bytes)
{
	if (bytes < SHM_LARGE_BYTES || ftruncate(fd, (off_t)bytes) < 0)
		return;
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return;
	madvise(at, bytes, MADV_HUGEPAGE);
	madvise(at, bytes, MADV_POPULATE_WRITE);
	munmap(at, bytes);
}

struct shm *
shm_new(size_t bytes)
{
	int fd = memfd_create("dotward", MFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	fill_large(fd, bytes);
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
shm_hide(const struct shm *shm)
{
	madvise(shm->bytes, shm->room, MADV_DONTDUMP);
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

int
shm_blank(void)
{
	int fd = memfd_create("dotward-sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

/* All of it is had now, or not at all: a machine that is full shows here, and not as SIGBUS. */
void *
shm_draft(int descriptor, size_t bytes)
{
	int failed = posix_fallocate(descriptor, 0, (off_t)bytes);
	if (failed != 0) {
		errno = failed;
		return NULL;
	}
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	if (at == MAP_FAILED)
		return NULL;
	if (bytes >= SHM_LARGE_BYTES)
		madvise(at, bytes, MADV_HUGEPAGE);
	return at;
}

int
shm_seal(int descriptor)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	return fcntl(descriptor, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

/* Private, as older kernels refuse a shared mapping of what is sealed; nobody writes, so the pages are shared
 * all the same. */
const void *
shm_view(int descriptor, size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
	return at == MAP_FAILED ? NULL : at;
}

void
shm_unview(const void *view, size_t bytes)
{
	munmap((void *)(uintptr_t)view, bytes);
}
