/*
 * The tickets that clients offer, each known by a digest: one that comes twice tells that its client does not
 * use it once.
 */
#include "faultup.h"

#include <gnutls/crypto.h>
#include <string.h>

enum { TICKETS = 4096, DIGEST_BYTES = 32, EXTENSION_TICKET = 35, EXTENSION_PSK = 41 };

static uint8_t seen[TICKETS][DIGEST_BYTES];
static size_t count;

static void
note(const uint8_t *ticket, size_t bytes)
{
	uint8_t digest[DIGEST_BYTES];

	stats.offered++;
	gnutls_hash_fast(GNUTLS_DIG_SHA256, ticket, bytes, digest);
	for (size_t i = 0; i < count; i++) {
		if (memcmp(seen[i], digest, sizeof(digest)) == 0) {
			stats.offered_again++;
			return;
		}
	}
	if (count < TICKETS)
		memcpy(seen[count++], digest, sizeof(digest));
}

/* TLS 1.2: the ticket. TLS 1.3: identities, each with its length; a client of ours offers one. */
static int
on_extension(void *context, unsigned type, const unsigned char *data, unsigned bytes)
{
	(void)context;
	if (type == EXTENSION_TICKET && bytes > 0)
		note(data, bytes);
	if (type == EXTENSION_PSK && bytes > 4 && 4u + data[2] * 256u + data[3] <= bytes)
		note(data + 4, data[2] * 256u + data[3]);
	return 0;
}

static int
on_hello(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *msg)
{
	(void)session;
	(void)type;
	(void)when;
	if (incoming)
		gnutls_ext_raw_parse(NULL, on_extension, msg, GNUTLS_EXT_RAW_FLAG_TLS_CLIENT_HELLO);
	return 0;
}

void
ticket_watch(gnutls_session_t session)
{
	gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_CLIENT_HELLO, GNUTLS_HOOK_PRE, on_hello);
}
