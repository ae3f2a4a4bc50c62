/*
 * Is this the server we were told to trust? RFC 8310 section 8 (name or address against a trusted chain), RFC
 * 7858 section 4.2 (pins).
 */
#ifndef DOTWARD_NET_VERIFY_H
#define DOTWARD_NET_VERIFY_H

#include "base/addr.h"
#include "config/config.h"

#include <gnutls/gnutls.h>

struct verify_identity {
	const char *auth_name; /* "": none */
	const uint8_t (*pins)[CONFIG_PIN_BYTES];
	size_t pin_count;
	bool clock_bootstrap; /* dates do not count while the clock is wrong for certain */
};

enum verify_result {
	VERIFY_RIGHT,
	VERIFY_UNDATED, /* right but for the dates, which must be looked at again when the clock is right */
};

/*
 * After the peer's certificate came: an enum verify_result when it is the right one. With pins, the server's
 * own key must be one of them. With a name, or without pins, the chain must lead to a trusted authority and
 * the certificate must be for the name (without one: for the address). Else -EACCES and a sentence in `why`.
 * Today is what GnuTLS was told by verify_dates_from_clock().
 */
int verify_peer(gnutls_session_t session, const struct verify_identity *identity, const struct addr *peer,
        char *why, size_t room);

/* What the peer's certificate is for: "a.example, 192.0.2.1 and more", or "no name at all". */
void verify_names(gnutls_session_t session, char *out, size_t room);
/* GnuTLS takes its date from base/clock. */
void verify_dates_from_clock(void);

/* "sha256//BASE64=" of a pin, as the configuration has it. */
enum { VERIFY_PIN_TEXT_BYTES = 64 };
const char *verify_pin_text(const uint8_t pin[CONFIG_PIN_BYTES], char out[VERIFY_PIN_TEXT_BYTES]);

#endif
