/*
 * Profiles, made once in the master. Credentials (the trusted authorities) are loaded once per CA file and
 * shared by all profiles that name it.
 *
 * The identity of a profile's tickets is a digest of all that its connections are verified with, the
 * authorities by their bytes: whoever is not trusted any more after a reload is not trusted by a ticket from
 * before either.
 */
#include "net/tls_store.h"

#include "base/must.h"
#include "net/tls_profile.h"
#include "net/tls_server.h"
#include "net/tls_trust.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_store {
	struct tls_profile *profiles;
	size_t count;
	struct tls_server **servers; /* by listener; NULL where it is not TLS */
	size_t server_count;
};

/*
 * The system's authorities, from the file that the distribution makes of them. GnuTLS's own way is the last
 * one: in some distributions it is a PKCS#11 module, which reads its files anew at each verification, and a
 * worker cannot open files. How many there are, or GnuTLS's word for why there are none.
 */
static int
system_trust_load(gnutls_certificate_credentials_t trust)
{
	static const char *const bundles[] = {
	        "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Alpine, Arch, Gentoo */
	        "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora, RHEL */
	        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* the same, newer */
	        "/etc/ssl/ca-bundle.pem",                            /* SUSE */
	        "/etc/ssl/cert.pem",
	};
	for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++) {
		int loaded = gnutls_certificate_set_x509_trust_file(trust, bundles[i], GNUTLS_X509_FMT_PEM);
		if (loaded > 0)
			return loaded;
	}
	return gnutls_certificate_set_x509_system_trust(trust);
}

/* Loads the authorities of the profile, or borrows them from one before it. 0, or -ENOMEM. */
static int
trust_load(const struct tls_store *store, struct tls_profile *profile)
{
	for (size_t i = 0; i < store->count; i++) {
		const struct tls_profile *other = &store->profiles[i];
		if (strcmp(other->ca_file, profile->ca_file) == 0 &&
		        strcmp(other->client_certificate, profile->client_certificate) == 0 &&
		        strcmp(other->client_key, profile->client_key) == 0) {
			profile->trust = other->trust;
			profile->loaded = other->loaded;
			return 0;
		}
	}
	if (gnutls_certificate_allocate_credentials(&profile->trust) < 0)
		return -ENOMEM;
	profile->owns_trust = true;
	profile->loaded = profile->ca_file[0] == '\0' ? system_trust_load(profile->trust)
	                                              : gnutls_certificate_set_x509_trust_file(profile->trust,
	                                                        profile->ca_file, GNUTLS_X509_FMT_PEM);
	return 0;
}

/* What is shown to a server that asks who we are. */
static int
client_load(const struct tls_profile *profile, const char *upstream, char why[TLS_WHY_BYTES])
{
	if (profile->client_certificate[0] == '\0' || !profile->owns_trust)
		return 0;
	int failed = gnutls_certificate_set_x509_key_file(
	        profile->trust, profile->client_certificate, profile->client_key, GNUTLS_X509_FMT_PEM);
	if (failed >= 0)
		return 0;
	snprintf(why, TLS_WHY_BYTES,
	        "upstream %s: client_certificate \"%s\" with client_key \"%s\" cannot be used (%s)", upstream,
	        profile->client_certificate, profile->client_key, gnutls_strerror(failed));
	return -EINVAL;
}

/* Pins alone need no authority; everything else would fail later, question by question. */
static int
trust_check(const struct tls_profile *profile, const char *upstream, char why[TLS_WHY_BYTES])
{
	if (profile->loaded > 0 ||
	        (profile->identity.pin_count > 0 && profile->identity.auth_name[0] == '\0') ||
	        (profile->opportunistic && profile->ca_file[0] == '\0'))
		return 0;
	const char *reason = profile->loaded < 0 ? gnutls_strerror(profile->loaded) : "no certificate in it";
	if (profile->ca_file[0] == '\0')
		snprintf(why, TLS_WHY_BYTES,
		        "upstream %s: the system's trusted certificates cannot be loaded (%s); install the "
		        "package "
		        "ca-certificates, or set ca_file or pins",
		        upstream, reason);
	else
		snprintf(why, TLS_WHY_BYTES,
		        "upstream %s: ca_file \"%s\" cannot be loaded (%s); it must hold PEM certificates",
		        upstream, profile->ca_file, reason);
	return -EINVAL;
}

static int
priority_load(struct tls_profile *profile, const struct config_upstream *upstream, char why[TLS_WHY_BYTES])
{
	char all[1024];
	const char *text = upstream->tls_priority[0] ? upstream->tls_priority : TLS_DEFAULT_PRIORITY,
	           *at = text;
	int bytes = snprintf(
	        all, sizeof all, "%s%s", text, upstream->only_tls13 ? ":-VERS-ALL:+VERS-TLS1.3" : "");
	/* by itself first: `at` is to point into what was configured */
	if (bytes > 0 && (size_t)bytes < sizeof all &&
	        gnutls_priority_init2(&profile->priority, text, &at, 0) == 0) {
		gnutls_priority_deinit(profile->priority);
		profile->priority = NULL;
		if (gnutls_priority_init2(&profile->priority, all, NULL, 0) == 0)
			return 0;
	}
	snprintf(why, TLS_WHY_BYTES,
	        "upstream %s: tls_priority = \"%s\": GnuTLS does not understand it from \"%s\" on",
	        upstream->name, text, at ? at : "");
	return -EINVAL;
}

static void
mix_authority(void *identity, const void *bytes, size_t count)
{
	ticket_identity_mix(identity, bytes, count);
}

static void
mix_text(struct ticket_identity *identity, const char *text)
{
	ticket_identity_mix(identity, text, strlen(text));
}

static void
mix_client(struct ticket_identity *identity, const struct tls_profile *profile)
{
	gnutls_datum_t shown = {0};
	if (profile->client_certificate[0] != '\0' &&
	        gnutls_certificate_get_crt_raw(profile->trust, 0, 0, &shown) == 0)
		ticket_identity_mix(identity, shown.data, shown.size);
	else
		ticket_identity_mix(identity, "", 0);
}

/* GnuTLS's version is in it because a ticket is packed in its manner. */
static void
identity_make(struct tls_profile *profile, const struct config_upstream *upstream)
{
	struct ticket_identity *identity = &profile->tickets_of;
	mix_text(identity, gnutls_check_version(NULL));
	mix_text(identity, profile->identity.auth_name);
	ticket_identity_mix(identity, upstream->pins, upstream->pin_count * CONFIG_PIN_BYTES);
	mix_text(identity, upstream->tls_priority[0] ? upstream->tls_priority : TLS_DEFAULT_PRIORITY);
	const uint8_t switches[] = {upstream->only_tls13, profile->opportunistic, upstream->clock_bootstrap};
	ticket_identity_mix(identity, switches, sizeof switches);
	ticket_identity_mix(identity, &upstream->source_address.any, addr_bytes(&upstream->source_address));
	mix_client(identity, profile);
	mix_text(identity, profile->ca_file);
	tls_trust_each(profile->trust, mix_authority, identity);
}

struct tls_store *
tls_store_open(const struct config_upstream *upstreams, size_t count, char why[TLS_WHY_BYTES])
{
	struct tls_store *store = must_alloc(1, sizeof *store);
	verify_dates_from_clock();
	store->profiles = must_alloc(count, sizeof *store->profiles);
	for (size_t i = 0; i < count; i++) {
		struct tls_profile *profile = &store->profiles[i];
		const struct config_upstream *upstream = &upstreams[i];
		profile->ca_file = upstream->ca_file;
		profile->identity = (struct verify_identity){.auth_name = upstream->auth_name,
		        .pins = (const uint8_t(*)[CONFIG_PIN_BYTES])upstream->pins,
		        .pin_count = upstream->pin_count,
		        .clock_bootstrap = upstream->clock_bootstrap};
		profile->resumes = upstream->resumption;
		profile->opportunistic = upstream->opportunistic;
		profile->client_certificate =
		        upstream->client_certificate ? upstream->client_certificate : "";
		profile->client_key = upstream->client_key ? upstream->client_key : "";
		int failed = trust_load(store, profile);
		store->count = i + 1;
		if (failed < 0)
			snprintf(why, TLS_WHY_BYTES, "out of memory");
		if (failed < 0 || trust_check(profile, upstream->name, why) < 0 ||
		        client_load(profile, upstream->name, why) < 0 ||
		        priority_load(profile, upstream, why) < 0) {
			tls_store_close(store);
			return NULL;
		}
		identity_make(profile, upstream);
	}
	return store;
}

void
tls_store_keep_tickets(struct tls_store *store, struct tickets *tickets)
{
	for (size_t i = 0; i < store->count; i++)
		store->profiles[i].tickets = store->profiles[i].resumes ? tickets : NULL;
}

void
tls_store_close(struct tls_store *store)
{
	if (store == NULL)
		return;
	for (size_t i = 0; i < store->count; i++) {
		struct tls_profile *profile = &store->profiles[i];
		if (profile->owns_trust)
			gnutls_certificate_free_credentials(profile->trust);
		if (profile->priority != NULL)
			gnutls_priority_deinit(profile->priority);
	}
	for (size_t i = 0; i < store->server_count; i++)
		tls_server_free(store->servers[i]);
	free(store->servers);
	free(store->profiles);
	free(store);
}

const struct tls_profile *
tls_store_profile(const struct tls_store *store, size_t upstream)
{
	must(upstream < store->count);
	return &store->profiles[upstream];
}

int
tls_store_serve(struct tls_store *store, struct config_listen *listens, size_t count, struct stek *stek,
        char why[TLS_WHY_BYTES])
{
	must(store->servers == NULL);
	store->servers = must_alloc(count, sizeof(struct tls_server *));
	store->server_count = count;
	for (size_t i = 0; i < count; i++) {
		if (!listens[i].tls)
			continue;
		store->servers[i] = tls_server_new(&listens[i], why);
		if (store->servers[i] == NULL)
			return -EINVAL;
		tls_server_give_tickets(store->servers[i], stek);
	}
	return 0;
}

const struct tls_server *
tls_store_server(const struct tls_store *store, size_t listen)
{
	return listen < store->server_count ? store->servers[listen] : NULL;
}
