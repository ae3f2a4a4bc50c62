/*
 * A session taken apart for people. Certificates are strangers' bytes: each text is bounded and escaped, and
 * one that cannot be read leaves its place empty.
 */
#include "net/facts.h"

#include "base/log.h"
#include "net/verify.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct facts_ticket {
	gnutls_datum_t data;
};

typedef int dn_fn(gnutls_x509_crt_t, char *, size_t *);

static void
dn_text(gnutls_x509_crt_t certificate, dn_fn *get, char out[FACTS_TEXT_BYTES])
{
	char raw[FACTS_TEXT_BYTES];
	size_t bytes = sizeof raw;
	out[0] = '\0';
	if (get(certificate, raw, &bytes) == 0)
		log_quote(out, FACTS_TEXT_BYTES, raw, bytes);
}

static void
read_owner(gnutls_x509_crt_t leaf, const char *name, const struct addr *peer, struct facts *out)
{
	size_t bytes;
	const uint8_t *host = addr_host(peer, &bytes);
	out->owner = name[0] != '\0' ? gnutls_x509_crt_check_hostname(leaf, name) != 0
	                             : gnutls_x509_crt_check_ip(leaf, host, (unsigned)bytes, 0) != 0;
	out->self_signed = gnutls_x509_crt_check_issuer(leaf, leaf) != 0;
	dn_text(leaf, gnutls_x509_crt_get_issuer_dn, out->issuer);
}

static void
read_certificate(gnutls_x509_crt_t certificate, struct facts_certificate *out)
{
	size_t bytes = sizeof out->pin;
	dn_text(certificate, gnutls_x509_crt_get_dn, out->subject);
	out->from_s = gnutls_x509_crt_get_activation_time(certificate);
	out->until_s = gnutls_x509_crt_get_expiration_time(certificate);
	out->has_pin =
	        gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, out->pin, &bytes) == 0 &&
	        bytes == sizeof out->pin;
}

static void
read_chain(gnutls_session_t session, const char *name, const struct addr *peer, struct facts *out)
{
	unsigned count = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	if (chain == NULL || gnutls_certificate_type_get2(session, GNUTLS_CTYPE_SERVER) != GNUTLS_CRT_X509)
		return;
	for (unsigned i = 0; i < count && i < FACTS_CHAIN; i++) {
		gnutls_x509_crt_t certificate;
		if (gnutls_x509_crt_init(&certificate) < 0)
			return;
		bool good = gnutls_x509_crt_import(certificate, &chain[i], GNUTLS_X509_FMT_DER) == 0;
		if (good) {
			read_certificate(certificate, &out->chain[out->chain_count++]);
			if (i == 0)
				read_owner(certificate, name, peer, out);
		}
		gnutls_x509_crt_deinit(certificate);
		if (!good)
			return;
	}
	verify_names(session, out->names, sizeof out->names);
	unsigned status = 0;
	out->weak = gnutls_certificate_verify_peers2(session, &status) == 0 &&
	            (status & GNUTLS_CERT_INSECURE_ALGORITHM) != 0;
}

/* "(TLS1.3)-(ECDHE-X25519)-(ECDSA-SECP256R1-SHA256)-(AES-256-GCM)", without the version and the brackets. */
static void
cipher_text(gnutls_session_t session, char out[FACTS_WORD_BYTES])
{
	char *text = gnutls_session_get_desc(session);
	size_t used = 0;
	for (const char *at = text != NULL ? strstr(text, ")-(") : NULL; at != NULL && *at != '\0'; at++) {
		bool border = strncmp(at, ")-(", 3) == 0;
		if (border)
			at += 2;
		if (*at != ')' && used + 1 < FACTS_WORD_BYTES && !(border && used == 0))
			out[used++] = border ? ' ' : *at;
	}
	out[used] = '\0';
	gnutls_free(text);
}

void
facts_read(struct tls *tls, const char *name, const struct addr *peer, struct facts *out)
{
	gnutls_session_t session = tls_session(tls);
	gnutls_datum_t alpn;
	*out = (struct facts){.resumed = gnutls_session_is_resumed(session) != 0};
	const char *version = gnutls_protocol_get_name(gnutls_protocol_get_version(session));
	snprintf(out->version, sizeof out->version, "%s", version != NULL ? version : "");
	cipher_text(session, out->cipher);
	out->alpn = gnutls_alpn_get_selected_protocol(session, &alpn) == 0 && alpn.size == 3 &&
	            memcmp(alpn.data, "dot", 3) == 0;
	read_chain(session, name, peer, out);
}

/* TLS 1.3: gnutls_session_get_data2() waits for a ticket unless one is there. */
static bool
is_resumable(gnutls_session_t session)
{
	return gnutls_protocol_get_version(session) < GNUTLS_TLS1_3 ||
	       (gnutls_session_get_flags(session) & GNUTLS_SFLAGS_SESSION_TICKET) != 0;
}

struct facts_ticket *
facts_ticket_take(struct tls *tls)
{
	gnutls_session_t session = tls_session(tls);
	struct facts_ticket *ticket = is_resumable(session) ? calloc(1, sizeof *ticket) : NULL;
	if (ticket == NULL || gnutls_session_get_data2(session, &ticket->data) == 0)
		return ticket;
	free(ticket);
	return NULL;
}

int
facts_ticket_use(const struct facts_ticket *ticket, struct tls *tls)
{
	return gnutls_session_set_data(tls_session(tls), ticket->data.data, ticket->data.size) == 0 ? 0
	                                                                                            : -EINVAL;
}

void
facts_ticket_free(struct facts_ticket *ticket)
{
	if (ticket == NULL)
		return;
	gnutls_free(ticket->data.data);
	free(ticket);
}
