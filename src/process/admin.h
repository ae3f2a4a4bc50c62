/*
 * The master's side towards people and service managers: the control socket, who waits there for what, and
 * what systemd is told.
 */
#ifndef DOTWARD_PROCESS_ADMIN_H
#define DOTWARD_PROCESS_ADMIN_H

#include "process/report.h"
#include "process/sandbox.h"
#include "process/verbs.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

struct admin;

enum { ADMIN_POLL_MOST = 17, ADMIN_WHY_BYTES = 400 };

/* What the master does when it is asked to. Reloads, upgrade and stop are over when admin_done() is called
 * for them. */
struct admin_deeds {
	void *arg;
	void (*report)(void *arg, struct report *report);
	void (*reload)(void *arg);
	void (*reload_lists)(void *arg);
	void (*upgrade)(void *arg);
	void (*stop)(void *arg);
	/* As in struct verbs_master. */
	bool (*cache)(void *arg, struct verbs_cache *out);
	bool (*lists)(void *arg, struct verbs_lists *out);
	bool (*overview)(void *arg, struct overview_sources *out);
};

enum admin_matter { ADMIN_RELOAD, ADMIN_LISTS, ADMIN_UPGRADE, ADMIN_STOP, ADMIN_MATTERS };

struct admin *admin_new(const struct admin_deeds *deeds);
/* Who still waits hears `last_words`. The path goes, unless a successor has it. */
void admin_free(struct admin *admin, bool leave_path, const char *last_words);
/* In a child, or when a successor has taken over: without a trace at the path, or another word to the service
 * manager. */
void admin_leave(struct admin *admin);

/*
 * Listens at this path ("": nowhere) for this user's group; `inherited`: the socket of the master before us,
 * or -1 (taken over in every case). Harmless when it does so already. -EADDRINUSE with a line in `why` when
 * another dotward is there; anything else that fails is logged, and the master goes on without.
 */
int admin_listen(struct admin *admin, const char *path, const struct sandbox_user *user, int inherited,
        char why[ADMIN_WHY_BYTES]) __attribute__((warn_unused_result));
/* For an upgrade; -1: none. */
int admin_descriptor(const struct admin *admin);

/* As control_poll(), control_heed(); the systemd watchdog is among what is due. */
size_t admin_poll(struct admin *admin, struct pollfd *fds, size_t room);
void admin_heed(struct admin *admin, const struct pollfd *fds, size_t count, uint64_t now_ms);
uint64_t admin_due_ms(const struct admin *admin);

/* A process that is no worker has ended: perhaps one that answered a request. */
void admin_bury(struct admin *admin, pid_t pid, int status);

/* Tells the service manager. */
void admin_begins(enum admin_matter matter);
/* It serves. `refused`: the configuration that it should have taken up, and why not; or NULL. */
void admin_serves(struct admin *admin, unsigned workers, const char *refused);
/* It serves in the place of another master, which is still the one that the manager listens to. */
void admin_succeeds(struct admin *admin);
/* Whoever waits for this hears how it ended. */
void admin_done(struct admin *admin, enum admin_matter matter, bool good, const char *text);
/* After an upgrade that failed: we are the ones behind the socket again. */
void admin_claim(struct admin *admin);

#endif
