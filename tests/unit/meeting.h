/*
 * A client of ours and a server meet over memory, once and in full, for tests of what the profile of the
 * client has to say.
 */
#ifndef DOTWARD_TESTS_MEETING_H
#define DOTWARD_TESTS_MEETING_H

#include "base/clock.h"
#include "certs.h"
#include "memtls.h"
#include "net/tls.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/dotward-resume.XXXXXX";
static char ca_path[64], both_path[64];
static gnutls_certificate_credentials_t shown, shown_untrusted;
static gnutls_datum_t key, other_key;
static uint8_t pins[2][CONFIG_PIN_BYTES];
static struct addr peer;
static struct tickets *tickets;
static char name[] = CERTS_NAME, none[] = "";

/* What a test changes before it meets the server. */
static struct config_upstream upstream;
static struct {
	const gnutls_datum_t *key;
	gnutls_certificate_credentials_t shown;
	const char *priority;
	bool asks; /* who the client is */
} server;

/* What the last meeting was like. */
static struct {
	char why[TLS_WHY_BYTES], doubt[TLS_WHY_BYTES], version[16];
	bool showed; /* the client did, who it is */
} met;

enum outcome { FULL, RESUMED, UNVERIFIED, BROKEN };

static inline int
meeting_begin(void **state)
{
	(void)state;
	certs_make();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(ca_path, sizeof ca_path, "%s/ca.pem", folder);
	snprintf(both_path, sizeof both_path, "%s/both.pem", folder);
	cert_write(&certs.authority, ca_path);
	cert_write(&certs.authority, both_path);
	shown = cert_credentials(&certs.good);
	shown_untrusted = cert_credentials(&certs.untrusted);
	cert_pin(&certs.good, pins[0]);
	cert_pin(&certs.stranger, pins[1]);
	certs_must(gnutls_session_ticket_key_generate(&key));
	certs_must(gnutls_session_ticket_key_generate(&other_key));
	return 0;
}

static inline int
meeting_finish(void **state)
{
	(void)state;
	gnutls_certificate_free_credentials(shown);
	gnutls_certificate_free_credentials(shown_untrusted);
	gnutls_free(key.data);
	gnutls_free(other_key.data);
	certs_free();
	unlink(ca_path);
	unlink(both_path);
	return rmdir(folder);
}

static inline int
meeting_start(void **state)
{
	(void)state;
	upstream = (struct config_upstream){.name = name,
	        .auth_name = name,
	        .ca_file = ca_path,
	        .tls_priority = none,
	        .resumption = true};
	server.key = &key;
	server.shown = shown;
	server.asks = false;
	server.priority = MEMTLS_13;
	tickets = calloc(1, tickets_bytes());
	tickets_begin(tickets, 4711);
	return addr_parse(&peer, "127.0.0.1", 853);
}

static inline int
meeting_stop(void **state)
{
	(void)state;
	free(tickets);
	return 0;
}

/* Reads what is behind the handshake: tickets. */
static inline void
read_rest(struct tls *client, struct memtls *end)
{
	uint8_t out[64];
	size_t got;
	tls_feed(client, buffer_front(&end->out), buffer_held(&end->out));
	assert_int_equal(tls_read(client, out, sizeof out, &got), TLS_AGAIN);
	buffer_taken(&end->out, buffer_held(&end->out));
}

static inline enum tls_step
shake(struct tls *client, struct memtls *end)
{
	enum tls_step step = TLS_AGAIN;
	for (int i = 0; i < 8 && step == TLS_AGAIN; i++) {
		tls_feed(client, buffer_front(&end->out), buffer_held(&end->out));
		step = tls_handshake(client);
		uint8_t out[64];
		size_t got;
		if (step == TLS_DONE)
			assert_int_equal(tls_read(client, out, sizeof out, &got), TLS_AGAIN);
		buffer_taken(&end->out, buffer_held(&end->out));
		memtls_move(tls_output(client), &end->in);
		gnutls_handshake(end->session);
	}
	if (step == TLS_DONE)
		read_rest(client, end);
	return step;
}

/* One connection, of a store of its own, as another worker or generation has it. */
static inline enum outcome
meet(void)
{
	char why[TLS_WHY_BYTES];
	struct memtls end;
	struct tls_store *store = tls_store_open(&upstream, 1, why);
	if (store == NULL)
		fail_msg("%s", why);
	tls_store_keep_tickets(store, tickets);
	struct tls *client = tls_new(tls_store_profile(store, 0), &peer);
	memtls_begin(&end, GNUTLS_SERVER, server.priority, server.shown);
	certs_must(gnutls_session_ticket_enable_server(end.session, server.key));
	if (server.asks)
		gnutls_certificate_server_set_request(end.session, GNUTLS_CERT_REQUEST);
	enum tls_step step = shake(client, &end);
	enum outcome outcome = step == TLS_DONE         ? (tls_resumed(client) ? RESUMED : FULL)
	                       : tls_unverified(client) ? UNVERIFIED
	                                                : BROKEN;
	unsigned count = 0;
	met.showed = gnutls_certificate_get_peers(end.session, &count) != NULL && count > 0;
	snprintf(met.why, sizeof met.why, "%s", tls_why(client));
	snprintf(met.doubt, sizeof met.doubt, "%s", tls_doubt(client));
	snprintf(met.version, sizeof met.version, "%s", tls_version(client));
	/* Both ends must be of one opinion. */
	if (step == TLS_DONE)
		assert_int_equal(gnutls_session_is_resumed(end.session) != 0, outcome == RESUMED);
	tls_free(client);
	memtls_end(&end);
	tls_store_close(store);
	return outcome;
}

static inline unsigned
held(void)
{
	return tickets_count(tickets, clock_boot_ms());
}

#endif
