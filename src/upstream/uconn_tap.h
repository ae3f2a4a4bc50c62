/*
 * Taps what goes to an upstream and what comes back: dnstap's forwarder messages.
 */
#ifndef DOTWARD_UPSTREAM_UCONN_TAP_H
#define DOTWARD_UPSTREAM_UCONN_TAP_H

#include "dnstap/tap.h"
#include "upstream/uconn.h"

/* The question leaves on this stream: says in `ask` whether it was tapped. `local` is the stream's own
 * address, found out here if nobody has yet. For a process whose tap has a forwarder. */
void uconn_tap_ask(struct uconn_ask *ask, const struct stream *stream, struct addr *local,
        const struct addr *upstream, const uint8_t *msg, size_t bytes);
/* Its answer, for one that was tapped. */
void uconn_tap_answer(const struct uconn_ask *ask, const struct addr *local, const struct addr *upstream,
        const uint8_t *msg, size_t bytes);

#endif
