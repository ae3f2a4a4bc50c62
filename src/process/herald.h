/*
 * What the master does about the exporter (exporter.h): binds and keeps its sockets, forks it, forks it anew
 * when it dies, and when another configuration serves.
 */
#ifndef DOTWARD_PROCESS_HERALD_H
#define DOTWARD_PROCESS_HERALD_H

#include "process/generation.h"
#include "process/sandbox.h"
#include "shared/world.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct herald;

enum { HERALD_WHY_BYTES = 512, HERALD_DESCRIPTORS = 17 };

struct herald_setup {
	const struct world *world;
	/* Descriptors of the master before us; those that are ours are taken over, and none is closed. */
	const int *inherited;
	size_t inherited_count;
	/* In the exporter: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

struct herald *herald_new(const struct herald_setup *setup);
/* Kills the exporter if there is one. `handed_over`: somebody else has the sockets. NULL is allowed. */
void herald_free(struct herald *h, bool handed_over);

/* Before a generation with this configuration starts: binds what it wants, beside what there is. 0, or -1
 * with a line in `why`, and nothing has changed. */
int herald_prepare(struct herald *h, const struct config *config, const struct sandbox_user *user,
        char why[HERALD_WHY_BYTES]) __attribute__((warn_unused_result));
/* It will not start. */
void herald_abandon(struct herald *h);
/* It serves: from now on the exporter is one of its configuration. */
void herald_serve(struct herald *h, const struct generation *g, uint64_t now_ms);
/* None serves any more: an exporter that lives goes on, but none is born and none is watched. */
void herald_forget(struct herald *h);
/* The log has been opened anew: so is the exporter. */
void herald_renew(struct herald *h, uint64_t now_ms);
/* Ends it, for good. */
void herald_stop(struct herald *h);

/* A process has ended; false when it was no exporter. */
bool herald_bury(struct herald *h, pid_t pid, int status, uint64_t now_ms);
/* To be called now and then: births that are due, and the watchdog. */
void herald_tend(struct herald *h, uint64_t now_ms);
/* When herald_tend() has something to do. */
uint64_t herald_next_ms(const struct herald *h);
/* An exporter is alive. */
bool herald_is_busy(const struct herald *h);
/* The sockets, for an upgrade; they stay ours. Returns how many. */
size_t herald_descriptors(const struct herald *h, int out[HERALD_DESCRIPTORS]);

#endif
