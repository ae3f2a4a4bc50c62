/*
 * What a process was about when it died: words, the question in hand, the system call it should not have
 * made.
 *
 * The place lies in shared memory, so that the master can read it afterwards. A file global on purpose, as
 * the log is: a process dies once, and the places from which it can do so are everywhere.
 */
#ifndef DOTWARD_BASE_LASTWORDS_H
#define DOTWARD_BASE_LASTWORDS_H

#include <stdatomic.h>
#include <stdint.h>

enum { LASTWORDS_BYTES = 200 };

struct lastwords {
	_Atomic uint64_t hand; /* hash of the question that is being worked on; 0: none */
	volatile int call;     /* system call that the sandbox refused, as sandbox_on_violation() has it */
	char text[LASTWORDS_BYTES];
};

/* From now on words go there; NULL: nowhere. Cleared by the caller. */
void lastwords_open(struct lastwords *place);
/* For the one who is about to die: what claim failed, and where. */
void lastwords_say(const char *text);

/* Use lastwords_take_hand() and lastwords_drop_hand(). */
extern struct lastwords *lastwords_place;

static inline void
lastwords_take_hand(uint64_t hash)
{
	atomic_store_explicit(&lastwords_place->hand, hash, memory_order_relaxed);
}

static inline void
lastwords_drop_hand(void)
{
	atomic_store_explicit(&lastwords_place->hand, 0, memory_order_relaxed);
}

#endif
