/*
 * EDNS(0), RFC 6891: the OPT record taken apart and put together.
 *
 * OPT belongs to one hop. What a client's OPT says ends here; what goes upstream, and what comes back to the
 * client, is written anew.
 */
#ifndef DOTWARD_DNS_EDNS_H
#define DOTWARD_DNS_EDNS_H

#include "dns/cookie.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	EDNS_TYPE_OPT = 41,
	EDNS_OPTION_SUBNET = 8,     /* RFC 7871 */
	EDNS_OPTION_COOKIE = 10,    /* RFC 7873 */
	EDNS_OPTION_KEEPALIVE = 11, /* RFC 7828 */
	EDNS_OPTION_PADDING = 12,   /* RFC 7830 */
	EDNS_OPTION_EDE = 15,       /* RFC 8914 */
	EDNS_FLAG_DO = 0x8000,
	EDNS_SUBNET_BYTES = 20, /* family, two prefix lengths, address */
	EDNS_EDE_BYTES = 256,   /* of one forwarded EDE option: code and text */
	EDNS_EDE_CODE_BYTES = 2,
	EDNS_OPT_BYTES = 11, /* an OPT without options: root name to RDLENGTH */
};

/* Extended DNS Error codes that dotward itself gives, RFC 8914 section 4 */
enum edns_ede {
	EDNS_EDE_NONE = -1,
	EDNS_EDE_OTHER = 0,
	EDNS_EDE_STALE = 3,
	EDNS_EDE_FORGED = 4,
	EDNS_EDE_BLOCKED = 15,
	EDNS_EDE_CENSORED = 16,
	EDNS_EDE_FILTERED = 17,
	EDNS_EDE_PROHIBITED = 18,
	EDNS_EDE_STALE_NXDOMAIN = 19,
	EDNS_EDE_NOT_SUPPORTED = 21,
	EDNS_EDE_NO_REACHABLE_AUTHORITY = 22,
	EDNS_EDE_NETWORK_ERROR = 23,
};

/* One OPT record as received. Plain data, no pointers. What stands behind a length counts up to that length
 * only. */
struct edns {
	bool present;
	bool dnssec_ok;
	bool keepalive;       /* the option was there */
	bool keepalive_value; /* ... and carried a timeout */
	bool padding;         /* the option was there, of whatever length */
	uint8_t version;
	uint8_t extended_rcode;            /* upper eight bits */
	uint16_t udp_bytes;                /* as announced, not yet raised to 512 */
	uint16_t keepalive_tenths;         /* RFC 7828: units of 100 ms */
	uint16_t ede_bytes;                /* 0: no EDE option */
	uint8_t subnet_bytes;              /* 0: no client subnet option */
	uint8_t cookie_bytes;              /* 0: no cookie option, or a malformed one */
	bool cookie_malformed;             /* of a length that none has */
	uint8_t subnet[EDNS_SUBNET_BYTES]; /* OPTION-DATA of client subnet */
	uint8_t cookie[COOKIE_MOST_BYTES]; /* OPTION-DATA of the cookie */
	uint8_t ede[EDNS_EDE_BYTES];       /* OPTION-DATA of the first EDE: code and text (cut to fit) */
};

/* What an OPT of ours is to carry. Zeroed: an OPT without options. */
struct edns_write {
	uint16_t udp_bytes;
	uint8_t extended_rcode;
	bool dnssec_ok;
	bool keepalive; /* to a server: empty; to a client: with the value */
	bool keepalive_value;
	uint16_t keepalive_tenths;
	const uint8_t *subnet;  /* OPTION-DATA */
	size_t subnet_bytes;    /* 0: no such option */
	const uint8_t *cookie;  /* OPTION-DATA */
	size_t cookie_bytes;    /* 0: no such option */
	const uint8_t *ede;     /* OPTION-DATA: code and text */
	size_t ede_bytes;       /* 0: no such option */
	unsigned padding_block; /* pad the whole message to a multiple of this (RFC 8467); 0: none */
};

/* As if there were no OPT. Leaves alone the bytes that count only up to a length: this is done for every
 * message. */
void edns_clear(struct edns *out);

/*
 * Takes apart an OPT record: `record` points at its root name, `bytes` is its whole length (name to end of
 * RDATA). 0, or -EBADMSG when the options do not add up or one of a known code has an impossible length; *out
 * then still tells what the fixed part said. Of several options of one code the first counts. The options of
 * a version above 0 are not looked at.
 */
int edns_parse(const uint8_t *record, size_t bytes, struct edns *out) __attribute__((warn_unused_result));

/*
 * Appends an OPT record behind `used` bytes of a message in `msg` with `room` bytes in all; padding counts
 * the whole message. Returns the new message length, or 0 if it does not fit. Padding that does not fit is
 * left out or shortened, nothing else is. Does not touch ARCOUNT.
 */
size_t edns_append(uint8_t *msg, size_t used, size_t room, const struct edns_write *what);

/* The same, but where it does not fit, an EDE's text is left out, and its code stays. */
size_t edns_append_brief(uint8_t *msg, size_t used, size_t room, const struct edns_write *what);

/*
 * Fills OPTION-DATA of an EDE: code and text (UTF-8 or NULL; cut to fit, between characters). Returns its
 * length; 0 for EDNS_EDE_NONE.
 */
size_t edns_ede_data(uint8_t out[EDNS_EDE_BYTES], enum edns_ede code, const char *text);

#endif
