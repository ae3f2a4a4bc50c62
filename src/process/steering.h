/*
 * How many slots are given new questions. With little to do few are, so that their upstream connections stay
 * open: a question in ten seconds for each of eight workers keeps no connection open, one for all of them
 * does. Plain data and pure functions; time is an argument.
 *
 * Wider at once when there is more to do, narrower slowly.
 */
#ifndef DOTWARD_PROCESS_STEERING_H
#define DOTWARD_PROCESS_STEERING_H

#include <stdbool.h>
#include <stdint.h>

enum {
	STEERING_LOOK_MS = 1000, /* between two looks */
	STEERING_QPS = 200,      /* what one slot is given before there is another */
	STEERING_CALM_MS = 30000,
};

struct steering {
	unsigned slots, width;
	uint64_t looked_ms;
	uint64_t calm_ms; /* when the present stretch began */
	unsigned most;    /* slots that were wanted in it */
	uint64_t questions;
	unsigned qps; /* as last seen */
};

/* What is to be seen of the workers. */
struct steering_look {
	uint64_t questions; /* since ever, of all slots */
	unsigned busy;      /* percent of its time that the busiest slot was awake since the last look */
	unsigned clients;   /* TCP clients, in percent of what one slot takes, of the slot that has most */
};

/* As wide as so many questions in a second need; 0 where nothing is known. */
void steering_begin(struct steering *s, unsigned slots, unsigned qps, uint64_t now_ms);
/* A look, every STEERING_LOOK_MS. True when the width is another now. */
bool steering_look(struct steering *s, const struct steering_look *look, uint64_t now_ms);
/* A worker cries for help: all slots, at once. True when the width is another now. */
bool steering_alarm(struct steering *s, uint64_t now_ms);

#endif
