/*
 * Whether the network is another than it was: interfaces, addresses and the default route, as the kernel
 * tells of them (netlink). Bursts of changes are one.
 */
#ifndef DOTWARD_NET_NETWATCH_H
#define DOTWARD_NET_NETWATCH_H

#include "net/netnews.h"

struct netwatch;

/* Needs no privilege. NULL with errno. */
struct netwatch *netwatch_open(void);
void netwatch_close(struct netwatch *watch);
/* Readable when there is something for netwatch_changed(). */
int netwatch_fd(const struct netwatch *watch);
/* When netwatch_changed() will say so if nothing more comes; UINT64_MAX: never. */
uint64_t netwatch_due_ms(const struct netwatch *watch);
/*
 * Reads what has come. True when it is time to act on a change: at once for the first thing that came, half a
 * second later for what has gone or came with it. `why` then says what the first was.
 */
bool netwatch_changed(struct netwatch *watch, uint64_t now_ms, char why[NETNEWS_WHY_BYTES]);

#endif
