/*
 * Questions by UDP: one per listen address and worker. Receives and sends in batches; what is to be sent
 * leaves before the loop sleeps. Answers come from the address that was asked, on wildcard sockets too.
 */
#ifndef DOTWARD_CLIENT_LISTENER_UDP_H
#define DOTWARD_CLIENT_LISTENER_UDP_H

#include "query/query.h"

struct listener_udp;

/* Bytes of shared memory for the batches of one listen address and slot. */
size_t listener_udp_footprint(void);

/*
 * The descriptor is borrowed; it must be non-blocking. `listen` is the index that questions carry. `memory`:
 * listener_udp_footprint() bytes, aligned to a cache line, zeroed at first; a successor gets what its
 * predecessor left.
 */
struct listener_udp *listener_udp_new(struct ev_loop *loop, struct queries *queries,
        const struct addr *address, int fd, uint32_t listen, struct stats_slab *stats, void *memory);
/* One more socket of the same address whose datagrams are taken, borrowed as well; answers leave by the
 * first. */
void listener_udp_also(struct listener_udp *listener, int fd);
/* Each datagram begins with a PROXY header, as this listen address (which outlives it) has it. Before the
 * first. */
void listener_udp_proxied(struct listener_udp *listener, const struct config_listen *by);
void listener_udp_free(struct listener_udp *listener);
/*
 * Sends the answers that a predecessor had written, and handles the datagrams that it had received, but for
 * the question with the hash `skip`. Once, before the loop runs.
 */
void listener_udp_recover(struct listener_udp *listener, uint64_t skip);
/* Takes what the kernel has queued, and then no more. Answers still leave. */
void listener_udp_drain(struct listener_udp *listener);

#endif
