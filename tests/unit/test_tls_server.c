/*
 * Sessions of ours as a server, over memory, with clients of GnuTLS: what they are shown, what is demanded of
 * them, and what a ticket is good for, at which server and for how long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "certs.h"
#include "memtls.h"
#include "net/tls.h"
#include "net/tls_server.h"

#include <stdlib.h>
#include <unistd.h>

enum { HOUR_S = 3600 };

static char folder[] = "/tmp/dotward-server.XXXXXX", none[] = "";
static char chain_path[64], key_path[64], ca_path[64], other_path[64], wild_path[64];
static struct config_listen door;
static struct stek stek;
static char why[TLS_WHY_BYTES];
static time_t later_s;

/* A client and what it is like. */
static struct {
	const char *priority;
	const char *alpn;           /* NULL: names none */
	const struct cert *shows;   /* NULL: nothing */
	const gnutls_datum_t *with; /* a session to be resumed */
	gnutls_datum_t got;         /* the session it could resume next time */
	bool resumed;
	int error; /* of its handshake */
	char said[TLS_WHY_BYTES];
} client;

static time_t
later(void)
{
	return time(NULL) + later_s;
}

static void
key_write(const struct cert *c, const char *path)
{
	gnutls_datum_t pem;
	certs_must(gnutls_x509_privkey_export2(c->key, GNUTLS_X509_FMT_PEM, &pem));
	FILE *to = fopen(path, "w");
	assert_non_null(to);
	assert_int_equal(fwrite(pem.data, 1, pem.size, to), pem.size);
	assert_int_equal(fclose(to), 0);
	gnutls_free(pem.data);
}

static int
begin(void **state)
{
	(void)state;
	certs_make();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(chain_path, sizeof chain_path, "%s/chain.pem", folder);
	snprintf(key_path, sizeof key_path, "%s/key.pem", folder);
	snprintf(ca_path, sizeof ca_path, "%s/ca.pem", folder);
	snprintf(other_path, sizeof other_path, "%s/other.pem", folder);
	snprintf(wild_path, sizeof wild_path, "%s/wild.pem", folder);
	cert_write(&certs.good, chain_path);
	key_write(&certs.good, key_path);
	cert_write(&certs.authority, ca_path);
	cert_write(&certs.stranger, other_path);
	clock_date_from(later);
	return 0;
}

static int
finish(void **state)
{
	const char *const paths[] = {chain_path, key_path, ca_path, other_path, wild_path};
	(void)state;
	clock_date_from(NULL);
	certs_free();
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		unlink(paths[i]);
	return rmdir(folder);
}

static int
start(void **state)
{
	(void)state;
	later_s = 0;
	door = (struct config_listen){
	        .tls = true, .certificate = chain_path, .key = key_path, .client_ca = none, .ddr_name = none};
	assert_int_equal(addr_parse(&door.address, "127.0.0.1", 853), 0);
	memset(&stek, 0, sizeof stek);
	memset(&client, 0, sizeof client);
	client.priority = MEMTLS_13;
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	gnutls_free(client.got.data);
	return 0;
}

static struct tls_server *
server_of(struct config_listen *l)
{
	struct tls_server *server = tls_server_new(l, why);
	if (server == NULL)
		fail_msg("%s", why);
	tls_server_give_tickets(server, &stek);
	return server;
}

static void
client_begin(struct memtls *end, gnutls_certificate_credentials_t with)
{
	memtls_begin(end, GNUTLS_CLIENT, client.priority, with);
	gnutls_transport_set_pull_timeout_function(end->session, memtls_pull_timeout);
	if (client.alpn != NULL) {
		const gnutls_datum_t alpn = {.data = (unsigned char *)(uintptr_t)client.alpn,
		        .size = (unsigned)strlen(client.alpn)};
		certs_must(gnutls_alpn_set_protocols(end->session, &alpn, 1, 0));
	}
	if (client.with != NULL)
		certs_must(gnutls_session_set_data(end->session, client.with->data, client.with->size));
}

/* Whatever one has said goes to the other. */
static void
pass(struct memtls *end, struct tls *ours, enum tls_step *step)
{
	struct buffer *said = tls_output(ours);
	if (buffer_held(&end->out) > 0 && *step != TLS_FAILED) {
		tls_feed(ours, buffer_front(&end->out), buffer_held(&end->out));
		*step = tls_handshake(ours);
	}
	buffer_taken(&end->out, buffer_held(&end->out));
	memtls_move(said, &end->in);
}

/* What the server says last: for the client to be told, and with it tickets. */
static void
part(struct memtls *end, struct tls *ours)
{
	uint8_t byte;
	assert_int_equal(tls_write(ours, (const uint8_t *)"!", 1), TLS_DONE);
	memtls_move(tls_output(ours), &end->in);
	ssize_t got;
	while ((got = gnutls_record_recv(end->session, &byte, 1)) == GNUTLS_E_AGAIN)
		assert_true(buffer_held(&end->in) > 0); /* it was a ticket */
	assert_int_equal(got, 1);
	assert_int_equal(byte, '!');
	gnutls_free(client.got.data);
	client.got = (gnutls_datum_t){0};
	gnutls_session_get_data2(end->session, &client.got);
}

/* A client comes; how far the server got with it. */
static enum tls_step
meet(const struct tls_server *server)
{
	gnutls_certificate_credentials_t with;
	struct memtls end;
	struct tls *ours = tls_accept(server);
	enum tls_step step = TLS_AGAIN;
	assert_non_null(ours);
	if (client.shows != NULL)
		with = cert_credentials(client.shows);
	else
		certs_must(gnutls_certificate_allocate_credentials(&with));
	client_begin(&end, with);
	client.error = GNUTLS_E_AGAIN;
	for (int turn = 0; turn < 20; turn++) {
		if (client.error == GNUTLS_E_AGAIN)
			client.error = gnutls_handshake(end.session);
		pass(&end, ours, &step);
	}
	if (step == TLS_DONE)
		part(&end, ours);
	client.resumed = step == TLS_DONE && tls_resumed(ours);
	assert_true(!client.resumed || gnutls_session_is_resumed(end.session));
	snprintf(client.said, sizeof client.said, "%s", tls_why(ours));
	memtls_end(&end);
	gnutls_certificate_free_credentials(with);
	tls_free(ours);
	return step;
}

/* Comes again with what it got the last time. */
static bool
is_resumed_at(const struct tls_server *server)
{
	gnutls_datum_t session = client.got;
	client.got = (gnutls_datum_t){0};
	client.with = &session;
	assert_int_equal(meet(server), TLS_DONE);
	client.with = NULL;
	gnutls_free(client.got.data);
	client.got = session; /* the old one, to be used again */
	return client.resumed;
}

/* --- what is loaded --- */

static void
refuses(const char *certificate, const char *key, const char *client_ca, const char *says)
{
	char wanted[512];
	door.certificate = (char *)(uintptr_t)certificate;
	door.key = (char *)(uintptr_t)key;
	door.client_ca = (char *)(uintptr_t)client_ca;
	assert_null(tls_server_new(&door, why));
	snprintf(wanted, sizeof wanted, "listen 127.0.0.1@853: %s", says);
	if (strncmp(why, wanted, strlen(wanted)) != 0)
		fail_msg("%s, and not %s", why, wanted);
}

static void
what_cannot_be_used_is_said_of_the_right_file(void **state)
{
	char says[200], missing[] = "/none/at.all";
	(void)state;
	snprintf(says, sizeof says, "certificate \"%s\" cannot be loaded (", key_path);
	refuses(key_path, key_path, none, says);
	refuses(missing, key_path, none, "certificate \"/none/at.all\" cannot be loaded (");
	snprintf(says, sizeof says, "key \"%s\" cannot be loaded (", chain_path);
	refuses(chain_path, chain_path, none, says);
	snprintf(says, sizeof says, "key \"%s\" does not belong to certificate \"%s\"", key_path, other_path);
	refuses(other_path, key_path, none, says);
	snprintf(says, sizeof says, "client_ca \"%s\" cannot be loaded (", key_path);
	refuses(chain_path, key_path, key_path, says);
}

static void
the_name_is_the_first_that_a_client_can_go_to(void **state)
{
	(void)state;
	const struct cert many = cert_make(&(const struct cert_wish){
	        .common_name = "many", .names = {"*.b.example", "a.example", "c.example"}});
	cert_write(&many, wild_path);
	key_write(&many, other_path);
	door.certificate = wild_path;
	door.key = other_path;
	tls_server_free(server_of(&door));
	assert_string_equal(door.certified_name, "a.example");
	cert_write(&certs.addressed, wild_path);
	key_write(&certs.addressed, other_path);
	tls_server_free(server_of(&door));
	assert_string_equal(door.certified_name, "");
	struct cert gone = many;
	cert_free(&gone);
	cert_write(&certs.stranger, other_path);
}

/* --- who is let in --- */

static void
anybody_by_default(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	assert_int_equal(meet(server), TLS_DONE);
	client.priority = MEMTLS_12;
	assert_int_equal(meet(server), TLS_DONE);
	client.alpn = "dot";
	assert_int_equal(meet(server), TLS_DONE);
	client.shows = &certs.untrusted; /* nobody has asked for it */
	assert_int_equal(meet(server), TLS_DONE);
	tls_server_free(server);
}

static void
not_for_another_protocol(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	client.alpn = "h2";
	assert_int_equal(meet(server), TLS_FAILED);
	assert_int_equal(client.error, GNUTLS_E_FATAL_ALERT_RECEIVED);
	tls_server_free(server);
}

static void
not_in_an_old_version(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	client.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.1:%PROFILE_VERY_WEAK";
	assert_int_equal(meet(server), TLS_FAILED);
	tls_server_free(server);
	client.priority = MEMTLS_12;
	door.only_tls13 = true;
	server = server_of(&door);
	assert_int_equal(meet(server), TLS_FAILED);
	client.priority = MEMTLS_13;
	assert_int_equal(meet(server), TLS_DONE);
	tls_server_free(server);
}

static void
not_without_forward_secrecy(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	client.priority = MEMTLS_12 ":-KX-ALL:+RSA";
	assert_int_equal(meet(server), TLS_FAILED);
	client.priority = MEMTLS_12 ":-CIPHER-ALL:+AES-128-CBC";
	assert_int_equal(meet(server), TLS_FAILED);
	tls_server_free(server);
}

static void
only_whom_the_authority_knows(const char *priority)
{
	door.client_ca = ca_path;
	struct tls_server *server = server_of(&door);
	const struct cert known = cert_make(&(const struct cert_wish){
	        .common_name = "client", .purpose = GNUTLS_KP_TLS_WWW_CLIENT, .issuer = &certs.authority});
	const struct cert late = cert_make(&(const struct cert_wish){.common_name = "client",
	        .purpose = GNUTLS_KP_TLS_WWW_CLIENT,
	        .issuer = &certs.authority,
	        .from_days = -9,
	        .until_days = -2});
	client.priority = priority;
	assert_int_equal(meet(server), TLS_FAILED);
	client.shows = &certs.untrusted;
	assert_int_equal(meet(server), TLS_FAILED);
	client.shows = &certs.good; /* to be a server, not a client */
	assert_int_equal(meet(server), TLS_FAILED);
	assert_non_null(strstr(client.said, "the client's certificate: "));
	client.shows = &late;
	assert_int_equal(meet(server), TLS_FAILED);
	client.shows = &known;
	assert_int_equal(meet(server), TLS_DONE);
	tls_server_free(server);
	struct cert gone[] = {known, late};
	cert_free(&gone[0]);
	cert_free(&gone[1]);
}

static void
or_whom_the_authority_knows(void **state)
{
	(void)state;
	only_whom_the_authority_knows(MEMTLS_13);
}

static void
in_the_old_version_too(void **state)
{
	(void)state;
	only_whom_the_authority_knows(MEMTLS_12);
}

/* Length and a question in clear text, of all lengths that there are. */
static void
clear_text_is_no_handshake(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	for (unsigned length = 12; length < 600; length++) {
		uint8_t said[64] = {(uint8_t)(length >> 8), (uint8_t)length, 0x12, 0x34, 1, 0, 0, 1};
		struct tls *ours = tls_accept(server);
		assert_non_null(ours);
		tls_feed(ours, said, sizeof said);
		assert_int_equal(tls_handshake(ours), TLS_FAILED);
		tls_free(ours);
	}
	tls_server_free(server);
}

/* --- tickets --- */

static void
a_ticket_is_good_at_any_server_that_demands_the_same(void **state)
{
	(void)state;
	for (int old = 0; old < 2; old++) {
		struct tls_server *first = server_of(&door), *other = server_of(&door);
		client.priority = old ? MEMTLS_12 : MEMTLS_13;
		assert_int_equal(meet(first), TLS_DONE);
		assert_false(client.resumed);
		assert_true(is_resumed_at(first));
		assert_true(is_resumed_at(other));
		assert_true(is_resumed_at(other));
		tls_server_free(first);
		tls_server_free(other);
	}
}

static void
not_where_another_authority_is_trusted(void **state)
{
	const struct cert known = cert_make(&(const struct cert_wish){
	        .common_name = "client", .purpose = GNUTLS_KP_TLS_WWW_CLIENT, .issuer = &certs.authority});
	(void)state;
	struct tls_server *anybody = server_of(&door);
	door.client_ca = ca_path;
	struct tls_server *strict = server_of(&door);
	assert_int_equal(meet(anybody), TLS_DONE);
	client.shows = &known;
	assert_false(is_resumed_at(strict)); /* nobody has looked at that one */
	assert_int_equal(meet(strict), TLS_DONE);
	assert_true(is_resumed_at(strict));
	door.client_ca = other_path;
	struct tls_server *stranger = server_of(&door);
	gnutls_datum_t session = client.got;
	client.got = (gnutls_datum_t){0};
	client.with = &session;
	assert_int_equal(meet(stranger), TLS_FAILED);
	gnutls_free(session.data);
	tls_server_free(anybody);
	tls_server_free(strict);
	tls_server_free(stranger);
	struct cert gone = known;
	cert_free(&gone);
}

static void
not_with_another_secret(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	assert_int_equal(meet(server), TLS_DONE);
	assert_true(is_resumed_at(server));
	stek.made_ms = 0; /* tomorrow */
	assert_false(is_resumed_at(server));
	tls_server_free(server);
}

static void
nor_where_there_is_none(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	tls_server_give_tickets(server, NULL);
	assert_int_equal(meet(server), TLS_DONE);
	assert_true(client.got.size == 0 || !is_resumed_at(server));
	tls_server_free(server);
}

/* GnuTLS seals with another key every six hours; at whatever time of those it was given, a ticket is good for
 * as long as it says. */
static void
it_outlives_the_key_that_sealed_it(void **state)
{
	struct tls_server *server = server_of(&door);
	(void)state;
	for (int half_hours = 0; half_hours < 13; half_hours++) {
		later_s = half_hours * HOUR_S / 2;
		assert_int_equal(meet(server), TLS_DONE);
		later_s += 2 * HOUR_S - 60;
		assert_true(is_resumed_at(server));
		later_s += 120;
		assert_false(is_resumed_at(server));
	}
	tls_server_free(server);
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
	        TEST(what_cannot_be_used_is_said_of_the_right_file),
	        TEST(the_name_is_the_first_that_a_client_can_go_to),
	        TEST(anybody_by_default),
	        TEST(not_for_another_protocol),
	        TEST(not_in_an_old_version),
	        TEST(not_without_forward_secrecy),
	        TEST(or_whom_the_authority_knows),
	        TEST(in_the_old_version_too),
	        TEST(clear_text_is_no_handshake),
	        TEST(a_ticket_is_good_at_any_server_that_demands_the_same),
	        TEST(not_where_another_authority_is_trusted),
	        TEST(not_with_another_secret),
	        TEST(nor_where_there_is_none),
	        TEST(it_outlives_the_key_that_sealed_it),
	};
	return cmocka_run_group_tests_name("tls_server", tests, begin, finish);
}
