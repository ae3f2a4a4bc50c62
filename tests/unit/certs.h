/*
 * Keys and certificates for tests, made on the spot.
 */
#ifndef DOTWARD_TESTS_CERTS_H
#define DOTWARD_TESTS_CERTS_H

#include "base/addr.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CERTS_NAME "dns.example.net"

enum { CERTS_NAMES = 8, CERTS_DAY_S = 24 * 3600 };

struct cert {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
};

struct cert_wish {
	const char *common_name;
	const char *names[CERTS_NAMES]; /* DNS names */
	const char *address;            /* NULL: none */
	int from_days, until_days;      /* from today; both 0: from yesterday until tomorrow */
	bool authority;
	const char *purpose;       /* NULL: to be a TLS server */
	const struct cert *issuer; /* NULL: signs itself */
};

/* Everybody a test may meet. */
static struct {
	struct cert authority, stranger; /* the one that is trusted, and one that is not */
	struct cert good, expired, early, selfsigned, untrusted, addressed, many, nameless;
} certs;

static inline void
certs_must(int result)
{
	if (result < 0)
		fail_msg("GnuTLS: %s", gnutls_strerror(result));
}

static inline void
cert_dates(gnutls_x509_crt_t crt, const struct cert_wish *wish)
{
	bool usual = wish->from_days == 0 && wish->until_days == 0;
	time_t now = time(NULL);
	certs_must(gnutls_x509_crt_set_activation_time(
	        crt, now + (time_t)(usual ? -1 : wish->from_days) * CERTS_DAY_S));
	certs_must(gnutls_x509_crt_set_expiration_time(
	        crt, now + (time_t)(usual ? 1 : wish->until_days) * CERTS_DAY_S));
}

static inline void
cert_names(gnutls_x509_crt_t crt, const struct cert_wish *wish)
{
	for (int i = 0; i < CERTS_NAMES && wish->names[i] != NULL; i++)
		certs_must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, wish->names[i],
		        (unsigned)strlen(wish->names[i]), GNUTLS_FSAN_APPEND));
	if (wish->address == NULL)
		return;
	struct addr a;
	size_t count;
	assert_int_equal(addr_parse(&a, wish->address, 1), 0);
	const uint8_t *host = addr_host(&a, &count);
	certs_must(gnutls_x509_crt_set_subject_alt_name(
	        crt, GNUTLS_SAN_IPADDRESS, host, (unsigned)count, GNUTLS_FSAN_APPEND));
}

static inline struct cert
cert_make(const struct cert_wish *wish)
{
	static uint8_t serial;
	struct cert c;
	serial++;
	certs_must(gnutls_x509_privkey_init(&c.key));
	certs_must(gnutls_x509_privkey_generate(
	        c.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
	certs_must(gnutls_x509_crt_init(&c.crt));
	certs_must(gnutls_x509_crt_set_version(c.crt, 3));
	certs_must(gnutls_x509_crt_set_serial(c.crt, &serial, 1));
	certs_must(gnutls_x509_crt_set_key(c.crt, c.key));
	certs_must(gnutls_x509_crt_set_dn_by_oid(c.crt, GNUTLS_OID_X520_COMMON_NAME, 0, wish->common_name,
	        (unsigned)strlen(wish->common_name)));
	cert_dates(c.crt, wish);
	cert_names(c.crt, wish);
	certs_must(gnutls_x509_crt_set_basic_constraints(c.crt, wish->authority, -1));
	if (wish->authority)
		certs_must(gnutls_x509_crt_set_key_usage(c.crt, GNUTLS_KEY_KEY_CERT_SIGN));
	else
		certs_must(gnutls_x509_crt_set_key_purpose_oid(
		        c.crt, wish->purpose ? wish->purpose : GNUTLS_KP_TLS_WWW_SERVER, 0));
	const struct cert *issuer = wish->issuer ? wish->issuer : &c;
	certs_must(gnutls_x509_crt_sign2(c.crt, issuer->crt, issuer->key, GNUTLS_DIG_SHA256, 0));
	return c;
}

static inline void
cert_free(struct cert *c)
{
	gnutls_x509_crt_deinit(c->crt);
	gnutls_x509_privkey_deinit(c->key);
}

static inline void
certs_make(void)
{
#define CERT(...) cert_make(&(const struct cert_wish){__VA_ARGS__})
	const struct cert *trusted = &certs.authority;
	certs.authority = CERT(.common_name = "Trusted Test CA", .authority = true);
	certs.stranger = CERT(.common_name = "Strange Test CA", .authority = true);
	certs.good = CERT(.common_name = "good", .names = {CERTS_NAME}, .issuer = trusted);
	certs.expired = CERT(.common_name = "expired", .names = {CERTS_NAME}, .from_days = -9,
	        .until_days = -2, .issuer = trusted);
	certs.early = CERT(.common_name = "early", .names = {CERTS_NAME}, .from_days = 2, .until_days = 9,
	        .issuer = trusted);
	certs.selfsigned = CERT(.common_name = "selfsigned", .names = {CERTS_NAME});
	certs.untrusted = CERT(.common_name = "untrusted", .names = {CERTS_NAME}, .issuer = &certs.stranger);
	certs.addressed = CERT(.common_name = "addressed", .address = "127.0.0.1", .issuer = trusted);
	certs.many = CERT(.common_name = "many", .issuer = trusted,
	        .names = {"a.example", "b.example", "*.c.example", "d.example", "e.example", "f.example"});
	certs.nameless = CERT(.common_name = "nameless", .issuer = trusted);
#undef CERT
}

static inline void
certs_free(void)
{
	struct cert *all[] = {&certs.authority, &certs.stranger, &certs.good, &certs.expired, &certs.early,
	        &certs.selfsigned, &certs.untrusted, &certs.addressed, &certs.many, &certs.nameless};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		cert_free(all[i]);
}

static inline void
cert_write(const struct cert *c, const char *path)
{
	gnutls_datum_t pem;
	certs_must(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_PEM, &pem));
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(pem.data, 1, pem.size, out), pem.size);
	assert_int_equal(fclose(out), 0);
	gnutls_free(pem.data);
}

static inline void
cert_pin(const struct cert *c, uint8_t pin[32])
{
	size_t bytes = 32;
	certs_must(gnutls_x509_crt_get_key_id(c->crt, GNUTLS_KEYID_USE_SHA256, pin, &bytes));
	assert_int_equal(bytes, 32);
}

/* What a server shows; the caller frees with gnutls_certificate_free_credentials(). */
static inline gnutls_certificate_credentials_t
cert_credentials(const struct cert *c)
{
	gnutls_certificate_credentials_t shown;
	gnutls_x509_crt_t chain[] = {c->crt};
	certs_must(gnutls_certificate_allocate_credentials(&shown));
	certs_must(gnutls_certificate_set_x509_key(shown, chain, 1, c->key));
	return shown;
}

#endif
