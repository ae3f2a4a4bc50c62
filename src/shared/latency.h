/*
 * How long something took, counted in fixed buckets: 1, 2, 5, 10 … from 2 microseconds to 5 seconds. Plain
 * words, so that histograms of several processes can be added to each other.
 */
#ifndef DOTWARD_SHARED_LATENCY_H
#define DOTWARD_SHARED_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

enum { LATENCY_BOUNDS = 20, LATENCY_BUCKETS = LATENCY_BOUNDS + 1 };

/* The upper bounds, which belong to their buckets; the last bucket has none. */
extern const uint32_t latency_bounds_us[LATENCY_BOUNDS];

/* Zeroed: empty. */
struct latency {
	_Atomic uint64_t sum_us;
	_Atomic uint64_t counts[LATENCY_BUCKETS];
};

/* As it is told: each bucket with all below it. Zeroed: empty. */
struct latency_view {
	uint64_t sum_us, count;
	uint64_t below[LATENCY_BUCKETS]; /* the last one is `count` */
};

unsigned latency_bucket(uint64_t us) __attribute__((const));
/* Where nobody else writes. */
void latency_note(struct latency *l, uint64_t us);
/* Where others write as well. */
void latency_note_shared(struct latency *l, uint64_t us);
/* Adds what is in it now. */
void latency_add(struct latency_view *into, const struct latency *from);
/* What so many of a hundred stayed below, as far as the buckets tell, in microseconds; 0: nothing was
 * measured. */
uint32_t latency_quantile_us(const struct latency_view *view, unsigned percent);

#endif
