/*
 * What master and worker tell each other through shared memory, one of it per slot and generation: heartbeat,
 * readiness, last words.
 */
#ifndef DOTWARD_SHARED_SLOTS_H
#define DOTWARD_SHARED_SLOTS_H

#include "base/lastwords.h"

#include <stdatomic.h>
#include <stdint.h>

/* What a slot is given to do. */
enum slots_steered {
	SLOTS_SHARING, /* its part, like all others */
	SLOTS_ALONE,   /* what there is, with few others: it says so when that is suddenly too much */
	SLOTS_SPARED,  /* nothing new, for there is little to do; warm connections are wasted on it */
};

struct slot_state {
	_Atomic uint64_t heartbeat_ms; /* the worker: when its loop last came round */
	_Atomic uint32_t serving;      /* the worker: it has begun to serve */
	_Atomic uint64_t skip; /* the master, before a birth: hash of the question that must not be taken up
	                          again; 0: none */
	_Atomic uint64_t first_answer_ms; /* the worker: when its first answer left; 0: none yet */
	_Atomic uint32_t steered;         /* the master: enum slots_steered */
	_Atomic uint32_t tcp_clients;     /* the worker: connected */
	_Atomic uint64_t busy_us;         /* the worker: time it was awake, all lives together */
	_Atomic uint64_t lists; /* the worker: number of the lists of names it has (query/shelf.h) */
	struct lastwords words;
};

#endif
