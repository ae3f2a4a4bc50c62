/*
 * What the master does about scribes (scribe.h): for each generation that wants something written it lays out
 * the spools of its workers, forks the scribes that empty them, forks them anew when they die, and lets them
 * end when the generation is gone and everything is written, or the time for that is up.
 */
#ifndef DOTWARD_PROCESS_BUREAU_H
#define DOTWARD_PROCESS_BUREAU_H

#include "config/config.h"
#include "process/sandbox.h"
#include "process/scribe.h"
#include "shared/stats.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bureau;

enum { BUREAU_WHY_BYTES = SCRIBE_WHY_BYTES };

/* What can be written, each by a scribe of its own. */
enum bureau_craft { BUREAU_QUERYLOG, BUREAU_DNSTAP, BUREAU_CRAFTS };

struct bureau_setup {
	/* In a scribe: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
	struct stats_slab *retired; /* what scribes lose is counted here, by the master; NULL: nowhere */
};

struct bureau *bureau_new(const struct bureau_setup *setup);
/* All scribes have ended. NULL is allowed. */
void bureau_free(struct bureau *b);

/*
 * For the generation that is made with this number: opens what it writes to, and lays out its spools. What
 * was made before and has not begun is forgotten. 0, or -errno with a line in `why`.
 */
int bureau_provide(struct bureau *b, unsigned generation, const struct config *config,
        char why[BUREAU_WHY_BYTES]) __attribute__((warn_unused_result));
/* It is about to have workers: forks its scribes. */
void bureau_begin(struct bureau *b, unsigned generation, const struct sandbox_user *user, uint64_t now_ms);

/* What the worker in this slot writes into, and whom it rings then; NULL: it is not wanted. For its life. */
struct spool *bureau_spool(
        const struct bureau *b, unsigned generation, enum bureau_craft craft, unsigned slot);
struct bell *bureau_bell(const struct bureau *b, unsigned generation, enum bureau_craft craft);

/* The log has been opened anew: so is what scribes write to, and they get both. */
void bureau_reopen(const struct bureau *b);
/* A process has ended; false when it was no scribe. */
bool bureau_bury(struct bureau *b, pid_t pid, int status, uint64_t now_ms);
/* To be called now and then, with the numbers of all generations that have workers, or may have some. */
void bureau_tend(struct bureau *b, const unsigned *generations, unsigned count, uint64_t now_ms);
/* When bureau_tend() has something to do of itself; UINT64_MAX: not before something happens. */
uint64_t bureau_next_ms(const struct bureau *b);
/* Nothing is being written any more. */
bool bureau_is_empty(const struct bureau *b);
/* All at once, and for good. */
void bureau_kill(struct bureau *b);

#endif
