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
};

/*
 * After the peer's certificate came: 0 when it is the right one. With pins, the server's own key must be one
 * of them. With a name, or without pins, the chain must lead to a trusted authority and the certificate must
 * be for the name (without one: for the address). Else -EACCES and a sentence in `why`.
 */
int verify_peer(gnutls_session_t session, const struct verify_identity *identity, const struct addr *peer,
        char *why, size_t room);

/* What the peer's certificate is for: "a.example, 192.0.2.1 and more", or "no name at all". */
void verify_names(gnutls_session_t session, char *out, size_t room);

/* "sha256//BASE64=" of a pin, as the configuration has it. */
enum { VERIFY_PIN_TEXT_BYTES = 64 };
const char *verify_pin_text(const uint8_t pin[CONFIG_PIN_BYTES], char out[VERIFY_PIN_TEXT_BYTES]);

#endif
