/*
 * Who holds a port: for the one message that every administrator of a DNS server meets.
 */
#ifndef DOTWARD_NET_HOLDER_H
#define DOTWARD_NET_HOLDER_H

#include "base/addr.h"

#include <stdbool.h>

enum { HOLDER_TEXT_BYTES = 384 };

/*
 * Writes " by systemd-resolve (pid 312); ..." with a remedy for the usual holders, or a hint how to look when
 * the holder cannot be seen (another user's process, or another pid namespace). Returns `out`.
 */
const char *holder_find(const struct addr *address, bool udp, char out[HOLDER_TEXT_BYTES]);

#endif
