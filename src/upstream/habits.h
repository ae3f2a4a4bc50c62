/*
 * What an upstream address usually does, as learned by watching: how slow its slow answers are, and how long
 * it keeps an idle connection. Plain data and pure functions.
 */
#ifndef DOTWARD_UPSTREAM_HABITS_H
#define DOTWARD_UPSTREAM_HABITS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	HABITS_IDLE_FIRST_MS = 9500, /* below the 10 s at which the large resolvers close */
	HABITS_IDLE_MOST_MS = 60000,
	HABITS_IDLE_LEAST_MS = 100, /* a keepalive of 0 asks us to close soon, not to spin */
};

/* Zeroed: nothing known. */
struct habits {
	uint32_t slow_us;  /* estimate of the 95th percentile */
	uint32_t idle;     /* milliseconds; 0: HABITS_IDLE_FIRST_MS */
	uint32_t outlived; /* closes of ours in a row that the server had not forestalled */
	bool seen_to_close;
};

/* An answer took so long. */
void habits_answered(struct habits *h, uint32_t latency_us);
/* What 95 of 100 recent answers stayed below; 0: never measured. */
uint32_t habits_slow_us(const struct habits *h);

/* The server closed a connection in order that had been idle for so long. */
void habits_idle_closed(struct habits *h, uint32_t idle_ms);
/* We closed after habits_idle_ms(), and the server had not. */
void habits_idle_outlived(struct habits *h);
/* How long to keep an idle connection: 95 % of when this server was seen to close. */
uint32_t habits_idle_ms(const struct habits *h);

#endif
