/*
 * Events that come many at a time, each worth acting on, and none worth acting on alone: when to act. Plain
 * data and pure functions; time is an argument.
 *
 * The first urgent event of a burst is acted on at once, the others when nothing has come for a while, and in
 * a storm that does not end ever more seldom.
 */
#ifndef DOTWARD_BASE_BURST_H
#define DOTWARD_BASE_BURST_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BURST_QUIET_MS = 500,  /* without an event: the burst is over */
	BURST_FIRST_MS = 3000, /* the longest wait for that; doubled each time, */
	BURST_MOST_MS = 60000, /* up to this */
};

/* Zeroed: nothing has come. */
struct burst {
	uint64_t since_ms, last_ms;
	uint32_t patience_ms; /* 0: no burst */
	bool pending, urgent, hurried;
};

void burst_note(struct burst *b, bool urgent, uint64_t now_ms);
/* When burst_take() will say yes if nothing more comes; UINT64_MAX: never. */
uint64_t burst_due_ms(const struct burst *b);
/* Is it time to act? True once for all that came. */
bool burst_take(struct burst *b, uint64_t now_ms);

#endif
