/*
 * GnuTLS sessions over memory. Invariant: between two calls GnuTLS has taken in all that was fed, or `fed`
 * says what is left.
 *
 * Credentials (the trusted authorities) are loaded once per CA file and shared by all profiles that name it.
 */
#include "net/tls.h"

#include "base/must.h"
#include "net/verify.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls_profile {
	gnutls_certificate_credentials_t trust; /* owned by the first profile that names this CA file */
	gnutls_priority_t priority;
	struct verify_identity identity;
	const char *ca_file;
	int loaded; /* authorities, or GnuTLS's word for why there are none */
	bool owns_trust;
};

struct tls_store {
	struct tls_profile *profiles;
	size_t count;
};

struct tls {
	gnutls_session_t session;
	const struct tls_profile *profile;
	struct addr peer;
	const uint8_t *fed;
	size_t fed_bytes;
	bool fed_end;
	bool unverified;
	struct buffer output;
	char version[16];
	char why[TLS_WHY_BYTES];
};

static int
on_verify(gnutls_session_t session)
{
	struct tls *tls = gnutls_session_get_ptr(session);
	if (verify_peer(session, &tls->profile->identity, &tls->peer, tls->why, sizeof tls->why) == 0)
		return 0;
	tls->unverified = true;
	return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

static ssize_t
on_pull(gnutls_transport_ptr_t pointer, void *out, size_t room)
{
	struct tls *tls = pointer;
	if (tls->fed_bytes == 0) {
		if (tls->fed_end)
			return 0;
		gnutls_transport_set_errno(tls->session, EAGAIN);
		return -1;
	}
	size_t take = room < tls->fed_bytes ? room : tls->fed_bytes;
	memcpy(out, tls->fed, take);
	tls->fed += take;
	tls->fed_bytes -= take;
	return (ssize_t)take;
}

static int
on_pull_timeout(gnutls_transport_ptr_t pointer, unsigned ms)
{
	struct tls *tls = pointer;
	(void)ms;
	return tls->fed_bytes > 0 || tls->fed_end;
}

static ssize_t
on_push(gnutls_transport_ptr_t pointer, const void *bytes, size_t count)
{
	struct tls *tls = pointer;
	uint8_t *to = buffer_reserve(&tls->output, count);
	if (to == NULL) {
		gnutls_transport_set_errno(tls->session, ENOMEM);
		return -1;
	}
	memcpy(to, bytes, count);
	buffer_added(&tls->output, count);
	return (ssize_t)count;
}

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
		if (strcmp(store->profiles[i].ca_file, profile->ca_file) == 0) {
			profile->trust = store->profiles[i].trust;
			profile->loaded = store->profiles[i].loaded;
			return 0;
		}
	}
	if (gnutls_certificate_allocate_credentials(&profile->trust) < 0)
		return -ENOMEM;
	profile->owns_trust = true;
	profile->loaded = profile->ca_file[0] == '\0' ? system_trust_load(profile->trust)
	                                              : gnutls_certificate_set_x509_trust_file(profile->trust,
	                                                        profile->ca_file, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_set_verify_function(profile->trust, on_verify);
	return 0;
}

/* Pins alone need no authority; everything else would fail later, question by question. */
static int
trust_check(const struct tls_profile *profile, const char *upstream, char why[TLS_WHY_BYTES])
{
	if (profile->loaded > 0 ||
	        (profile->identity.pin_count > 0 && profile->identity.auth_name[0] == '\0'))
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
	const char *text = upstream->tls_priority[0] ? upstream->tls_priority : TLS_DEFAULT_PRIORITY,
	           *at = text;
	if (gnutls_priority_init2(&profile->priority, text, &at, 0) == 0)
		return 0;
	snprintf(why, TLS_WHY_BYTES,
	        "upstream %s: tls_priority = \"%s\": GnuTLS does not understand it from \"%s\" on",
	        upstream->name, text, at ? at : "");
	return -EINVAL;
}

struct tls_store *
tls_store_open(const struct config_upstream *upstreams, size_t count, char why[TLS_WHY_BYTES])
{
	struct tls_store *store = must_alloc(1, sizeof *store);
	store->profiles = must_alloc(count, sizeof *store->profiles);
	for (size_t i = 0; i < count; i++) {
		struct tls_profile *profile = &store->profiles[i];
		const struct config_upstream *upstream = &upstreams[i];
		profile->ca_file = upstream->ca_file;
		profile->identity = (struct verify_identity){.auth_name = upstream->auth_name,
		        .pins = (const uint8_t(*)[CONFIG_PIN_BYTES])upstream->pins,
		        .pin_count = upstream->pin_count};
		int failed = trust_load(store, profile);
		store->count = i + 1;
		if (failed < 0)
			snprintf(why, TLS_WHY_BYTES, "out of memory");
		if (failed < 0 || trust_check(profile, upstream->name, why) < 0 ||
		        priority_load(profile, upstream, why) < 0) {
			tls_store_close(store);
			return NULL;
		}
	}
	return store;
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
	free(store->profiles);
	free(store);
}

const struct tls_profile *
tls_store_profile(const struct tls_store *store, size_t upstream)
{
	must(upstream < store->count);
	return &store->profiles[upstream];
}

static int
session_dress(struct tls *tls, const struct tls_profile *profile)
{
	static const gnutls_datum_t alpn = {.data = (unsigned char *)(uintptr_t) "dot", .size = 3};
	const char *name = profile->identity.auth_name;
	int failed = gnutls_priority_set(tls->session, profile->priority);
	if (failed == 0)
		failed = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, profile->trust);
	if (failed == 0)
		failed = gnutls_alpn_set_protocols(tls->session, &alpn, 1, 0);
	if (failed == 0 && name[0] != '\0')
		failed = gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, name, strlen(name));
	return failed;
}

struct tls *
tls_new(const struct tls_profile *profile, const struct addr *peer)
{
	struct tls *tls = calloc(1, sizeof *tls);
	if (tls == NULL)
		return NULL;
	tls->profile = profile;
	tls->peer = *peer;
	if (gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) < 0) {
		free(tls);
		return NULL;
	}
	gnutls_session_set_ptr(tls->session, tls);
	gnutls_transport_set_ptr(tls->session, tls);
	gnutls_transport_set_pull_function(tls->session, on_pull);
	gnutls_transport_set_pull_timeout_function(tls->session, on_pull_timeout);
	gnutls_transport_set_push_function(tls->session, on_push);
	if (session_dress(tls, profile) == 0)
		return tls;
	tls_free(tls);
	return NULL;
}

void
tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	gnutls_deinit(tls->session);
	buffer_free(&tls->output);
	free(tls);
}

void
tls_feed(struct tls *tls, const uint8_t *bytes, size_t count)
{
	must(tls->fed_bytes == 0);
	tls->fed = bytes;
	tls->fed_bytes = count;
}

void
tls_feed_end(struct tls *tls)
{
	tls->fed_end = true;
}

/* Puts GnuTLS's word for an error into ours, unless verification has said it better. */
static enum tls_step
fail(struct tls *tls, const char *during, int error)
{
	if (tls->why[0] != '\0')
		return TLS_FAILED;
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		const char *alert = gnutls_alert_get_name(gnutls_alert_get(tls->session));
		snprintf(tls->why, sizeof tls->why, "%s: the server sent the TLS alert \"%s\"", during,
		        alert ? alert : "unknown");
	} else if (error == GNUTLS_E_PREMATURE_TERMINATION || tls->fed_end) {
		/* GnuTLS calls an end in the middle of a record a packet that cannot be decoded */
		snprintf(tls->why, sizeof tls->why, "%s: the server closed the connection", during);
	} else {
		snprintf(tls->why, sizeof tls->why, "%s: %s", during, gnutls_strerror(error));
	}
	return TLS_FAILED;
}

static void
version_note(struct tls *tls)
{
	const char *name = gnutls_protocol_get_name(gnutls_protocol_get_version(tls->session));
	snprintf(tls->version, sizeof tls->version, "%s", name ? name : "?");
}

/* GnuTLS also says "again" when it has only digested a ticket; what was fed may hold more. */
static bool
is_hungry(const struct tls *tls, size_t before)
{
	return tls->fed_bytes > 0 && tls->fed_bytes < before;
}

enum tls_step
tls_handshake(struct tls *tls)
{
	for (;;) {
		size_t before = tls->fed_bytes;
		int result = gnutls_handshake(tls->session);
		if (result == GNUTLS_E_SUCCESS) {
			version_note(tls);
			return TLS_DONE;
		}
		if (result == GNUTLS_E_AGAIN && !is_hungry(tls, before))
			return tls->fed_bytes == 0 ? TLS_AGAIN
			                           : fail(tls, "TLS handshake", GNUTLS_E_INTERNAL_ERROR);
		if (gnutls_error_is_fatal(result)) {
			gnutls_alert_send_appropriate(tls->session, result);
			return fail(tls, "TLS handshake", result);
		}
		/* GNUTLS_E_INTERRUPTED and warning alerts: go on */
	}
}

enum tls_step
tls_read(struct tls *tls, uint8_t *out, size_t room, size_t *count)
{
	for (;;) {
		size_t before = tls->fed_bytes;
		ssize_t got = gnutls_record_recv(tls->session, out, room);
		if (got > 0) {
			*count = (size_t)got;
			return TLS_DONE;
		}
		if (got == 0 || (got == GNUTLS_E_PREMATURE_TERMINATION && tls->fed_end))
			return TLS_ENDED;
		if (got == GNUTLS_E_AGAIN && !is_hungry(tls, before))
			return tls->fed_bytes == 0 ? TLS_AGAIN : fail(tls, "TLS", GNUTLS_E_INTERNAL_ERROR);
		/* No renegotiation: a server that asks for it in TLS 1.2 is told nothing and goes on or not.
		 */
		if (got != GNUTLS_E_REHANDSHAKE && gnutls_error_is_fatal((int)got))
			return fail(tls, "TLS", (int)got);
	}
}

enum tls_step
tls_write(struct tls *tls, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t sent = gnutls_record_send(tls->session, bytes, count);
		if (sent == GNUTLS_E_INTERRUPTED || sent == GNUTLS_E_AGAIN)
			continue;
		if (sent < 0)
			return fail(tls, "TLS", (int)sent);
		bytes += sent;
		count -= (size_t)sent;
	}
	return TLS_DONE;
}

void
tls_bye(struct tls *tls)
{
	gnutls_bye(tls->session, GNUTLS_SHUT_WR);
}

struct buffer *
tls_output(struct tls *tls)
{
	return &tls->output;
}

const char *
tls_why(const struct tls *tls)
{
	return tls->why;
}

bool
tls_unverified(const struct tls *tls)
{
	return tls->unverified;
}

const char *
tls_version(const struct tls *tls)
{
	return tls->version;
}

struct gnutls_session_int *
tls_session(const struct tls *tls)
{
	return tls->session;
}
