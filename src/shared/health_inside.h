/*
 * What lies in shared memory for each upstream address. Only for health_learn.c, health_table.c and
 * health_view.c.
 */
#ifndef DOTWARD_SHARED_HEALTH_INSIDE_H
#define DOTWARD_SHARED_HEALTH_INSIDE_H

#include "shared/health.h"

#include <stdatomic.h>

enum {
	HEALTH_CELLS = 64,     /* processes that can show what they have there */
	HEALTH_OCTAVES = 20,   /* of latencies, from 64 us to a minute */
	HEALTH_STEPS = 4,      /* in each */
	HEALTH_FIRST_BIT = 6,  /* 64 us */
	HEALTH_TEXT_WORDS = 16 /* the longest text: HEALTH_WHY_BYTES */
};
_Static_assert(HEALTH_TEXT_WORDS * 8 >= HEALTH_WHY_BYTES, "a reason fits");
_Static_assert(HEALTH_TEXT_WORDS * 8 >= HEALTH_NAME_BYTES, "a name fits");
_Static_assert(HEALTH_TEXT_WORDS * 8 >= ADDR_TEXT_BYTES, "an address fits");

/* A text that several may write at once: one that is not whole has the wrong sum, and counts as none. */
struct health_text {
	_Atomic uint64_t words[HEALTH_TEXT_WORDS];
	_Atomic uint64_t sum;
};

/* All that is forgotten when the entry becomes another address's. */
struct health_facts {
	_Atomic uint64_t backoff;  /* its end in ms, and the failures in a row in the lowest 8 bits; one word,
	                              so  that of those who fail at once one makes it longer */
	_Atomic uint64_t probe_ms; /* somebody has the right to try until then */
	_Atomic uint64_t handshake_us; /* the budget: when the next handshake would be due at an even pace */
	_Atomic uint64_t early_ms;     /* no early data until then */
	_Atomic uint64_t failed_ms, used_ms;
	_Atomic uint64_t asked, answers, handshakes_full, handshakes_resumed;
	_Atomic uint64_t failed[HEALTH_CAUSES];
	_Atomic uint64_t cells[HEALTH_CELLS]; /* process id, connections (16 bits), questions (16 bits) */
	_Atomic uint32_t silences, refusals, down, cause;
	_Atomic uint32_t latency_us, slow_us, shaken_us, samples;
	_Atomic uint32_t idle_ms;     /* learned; 0: nothing yet */
	_Atomic uint32_t idle_closed; /* after how many ms it last closed; 0: never */
	_Atomic uint32_t keepalive_told, keepalive_ms;
	_Atomic uint32_t features, tls_version;
	_Atomic uint16_t latencies[HEALTH_OCTAVES * HEALTH_STEPS];
	struct latency latency;
	struct health_text why;
};

struct health_entry {
	_Atomic uint64_t key;    /* 0: free */
	_Atomic uint64_t filled; /* the key that `facts` are about; another: not yet cleared */
	struct health_text name, address;
	struct health_facts facts;
};

struct health_table {
	_Atomic uint64_t forgotten_ms; /* the last network change */
	struct health_entry entries[HEALTH_ENTRIES];
};

struct health {
	struct health_table *table; /* NULL: none */
	struct health_entry *entry;
	uint64_t key;
	uint64_t cell; /* ours among the cells */
	struct health_entry own;
};

void health_text_set(struct health_text *text, const char *from);
/* Of a text that is not whole: "". */
void health_text_get(const struct health_text *text, char *out, size_t room);
/* The facts of this hold: in the table as long as the entry is still about this address. */
struct health_facts *health_facts(const struct health *h);
enum health_state health_state_of(const struct health_facts *f, uint64_t now_ms);
uint32_t health_idle_of(const struct health_facts *f);

static inline uint64_t
health_get(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void
health_set(_Atomic uint64_t *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline uint32_t
health_get32(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void
health_set32(_Atomic uint32_t *word, uint32_t value)
{
	/* A line that is not written stays in everybody's cache. */
	if (health_get32(word) != value)
		atomic_store_explicit(word, value, memory_order_relaxed);
}

static inline uint64_t
health_backoff_end(uint64_t backoff)
{
	return backoff >> 8;
}

static inline uint32_t
health_backoff_row(uint64_t backoff)
{
	return backoff & 0xff;
}

#endif
