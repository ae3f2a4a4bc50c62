/*
 * What a TLS session shows of its server, good or bad: for check-live, which tells it to people. It judges
 * nothing; that is verify.h's business, and nothing that is found here lets anybody pass.
 */
#ifndef DOTWARD_NET_FACTS_H
#define DOTWARD_NET_FACTS_H

#include "config/config.h"
#include "net/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FACTS_CHAIN = 6, FACTS_TEXT_BYTES = 256, FACTS_WORD_BYTES = 80 };

struct facts_certificate {
	char subject[FACTS_TEXT_BYTES]; /* escaped */
	int64_t from_s, until_s;        /* since 1970 */
	bool has_pin;
	uint8_t pin[CONFIG_PIN_BYTES];
};

/* Plain data. What is not known is "" or 0. */
struct facts {
	char version[16];              /* "TLS1.3" */
	char cipher[FACTS_WORD_BYTES]; /* "ECDHE-SECP256R1 ECDSA-SECP256R1-SHA256 AES-256-GCM" */
	bool alpn;                     /* the server chose "dot" */
	bool resumed;
	char names[FACTS_TEXT_BYTES];
	char issuer[FACTS_TEXT_BYTES];
	bool self_signed;
	bool weak;  /* a key or a signature in the chain is, by the profile's priority */
	bool owner; /* it is for the name that was asked for, or else the address */
	struct facts_certificate chain[FACTS_CHAIN];
	size_t chain_count; /* 0 on a resumed session: the server shows none */
};

/*
 * Reads off the session, during the handshake (as far as it came) or after it. `name`: the one that the
 * certificate should be for, "": the address.
 */
void facts_read(struct tls *tls, const char *name, const struct addr *peer, struct facts *out);

/* What another session can be resumed with; the creator frees. */
struct facts_ticket;
/* NULL when the server has given nothing (yet). */
struct facts_ticket *facts_ticket_take(struct tls *tls);
/* Before the handshake. 0, or -EINVAL: then it will be a full one. */
int facts_ticket_use(const struct facts_ticket *ticket, struct tls *tls);
void facts_ticket_free(struct facts_ticket *ticket);

#endif
