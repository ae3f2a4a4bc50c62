/*
 * A whole file in memory, within a limit.
 */
#ifndef DOTWARD_CONFIG_SLURP_H
#define DOTWARD_CONFIG_SLURP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct slurp {
	char *text; /* the caller's to free; not terminated */
	size_t count;
	dev_t device; /* which file it was, whatever its name */
	ino_t inode;
};

/* What slurp_file() says of a file beyond its limit; its words are about the configuration's. */
extern const char slurp_too_large[];

/* Reads the file; a pipe or device only if `pipe_too`. Returns NULL, or in words why it could not be. */
const char *slurp_file(struct slurp *out, const char *name, bool pipe_too, size_t limit)
        __attribute__((warn_unused_result));

#endif
