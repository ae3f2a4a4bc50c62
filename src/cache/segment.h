/*
 * The room for answers, in segments of one size. Each is in one state, which is one word: what it is, who
 * holds it, and a number that rises with every use, so that the oldest is known without a list.
 *
 *    FREE ── claim ──► OPEN ── seal ──► SEALED ── leave ──► LEAVING ── free ──► FREE
 *                       one member writes                    one member carries over what is worth it
 *
 * New answers are written into segments of the NEW queue; what was asked again moves to the OLD one. No state
 * outlives a dead member's: segment_sweep() gives back what it held.
 */
#ifndef DOTWARD_CACHE_SEGMENT_H
#define DOTWARD_CACHE_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum segment_kind { SEGMENT_FREE, SEGMENT_OPEN, SEGMENT_SEALED, SEGMENT_LEAVING, SEGMENT_KINDS };
enum segment_queue { SEGMENT_NEW, SEGMENT_OLD, SEGMENT_QUEUES };

enum { SEGMENT_NONE = -1 };

struct segments {
	_Atomic uint64_t *states;
	_Atomic uint32_t *used; /* bytes that hold whole entries */
	uint8_t *data;
	_Atomic uint64_t *next_sequence;
	unsigned count, shift;
};

/* A state taken apart. */
struct segment_state {
	enum segment_kind kind;
	enum segment_queue queue;
	uint32_t member; /* who holds it; 0: nobody */
	uint64_t sequence;
};

/* How many there are. */
struct segment_counts {
	unsigned of[SEGMENT_KINDS];
	unsigned queue[SEGMENT_QUEUES]; /* all that are not free */
};

struct segment_state segment_state(const struct segments *s, unsigned segment);
void segment_count(const struct segments *s, struct segment_counts *out);

/* A free one becomes this member's to write. SEGMENT_NONE: there is none. */
int segment_claim(const struct segments *s, enum segment_queue queue, uint32_t member);
/* The oldest sealed one of the queue becomes this member's to empty. */
int segment_leave(const struct segments *s, enum segment_queue queue, uint32_t member);
/* What this member had open is complete, or what it was emptying is not to be emptied. */
void segment_seal(const struct segments *s, unsigned segment, uint32_t member);
/* What this member was emptying is empty. */
void segment_free(const struct segments *s, unsigned segment, uint32_t member);
/* What is held by whoever lives() says false of is sealed. */
void segment_sweep(const struct segments *s, bool (*lives)(void *arg, uint32_t member), void *arg);
/* All that are sealed hold nothing that anybody wants any more. */
void segment_free_sealed(const struct segments *s);

/* Where an entry at this place lies, and the bytes from there to the end of its segment; NULL: no such place.
 */
const uint8_t *segment_at(const struct segments *s, uint64_t place, uint64_t *room);

#endif
