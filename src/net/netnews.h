/*
 * What the kernel's routing messages (rtnetlink(7)) say that matters to whoever has connections: interfaces
 * that begin or cease to carry, addresses that come or go, and the default route. Not the loopback interface,
 * link-local addresses, statistics, lifetimes that were extended, or interfaces without an address, as
 * containers bring by the dozen.
 *
 * It remembers interfaces and addresses to know a change from a repetition. No socket here, and no length is
 * trusted.
 */
#ifndef DOTWARD_NET_NETNEWS_H
#define DOTWARD_NET_NETNEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NETNEWS_LINKS = 64,      /* what is beyond is not told of */
	NETNEWS_ADDRESSES = 256, /* what is beyond is always new */
	NETNEWS_NAME_BYTES = 16,
	NETNEWS_WHY_BYTES = 96,
};

struct netnews_link {
	int32_t index;
	bool carries; /* up, and with a carrier */
	bool loopback;
	char name[NETNEWS_NAME_BYTES];
};

struct netnews_address {
	int32_t index; /* of its interface */
	uint8_t family;
	uint8_t bytes[16];
};

/* Zeroed: knows of nothing. */
struct netnews {
	struct netnews_link links[NETNEWS_LINKS];
	unsigned link_count;
	struct netnews_address addresses[NETNEWS_ADDRESSES];
	unsigned address_count;
};

/* What came of some messages. */
struct netnews_sum {
	bool gain; /* there may be a way again that there was not: an interface, an address, a route came */
	bool loss; /* one has gone */
	bool done; /* a dump that was asked for is over */
	char why[NETNEWS_WHY_BYTES]; /* the first of the news, for the log; "": none */
};

/* Reads messages, as recv() gave them, and adds to *sum. */
void netnews_read(struct netnews *n, const uint8_t *bytes, size_t count, struct netnews_sum *sum);

#endif
