/*
 * What a process may still do: user, groups, capabilities, limits, and dying with its parent.
 */
#ifndef DOTWARD_PROCESS_SANDBOX_H
#define DOTWARD_PROCESS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SANDBOX_WHY_BYTES = 256 };

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
/* In the master, once everything is bound: keeps only the capabilities that births and later binding need. 0
 * or -errno. */
int sandbox_enter_master(void) __attribute__((warn_unused_result));
/*
 * In a worker: becomes the user, drops every capability for good, forbids new privileges, and dies with the
 * master. -errno with a line in `why`; the worker must not serve then.
 */
int sandbox_enter_worker(const struct sandbox_user *user, pid_t master, char why[SANDBOX_WHY_BYTES])
        __attribute__((warn_unused_result));

#endif
