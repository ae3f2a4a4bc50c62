/*
 * Verification, and saying in words what is wrong. GnuTLS reports a set of flags; an administrator at 3 am
 * needs the dates, the names in the certificate, or the pin that was seen.
 */
#include "net/verify.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { VERIFY_NAMES_SHOWN = 4, VERIFY_NAME_BYTES = 256 };

const char *
verify_pin_text(const uint8_t pin[CONFIG_PIN_BYTES], char out[VERIFY_PIN_TEXT_BYTES])
{
	gnutls_datum_t raw = {.data = (unsigned char *)(uintptr_t)pin, .size = CONFIG_PIN_BYTES}, text = {0};
	if (gnutls_base64_encode2(&raw, &text) < 0) {
		snprintf(out, VERIFY_PIN_TEXT_BYTES, "?");
		return out;
	}
	snprintf(out, VERIFY_PIN_TEXT_BYTES, "sha256//%.*s", (int)text.size, text.data);
	gnutls_free(text.data);
	return out;
}

/* The n-th certificate that the peer sent, or NULL. The caller frees it with gnutls_x509_crt_deinit(). */
static gnutls_x509_crt_t
peer_certificate(gnutls_session_t session, unsigned index)
{
	unsigned count;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
	gnutls_x509_crt_t certificate;
	if (chain == NULL || index >= count || gnutls_x509_crt_init(&certificate) < 0)
		return NULL;
	if (gnutls_x509_crt_import(certificate, &chain[index], GNUTLS_X509_FMT_DER) == 0)
		return certificate;
	gnutls_x509_crt_deinit(certificate);
	return NULL;
}

static int
peer_pin(gnutls_session_t session, uint8_t pin[CONFIG_PIN_BYTES])
{
	gnutls_x509_crt_t leaf = peer_certificate(session, 0);
	if (leaf == NULL)
		return -EBADMSG;
	size_t bytes = CONFIG_PIN_BYTES;
	int failed = gnutls_x509_crt_get_key_id(leaf, GNUTLS_KEYID_USE_SHA256, pin, &bytes);
	gnutls_x509_crt_deinit(leaf);
	return failed || bytes != CONFIG_PIN_BYTES ? -EBADMSG : 0;
}

static int
check_pins(gnutls_session_t session, const struct verify_identity *identity, char *why, size_t room)
{
	uint8_t seen[CONFIG_PIN_BYTES];
	char text[VERIFY_PIN_TEXT_BYTES];
	if (peer_pin(session, seen) < 0) {
		snprintf(why, room, "the certificate's key cannot be read");
		return -EACCES;
	}
	for (size_t i = 0; i < identity->pin_count; i++)
		if (memcmp(identity->pins[i], seen, sizeof seen) == 0)
			return 0;
	snprintf(why, room, "no pin matches; the server's is %s", verify_pin_text(seen, text));
	return -EACCES;
}

/* One subject alternative name as text; 0, or a negative value when there is no such name. */
static int
alternative_name(gnutls_x509_crt_t leaf, unsigned index, char out[VERIFY_NAME_BYTES])
{
	char raw[VERIFY_NAME_BYTES];
	size_t bytes = sizeof raw - 1;
	int type = gnutls_x509_crt_get_subject_alt_name(leaf, index, raw, &bytes, NULL);
	if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
		return snprintf(out, VERIFY_NAME_BYTES, "a very long name") < 0;
	if (type < 0)
		return type;
	if (type == GNUTLS_SAN_IPADDRESS) {
		struct addr a = {.any.sa_family = bytes == 16 ? AF_INET6 : AF_INET};
		size_t count;
		uint8_t *host = (uint8_t *)(uintptr_t)addr_host(&a, &count);
		memcpy(host, raw, bytes < count ? bytes : count);
		char text[ADDR_TEXT_BYTES];
		snprintf(out, VERIFY_NAME_BYTES, "%s", addr_host_text(&a, text));
	} else {
		log_quote(out, VERIFY_NAME_BYTES, raw, bytes);
	}
	return 0;
}

/* "a.example, b.example and more" */
static void
leaf_names(gnutls_x509_crt_t leaf, char *out, size_t room)
{
	size_t used = 0;
	char name[VERIFY_NAME_BYTES];
	snprintf(out, room, "no name at all");
	for (unsigned i = 0; alternative_name(leaf, i, name) == 0; i++) {
		bool enough = i == VERIFY_NAMES_SHOWN;
		int wrote = snprintf(out + used, room - used, "%s%s", enough || i == 0 ? "" : ", ",
		        enough ? " and more" : name);
		if (enough || wrote < 0 || (size_t)wrote >= room - used)
			return;
		used += (size_t)wrote;
	}
}

void
verify_names(gnutls_session_t session, char *out, size_t room)
{
	gnutls_x509_crt_t leaf = peer_certificate(session, 0);
	snprintf(out, room, "no name at all");
	if (leaf == NULL)
		return;
	leaf_names(leaf, out, room);
	gnutls_x509_crt_deinit(leaf);
}

static void
explain_owner(gnutls_session_t session, const char *wanted, char *why, size_t room)
{
	char names[200];
	gnutls_x509_crt_t leaf = peer_certificate(session, 0);
	if (leaf == NULL) {
		snprintf(why, room, "certificate is not for \"%s\"", wanted);
		return;
	}
	leaf_names(leaf, names, sizeof names);
	gnutls_x509_crt_deinit(leaf);
	snprintf(why, room, "certificate is not for \"%s\", but for %s", wanted, names);
}

/* The clock, and whether it can be right. */
static void
clock_text(time_t now, char *out, size_t room)
{
	char date[32], built[32];
	clock_date_text(now, date);
	clock_date_text(clock_built(), built);
	snprintf(out, room, clock_is_wrong(now) ? "%s, which is wrong: dotward was built on %.10s" : "%s",
	        date, built);
}

/* Any certificate of the chain may be the one that is out of date. */
static void
explain_dates(gnutls_session_t session, char *why, size_t room)
{
	time_t now = clock_date();
	char date[32], clock[160];
	clock_text(now, clock, sizeof clock);
	gnutls_x509_crt_t certificate;
	for (unsigned i = 0; (certificate = peer_certificate(session, i)) != NULL; i++) {
		time_t from = gnutls_x509_crt_get_activation_time(certificate);
		time_t until = gnutls_x509_crt_get_expiration_time(certificate);
		gnutls_x509_crt_deinit(certificate);
		if (from <= now && now <= until)
			continue;
		clock_date_text(now > until ? until : from, date);
		snprintf(why, room, "%scertificate %s on %s; local clock %s", i ? "intermediate " : "",
		        now > until ? "expired" : "becomes valid only", date, clock);
		return;
	}
	snprintf(why, room, "certificate chain is out of date; local clock %s", clock);
}

static void
explain_trust(gnutls_session_t session, char *why, size_t room)
{
	char issuer[VERIFY_NAME_BYTES], quoted[VERIFY_NAME_BYTES];
	size_t bytes = sizeof issuer;
	gnutls_x509_crt_t leaf = peer_certificate(session, 0);
	bool named = leaf != NULL && gnutls_x509_crt_get_issuer_dn(leaf, issuer, &bytes) == 0;
	bool self = leaf != NULL && gnutls_x509_crt_check_issuer(leaf, leaf) != 0;
	if (leaf != NULL)
		gnutls_x509_crt_deinit(leaf);
	snprintf(why, room, "certificate %s not signed by a trusted authority%s%s",
	        self ? "is self-signed," : "is", named ? "; issuer " : "",
	        named ? log_quote(quoted, sizeof quoted, issuer, bytes) : "");
}

/* Dates before trust: GnuTLS reports an expired certificate as untrusted too, and the date is what helps. */
static void
explain(gnutls_session_t session, unsigned status, const char *wanted, char *why, size_t room)
{
	if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) {
		explain_dates(session, why, room);
	} else if (status & GNUTLS_CERT_REVOKED) {
		snprintf(why, room, "certificate has been revoked");
	} else if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA)) {
		explain_trust(session, why, room);
	} else if (status & GNUTLS_CERT_UNEXPECTED_OWNER) {
		explain_owner(session, wanted, why, room);
	} else {
		gnutls_datum_t text = {0};
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
		snprintf(why, room, "certificate refused: %s",
		        text.data ? (char *)text.data : "unknown reason");
		gnutls_free(text.data);
	}
}

static time_t
on_time(time_t *out)
{
	time_t now = clock_date();
	if (out != NULL)
		*out = now;
	return now;
}

void
verify_dates_from_clock(void)
{
	gnutls_global_set_time_function(on_time);
}

/*
 * All over again without the dates: GnuTLS looks no further, not at signatures nor at the name, once it has
 * found one that is wrong. How old word of revocation is, is a date, too.
 */
static bool
is_right_but_for_dates(gnutls_session_t session, gnutls_typed_vdata_st *wanted, unsigned count)
{
	const unsigned dates =
	        GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
	gnutls_certificate_credentials_t trust;
	unsigned status = 0;
	if (gnutls_credentials_get(session, GNUTLS_CRD_CERTIFICATE, (void **)&trust) < 0)
		return false;
	unsigned flags = gnutls_certificate_get_verify_flags(trust);
	gnutls_certificate_set_verify_flags(
	        trust, flags | GNUTLS_VERIFY_DISABLE_TIME_CHECKS | GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS);
	int failed = gnutls_certificate_verify_peers(session, wanted, count, &status);
	gnutls_certificate_set_verify_flags(trust, flags);
	if (status & dates)
		status &= ~(dates | GNUTLS_CERT_INVALID);
	return failed == 0 && status == 0;
}

static int
check_chain(gnutls_session_t session, const struct verify_identity *identity, const struct addr *peer,
        char *why, size_t room)
{
	char address[ADDR_TEXT_BYTES];
	bool by_name = identity->auth_name[0] != '\0';
	size_t host_bytes;
	const uint8_t *host = addr_host(peer, &host_bytes);
	gnutls_typed_vdata_st wanted[] = {
	        {.type = GNUTLS_DT_KEY_PURPOSE_OID,
	                .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER},
	        {.type = by_name ? GNUTLS_DT_DNS_HOSTNAME : GNUTLS_DT_IP_ADDRESS,
	                .data = (unsigned char *)(uintptr_t)(by_name ? (const void *)identity->auth_name
	                                                             : host),
	                .size = by_name ? 0 : (unsigned)host_bytes},
	};
	unsigned status = 0;
	int failed = gnutls_certificate_verify_peers(session, wanted, 2, &status);
	if (failed < 0) {
		snprintf(why, room, "certificate cannot be checked: %s", gnutls_strerror(failed));
		return -EACCES;
	}
	if (status == 0)
		return VERIFY_RIGHT;
	if (identity->clock_bootstrap && clock_is_wrong(clock_date()) &&
	        is_right_but_for_dates(session, wanted, 2))
		return VERIFY_UNDATED;
	explain(session, status, by_name ? identity->auth_name : addr_host_text(peer, address), why, room);
	return -EACCES;
}

int
verify_peer(gnutls_session_t session, const struct verify_identity *identity, const struct addr *peer,
        char *why, size_t room)
{
	if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_SERVER) != GNUTLS_CRT_X509) {
		snprintf(why, room, "the server sent no X.509 certificate");
		return -EACCES;
	}
	if (identity->pin_count > 0 && check_pins(session, identity, why, room) < 0)
		return -EACCES;
	if (identity->pin_count > 0 && identity->auth_name[0] == '\0')
		return 0;
	return check_chain(session, identity, peer, why, room);
}
