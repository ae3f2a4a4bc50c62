/*
 * What the parts of the master share; nobody else's business.
 *
 *   master.c         the loop, start and end, upgrades
 *   master_change.c  how one generation follows another
 *   master_lists.c   how lists of names follow others, without a generation
 */
#ifndef DOTWARD_PROCESS_MASTER_INSIDE_H
#define DOTWARD_PROCESS_MASTER_INSIDE_H

#include "process/admin.h"
#include "process/background.h"
#include "process/bureau.h"
#include "process/herald.h"
#include "process/hosts.h"
#include "process/keeper.h"
#include "process/librarian.h"
#include "process/lineage.h"
#include "process/lookout.h"
#include "process/master.h"
#include "process/pid_file.h"
#include "process/spending.h"
#include "process/successor.h"
#include "process/upgrade.h"
#include "shared/world.h"

enum {
	MASTER_START_MS = 10000, /* for a new generation, or a new binary, to serve */
	MASTER_HAND_MS = 10000,  /* for all workers to take new lists */
	MASTER_HAND_LOOK_MS = 5, /* meanwhile, whether they have */
};

struct master {
	const struct master_setup *setup;
	struct world *world;
	struct admin *admin;
	uint64_t started_ms;
	struct generation_world shared;
	struct lineage line;
	struct keeper *keeper;
	struct bureau *bureau;
	struct lookout *lookout;
	uint64_t starting_until_ms, starting_since_ms;
	bool reload_again; /* asked for while one was under way */
	struct librarian *librarian;
	bool relisting, relist_again; /* the lists of what serves are read anew; and that was asked for */
	uint64_t handing_until_ms;    /* ... and its workers are given them; 0: not yet */
	struct hosts *hosts;
	struct herald *herald;
	struct spending spending;
	struct stats_slab unlisted; /* sums outside of the roster, for the last overview */
	struct generation *held;    /* made, and not started before its lists are read, and its hosts have
	                               addresses, or for so long */
	struct config *held_config;
	uint64_t held_until_ms;
	unsigned made_version, serving_version; /* of the hosts' addresses */
	bool renewing;    /* what starts has new addresses, and nothing else that is new */
	uint64_t calm_ms; /* addresses that are not urgent wait until then */
	unsigned put_off_version;
	uint64_t put_off_ms; /* until when those of that version are left alone */
	struct successor successor;
	struct upgrade_inheritance inheritance;
	struct background background;
	int signal_fd;
	struct pid_file pid_file;
	bool log_is_stderr;
	bool stopping, impatient;
	bool handed_over; /* a new master serves: what is left behind is its */
};

/* A failure in one line, on the terminal as well when the log goes elsewhere; -1. */
int master_fail(const struct master *m, const char *why);
int master_write_pid_file(struct master *m, const char *path);

/* --- master_change.c, master_lists.c --- */

/*
 * Makes a generation of this configuration (taken over in every case), with the addresses of its hosts that
 * are known, on the sockets of those before it: of the one that serves, and of those that drain too, for an
 * address that was given up is not free before they are gone.
 */
struct generation *master_make(struct master *m, struct config *config, char why[GENERATION_WHY_BYTES]);
/* Starts it, once the addresses of its hosts are known, or were waited for. The configuration is its own. */
void master_launch(struct master *m, struct generation *g, struct config *config);
/* For good, so a reload can ask for it and cannot take it back. */
int master_seal(const struct master *m, const struct config *config);
/* At once, or when what is under way is over. `arg`: the master. */
void master_reload(void *arg);
/* The lists of names of what serves, and nothing else; the same. */
void master_reload_lists(void *arg);
/* To be called now and then. */
void master_tend_lists(struct master *m, uint64_t now_ms);
/* Another change has to wait. */
bool master_is_changing(const struct master *m);
/* The lists that were read are for this generation, which has not started. False: there are none, with a line
 * in `why`. */
bool master_fit_lists(struct master *m, struct generation *g, char why[LIBRARIAN_WHY_BYTES]);
/* To be called when the generation that starts may have come up, or may have failed. */
void master_judge_starting(struct master *m, uint64_t now_ms);
/*
 * Puts the addresses of hosts to use, if they are others by now and nothing else is under way: at once when
 * an upstream has none that is known still, else every ten minutes at most.
 */
void master_renew(struct master *m, uint64_t now_ms);
/* When one of the above has something to do of itself. */
uint64_t master_change_ms(const struct master *m);
/* What has not started yet does not, and no host is asked for any more. */
void master_change_stop(struct master *m);

#endif
