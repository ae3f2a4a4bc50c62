/*
 * What master and worker tell each other through shared memory, one of it per slot and generation: heartbeat,
 * readiness, last words.
 */
#ifndef DOTWARD_SHARED_SLOTS_H
#define DOTWARD_SHARED_SLOTS_H

#include "base/lastwords.h"

#include <stdatomic.h>
#include <stdint.h>

struct slot_state {
	_Atomic uint64_t heartbeat_ms; /* the worker: when its loop last came round */
	_Atomic uint32_t serving;      /* the worker: it has begun to serve */
	_Atomic uint64_t skip; /* the master, before a birth: hash of the question that must not be taken up
	                          again; 0: none */
	_Atomic uint64_t first_answer_ms; /* the worker: when its first answer left; 0: none yet */
	struct lastwords words;
};

#endif
