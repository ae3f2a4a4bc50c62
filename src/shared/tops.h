/*
 * What is asked for most, and by whom, of late: counts of keys (names, addresses), of which there may be any
 * number, in little memory that all workers share. Keys that are seen often are in it, with counts that are
 * never higher than what was counted; of the many that are seen seldom, some are.
 *
 * Off, it holds nothing and takes nothing. Counts are of the half hour under way and the one before.
 */
#ifndef DOTWARD_SHARED_TOPS_H
#define DOTWARD_SHARED_TOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TOPS_KEY_BYTES = 84,
	TOPS_WINDOW_MS = 30 * 60 * 1000,
};

struct tops;

/* What a configuration allows to be counted. */
enum tops_mode {
	TOPS_OFF,
	TOPS_WHOLE,    /* names, and clients by their addresses */
	TOPS_NETWORKS, /* names, and clients by their networks */
};

enum tops_kind { TOPS_NAMES, TOPS_CLIENTS, TOPS_KINDS };

struct tops_entry {
	uint64_t count;
	uint8_t bytes;
	uint8_t key[TOPS_KEY_BYTES];
};

/* What it needs of shared memory, zeroed. */
size_t tops_bytes(void) __attribute__((const));
/* Once, before others see it. It is off. */
void tops_begin(struct tops *tops, uint64_t seed);
/* By the master, when a configuration begins to serve. Another mode than before: all that is in it is wiped.
 * now_ms: here and below, clock_now_ms(). */
void tops_switch(struct tops *tops, enum tops_mode mode, uint64_t now_ms);
enum tops_mode tops_mode(const struct tops *tops);
/* What was seen: a key of 1 to TOPS_KEY_BYTES. */
struct tops_seen {
	enum tops_mode mode; /* that the counter was told */
	enum tops_kind kind;
	const void *key;
	size_t bytes;
	uint32_t times;
	uint64_t now_ms;
};
/* Counts it, if that mode is switched on. */
void tops_count(struct tops *tops, const struct tops_seen *seen);
/* The most frequent ones, at most `most`, by count. Returns how many; 0 if it is off. */
size_t tops_read(const struct tops *tops, enum tops_kind kind, struct tops_entry *entries, size_t most,
        uint64_t now_ms);
/* How long the counts go back. */
uint64_t tops_span_ms(const struct tops *tops, uint64_t now_ms);

#endif
