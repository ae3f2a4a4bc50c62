/*
 * The last hour in steps of ten seconds: how much was asked, what became of it, and how long it took. In
 * shared memory, so that workers, exporters, reloads and upgrades come and go beneath it.
 *
 * One process writes, now and then, from what has been counted since ever; whoever asks reads. Where nobody
 * wrote there is a gap. Time is that of a clock that goes on while the machine sleeps (clock_boot_ms()).
 */
#ifndef DOTWARD_SHARED_HISTORY_H
#define DOTWARD_SHARED_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HISTORY_STEP_MS = 10000,
	HISTORY_STEPS = 360,
	HISTORY_BUCKETS = 64, /* the most that a histogram may have */
};

struct history;

/* What has been counted since ever. */
struct history_sums {
	uint64_t queries, hits, misses, blocked, servfail;
	uint64_t latency[HISTORY_BUCKETS]; /* answers by the time they took; each in one bucket only */
};

/* One step. */
struct history_point {
	uint64_t age_ms;  /* since it began */
	uint64_t span_ms; /* that was counted: about HISTORY_STEP_MS, less where somebody began in its middle
	                   */
	uint64_t queries, hits, misses, blocked, servfail;
	uint64_t p50_us, p99_us; /* HISTORY_NO_TIME: nothing was answered */
};
#define HISTORY_NO_TIME UINT64_MAX

/* What it needs of shared memory, zeroed. */
size_t history_bytes(void) __attribute__((const));
/* Would history_note() write anything? */
bool history_is_due(const struct history *history, uint64_t now_ms);
/*
 * For the writer, at least once in a step; more often makes the steps more even. `upto_us` are the upper
 * bounds of the buckets, ascending, the last one for all that took longer. After a pause of two steps and
 * more, what was counted meanwhile is left out.
 */
void history_note(struct history *history, const struct history_sums *sums, const uint64_t *upto_us,
        size_t buckets, uint64_t now_ms);
/* The steps of the last hour that there are, the oldest first. Returns how many. */
size_t history_read(
        const struct history *history, struct history_point points[HISTORY_STEPS], uint64_t now_ms);
/*
 * The time that this many thousandths of the counted did not exceed, read off between the bounds of its
 * bucket; HISTORY_NO_TIME if none were counted. What is in the last bucket took as long as the bound before
 * says, or longer.
 */
uint64_t history_quantile(
        const uint64_t *counts, const uint64_t *upto_us, size_t buckets, unsigned thousandths);

#endif
