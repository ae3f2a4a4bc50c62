/*
 * The time of a query is when it was put on the connection, which is when it leaves, unless that is only
 * being opened. Whoever is asked twice is two queries, each with an answer of its own.
 */
#include "upstream/uconn_tap.h"

#include "base/clock.h"

static void
put(const struct uconn_ask *ask, enum dnstap_type type, const struct addr *local, const struct addr *upstream,
        uint64_t answered_us, const uint8_t *msg, size_t bytes)
{
	tap_put(&(struct dnstap_message){.type = type,
	        .protocol = DNSTAP_DOT,
	        .asker = local,
	        .answerer = upstream,
	        .asked_us = ask->tapped_us,
	        .answered_us = answered_us,
	        .dns = msg,
	        .dns_bytes = bytes});
}

void
uconn_tap_ask(struct uconn_ask *ask, const struct stream *stream, struct addr *local,
        const struct addr *upstream, const uint8_t *msg, size_t bytes)
{
	ask->tapped_us = 0;
	if (!tap_wants(ask->number))
		return;
	if (local->any.sa_family == AF_UNSPEC && !stream_local(stream, local))
		*local = (struct addr){0};
	ask->tapped_us = clock_wall_us();
	put(ask, DNSTAP_FORWARDER_QUERY, local, upstream, 0, msg, bytes);
}

void
uconn_tap_answer(const struct uconn_ask *ask, const struct addr *local, const struct addr *upstream,
        const uint8_t *msg, size_t bytes)
{
	put(ask, DNSTAP_FORWARDER_RESPONSE, local, upstream, clock_wall_us(), msg, bytes);
}
