/*
 * Special names: those that mean something else than a name in the DNS, or that only a network of one's own
 * could answer. Nobody outside is to be asked for them.
 *
 * RFC 6761 (localhost, invalid, test), RFC 6303 and RFC 7793 (reverse zones of private and reserved
 * addresses), RFC 7686 (onion), RFC 6762 (local), RFC 8375 (home.arpa), RFC 9476 (alt), RFC 9462
 * (resolver.arpa), RFC 9665 (service.arpa). Not here, as they are asked like others: example (RFC 6761
 * section 6.5) and ipv4only.arpa, from which a host learns of NAT64 (RFC 7050, RFC 8880).
 */
#ifndef DOTWARD_DNS_SPECIAL_H
#define DOTWARD_DNS_SPECIAL_H

#include "dns/name.h"

struct special;

struct special *special_new(void) __attribute__((returns_nonnull));
void special_free(struct special *special);

enum special_kind {
	SPECIAL_NONE,      /* a name like others */
	SPECIAL_ABSENT,    /* there is no such name */
	SPECIAL_EMPTY,     /* the name exists, without records; SOA and NS where it is the zone */
	SPECIAL_LOCALHOST, /* 127.0.0.1 and ::1 */
	SPECIAL_LOOPBACK,  /* PTR localhost. */
};

struct special_found {
	enum special_kind kind;
	size_t zone_at; /* where in the name the zone begins */
	unsigned zone_labels;
	bool is_zone;   /* the name is that of the zone */
	bool delegated; /* the zone is, without signatures: whoever validates wants to hear that of its
	                   parent, and asks for DS */
};

void special_find(
        const struct special *special, const uint8_t *name, size_t bytes, struct special_found *out);

#endif
