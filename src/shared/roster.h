/*
 * What the master knows and others are to tell: who serves, since when, how workers died, how reloads and
 * upgrades went. And the counters of all workers, which are kept here so that none ever counts backwards: a
 * slab that a worker has counted in is given to another when its generation is gone, with all that is in it.
 *
 * It outlives workers, generations and upgrades, and two masters use it at once while one hands over to the
 * other. Each word is written by one process, or added to; nobody waits.
 */
#ifndef DOTWARD_SHARED_ROSTER_H
#define DOTWARD_SHARED_ROSTER_H

#include "shared/hits.h"
#include "shared/stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ROSTER_ROWS = 512,
	ROSTER_SLOTS = 256,  /* a generation has no more */
	ROSTER_SIGNALS = 65, /* by number; 0 stands for an exit */
};

/* One slot of one generation. */
struct roster_row {
	_Atomic int32_t owner; /* the master whose row it is, by pid; 0: nobody's */
	_Atomic uint32_t generation, slot;
	/* --- the master */
	_Atomic int32_t pid; /* 0: none is alive */
	_Atomic uint32_t draining;
	_Atomic uint64_t born_ms; /* CLOCK_MONOTONIC */
	_Atomic uint32_t deaths;
	_Atomic int32_t end_status, end_call; /* of the last death: what wait() said, see death_text() */
	_Atomic uint32_t ended[ROSTER_SIGNALS];
	/* --- the worker */
	_Atomic uint32_t serving;
	_Atomic uint32_t in_flight, tcp_clients;
	_Atomic uint64_t beat_ms; /* when its loop last came round */
	_Atomic uint64_t memory_bytes;
};

enum roster_state { ROSTER_STARTING, ROSTER_SERVING, ROSTER_STOPPING };

enum roster_event {
	ROSTER_RELOADED,
	ROSTER_RELOAD_FAILED,
	ROSTER_UPGRADED,
	ROSTER_UPGRADE_FAILED,
	ROSTER_BIRTHS, /* of workers */
	ROSTER_EVENTS
};

/* Processes that are no workers and live long. */
enum roster_helper { ROSTER_MASTER, ROSTER_EXPORTER, ROSTER_SCRIBE, ROSTER_DNSTAP, ROSTER_HELPERS };

struct roster_process {
	_Atomic int32_t pid; /* 0: none is alive */
	_Atomic uint64_t births, deaths;
	_Atomic uint64_t beat_ms, memory_bytes;
	_Atomic uint64_t cpu_us; /* of all its lives */
};

struct roster {
	_Atomic int32_t master; /* the one that serves, by pid */
	_Atomic uint32_t state; /* enum roster_state */
	_Atomic uint32_t generation;
	_Atomic uint64_t started_ms, started_wall_ms; /* that master */
	_Atomic uint64_t events[ROSTER_EVENTS];
	_Atomic uint64_t ended[ROSTER_SIGNALS]; /* deaths of workers */
	struct roster_process helpers[ROSTER_HELPERS];
	_Atomic uint64_t cpu_us[ROSTER_SLOTS]; /* of all workers that had this slot */
	/* Names on each list of what serves, in the order of the configuration; kept by the master. */
	_Atomic uint64_t list_names[HITS_LISTS];
	struct roster_row rows[ROSTER_ROWS];
	_Alignas(64) struct {
		_Alignas(64) struct stats_slab slab;
	} slabs[ROSTER_ROWS];
};

/* What a slot has of it. */
struct roster_hold {
	struct roster_row *row;
	struct stats_slab *slab;
	_Atomic uint64_t *cpu_us;
};

/* Bytes in shared memory; zeroed: empty. */
size_t roster_bytes(void);

/*
 * A row for this slot, until it is released; rows of masters that are gone may be taken. False, with *out
 * untouched: there is no roster (NULL), or no row is free.
 */
bool roster_claim(struct roster *roster, int32_t owner, unsigned generation, unsigned slot,
        struct roster_hold *out) __attribute__((warn_unused_result));
/* All its workers are gone. What they counted stays. NULL does no harm. */
void roster_release(struct roster_row *row);

/* The master, about a worker; `roster` may be NULL. */
void roster_born(struct roster *roster, struct roster_row *row, int32_t pid, uint64_t now_ms);
void roster_died(struct roster *roster, struct roster_row *row, int status, int call);
/* The same about a helper. */
void roster_helper_born(struct roster *roster, enum roster_helper helper, int32_t pid, uint64_t now_ms);
void roster_helper_died(struct roster *roster, enum roster_helper helper);
/* Something has happened; NULL does no harm. */
void roster_note(struct roster *roster, enum roster_event event);
/* This master is the one that serves, or stops to. */
void roster_serve(struct roster *roster, int32_t master, uint64_t now_ms, uint64_t wall_ms);

/* Adds up what all workers of all times have counted. */
void roster_sum(const struct roster *roster, struct stats_slab *into);
/* Adds what this process has used since it last said so. */
void roster_used(_Atomic uint64_t *cpu_us, uint64_t *told_us, uint64_t now_us);

#endif
