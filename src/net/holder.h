/*
 * Who holds a port: for the one message that every administrator of a DNS server meets.
 */
#ifndef DOTWARD_NET_HOLDER_H
#define DOTWARD_NET_HOLDER_H

#include "base/addr.h"

#include <stdbool.h>

enum { HOLDER_TEXT_BYTES = 384 };

/*
 * Writes " by systemd-resolve (pid 312); ..." with a remedy for the usual holders; " by a process of user
 * systemd-resolve; ..." when only that can be seen (another user's process), or a hint how to look when
 * nothing can be (another pid namespace). Returns `out`.
 */
const char *holder_find(const struct addr *address, bool udp, char out[HOLDER_TEXT_BYTES]);

#endif
