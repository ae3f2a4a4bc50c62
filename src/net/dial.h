/*
 * A TCP connection that is being opened.
 */
#ifndef DOTWARD_NET_DIAL_H
#define DOTWARD_NET_DIAL_H

#include "base/addr.h"

/*
 * A non-blocking socket that connects to this address, from this local one (NULL or AF_UNSPEC: from any), or
 * -errno. It is writable once it is connected, or has failed. What stays unacknowledged on it ends it after
 * ten seconds.
 */
int dial_open(const struct addr *from, const struct addr *to) __attribute__((warn_unused_result));

#endif
