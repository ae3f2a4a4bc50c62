/*
 * What is known of the addresses of one host name, and when to ask for them again. Pure; time is an argument,
 * in milliseconds.
 *
 * They are asked for again when their time to live is over, and after a failure when a back-off is. Whatever
 * fails, the addresses that were known stay.
 */
#ifndef DOTWARD_UPSTREAM_HOST_H
#define DOTWARD_UPSTREAM_HOST_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HOST_ADDRESSES = 64,
	HOST_LEAST_S = 60,   /* a shorter time to live is taken for this one, */
	HOST_MOST_S = 86400, /* a longer one for this */
	HOST_RETRY_FIRST_MS = 1000,
	HOST_RETRY_MOST_MS = 60000,
	HOST_SOON_MS = 500, /* when the network has changed */
	HOST_WHY_BYTES = 300,
};

enum host_family { HOST_IPV4, HOST_IPV6, HOST_FAMILIES };

/* What came of asking. */
struct host_answer {
	bool known[HOST_FAMILIES];             /* there was an answer, even if it was that there are none */
	struct addr addresses[HOST_ADDRESSES]; /* without port, each fit to be asked */
	unsigned count;
	bool left_out;            /* there were more */
	uint32_t ttl_s;           /* if there are any */
	char why[HOST_WHY_BYTES]; /* if there are none, or not all is known; has strangers' words in it */
};

/* Zeroed: nothing is known, and it is time to ask. */
struct host {
	struct addr addresses[HOST_ADDRESSES]; /* IPv4 and IPv6 in turn, those of one family sorted */
	unsigned count;
	uint64_t due_ms;
	unsigned failures;        /* in a row */
	char why[HOST_WHY_BYTES]; /* of the last one, "" when there was none */
};

enum host_news {
	HOST_SAME,    /* the same addresses as before */
	HOST_CHANGED, /* others */
	HOST_WELL,    /* the same, and before that it failed */
	HOST_FAILS,   /* the first failure, or the first after it was well */
	HOST_FAILS_ON,
};

/* `random` takes up to a quarter off a back-off. */
enum host_news host_learn(struct host *h, const struct host_answer *answer, uint64_t now_ms, uint32_t random);
/* The network is another one: asks soon, and a failure is the first one again. */
void host_hurry(struct host *h, uint64_t now_ms);

/* Can anybody be asked at it? Not at addresses that mean all, many, or something on the local link. */
bool host_address_fits(const struct addr *address);
/* Deals `room` places out to hosts that want so many each: one to each in turn, as long as there are any. */
void host_share(const unsigned *wanted, unsigned *given, size_t count, unsigned room);

#endif
