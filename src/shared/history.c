/*
 * A ring. A step's number says its time, and where it lies:
 *
 *    points   … │ 41 │ 42 │    │    │ 45 │     45 is over; 46 is under way, since `base` was noted
 *                           gap
 *
 * What is noted first in a new step ends the one before, with the differences to what was noted when that
 * began. A point is published by its number, which is zero while the rest is written, and read again after
 * the rest: a writer that dies in between leaves a gap. During an upgrade there may be two writers for a
 * moment; they write the same.
 */
#include "shared/history.h"

#include <stdatomic.h>
#include <string.h>

/* A point in the ring; words that readers see whole. */
enum history_word { AT_MS, SPAN_MS, QUERIES, HITS, MISSES, BLOCKED, SERVFAIL, P50_US, P99_US, HISTORY_WORDS };

struct history_step {
	_Atomic uint64_t number; /* 0: none */
	_Atomic uint64_t words[HISTORY_WORDS];
};

struct history {
	uint64_t number;  /* of the step under way; 0: none ever was */
	uint64_t base_ms; /* when it began for us */
	struct history_sums base;
	struct history_step steps[HISTORY_STEPS];
};

size_t
history_bytes(void)
{
	return sizeof(struct history);
}

static uint64_t
number_at(uint64_t now_ms)
{
	return now_ms / HISTORY_STEP_MS + 1;
}

/* Sums of many slabs are no snapshot: one that falls back for a moment has counted nothing. */
static uint64_t
grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

uint64_t
history_quantile(const uint64_t *counts, const uint64_t *upto_us, size_t buckets, unsigned thousandths)
{
	uint64_t all = 0, below = 0;
	for (size_t i = 0; i < buckets; i++)
		all += counts[i];
	if (all == 0)
		return HISTORY_NO_TIME;
	uint64_t rank = (all * thousandths + 999) / 1000;
	for (size_t i = 0; i + 1 < buckets; i++) {
		uint64_t low_us = i > 0 ? upto_us[i - 1] : 0;
		if (counts[i] > 0 && below + counts[i] >= rank)
			return low_us + (upto_us[i] - low_us) * (rank - below) / counts[i];
		below += counts[i];
	}
	return buckets > 1 ? upto_us[buckets - 2] : HISTORY_NO_TIME;
}

static void
publish(struct history *h, const uint64_t words[HISTORY_WORDS])
{
	struct history_step *step = &h->steps[h->number % HISTORY_STEPS];
	atomic_store_explicit(&step->number, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (unsigned i = 0; i < HISTORY_WORDS; i++)
		atomic_store_explicit(&step->words[i], words[i], memory_order_relaxed);
	atomic_store(&step->number, h->number);
}

static void
finish(struct history *h, const struct history_sums *sums, const uint64_t *upto_us, size_t buckets,
        uint64_t now_ms)
{
	uint64_t latency[HISTORY_BUCKETS] = {0};
	for (size_t i = 0; i < buckets; i++)
		latency[i] = grown(sums->latency[i], h->base.latency[i]);
	const uint64_t words[HISTORY_WORDS] = {
	        [AT_MS] = h->base_ms,
	        [SPAN_MS] = now_ms - h->base_ms,
	        [QUERIES] = grown(sums->queries, h->base.queries),
	        [HITS] = grown(sums->hits, h->base.hits),
	        [MISSES] = grown(sums->misses, h->base.misses),
	        [BLOCKED] = grown(sums->blocked, h->base.blocked),
	        [SERVFAIL] = grown(sums->servfail, h->base.servfail),
	        [P50_US] = history_quantile(latency, upto_us, buckets, 500),
	        [P99_US] = history_quantile(latency, upto_us, buckets, 990),
	};
	publish(h, words);
}

bool
history_is_due(const struct history *h, uint64_t now_ms)
{
	return number_at(now_ms) != h->number;
}

void
history_note(struct history *h, const struct history_sums *sums, const uint64_t *upto_us, size_t buckets,
        uint64_t now_ms)
{
	uint64_t number = number_at(now_ms);
	if (buckets > HISTORY_BUCKETS)
		buckets = HISTORY_BUCKETS;
	if (!history_is_due(h, now_ms))
		return;
	bool known = h->number != 0 && number > h->number;
	if (known && now_ms > h->base_ms && now_ms - h->base_ms < 2 * HISTORY_STEP_MS)
		finish(h, sums, upto_us, buckets, now_ms);
	h->base = *sums;
	h->base_ms = now_ms;
	h->number = number;
}

/* False: it is not there, or is just being written. */
static bool
read_step(const struct history_step *step, uint64_t number, struct history_point *out, uint64_t now_ms)
{
	uint64_t words[HISTORY_WORDS];
	if (atomic_load(&step->number) != number)
		return false;
	for (unsigned i = 0; i < HISTORY_WORDS; i++)
		words[i] = atomic_load_explicit(&step->words[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&step->number, memory_order_relaxed) != number || words[AT_MS] > now_ms)
		return false;
	*out = (struct history_point){
	        .age_ms = now_ms - words[AT_MS],
	        .span_ms = words[SPAN_MS],
	        .queries = words[QUERIES],
	        .hits = words[HITS],
	        .misses = words[MISSES],
	        .blocked = words[BLOCKED],
	        .servfail = words[SERVFAIL],
	        .p50_us = words[P50_US],
	        .p99_us = words[P99_US],
	};
	return true;
}

size_t
history_read(const struct history *h, struct history_point points[HISTORY_STEPS], uint64_t now_ms)
{
	uint64_t newest = number_at(now_ms);
	size_t count = 0;
	for (uint64_t back = HISTORY_STEPS; back > 0; back--)
		if (newest > back && read_step(&h->steps[(newest - back) % HISTORY_STEPS], newest - back,
		                             &points[count], now_ms))
			count++;
	return count;
}
