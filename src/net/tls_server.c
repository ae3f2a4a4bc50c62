/*
 * Certificate and key are loaded each by itself, so that what is wrong can be said of the right file, and
 * then put together.
 *
 * The key of the tickets is made of the secret of the day (shared/stek.h) and a digest of what is demanded of
 * clients. GnuTLS makes the one that seals a ticket of that and of the time, another one every three times
 * TLS_TICKET_LIFE_S, and still takes tickets of the one before: no worker has to tell another.
 */
#include "net/tls_server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "net/tls_trust.h"
#include "net/verify.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TLS_TICKET_LIFE_S = 2 * 3600,
	TLS_HELLO_BYTES = 32768, /* the largest handshake message that is taken; it may hold a chain */
	TLS_CHAIN = 16,          /* certificates in a chain, at most */
	TLS_DEMANDS_BYTES = 32,  /* SHA-256 */
};

struct tls_server {
	gnutls_certificate_credentials_t shown;
	gnutls_priority_t priority;
	bool wants_client;
	struct stek *stek; /* NULL: no tickets */
	uint8_t demands[TLS_DEMANDS_BYTES];
};

/* What is loaded on the way. */
struct loading {
	struct config_listen *listen;
	gnutls_x509_crt_t *chain;
	unsigned count;
	gnutls_x509_privkey_t key;
	char *why;
	char subject[ADDR_TEXT_BYTES + 8];
};

__attribute__((format(printf, 2, 3))) static int
object(const struct loading *l, const char *format, ...)
{
	va_list args;
	int used = snprintf(l->why, TLS_WHY_BYTES, "%s: ", l->subject);
	va_start(args, format);
	vsnprintf(l->why + used, TLS_WHY_BYTES - (size_t)used, format, args);
	va_end(args);
	return -EINVAL;
}

/* It is shown all the same: some clients may not care, and the others are told more by it than by silence. */
static void
remark_dates(const struct loading *l)
{
	char text[32];
	time_t today = clock_date();
	for (unsigned i = 0; i < l->count; i++) {
		time_t from = gnutls_x509_crt_get_activation_time(l->chain[i]),
		       until = gnutls_x509_crt_get_expiration_time(l->chain[i]);
		bool over = until < today;
		if (!over && from <= today)
			continue;
		clock_date_text(over ? until : from, text);
		log_warn("%s: certificate \"%s\" %s %s: clients that verify it refuse to speak with us; "
		         "replace it and reload",
		        l->subject, l->listen->certificate, over ? "expired on" : "is not valid before",
		        text);
		return;
	}
}

/* A name that a client can go to, so none with a wildcard. */
static void
note_name(const struct loading *l)
{
	char *out = l->listen->certified_name;
	out[0] = '\0';
	for (unsigned i = 0;; i++) {
		char name[CONFIG_HOST_BYTES];
		size_t bytes = sizeof name;
		int type = gnutls_x509_crt_get_subject_alt_name(l->chain[0], i, name, &bytes, NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			return;
		if (type != GNUTLS_SAN_DNSNAME || bytes >= sizeof name || memchr(name, '*', bytes) != NULL ||
		        memchr(name, '\0', bytes) != NULL)
			continue;
		memcpy(out, name, bytes);
		out[bytes] = '\0';
		return;
	}
}

static int
certificate_load(struct loading *l)
{
	gnutls_datum_t pem = {0};
	const char *path = l->listen->certificate;
	int failed = gnutls_load_file(path, &pem);
	if (failed == 0)
		failed = gnutls_x509_crt_list_import2(
		        &l->chain, &l->count, &pem, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
	gnutls_free(pem.data);
	if (failed < 0)
		return object(l,
		        "certificate \"%s\" cannot be loaded (%s); it must hold PEM certificates, the "
		        "server's own first",
		        path, gnutls_strerror(failed));
	if (l->count > TLS_CHAIN)
		return object(l, "certificate \"%s\" has %u certificates; at most %d make a chain", path,
		        l->count, TLS_CHAIN);
	return 0;
}

static int
key_load(struct loading *l)
{
	gnutls_datum_t pem = {0};
	const char *path = l->listen->key;
	int failed = gnutls_load_file(path, &pem);
	if (failed == 0)
		failed = gnutls_x509_privkey_init(&l->key);
	if (failed == 0)
		failed = gnutls_x509_privkey_import2(l->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (pem.data != NULL)
		explicit_bzero(pem.data, pem.size);
	gnutls_free(pem.data);
	if (failed == GNUTLS_E_DECRYPTION_FAILED)
		return object(l, "key \"%s\" is encrypted; it must be one without a passphrase", path);
	if (failed < 0)
		return object(l, "key \"%s\" cannot be loaded (%s); it must hold a private key in PEM form",
		        path, gnutls_strerror(failed));
	return 0;
}

static int
pair_up(struct tls_server *server, struct loading *l)
{
	if (gnutls_certificate_allocate_credentials(&server->shown) < 0)
		return object(l, "out of memory");
	int failed = gnutls_certificate_set_x509_key(server->shown, l->chain, (int)l->count, l->key);
	if (failed == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return object(l, "key \"%s\" does not belong to certificate \"%s\"", l->listen->key,
		        l->listen->certificate);
	if (failed < 0)
		return object(l, "certificate \"%s\" with key \"%s\" cannot be used (%s)",
		        l->listen->certificate, l->listen->key, gnutls_strerror(failed));
	return 0;
}

static int
client_ca_load(struct tls_server *server, const struct loading *l)
{
	const char *path = l->listen->client_ca;
	if (*path == '\0')
		return 0;
	server->wants_client = true;
	int loaded = gnutls_certificate_set_x509_trust_file(server->shown, path, GNUTLS_X509_FMT_PEM);
	if (loaded > 0)
		return 0;
	return object(l, "client_ca \"%s\" cannot be loaded (%s); it must hold PEM certificates", path,
	        loaded < 0 ? gnutls_strerror(loaded) : "no certificate in it");
}

static int
priority_load(struct tls_server *server, const struct loading *l)
{
	const char *text =
	        l->listen->only_tls13 ? TLS_DEFAULT_PRIORITY ":-VERS-ALL:+VERS-TLS1.3" : TLS_DEFAULT_PRIORITY;
	int failed = gnutls_priority_init2(&server->priority, text, NULL, 0);
	return failed == 0 ? 0 : object(l, "TLS cannot be set up (%s)", gnutls_strerror(failed));
}

static void
mix(void *digest, const void *bytes, size_t count)
{
	uint64_t length = count;
	gnutls_hash(digest, &length, sizeof length);
	gnutls_hash(digest, bytes, count);
}

/* GnuTLS's version is in it because a ticket is packed in its manner. */
static int
demands_digest(struct tls_server *server, const struct loading *l)
{
	gnutls_hash_hd_t digest;
	const char *version = gnutls_check_version(NULL);
	const uint8_t switches[] = {server->wants_client, l->listen->only_tls13};
	int failed = gnutls_hash_init(&digest, GNUTLS_DIG_SHA256);
	if (failed < 0)
		return object(l, "TLS cannot be set up (%s)", gnutls_strerror(failed));
	mix(digest, version, strlen(version));
	mix(digest, switches, sizeof switches);
	if (server->wants_client)
		tls_trust_each(server->shown, mix, digest);
	gnutls_hash_deinit(digest, server->demands);
	return 0;
}

static void
loading_free(struct loading *l)
{
	for (unsigned i = 0; i < l->count; i++)
		gnutls_x509_crt_deinit(l->chain[i]);
	gnutls_free(l->chain);
	if (l->key != NULL)
		gnutls_x509_privkey_deinit(l->key);
}

struct tls_server *
tls_server_new(struct config_listen *listen, char why[TLS_WHY_BYTES])
{
	char text[ADDR_TEXT_BYTES];
	struct loading l = {.listen = listen, .why = why};
	struct tls_server *server = must_alloc(1, sizeof *server);
	snprintf(l.subject, sizeof l.subject, "listen %s", addr_text(&listen->address, text));
	verify_dates_from_clock();
	if (certificate_load(&l) < 0 || key_load(&l) < 0 || pair_up(server, &l) < 0 ||
	        client_ca_load(server, &l) < 0 || priority_load(server, &l) < 0 ||
	        demands_digest(server, &l) < 0) {
		tls_server_free(server);
		server = NULL;
	} else {
		note_name(&l);
		remark_dates(&l);
	}
	loading_free(&l);
	return server;
}

void
tls_server_free(struct tls_server *server)
{
	if (server == NULL)
		return;
	if (server->shown != NULL)
		gnutls_certificate_free_credentials(server->shown);
	if (server->priority != NULL)
		gnutls_priority_deinit(server->priority);
	free(server);
}

void
tls_server_give_tickets(struct tls_server *server, struct stek *stek)
{
	server->stek = stek;
}

/* Without a secret there are no tickets, and the session is made in full. */
static int
tickets_enable(const struct tls_server *server, gnutls_session_t session)
{
	uint8_t secret[STEK_BYTES], key[STEK_BYTES];
	_Static_assert(STEK_BYTES == 64, "what GnuTLS takes, and SHA-512 gives");
	if (server->stek == NULL || !stek_get(server->stek, clock_boot_ms(), secret))
		return 0;
	const gnutls_datum_t given = {.data = key, .size = sizeof key};
	gnutls_db_set_cache_expiration(session, TLS_TICKET_LIFE_S);
	int failed = gnutls_hmac_fast(
	        GNUTLS_MAC_SHA512, secret, sizeof secret, server->demands, sizeof server->demands, key);
	if (failed == 0)
		failed = gnutls_session_ticket_enable_server(session, &given);
	explicit_bzero(secret, sizeof secret);
	explicit_bzero(key, sizeof key);
	return failed;
}

int
tls_server_dress(const struct tls_server *server, gnutls_session_t session)
{
	static const gnutls_datum_t alpn = {.data = (unsigned char *)(uintptr_t) "dot", .size = 3};
	gnutls_handshake_set_max_packet_length(session, TLS_HELLO_BYTES);
	gnutls_certificate_server_set_request(
	        session, server->wants_client ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
	int failed = gnutls_priority_set(session, server->priority);
	if (failed == 0)
		failed = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, server->shown);
	/* Of those who name protocols, those are refused who do not name this one (RFC 7301 section 3.2);
	 * most clients name none. */
	if (failed == 0)
		failed = gnutls_alpn_set_protocols(session, &alpn, 1, GNUTLS_ALPN_MANDATORY);
	return failed == 0 ? tickets_enable(server, session) : failed;
}

bool
tls_server_wants_client(const struct tls_server *server)
{
	return server->wants_client;
}

int
tls_server_verify(gnutls_session_t session, char *why, size_t room)
{
	gnutls_typed_vdata_st wanted = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
	        .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
	unsigned status = 0;
	gnutls_datum_t words = {0};
	int failed = gnutls_certificate_verify_peers(session, &wanted, 1, &status);
	if (failed == 0 && status == 0)
		return 0;
	if (failed == 0)
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &words, 0);
	snprintf(why, room, "the client's certificate: %s",
	        words.data != NULL ? (const char *)words.data : gnutls_strerror(failed));
	gnutls_free(words.data);
	return -EACCES;
}
