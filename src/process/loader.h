/*
 * A process that lives to read lists of names, and ends: it opens their files with the rights of the master,
 * gives those up, and only then looks at what is in them. What it makes of them lies in memory that the
 * master seals and the workers read.
 */
#ifndef DOTWARD_PROCESS_LOADER_H
#define DOTWARD_PROCESS_LOADER_H

#include "config/config.h"
#include "process/sandbox.h"
#include "query/lists.h"

#include <sys/types.h>

enum { LOADER_WHY_BYTES = 400 };

/* Its exit status. */
enum loader_end {
	LOADER_MADE,   /* a table is in the memory */
	LOADER_FAILED, /* the memory begins with why, as text; a list that only keeps its old names is no
	                  failure */
	LOADER_SAME,   /* nothing is to be read that is not in `before` already */
};

struct loader_setup {
	const struct config *config;
	const struct lists *before; /* NULL: none */
	int memory;                 /* shm_blank() */
	struct sandbox_user user;   /* who it becomes */
	/* In the new process: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

/* Forks it; the pid or -errno. */
pid_t loader_run(const struct loader_setup *setup) __attribute__((warn_unused_result));

/* Of a list's `stamp` in its table: the last time its files were looked at, they were refused. */
static inline bool
loader_refused(const struct lists_list *list)
{
	return (list->stamp & 1) != 0;
}

#endif
