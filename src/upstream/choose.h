/*
 * The order in which places are asked. Pure, so that it can be tested without a network.
 *
 * sequential   in the order of the configuration: the first that is well
 * round-robin  in turns
 * fastest      of two places at random the one with the lower latency x (load + 1); only places that are not
 *              twice as slow as the fastest by that measure are drawn, and now and then any, to learn
 * hashed       by name, with a rendezvous hash: a name keeps to its place, over restarts as well, no place
 * sees all names, and a place that goes away moves only its own
 */
#ifndef DOTWARD_UPSTREAM_CHOOSE_H
#define DOTWARD_UPSTREAM_CHOOSE_H

#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of a place at the moment of choosing. */
struct choose_place {
	uint32_t key;      /* the same over restarts, reloads and in every worker */
	unsigned upstream; /* its upstream's index, below 64 */
	bool usable;       /* not backed off, and not found wanting just now */
	uint64_t backoff_until_ms;
	uint32_t latency_us; /* 0: never measured */
	unsigned load;       /* questions outstanding there */
};

/* What is known of the question. */
struct choose_question {
	uint64_t tried;     /* places asked already, a bit each */
	uint64_t broken;    /* places that are out of the question */
	uint64_t refused;   /* upstreams that are out of the question */
	uint32_t name_hash; /* for "hashed" */
	uint32_t turn;      /* for "round-robin": counts up with each question */
	uint32_t random;    /* for "fastest": uniform */
};

/*
 * The place to ask next, or -1 when none is left. In this order: not tried and of an upstream not tried yet;
 * not tried; tried. Among those the usable ones by policy; if there is none, the one whose back-off ends
 * first. With other_only, places that were tried do not count.
 */
int choose(enum config_policy policy, const struct choose_place *places, unsigned count,
        const struct choose_question *question, bool other_only);

#endif
