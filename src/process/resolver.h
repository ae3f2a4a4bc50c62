/*
 * A process that lives to ask for the addresses of some hosts, with the rights of a worker, tells what it
 * finds through a pipe, and ends.
 */
#ifndef DOTWARD_PROCESS_RESOLVER_H
#define DOTWARD_PROCESS_RESOLVER_H

#include "config/config.h"
#include "process/sandbox.h"
#include "upstream/host.h"

#include <sys/types.h>

struct resolver {
	pid_t pid; /* 0: none runs */
	int fd;    /* readable when it says something, or has ended; -1: nothing more comes */
};

struct resolver_setup {
	const struct config *config;
	uint64_t upstreams; /* those with a host that are to be asked for, a bit each */
	struct sandbox_user user;
	/* In the new process: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

/* Forks it, with all signals blocked. 0 or -errno. */
int resolver_start(struct resolver *r, const struct resolver_setup *setup)
        __attribute__((warn_unused_result));
/*
 * The next answer it has sent, if there is one; *upstream is below `upstreams`. What makes no sense ends the
 * process, and nothing more comes.
 */
bool resolver_read(struct resolver *r, size_t upstreams, size_t *upstream, struct host_answer *out);
/* It is not needed any more. It is still to be buried. */
void resolver_kill(const struct resolver *r);
/* It has ended: closes the pipe. */
void resolver_forget(struct resolver *r);

#endif
