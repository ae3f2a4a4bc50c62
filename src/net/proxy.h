/*
 * The header of the PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt, section 2.2): with it a proxy
 * says, before anything else, whom it speaks for. Version 1, which is text, is not understood here.
 *
 * Pure: whether the sender may be believed is the caller's business.
 */
#ifndef DOTWARD_NET_PROXY_H
#define DOTWARD_NET_PROXY_H

#include "base/addr.h"

enum {
	PROXY_FIXED_BYTES = 16,
	PROXY_MOST_BYTES = 4096, /* of a whole header; haproxy's own are below 1 KB */
};

enum proxy_says {
	PROXY_CLIENT, /* for this client */
	PROXY_SELF,   /* LOCAL: it asks for itself, as for a health check */
	PROXY_NOBODY, /* for somebody who has no IP address, or whose it does not know */
};

struct proxy_header {
	enum proxy_says says;
	struct addr source;      /* PROXY_CLIENT: the client; an IPv4-mapped one as IPv4 */
	struct addr destination; /* PROXY_CLIENT: what it asked, at the proxy */
};

/*
 * Reads the header at the front of bytes[0..count). Returns its length; 0 when more bytes are needed to tell
 * (of a datagram, which has no more: malformed); -EBADMSG when there is none, when it is longer than
 * PROXY_MOST_BYTES, when its lengths do not add up or when its CRC32c is wrong. *out means something only
 * with a length. Extensions (TLVs) are walked and passed over, but for the checksum.
 */
int proxy_parse(const uint8_t *bytes, size_t count, struct proxy_header *out)
        __attribute__((warn_unused_result));
/* How long the whole header is, as far as the first `count` bytes tell; no more than that may be read of a
 * stream, for what follows is another's. */
size_t proxy_bytes(const uint8_t *bytes, size_t count);

#endif
