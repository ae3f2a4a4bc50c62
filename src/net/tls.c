/*
 * GnuTLS sessions over memory. Invariant: between two calls GnuTLS has taken in all that was fed, or `fed`
 * says what is left. A session is verified, or resumed from a ticket of one that was; but for clients of
 * whom nothing is wanted.
 *
 * Tickets are taken as they come, behind the handshake; gnutls_session_get_data2() would wait for one.
 */
#include "net/tls.h"

#include "base/clock.h"
#include "base/must.h"
#include "net/tls_profile.h"
#include "net/tls_server.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tls {
	gnutls_session_t session;
	const struct tls_profile *profile; /* NULL: the peer is a client */
	struct addr peer;
	const uint8_t *fed;
	size_t fed_bytes;
	bool fed_end;
	bool verified, undated, unverified;
	bool anybody;                /* may be the peer */
	bool begun, offered, opened; /* the handshake; a ticket; it is done */
	struct ticket_identity tickets_of;
	uint64_t era, offered_ms; /* offered_ms: since when there was that ticket */
	struct buffer output;
	char version[16];
	char why[TLS_WHY_BYTES];
	char doubt[TLS_WHY_BYTES]; /* opportunistic: why the peer might be anybody */
};

static int
on_verify(gnutls_session_t session)
{
	struct tls *tls = gnutls_session_get_ptr(session);
	int result = verify_peer(session, &tls->profile->identity, &tls->peer, tls->why, sizeof tls->why);
	if (result >= 0) {
		tls->verified = true;
		tls->undated = result == VERIFY_UNDATED;
		return 0;
	}
	if (tls->profile->opportunistic) {
		snprintf(tls->doubt, sizeof tls->doubt, "%s", tls->why);
		tls->why[0] = '\0';
		return 0;
	}
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

/* What the session would be resumed with, as good as new since kept_ms. Not if its peer might be anybody: a
 * resumed session is one that was verified. */
static void
ticket_keep(struct tls *tls, uint64_t kept_ms)
{
	gnutls_datum_t ticket = {0};
	if (tls->doubt[0] != '\0' || tls->undated || gnutls_session_get_data2(tls->session, &ticket) < 0)
		return;
	tickets_put_back(tls->profile->tickets, &tls->tickets_of, tls->era, ticket.data, ticket.size, kept_ms,
	        clock_boot_ms());
	explicit_bzero(ticket.data, ticket.size);
	gnutls_free(ticket.data);
}

/*
 * TLS 1.2: a ticket, or the session's id where the server gives none, is good for more than once (RFC 5077,
 * RFC 5246 section F.1.4), and a server that resumes need not give another; and if it does, GnuTLS has no way
 * to it. So what was offered and taken is put back, and is as old as before.
 */
static void
session_keep(struct tls *tls)
{
	gnutls_datum_t id = {0};
	if (gnutls_session_is_resumed(tls->session))
		ticket_keep(tls, tls->offered_ms);
	else if ((gnutls_session_get_flags(tls->session) & GNUTLS_SFLAGS_SESSION_TICKET) ||
	         (gnutls_session_get_id2(tls->session, &id) == 0 && id.size > 0))
		ticket_keep(tls, clock_boot_ms());
}

/* In TLS 1.2 tickets come inside of the handshake, before it is known whether it is good. */
static int
on_ticket(
        gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *msg)
{
	struct tls *tls = gnutls_session_get_ptr(session);
	(void)type;
	(void)when;
	(void)msg;
	if (incoming && tls->opened)
		ticket_keep(tls, clock_boot_ms());
	return 0;
}

static void
tickets_prepare(struct tls *tls)
{
	tls->tickets_of = tls->profile->tickets_of;
	ticket_identity_mix(&tls->tickets_of, &tls->peer.any, addr_bytes(&tls->peer));
	tls->era = tickets_era(tls->profile->tickets);
	gnutls_handshake_set_hook_function(
	        tls->session, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST, on_ticket);
}

/* Not before there is somebody to offer it to: an address that cannot be reached would use them all up. */
static void
ticket_offer(struct tls *tls)
{
	uint8_t ticket[TICKET_BYTES];
	tls->begun = true;
	if (tls->profile->tickets == NULL)
		return;
	size_t bytes = tickets_claim(
	        tls->profile->tickets, &tls->tickets_of, ticket, clock_boot_ms(), &tls->offered_ms);
	/* One that GnuTLS does not want is as good as none. */
	tls->offered = bytes > 0 && gnutls_session_set_data(tls->session, ticket, bytes) == 0;
	explicit_bzero(ticket, sizeof ticket);
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

/* flags: GNUTLS_CLIENT or GNUTLS_SERVER */
static struct tls *
session_new(unsigned flags, gnutls_certificate_verify_function *verify)
{
	struct tls *tls = calloc(1, sizeof *tls);
	if (tls == NULL)
		return NULL;
	if (gnutls_init(&tls->session, flags | GNUTLS_NONBLOCK) < 0) {
		free(tls);
		return NULL;
	}
	gnutls_session_set_ptr(tls->session, tls);
	gnutls_transport_set_ptr(tls->session, tls);
	gnutls_transport_set_pull_function(tls->session, on_pull);
	gnutls_transport_set_pull_timeout_function(tls->session, on_pull_timeout);
	gnutls_transport_set_push_function(tls->session, on_push);
	gnutls_session_set_verify_function(tls->session, verify);
	return tls;
}

struct tls *
tls_new(const struct tls_profile *profile, const struct addr *peer)
{
	struct tls *tls = session_new(GNUTLS_CLIENT, on_verify);
	if (tls == NULL)
		return NULL;
	tls->profile = profile;
	tls->peer = *peer;
	if (session_dress(tls, profile) == 0) {
		if (profile->tickets != NULL)
			tickets_prepare(tls);
		return tls;
	}
	tls_free(tls);
	return NULL;
}

static int
on_client_certificate(gnutls_session_t session)
{
	struct tls *tls = gnutls_session_get_ptr(session);
	tls->verified = tls_server_verify(session, tls->why, sizeof tls->why) == 0;
	tls->unverified = !tls->verified;
	return tls->verified ? 0 : GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

struct tls *
tls_accept(const struct tls_server *server)
{
	struct tls *tls = session_new(GNUTLS_SERVER, on_client_certificate);
	if (tls == NULL)
		return NULL;
	tls->begun = true; /* it has no ticket to offer */
	tls->anybody = !tls_server_wants_client(server);
	if (tls_server_dress(server, tls->session) == 0)
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

static const char *
peer_word(const struct tls *tls)
{
	return tls->profile != NULL ? "server" : "client";
}

/* Puts GnuTLS's word for an error into ours, unless verification has said it better. */
static enum tls_step
fail(struct tls *tls, const char *during, int error)
{
	if (tls->why[0] != '\0')
		return TLS_FAILED;
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		const char *alert = gnutls_alert_get_name(gnutls_alert_get(tls->session));
		snprintf(tls->why, sizeof tls->why, "%s: the %s sent the TLS alert \"%s\"", during,
		        peer_word(tls), alert ? alert : "unknown");
	} else if (error == GNUTLS_E_PREMATURE_TERMINATION || tls->fed_end) {
		/* GnuTLS calls an end in the middle of a record a packet that cannot be decoded */
		snprintf(tls->why, sizeof tls->why, "%s: the %s closed the connection", during,
		        peer_word(tls));
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

/* The end of the handshake. GnuTLS does not call the verifier for a session that it resumes; nobody else gets
 * past it. */
static enum tls_step
opened(struct tls *tls)
{
	if (!tls->verified && !tls->anybody && tls->doubt[0] == '\0' &&
	        gnutls_session_is_resumed(tls->session) == 0) {
		tls->unverified = true;
		snprintf(tls->why, sizeof tls->why, "TLS handshake: the %s was not verified", peer_word(tls));
		return TLS_FAILED;
	}
	version_note(tls);
	tls->opened = true;
	if (tls->profile != NULL && tls->profile->tickets != NULL &&
	        gnutls_protocol_get_version(tls->session) <= GNUTLS_TLS1_2)
		session_keep(tls);
	return TLS_DONE;
}

/* A server that stumbles over its own ticket would over the next one. */
static void
tickets_blame(struct tls *tls)
{
	if (tls->offered)
		tickets_forget(tls->profile->tickets, &tls->tickets_of, clock_boot_ms());
}

/* GnuTLS also says "again" when it has only digested a ticket; what was fed may hold more. */
static bool
is_hungry(const struct tls *tls, size_t before)
{
	return tls->fed_bytes > 0 && tls->fed_bytes < before;
}

size_t
tls_early_room(struct tls *tls)
{
	if (!tls->begun)
		ticket_offer(tls);
	if (!tls->offered || tls->profile->opportunistic)
		return 0;
	/* GnuTLS before 3.8 says "any number" of a ticket that says nothing, and RFC 9001 lets nobody but
	 * QUIC say that. */
	size_t most = gnutls_record_get_max_early_data_size(tls->session);
	return most < UINT32_MAX ? most : 0;
}

bool
tls_early(struct tls *tls, const uint8_t *bytes, size_t count)
{
	return count <= tls_early_room(tls) && gnutls_record_send_early_data(tls->session, bytes, count) >= 0;
}

bool
tls_early_taken(const struct tls *tls)
{
	return tls->opened && (gnutls_session_get_flags(tls->session) & GNUTLS_SFLAGS_EARLY_DATA);
}

enum tls_step
tls_handshake(struct tls *tls)
{
	if (!tls->begun)
		ticket_offer(tls);
	for (;;) {
		size_t before = tls->fed_bytes;
		int result = gnutls_handshake(tls->session);
		if (result == GNUTLS_E_SUCCESS)
			return opened(tls);
		if (result == GNUTLS_E_AGAIN && !is_hungry(tls, before))
			return tls->fed_bytes == 0 ? TLS_AGAIN
			                           : fail(tls, "TLS handshake", GNUTLS_E_INTERNAL_ERROR);
		if (gnutls_error_is_fatal(result)) {
			gnutls_alert_send_appropriate(tls->session, result);
			tickets_blame(tls);
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

bool
tls_resumed(const struct tls *tls)
{
	return tls->opened && gnutls_session_is_resumed(tls->session) != 0;
}

const char *
tls_doubt(const struct tls *tls)
{
	return tls->doubt;
}

bool
tls_undated(const struct tls *tls)
{
	return tls->undated;
}
