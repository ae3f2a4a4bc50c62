/*
 * The TLS handshakes of a worker's clients that are under way, in the order of their beginning: how many
 * there may be, how long each may take, and which one gives way for another. Pure: time is an argument.
 */
#ifndef DOTWARD_CLIENT_HANDSHAKES_H
#define DOTWARD_CLIENT_HANDSHAKES_H

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

/* After so long without a word from its client, a handshake may have to give way. A client that means well
 * needs one round trip. */
enum { HANDSHAKE_GRACE_MS = 250 };

/* The caller's; in `link` alone when it is not under way. */
struct handshake {
	struct list link;
	uint64_t begun_ms;
};

struct handshakes {
	struct list under_way; /* oldest first */
	unsigned count, most, limit_ms;
};

void handshakes_init(struct handshakes *all, unsigned most, unsigned limit_ms);
void handshake_begin(struct handshakes *all, struct handshake *h, uint64_t now_ms);
/* It is done, or its client is gone. Nothing happens where it is not under way. */
void handshake_end(struct handshakes *all, struct handshake *h);
bool handshake_is_under_way(const struct handshake *h);

/* Is there no room for another one? */
bool handshakes_full(const struct handshakes *all);
/* The oldest, if it has taken longer than it may; or NULL. */
struct handshake *handshakes_overdue(const struct handshakes *all, uint64_t now_ms);
/*
 * The oldest that may give way: beyond its grace, and `waits_for_us` says of it that there is nothing from
 * its client that we have not looked at. Of the few that are oldest; NULL: there is none.
 */
struct handshake *handshakes_stalled(
        const struct handshakes *all, uint64_t now_ms, bool (*waits_for_us)(const struct handshake *h));
/* When one becomes overdue, or, when there is no room, when one comes to the end of its grace, at the
 * earliest; UINT64_MAX: never. */
uint64_t handshakes_next_ms(const struct handshakes *all, uint64_t now_ms);

#endif
