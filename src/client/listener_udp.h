/*
 * Questions by UDP: one per listen address and worker. Receives and sends in batches; what is to be sent
 * leaves before the loop sleeps. Answers come from the address that was asked, on wildcard sockets too.
 */
#ifndef DOTWARD_CLIENT_LISTENER_UDP_H
#define DOTWARD_CLIENT_LISTENER_UDP_H

#include "query/query.h"

struct listener_udp;

/* The descriptor is borrowed; it must be non-blocking. `listen` is the index that questions carry. */
struct listener_udp *listener_udp_new(struct ev_loop *loop, struct queries *queries,
        const struct addr *address, int fd, uint32_t listen, struct stats_slab *stats);
void listener_udp_free(struct listener_udp *listener);
/* Takes what the kernel has queued, and then no more. Answers still leave. */
void listener_udp_drain(struct listener_udp *listener);

#endif
