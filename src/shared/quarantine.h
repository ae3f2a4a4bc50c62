/*
 * Questions that killed workers. One that was in hand at two crashes within ten minutes is quarantined for
 * ten minutes: it is answered without being touched. The master writes, the workers read; nobody waits.
 */
#ifndef DOTWARD_SHARED_QUARANTINE_H
#define DOTWARD_SHARED_QUARANTINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	QUARANTINE_ENTRIES = 64, /* more than that at once is not a question but a broken build */
	QUARANTINE_CRASHES = 2,
	QUARANTINE_MS = 600000,
};

struct quarantine_entry {
	_Atomic uint64_t hash;     /* 0: free */
	_Atomic uint64_t until_ms; /* quarantined until then; 0: not */
	uint64_t crash_ms;         /* the last one */
	unsigned crashes;
};

/* Lies in shared memory; zeroed: empty. */
struct quarantine {
	struct quarantine_entry entries[QUARANTINE_ENTRIES];
	_Atomic unsigned used; /* entries behind this were never used */
};

/* A question with this hash was in hand at a crash. Returns how many crashes that makes; from
 * QUARANTINE_CRASHES on it is quarantined. */
unsigned quarantine_note(struct quarantine *q, uint64_t hash, uint64_t now_ms);
bool quarantine_holds(const struct quarantine *q, uint64_t hash, uint64_t now_ms);

#endif
