/*
 * Memory that all processes of one dotward share: one memfd, laid out before the first fork, preallocated so
 * that a full machine shows at start and never as SIGBUS. Rule: nobody waits on anything in it.
 */
#ifndef DOTWARD_SHARED_SHM_H
#define DOTWARD_SHARED_SHM_H

#include <stddef.h>

struct shm;

/* Zeroed memory of this size. NULL with errno. The creator frees; children inherit the mapping. */
struct shm *shm_new(size_t bytes) __attribute__((warn_unused_result));
/*
 * The same from a descriptor that another process made, which must be of exactly this size; the descriptor is
 * taken over, and closed on failure. NULL with errno.
 */
struct shm *shm_adopt(int descriptor, size_t bytes) __attribute__((warn_unused_result));
void shm_free(struct shm *shm);
/* The first byte of it, carved or not. */
void *shm_start(const struct shm *shm) __attribute__((returns_nonnull));
/* To hand over to another process; stays ours. */
int shm_descriptor(const struct shm *shm);
/* The next `bytes` of it, aligned to a cache line. Asking for more than is left is a bug of ours. */
void *shm_carve(struct shm *shm, size_t bytes) __attribute__((returns_nonnull));
/*
 * Memory of the other kind: one process fills it, then it is sealed, and whoever has the descriptor can only
 * read it. shm_blank() begins it, empty; a descriptor (close-on-exec) or -errno.
 */
int shm_blank(void) __attribute__((warn_unused_result));
/* Gives it its size, all zeroes, and a mapping to fill it through, which lasts as long as the process; NULL
 * with errno. */
void *shm_draft(int descriptor, size_t bytes) __attribute__((warn_unused_result));
/* From now on nobody can change it. 0 or -errno: somebody can still write to it. */
int shm_seal(int descriptor) __attribute__((warn_unused_result));
/* A mapping for reading only, also in a sealed process; NULL with errno. The descriptor may be closed. */
const void *shm_view(int descriptor, size_t bytes) __attribute__((warn_unused_result));
void shm_unview(const void *view, size_t bytes);

/* Leaves all of it out of core dumps, of this process and of its children to come: there are secrets in it.
 */
void shm_hide(const struct shm *shm);
/* What shm_carve() really takes for `bytes`; sum these for shm_new(). */
size_t shm_footprint(size_t bytes);

#endif
