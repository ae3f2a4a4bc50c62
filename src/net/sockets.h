/*
 * The listening sockets: for every listen address one UDP and one TCP socket per worker slot, in one
 * SO_REUSEPORT group each, bound by the master and kept open for its whole life. What the kernel queued on a
 * dead worker's sockets waits for its successor.
 *
 * A group has a member for each slot, and may have more: when slots become fewer, the sockets of those that
 * go stay as spare members. Nothing new is steered to them; what had been on its way is read by the slot that
 * minds the spare one, which is its number modulo the slots.
 */
#ifndef DOTWARD_NET_SOCKETS_H
#define DOTWARD_NET_SOCKETS_H

#include "base/addr.h"
#include "config/config.h"

struct sockets;

enum { SOCKETS_WHY_BYTES = 512 };

/* Sockets that are bound already: those of a generation before, or those that came with us through exec. */
struct sockets_bound {
	const int *descriptors; /* -1: none */
	size_t count;
};

/*
 * Opens everything, or nothing: NULL, with one line in `why` that names the address, who holds it where that
 * can be found, and the remedy. Addresses that are bound already (`bound` may be NULL) are taken over as
 * duplicates, each socket once and in the order given, the rest is bound. Whoever has members in the same
 * groups still open must be in `bound`, those first who were bound last. IPv6 loopback on a machine without
 * IPv6 is left out with a warning as long as something else is listened on.
 */
struct sockets *sockets_open(const struct config_listen *listens, size_t count, unsigned slots,
        const struct sockets_bound *bound, char why[SOCKETS_WHY_BYTES]);
void sockets_close(struct sockets *sockets);
/*
 * Spreads what comes over the slots that are active (an array by slot; NULL: all). When none is, over all: it
 * waits there for a successor.
 */
void sockets_steer(const struct sockets *sockets, const bool *active);
/* All descriptors, by address, protocol and member. Returns how many there are; writes at most `room`. */
size_t sockets_descriptors(const struct sockets *sockets, int *out, size_t room);
/* The same, behind the `*count` on the heap (NULL: none) that it takes and returns larger. */
int *sockets_append(const struct sockets *sockets, int *descriptors, size_t *count);
/* In a worker: closes the sockets that all other slots read. */
void sockets_keep_slot(struct sockets *sockets, unsigned slot);

size_t sockets_count(const struct sockets *sockets);
const struct addr *sockets_address(const struct sockets *sockets, size_t listen);
/* Which of the addresses that were wanted it is: some may have been left out. */
size_t sockets_wanted(const struct sockets *sockets, size_t listen);
/* Is it TLS that is spoken on its TCP sockets? */
bool sockets_tls(const struct sockets *sockets, size_t listen);
/* The most that any group has: of the slots first, then the spare ones. */
unsigned sockets_members(const struct sockets *sockets);
/* The descriptor, or -1 when this address does not speak UDP (or TCP), or has no such spare member. */
int sockets_udp(const struct sockets *sockets, size_t listen, unsigned member);
int sockets_tcp(const struct sockets *sockets, size_t listen, unsigned member);

#endif
