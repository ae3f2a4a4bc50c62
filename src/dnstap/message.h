/*
 * One dnstap message as bytes: who asked whom, when, and the DNS message (dnstap.proto has the fields).
 *
 * protobuf-c packs it straight to where it is to lie: the path of a question allocates nothing.
 */
#ifndef DOTWARD_DNSTAP_MESSAGE_H
#define DOTWARD_DNSTAP_MESSAGE_H

#include "base/addr.h"

#include <stddef.h>
#include <stdint.h>

enum dnstap_type {
	DNSTAP_CLIENT_QUERY = 5,
	DNSTAP_CLIENT_RESPONSE = 6,
	DNSTAP_FORWARDER_QUERY = 7,
	DNSTAP_FORWARDER_RESPONSE = 8,
};

enum dnstap_protocol { DNSTAP_UDP = 1, DNSTAP_TCP = 2, DNSTAP_DOT = 3 };

struct dnstap_message {
	enum dnstap_type type;
	enum dnstap_protocol protocol;
	/* Who asks, and who answers. NULL, AF_UNSPEC or a wildcard: not known; without a port, not that. */
	const struct addr *asker, *answerer;
	uint64_t asked_us, answered_us; /* since 1970; 0: not known, or not yet */
	const uint8_t *dns;             /* the question, or the answer, as the type says */
	size_t dns_bytes;
};

enum { DNSTAP_NAME_BYTES = 255 };

/* What every message of a process begins with. */
struct dnstap_head {
	uint8_t identity[DNSTAP_NAME_BYTES], version[DNSTAP_NAME_BYTES];
	size_t identity_bytes, version_bytes; /* 0: left out */
};

/* "" leaves one out; of each, up to DNSTAP_NAME_BYTES are taken. */
void dnstap_head_make(struct dnstap_head *head, const char *identity, const char *version);

enum { DNSTAP_OVERHEAD_BYTES = 160 };
/* The most bytes that a message with so many of DNS takes. */
size_t dnstap_most(const struct dnstap_head *head, size_t dns_bytes);
/*
 * Writes it into dnstap_most() bytes; how many it took. The last one is never 3, which is that of a STOP: no
 * message can make a file look as if it had ended.
 */
size_t dnstap_write(const struct dnstap_head *head, const struct dnstap_message *message, uint8_t *out);

#endif
