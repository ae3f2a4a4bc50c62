/*
 * What a process may still do: user, groups, capabilities, limits, and dying with its parent (sandbox.c);
 * system calls (seal.c); files and ports (ward.c).
 *
 * A worker goes through it in this order: close what it does not inherit (fds.h), sandbox_enter_worker(),
 * sandbox_limit_memory(), open what it needs, and right before it serves sandbox_on_violation(),
 * sandbox_ward() and sandbox_seal(). The master: sandbox_enter_master(), sandbox_seal(). The last two are
 * what `sandbox = false` leaves out.
 */
#ifndef DOTWARD_PROCESS_SANDBOX_H
#define DOTWARD_PROCESS_SANDBOX_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SANDBOX_WHY_BYTES = 256, SANDBOX_CALL_BYTES = 40, SANDBOX_NO_CALL = -1 };

enum sandbox_role {
	SANDBOX_MASTER,
	SANDBOX_WORKER,
	SANDBOX_WORKER_SOURCE, /* with upstreams that have a source_address */
	SANDBOX_EXPORTER,
	SANDBOX_SCRIBE, /* writes what workers say to what is open, or to a local socket */
	SANDBOX_LOADER, /* an errand that makes memory to be sealed */
	SANDBOX_ERRAND, /* a short life with what is open already: it reads, writes, renames, and ends */
};

/* Who the workers become. */
struct sandbox_user {
	bool change; /* false: stay who we are */
	uid_t uid;
	gid_t gid;
};

/*
 * Looks the configured user up. "" means to stay; so does not being root, when there is nothing to give up.
 * 0, or -errno and a line in `why` that says the remedy.
 */
int sandbox_find_user(const char *name, struct sandbox_user *out, char why[SANDBOX_WHY_BYTES])
        __attribute__((warn_unused_result));
/* As many descriptors as the machine lets us have, and no core files: they would hold keys and questions. */
void sandbox_limit(void);
/* In a master that holds keys of listeners: nobody but root looks into its memory, and no collector of cores
 * gets it either. */
void sandbox_keep_secrets(void);
/* In the master, once everything is bound: keeps only the capabilities that births and later binding need. 0
 * or -errno. */
int sandbox_enter_master(void) __attribute__((warn_unused_result));
/*
 * In a worker: becomes the user, drops every capability for good, forbids new privileges, and dies with the
 * master. Where capset() is refused to us the right to bind low ports may stay. -errno with a line in `why`;
 * the worker must not serve then.
 */
int sandbox_enter_worker(const struct sandbox_user *user, pid_t master, char why[SANDBOX_WHY_BYTES])
        __attribute__((warn_unused_result));
/*
 * In a worker: memory of its own beyond so many bytes is not to be had, and must_alloc() ends who needs it.
 * What it shares with others does not count. 0: no limit. 0 or -errno.
 */
int sandbox_limit_memory(uint64_t bytes) __attribute__((warn_unused_result));

/*
 * Refuses all files, TCP to other ports than the upstreams' (config NULL: all), binding (but for a
 * source_address), and signals to other processes. Best effort: a kernel without landlock gets a debug line
 * and 0. -errno with a line in `why` when it has it and it failed.
 */
int sandbox_ward(const struct config *config, char why[SANDBOX_WHY_BYTES])
        __attribute__((warn_unused_result));

/*
 * Allows the system calls of the role and no others, for good. A worker that makes another gets SIGSYS. The
 * master gets EPERM for what it never needs; its filter goes with it into the binary that it turns into, and
 * there a second call notices and does nothing. -errno with a line in `why`: this kernel has no seccomp.
 */
int sandbox_seal(enum sandbox_role role, char why[SANDBOX_WHY_BYTES]) __attribute__((warn_unused_result));
/*
 * Before sandbox_seal(): *where, which the master can see, is SANDBOX_NO_CALL now and the number of the call
 * when the process has died of SIGSYS for one. It stays SANDBOX_NO_CALL for a call of another architecture.
 */
void sandbox_on_violation(volatile int *where);
/* "execve" for its number; the number where there is no name. For an obituary. */
const char *sandbox_call_name(int number, char out[SANDBOX_CALL_BYTES]);

#endif
