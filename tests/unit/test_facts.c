/*
 * What is read off a session over memory: of a server that is good, of one that was refused, and of one that
 * is resumed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "certs.h"
#include "memtls.h"
#include "net/facts.h"

#include <stdlib.h>
#include <unistd.h>

static char ca_path[] = "/tmp/dotward-facts.XXXXXX", name[] = CERTS_NAME, none[] = "", up[] = "up";
static struct addr peer;
static struct tls_store *store;
static gnutls_datum_t ticket_key;

static int
begin(void **state)
{
	char why[TLS_WHY_BYTES];
	(void)state;
	certs_make();
	int fd = mkstemp(ca_path);
	if (fd < 0 || addr_parse(&peer, "127.0.0.1", 853) < 0)
		return -1;
	close(fd);
	cert_write(&certs.authority, ca_path);
	static struct config_upstream upstream;
	upstream = (struct config_upstream){
	        .name = up, .auth_name = name, .ca_file = ca_path, .tls_priority = none};
	store = tls_store_open(&upstream, 1, why);
	unlink(ca_path);
	return gnutls_session_ticket_key_generate(&ticket_key) == 0 && store != NULL ? 0 : -1;
}

static int
finish(void **state)
{
	(void)state;
	tls_store_close(store);
	gnutls_free(ticket_key.data);
	certs_free();
	return 0;
}

/* A handshake as far as it comes; the client, whose `facts` are read. */
static struct tls *
shake(const struct cert *shows, const char *priority, const struct facts_ticket *ticket, struct facts *facts)
{
	gnutls_certificate_credentials_t shown = cert_credentials(shows);
	struct tls *client = tls_new(tls_store_profile(store, 0), &peer);
	struct memtls server;
	enum tls_step step = TLS_AGAIN;
	memtls_begin(&server, GNUTLS_SERVER, priority, shown);
	/* the same server as before, as far as tickets go */
	certs_must(gnutls_session_ticket_enable_server(server.session, &ticket_key));
	if (ticket != NULL)
		assert_int_equal(facts_ticket_use(ticket, client), 0);
	for (int i = 0; i < 8 && step != TLS_FAILED; i++) {
		uint8_t rest[64];
		size_t got;
		tls_feed(client, buffer_front(&server.out), buffer_held(&server.out));
		if (step == TLS_AGAIN)
			step = tls_handshake(client);
		if (step == TLS_DONE)
			assert_int_equal(tls_read(client, rest, sizeof rest, &got), TLS_AGAIN);
		buffer_taken(&server.out, buffer_held(&server.out));
		memtls_move(tls_output(client), &server.in);
		gnutls_handshake(server.session);
	}
	facts_read(client, name, &peer, facts);
	memtls_end(&server);
	gnutls_certificate_free_credentials(shown);
	return client;
}

static void
a_good_server(void **state)
{
	(void)state;
	struct facts facts;
	uint8_t pin[CONFIG_PIN_BYTES];
	struct tls *client = shake(&certs.good, MEMTLS_13, NULL, &facts);
	assert_string_equal(facts.version, "TLS1.3");
	assert_non_null(strstr(facts.cipher, "AES-"));
	assert_null(strpbrk(facts.cipher, "()"));
	assert_string_equal(facts.names, CERTS_NAME);
	assert_string_equal(facts.issuer, "CN=Trusted Test CA");
	assert_false(facts.self_signed || facts.resumed || facts.alpn || facts.weak);
	assert_true(facts.owner);
	assert_int_equal(facts.chain_count, 1);
	assert_string_equal(facts.chain[0].subject, "CN=good");
	assert_true(facts.chain[0].from_s < facts.chain[0].until_s);
	cert_pin(&certs.good, pin);
	assert_true(facts.chain[0].has_pin);
	assert_memory_equal(facts.chain[0].pin, pin, sizeof pin);
	tls_free(client);
}

static void
a_refused_server_shows_its_certificate(void **state)
{
	(void)state;
	static const char *const priorities[] = {MEMTLS_13, MEMTLS_12};
	struct facts facts;
	uint8_t pin[CONFIG_PIN_BYTES];
	cert_pin(&certs.selfsigned, pin);
	for (size_t i = 0; i < 2; i++) {
		struct tls *client = shake(&certs.selfsigned, priorities[i], NULL, &facts);
		assert_true(tls_unverified(client));
		assert_string_equal(facts.version, i == 0 ? "TLS1.3" : "TLS1.2");
		assert_true(facts.self_signed && facts.owner);
		assert_memory_equal(facts.chain[0].pin, pin, sizeof pin);
		tls_free(client);
	}
}

static void
whom_it_is_for(void **state)
{
	(void)state;
	struct facts facts;
	struct tls *client = shake(&certs.many, MEMTLS_13, NULL, &facts);
	assert_false(facts.owner);
	assert_non_null(strstr(facts.names, "a.example"));
	tls_free(client);
	client = shake(&certs.addressed, MEMTLS_13, NULL, &facts);
	assert_false(facts.owner);
	facts_read(client, "", &peer, &facts);
	assert_true(facts.owner);
	tls_free(client);
	client = shake(&certs.nameless, MEMTLS_13, NULL, &facts);
	assert_string_equal(facts.names, "no name at all");
	tls_free(client);
}

static void
nothing_is_known_before_the_handshake(void **state)
{
	(void)state;
	struct facts facts;
	struct tls *client = tls_new(tls_store_profile(store, 0), &peer);
	facts_read(client, name, &peer, &facts);
	assert_int_equal(facts.chain_count, 0);
	assert_string_equal(facts.cipher, "");
	assert_string_equal(facts.names, "");
	assert_false(facts.owner);
	tls_free(client);
}

static void
tickets_resume(void **state)
{
	(void)state;
	static const char *const priorities[] = {MEMTLS_13, MEMTLS_12};
	struct facts facts;
	for (size_t i = 0; i < 2; i++) {
		struct tls *client = shake(&certs.good, priorities[i], NULL, &facts);
		assert_false(facts.resumed);
		struct facts_ticket *ticket = facts_ticket_take(client);
		assert_non_null(ticket);
		tls_free(client);
		client = shake(&certs.good, priorities[i], ticket, &facts);
		assert_true(facts.resumed);
		tls_free(client);
		facts_ticket_free(ticket);
	}
	facts_ticket_free(NULL);
}

/* In TLS 1.3 there is none to be had before the server has sent it, and nobody waits for one. */
static void
no_ticket_before_its_time(void **state)
{
	(void)state;
	struct facts facts;
	struct tls *client = shake(&certs.selfsigned, MEMTLS_13, NULL, &facts);
	assert_null(facts_ticket_take(client));
	tls_free(client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_good_server),
	        cmocka_unit_test(a_refused_server_shows_its_certificate),
	        cmocka_unit_test(whom_it_is_for),
	        cmocka_unit_test(nothing_is_known_before_the_handshake),
	        cmocka_unit_test(tickets_resume),
	        cmocka_unit_test(no_ticket_before_its_time),
	};
	return cmocka_run_group_tests(tests, begin, finish);
}
