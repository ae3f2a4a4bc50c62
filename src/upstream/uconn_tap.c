/*
 * The time of a query is when it was put on the connection, which is when it leaves, unless that is only
 * being opened. Whoever is asked twice is two queries, each with an answer of its own.
 */
#include "upstream/uconn_tap.h"

#include "base/clock.h"

static void
put(uint64_t asked_us, enum dnstap_type type, const struct addr *local, const struct addr *upstream,
        uint64_t answered_us, const uint8_t *msg, size_t bytes)
{
	tap_put(&(struct dnstap_message){.type = type,
	        .protocol = DNSTAP_DOT,
	        .asker = local,
	        .answerer = upstream,
	        .asked_us = asked_us,
	        .answered_us = answered_us,
	        .dns = msg,
	        .dns_bytes = bytes});
}

uint64_t
uconn_tap_ask(uint32_t number, const struct stream *stream, struct addr *local, const struct addr *upstream,
        const uint8_t *msg, size_t bytes)
{
	if (!tap_wants(number))
		return 0;
	if (local->any.sa_family == AF_UNSPEC && !stream_local(stream, local))
		*local = (struct addr){0};
	uint64_t now_us = clock_wall_us();
	put(now_us, DNSTAP_FORWARDER_QUERY, local, upstream, 0, msg, bytes);
	return now_us;
}

void
uconn_tap_answer(uint64_t asked_us, const struct addr *local, const struct addr *upstream, const uint8_t *msg,
        size_t bytes)
{
	put(asked_us, DNSTAP_FORWARDER_RESPONSE, local, upstream, clock_wall_us(), msg, bytes);
}
