/*
 * How much of late, for each of very many keys, counted by all processes together: token buckets in shared
 * memory, which outlive workers, reloads and upgrades.
 *
 * A bucket holds `burst` and is filled at a steady rate. The table is bounded, and whatever goes wrong in it
 * favours who asks: keys are told apart in full, so that nobody pays for a stranger; when there is no bucket
 * left that can be had cheaply, or others are in the way time and again, it passes without being counted. Who
 * is deepest in debt keeps his bucket the longest. Nobody waits; a process that dies at any moment leaves
 * nothing that does not heal by itself.
 */
#ifndef DOTWARD_SHARED_LIMITS_H
#define DOTWARD_SHARED_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limits;

/* Two tables, so that a flood of one kind of keys cannot push the other kind out. */
enum limits_table { LIMITS_QUESTIONS, LIMITS_ANSWERS, LIMITS_TABLES };

enum {
	LIMITS_SETS = 8192, /* of each table */
	LIMITS_WAYS = 4,    /* buckets of a set: a cache line */
	LIMITS_TRIES = 16,  /* to change a bucket that others change, too */
};

/* What a bucket holds, as time: one costs `interval_ns`, and so much debt is allowed before it. */
struct limits_rate {
	uint64_t interval_ns, tolerance_ns;
};

/* per_second: 1 to 1 000 000; burst: up to as much, 0 for those of one second. */
struct limits_rate limits_rate(unsigned per_second, unsigned burst);

/* What it needs of shared memory. */
size_t limits_bytes(void) __attribute__((const));
/* Once, in zeroed memory; `seed` is a secret of this memory's. */
void limits_begin(struct limits *limits, uint64_t seed);
/* The key for these bytes, which should say all that makes a bucket another one, its rate as well. Nobody
 * outside can find bytes with a given key. Never 0. */
uint64_t limits_key(const struct limits *limits, const void *bytes, size_t count);
/* Is there room for one more? If so it is taken. now_ns: of CLOCK_MONOTONIC. */
bool limits_take(struct limits *limits, enum limits_table table, uint64_t key, const struct limits_rate *rate,
        uint64_t now_ns);

#endif
