/*
 * Asking once more before the first answer is there: when, and how often. Pure.
 *
 * The budget is a bucket of tokens: each question earns a tenth of one, each hedge costs one, and the bucket
 * is small. So hedges are at most a tenth of all questions over time, and where questions are few, those that
 * are slow can be hedged all the same.
 */
#ifndef DOTWARD_UPSTREAM_HEDGE_H
#define DOTWARD_UPSTREAM_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	HEDGE_LEAST_MS = 150,
	HEDGE_SHARE = 10, /* one hedge for so many questions */
	HEDGE_BURST = 16,
};

/* Zeroed: full. */
struct hedge_budget {
	uint32_t spent; /* in tenths of a token */
};

/* A question was asked. */
void hedge_earn(struct hedge_budget *budget);
/* False: there is none left. */
bool hedge_spend(struct hedge_budget *budget);
/* How long to wait before a question is overdue, where 95 of 100 answers come within slow_us (0: not known).
 */
uint32_t hedge_after_ms(uint32_t slow_us);

#endif
