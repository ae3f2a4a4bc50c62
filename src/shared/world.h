/*
 * What outlives every generation, and an upgrade of the binary: quarantine, what is known of the upstreams,
 * the counters of generations that are gone, the secret of the question hashes, TLS session tickets, the
 * secrets of DNS cookies and of clients' tickets, how much clients have asked of late, the hits of lists of
 * names, what the master knows of its processes, the last hour, and what is asked for most. One memfd, which
 * no core dump shows; its header says exactly what is in it, and another binary adopts it only when the
 * header is the same to the byte.
 */
#ifndef DOTWARD_SHARED_WORLD_H
#define DOTWARD_SHARED_WORLD_H

#include "shared/cookies.h"
#include "shared/epoch.h"
#include "shared/events.h"
#include "shared/health.h"
#include "shared/history.h"
#include "shared/hits.h"
#include "shared/limits.h"
#include "shared/quarantine.h"
#include "shared/roster.h"
#include "shared/shm.h"
#include "shared/stats.h"
#include "shared/stek.h"
#include "shared/tickets.h"
#include "shared/tops.h"

#include <stdint.h>

struct world {
	struct quarantine *quarantine;
	struct health_table *health;
	struct stats_slab *retired; /* counters of generations that are gone */
	struct tickets *tickets;
	struct limits *limits;
	struct hits *hits; /* of lists of names */
	struct stek *stek; /* of the tickets that clients are given */
	struct cookies *cookies;
	struct events *events;   /* what has happened of late */
	struct roster *roster;   /* who is there, and the counters */
	struct history *history; /* of the last hour; written by the exporter */
	struct tops *tops;       /* what is asked for most, and by whom, if anybody wants to know */
	uint64_t seed;
	_Atomic unsigned *log_level; /* for log_share_level() */
	uint32_t *generation;        /* number of the newest, over all upgrades */
	struct epoch *epoch;         /* of the network */
	_Atomic uint32_t *qps;       /* questions in a second of late, for a generation that begins */
};

/* Makes it, or adopts what comes in this descriptor (-1: nothing; taken over in every case). NULL when memory
 * is out. */
struct world *world_open(int descriptor) __attribute__((warn_unused_result));
void world_close(struct world *world);
/* For an upgrade: the descriptor to hand over. Stays ours. */
int world_descriptor(const struct world *world);

#endif
