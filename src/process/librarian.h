/*
 * What the master does about lists of names: sends a loader (loader.h) to read them, sees to it that what it
 * made is sealed and whole, and takes over those of the master before us. One loader at a time.
 */
#ifndef DOTWARD_PROCESS_LIBRARIAN_H
#define DOTWARD_PROCESS_LIBRARIAN_H

#include "config/config.h"
#include "process/loader.h"
#include "process/sandbox.h"
#include "query/shelf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct librarian;

enum {
	LIBRARIAN_WHY_BYTES = LOADER_WHY_BYTES,
	LIBRARIAN_LIMIT_MS = 120000, /* a loader that takes longer is killed */
};

struct librarian_setup {
	int inherited; /* sealed memory of the master before us (taken over in every case); -1: none */
	/* In the loader: closes what belongs to the master alone. */
	void (*leave_master)(void *arg);
	void *arg;
};

struct librarian *librarian_new(const struct librarian_setup *setup);
/* Kills the loader, if there is one. NULL is allowed. */
void librarian_free(struct librarian *l);

/*
 * Has the lists of this configuration read; `before`: the ones in use, or NULL: none, or those of the master
 * before us. Not while it is busy.
 */
void librarian_load(struct librarian *l, const struct config *config, const struct sandbox_user *user,
        struct shelf *before, uint64_t now_ms);
bool librarian_is_busy(const struct librarian *l);
/* What is being read is not wanted any more. */
void librarian_stop(struct librarian *l);
/* A process has ended; false when it was no loader. */
bool librarian_bury(struct librarian *l, pid_t pid, int status);
/* To be called now and then, and when it has something to do of itself. */
void librarian_tend(struct librarian *l, uint64_t now_ms);
uint64_t librarian_next_ms(const struct librarian *l);

enum librarian_end {
	LIBRARIAN_LOADED, /* *out is new, or NULL as the configuration has no lists */
	LIBRARIAN_SAME,   /* *out is what was there before: no file has changed */
	LIBRARIAN_FAILED, /* why in a line */
};

/* How the last load ended, once it is not busy any more. What is in *out is held for the caller. */
enum librarian_end librarian_take(struct librarian *l, struct shelf **out, char why[LIBRARIAN_WHY_BYTES]);
/* How long that took. */
unsigned librarian_took_ms(const struct librarian *l);
/* "lists=2 names=1000000 bad=3 refused=1": for a line of the log, or an answer. */
enum { LIBRARIAN_TEXT_BYTES = 128 };
const char *librarian_text(const struct shelf *shelf, char out[LIBRARIAN_TEXT_BYTES]);
/* How many of its lists go without files that were refused. */
unsigned librarian_refused(const struct shelf *shelf);

#endif
