/*
 * DNS cookies, the server's side: RFC 7873, in the form of RFC 9018, which all servers with the same secret
 * make and understand alike.
 *
 *   client's, 8 | version 1 | reserved, 3 | time, 4 | SipHash-2-4 of all that and the client's address, 8
 *
 * Who gives back what we made for its address has shown that it gets what is sent there.
 */
#ifndef DOTWARD_DNS_COOKIE_H
#define DOTWARD_DNS_COOKIE_H

#include "base/addr.h"
#include "base/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	COOKIE_SECRET_BYTES = SIPHASH_KEY_BYTES,
	COOKIE_CLIENT_BYTES = 8,
	COOKIE_BYTES = 24,      /* of one of ours, with the client's part */
	COOKIE_MOST_BYTES = 40, /* of anybody's */
	COOKIE_LIFE_S = 3600,   /* RFC 9018 section 4.3: no older than this, */
	COOKIE_FUTURE_S = 300,  /* nor so much from the future; */
	COOKIE_RENEW_S = 1800,  /* and from then on another one is given */
};

/* A length that the option may have, RFC 7873 section 5.2. */
bool cookie_sound(size_t bytes);

/* `also`: its cookies are accepted as well, and exchanged for new ones; NULL: there is none. */
struct cookie_secrets {
	const uint8_t *secret, *also;
};

enum cookie_verdict {
	COOKIE_FIRST, /* the client has none of ours */
	COOKIE_GOOD,
	COOKIE_BAD, /* not ours, not its own, or too old: as if it had none (RFC 7873 section 5.2.3) */
};

/*
 * Judges what a client sent, of a sound length, and writes what it is to get with the answer: a new cookie,
 * or its own where that is good for longer. `now_s`: seconds since 1970, of which the lower 32 bits count.
 */
enum cookie_verdict cookie_judge(const struct cookie_secrets *secrets, const uint8_t *data, size_t bytes,
        const struct addr *client, uint32_t now_s, uint8_t out[COOKIE_BYTES]);

#endif
