/*
 * Taps what goes to an upstream and what comes back: dnstap's forwarder messages.
 */
#ifndef DOTWARD_UPSTREAM_UCONN_TAP_H
#define DOTWARD_UPSTREAM_UCONN_TAP_H

#include "dnstap/tap.h"
#include "net/stream.h"

/*
 * The question q=number leaves on this stream. Returns when that was, in microseconds since 1970, if it is
 * one that is tapped; else 0. `local` is the stream's own address, found out here if nobody has yet. For a
 * process whose tap has a forwarder.
 */
uint64_t uconn_tap_ask(uint32_t number, const struct stream *stream, struct addr *local,
        const struct addr *upstream, const uint8_t *msg, size_t bytes);
/* The answer to one that was tapped then. */
void uconn_tap_answer(uint64_t asked_us, const struct addr *local, const struct addr *upstream,
        const uint8_t *msg, size_t bytes);

#endif
