/*
 * Assertions that are always on.
 *
 * For our own books only: a stranger's bytes are checked, counted and refused, they never reach must().
 * A claim that does not hold is logged with its place and the process aborts.
 */
#ifndef DOTWARD_BASE_MUST_H
#define DOTWARD_BASE_MUST_H

#include <stddef.h>

#define must(claim) (__builtin_expect(!(claim), 0) ? must_fail(#claim, __FILE__, __LINE__) : (void)0)

_Noreturn void must_fail(const char *claim, const char *file, int line);

/* calloc() of count objects of `bytes` each that ends the process when memory is out; for start-up. */
void *must_alloc(size_t count, size_t bytes) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
/* strdup() with the same promise. */
char *must_copy(const char *text) __attribute__((malloc, returns_nonnull));

#endif
