/*
 * What the master does about caches: makes one of the size that a configuration says, takes over that of a
 * master before it, has it filled from a file or from the one before it and saved in the end, gives back what
 * dead members held, and lets go of one that nobody uses any more.
 *
 * It never touches an answer itself; that is done by errands (errand.h), one at a time.
 */
#ifndef DOTWARD_PROCESS_KEEPER_H
#define DOTWARD_PROCESS_KEEPER_H

#include "cache/cache.h"
#include "config/config.h"
#include "process/generation.h"

struct keeper;

enum { KEEPER_WHY_BYTES = 300 };

struct keeper_setup {
	uint64_t seed;
	int inherited;     /* the cache of the master before us (taken over in every case); -1: none */
	pid_t predecessor; /* that master, if it may still live; 0: none */
	/* In a process just forked: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

struct keeper *keeper_new(const struct keeper_setup *setup);
/* All generations are gone. NULL is allowed. */
void keeper_free(struct keeper *k);

/*
 * A cache as `config` wants it: the one that serves when it has the size, else a new one. *out is NULL when
 * there is to be none. 0, or -errno with a line in `why`.
 */
int keeper_provide(struct keeper *k, const struct config *config, struct cache **out,
        char why[KEEPER_WHY_BYTES]) __attribute__((warn_unused_result));

/* Before the first generation starts: begins to fill its cache from the file, if there is to be one and the
 * cache is a new one. */
void keeper_load(struct keeper *k, const struct generation *first);
/* When one starts: begins to fill its cache from the one that is kept so far, if that is another one. */
void keeper_carry(struct keeper *k, const struct generation *g);
/* This generation serves: its cache is the one that is kept from now on. */
void keeper_serve(struct keeper *k, const struct generation *g);
/* Begins to save it, if it is to be. All generations are gone. */
void keeper_save(struct keeper *k);

/* An errand is under way. */
bool keeper_is_busy(const struct keeper *k);
/* What it loads is not waited for any more: it is killed. */
void keeper_hurry(struct keeper *k);
/* A process has ended; false when it was no errand. */
bool keeper_bury(struct keeper *k, int pid, int status);

/* A member of some cache has died: what it held is given back when that can be done. */
void keeper_member_died(struct keeper *k, uint64_t now_ms);
/* Our successor may have members of its own in the cache from now on, or has none any more. */
void keeper_share(struct keeper *k, bool shared, uint64_t now_ms);

/* To be called now and then, with all generations there are. */
void keeper_tend(struct keeper *k, struct generation *const *generations, unsigned count, uint64_t now_ms);
/* When keeper_tend() has something to do; UINT64_MAX: not before something happens. */
uint64_t keeper_next_ms(const struct keeper *k);

#endif
