/*
 * How an upstream address is doing: failures and back-off, smoothed latency. Plain data and pure functions;
 * time is an argument.
 */
#ifndef DOTWARD_SHARED_HEALTH_H
#define DOTWARD_SHARED_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum {
	HEALTH_BACKOFF_FIRST_MS = 1000,
	HEALTH_BACKOFF_MOST_MS = 60000,
	HEALTH_SILENCES =
	        3, /* unanswered questions in a row, on connections that were open, that make a failure */
};

/* Zeroed: never tried, and as good as any. */
struct health {
	uint64_t backoff_until_ms;
	uint32_t failures;   /* in a row */
	uint32_t silences;   /* in a row */
	uint32_t latency_us; /* smoothed; 0: never measured */
	bool down;           /* as told to the log: from the first failure to the next answer */
};

/*
 * A connection could not be opened, was not verified, or broke. Back-off 1 s, doubled to 60 s, with up to a
 * quarter taken off by `random` so that many do not come back at once. True when the address has just gone
 * down.
 */
bool health_failed(struct health *h, uint64_t now_ms, uint32_t random);
/* A question stayed unanswered on a silent connection. True when that made it a failure and the address has
 * just gone down. */
bool health_silent(struct health *h, uint64_t now_ms, uint32_t random);
/* An answer came, after this time. True when the address has just come up again. */
bool health_answered(struct health *h, uint32_t latency_us);
/* The network is another one: as good as any again. Only what the log was told stays. */
void health_forget(struct health *h);
bool health_usable(const struct health *h, uint64_t now_ms);

#endif
