/*
 * When to open a connection that no question waits for yet, so that the next one meets it open. Pure; time is
 * an argument.
 */
#ifndef DOTWARD_UPSTREAM_WARM_H
#define DOTWARD_UPSTREAM_WARM_H

#include <stdbool.h>
#include <stdint.h>

enum {
	WARM_FOR_MS = 60000,       /* after the last question there */
	WARM_PAUSE_MS = 1000,      /* after one that was of no use to anybody and did not last */
	WARM_IDLE_LEAST_MS = 1000, /* who keeps idle connections for less does not want to be kept warm */
	WARM_STAGGER_MS = 20,
};
#define WARM_NEVER UINT64_MAX

/* An address, as one worker sees it. */
struct warm_view {
	uint64_t asked_ms; /* the last question there; 0: none yet */
	uint64_t begun_ms; /* the last connection; 0: none yet */
	uint32_t idle_ms;  /* how long an idle connection is kept */
	bool well;         /* it can be expected to answer */
	bool lively;       /* there is a connection that will do, or one on its way */
	bool useless;      /* the last one ended without an answer */
};

/* When to open one: in the past or now is at once; WARM_NEVER: as things are, not at all. */
uint64_t warm_at_ms(const struct warm_view *view, uint64_t now_ms);
/* How long after its birth a worker opens its first connections: they do not all come at once. `ordinal`
 * counts the addresses that it opens one to. */
uint32_t warm_first_ms(unsigned ordinal, uint32_t random);

#endif
