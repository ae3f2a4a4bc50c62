/*
 * A client session over memory, fed by a GnuTLS server: handshakes good and bad, records in any pieces,
 * and what `why` says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "certs.h"
#include "memtls.h"
#include "net/tls.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/dotward-tls.XXXXXX";
static char ca_path[64], empty_path[64], missing_path[64];
static gnutls_certificate_credentials_t shown;
static uint8_t pin_right[1][CONFIG_PIN_BYTES], pin_wrong[1][CONFIG_PIN_BYTES];
static struct addr peer;
static char why[TLS_WHY_BYTES];

/* A client of ours, and the server it speaks with; `step` is what ours said last. */
struct pair {
	struct tls_store *store;
	struct tls *client;
	struct memtls server;
	enum tls_step step;
	size_t piece; /* the most that is fed at once */
};

static int
begin(void **state)
{
	(void)state;
	certs_make();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(ca_path, sizeof ca_path, "%s/ca.pem", folder);
	snprintf(empty_path, sizeof empty_path, "%s/empty.pem", folder);
	snprintf(missing_path, sizeof missing_path, "%s/missing.pem", folder);
	cert_write(&certs.authority, ca_path);
	fclose(fopen(empty_path, "w"));
	shown = cert_credentials(&certs.good);
	cert_pin(&certs.good, pin_right[0]);
	cert_pin(&certs.stranger, pin_wrong[0]);
	return addr_parse(&peer, "127.0.0.1", 853);
}

static int
finish(void **state)
{
	(void)state;
	gnutls_certificate_free_credentials(shown);
	certs_free();
	unlink(ca_path);
	unlink(empty_path);
	return rmdir(folder);
}

static struct config_upstream
upstream_of(char *name, char *ca_file, char *priority)
{
	return (struct config_upstream){.name = (char *)(uintptr_t) "up",
	        .auth_name = name,
	        .ca_file = ca_file,
	        .tls_priority = priority};
}

static char name[] = CERTS_NAME, other_name[] = "other.example.net", none[] = "";

static void
pair_begin(struct pair *p, const struct config_upstream *upstream, const char *server_priority)
{
	*p = (struct pair){.piece = SIZE_MAX, .step = TLS_AGAIN};
	why[0] = '\0';
	p->store = tls_store_open(upstream, 1, why);
	if (p->store == NULL)
		fail_msg("%s", why);
	p->client = tls_new(tls_store_profile(p->store, 0), &peer);
	assert_non_null(p->client);
	memtls_begin(&p->server, GNUTLS_SERVER, server_priority, shown);
}

static void
pair_usual(struct pair *p, const char *server_priority)
{
	struct config_upstream upstream = upstream_of(name, ca_path, none);
	pair_begin(p, &upstream, server_priority);
}

static void
pair_end(struct pair *p)
{
	tls_free(p->client);
	memtls_end(&p->server);
	tls_store_close(p->store);
}

/* What the server has written goes to the client, in pieces, until the client has had its say. */
static void
feed(struct pair *p)
{
	struct buffer *out = &p->server.out;
	do {
		size_t count = buffer_held(out) < p->piece ? buffer_held(out) : p->piece;
		uint8_t *copy = malloc(count + 1); /* exactly as long, so that a step beyond is seen */
		copy = realloc(copy, count ? count : 1);
		if (count > 0)
			memcpy(copy, buffer_front(out), count);
		tls_feed(p->client, copy, count);
		p->step = tls_handshake(p->client);
		buffer_taken(out, count);
		if (p->step == TLS_DONE) {
			/* The rest of the piece, if any: tickets. */
			uint8_t rest[64];
			size_t got;
			assert_int_equal(tls_read(p->client, rest, sizeof rest, &got), TLS_AGAIN);
		}
		free(copy);
	} while (p->step == TLS_AGAIN && buffer_held(out) > 0);
	memtls_move(tls_output(p->client), &p->server.in);
}

static void
handshake(struct pair *p)
{
	for (int i = 0; i < 8 && p->step == TLS_AGAIN; i++) {
		feed(p);
		if (p->step != TLS_FAILED)
			gnutls_handshake(p->server.session);
	}
	if (p->step == TLS_DONE)
		gnutls_handshake(p->server.session);
}

static void
server_says(struct pair *p, const void *bytes, size_t count)
{
	assert_int_equal(gnutls_record_send(p->server.session, bytes, count), count);
}

/* Reads what came in one piece. */
static size_t
client_reads(struct pair *p, uint8_t *out, size_t room)
{
	size_t all = 0, got;
	struct buffer *from = &p->server.out;
	while (buffer_held(from) > 0) {
		size_t count = buffer_held(from) < p->piece ? buffer_held(from) : p->piece;
		tls_feed(p->client, buffer_front(from), count);
		while ((p->step = tls_read(p->client, out + all, room - all, &got)) == TLS_DONE)
			all += got;
		buffer_taken(from, count);
		if (p->step != TLS_AGAIN)
			break;
	}
	return all;
}

static void
talk(const char *server_priority, const char *version, size_t piece)
{
	struct pair p;
	static uint8_t in[70000], out[70000];
	pair_usual(&p, server_priority);
	p.piece = piece;
	handshake(&p);
	assert_string_equal(tls_why(p.client), "");
	assert_int_equal(p.step, TLS_DONE);
	assert_string_equal(tls_version(p.client), version);
	assert_false(tls_unverified(p.client));

	assert_int_equal(tls_write(p.client, (const uint8_t *)"question", 8), TLS_DONE);
	memtls_move(tls_output(p.client), &p.server.in);
	assert_int_equal(gnutls_record_recv(p.server.session, out, sizeof out), 8);
	assert_memory_equal(out, "question", 8);

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7);
	for (size_t sent = 0; sent < sizeof in;) {
		ssize_t count = gnutls_record_send(p.server.session, in + sent, sizeof in - sent);
		assert_true(count > 0);
		sent += (size_t)count;
	}
	assert_int_equal(client_reads(&p, out, sizeof out), sizeof in);
	assert_memory_equal(in, out, sizeof in);
	pair_end(&p);
}

static void
talk_in_both_versions(void **state)
{
	(void)state;
	talk(MEMTLS_13, "TLS1.3", SIZE_MAX);
	talk(MEMTLS_12, "TLS1.2", SIZE_MAX);
}

static void
talk_in_pieces(void **state)
{
	(void)state;
	talk(MEMTLS_13, "TLS1.3", 1);
	talk(MEMTLS_13, "TLS1.3", 100);
	talk(MEMTLS_12, "TLS1.2", 1);
	talk(MEMTLS_12, "TLS1.2", 333);
}

/* GnuTLS says "again" after each ticket although more lies behind it. */
static void
tickets_and_answer_in_one_piece(void **state)
{
	struct pair p;
	uint8_t out[64];
	(void)state;
	pair_usual(&p, MEMTLS_13);
	handshake(&p);
	assert_int_equal(p.step, TLS_DONE);
	assert_int_equal(gnutls_session_ticket_send(p.server.session, 2, 0), 0);
	server_says(&p, "answer", 6);
	assert_int_equal(gnutls_session_ticket_send(p.server.session, 1, 0), 0);
	server_says(&p, "another", 7);
	assert_int_equal(client_reads(&p, out, sizeof out), 13);
	assert_memory_equal(out, "answeranother", 13);
	assert_int_equal(p.step, TLS_AGAIN);
	pair_end(&p);
}

static void
key_update(void **state)
{
	struct pair p;
	uint8_t out[64];
	(void)state;
	pair_usual(&p, MEMTLS_13);
	handshake(&p);
	assert_int_equal(gnutls_session_key_update(p.server.session, GNUTLS_KU_PEER), 0);
	server_says(&p, "answer", 6);
	assert_int_equal(client_reads(&p, out, sizeof out), 6);
	assert_int_equal(tls_write(p.client, (const uint8_t *)"again", 5), TLS_DONE);
	memtls_move(tls_output(p.client), &p.server.in);
	ssize_t got;
	while ((got = gnutls_record_recv(p.server.session, out, sizeof out)) == GNUTLS_E_AGAIN)
		assert_true(buffer_held(&p.server.in) > 0); /* first our own update */
	assert_int_equal(got, 5);
	pair_end(&p);
}

static void
ends_in_order(void **state)
{
	struct pair p;
	uint8_t out[64];
	(void)state;
	pair_usual(&p, MEMTLS_13);
	handshake(&p);
	server_says(&p, "last", 4);
	gnutls_bye(p.server.session, GNUTLS_SHUT_WR);
	assert_int_equal(client_reads(&p, out, sizeof out), 4);
	assert_int_equal(p.step, TLS_ENDED);
	tls_bye(p.client);
	memtls_move(tls_output(p.client), &p.server.in);
	assert_int_equal(gnutls_record_recv(p.server.session, out, sizeof out), 0);
	pair_end(&p);
}

/* Many servers close without close_notify; between records that is an end like any other. */
static void
end_without_a_word(void **state)
{
	struct pair p;
	uint8_t out[64];
	size_t got;
	(void)state;
	pair_usual(&p, MEMTLS_13);
	handshake(&p);
	server_says(&p, "last", 4);
	assert_int_equal(client_reads(&p, out, sizeof out), 4);
	tls_feed_end(p.client);
	assert_int_equal(tls_read(p.client, out, sizeof out, &got), TLS_ENDED);
	pair_end(&p);
}

static void
end_in_the_middle_of_a_handshake(void **state)
{
	struct pair p;
	(void)state;
	pair_usual(&p, MEMTLS_13);
	feed(&p);
	gnutls_handshake(p.server.session);
	p.server.out.end -= buffer_held(&p.server.out) / 2;
	feed(&p);
	assert_int_equal(p.step, TLS_AGAIN);
	tls_feed_end(p.client);
	assert_int_equal(tls_handshake(p.client), TLS_FAILED);
	assert_string_equal(tls_why(p.client), "TLS handshake: the server closed the connection");
	assert_false(tls_unverified(p.client));
	pair_end(&p);
}

static void
wrong_certificate(void **state)
{
	struct pair p;
	(void)state;
	struct config_upstream upstream = upstream_of(other_name, ca_path, none);
	pair_begin(&p, &upstream, MEMTLS_13);
	handshake(&p);
	assert_int_equal(p.step, TLS_FAILED);
	assert_true(tls_unverified(p.client));
	assert_string_equal(
	        tls_why(p.client), "certificate is not for \"other.example.net\", but for dns.example.net");
	/* The server is told, by an alert and nothing else. */
	assert_int_equal(gnutls_handshake(p.server.session), GNUTLS_E_FATAL_ALERT_RECEIVED);
	pair_end(&p);
}

static void
pins_need_no_authority(void **state)
{
	struct pair p;
	(void)state;
	struct config_upstream upstream = upstream_of(none, missing_path, none);
	upstream.pin_count = 1;
	upstream.pins = pin_right;
	pair_begin(&p, &upstream, MEMTLS_13);
	handshake(&p);
	assert_int_equal(p.step, TLS_DONE);
	pair_end(&p);
	upstream.pins = pin_wrong;
	pair_begin(&p, &upstream, MEMTLS_13);
	handshake(&p);
	assert_int_equal(p.step, TLS_FAILED);
	assert_true(tls_unverified(p.client));
	pair_end(&p);
}

static void
alert_from_the_server(void **state)
{
	struct pair p;
	(void)state;
	pair_usual(&p, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-FFDHE8192:-CIPHER-ALL:+AES-128-CCM");
	feed(&p);
	int result = gnutls_handshake(p.server.session);
	gnutls_alert_send_appropriate(p.server.session, result);
	feed(&p);
	assert_int_equal(p.step, TLS_FAILED);
	assert_string_equal(
	        tls_why(p.client), "TLS handshake: the server sent the TLS alert \"Handshake failed\"");
	assert_false(tls_unverified(p.client));
	pair_end(&p);
}

static void
old_versions_are_not_spoken(void **state)
{
	struct pair p;
	(void)state;
	pair_usual(&p, "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT");
	feed(&p);
	int result = gnutls_handshake(p.server.session);
	assert_true(result < 0 && gnutls_error_is_fatal(result));
	pair_end(&p);
}

static void
garbage_instead_of_a_server(void **state)
{
	static const char *const garbage[] = {"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n",
	        "\x16\x03\x03\x00\x05XXXXX", "\x00\x2c\x12\x34\x81\x80",
	        "\x17\x03\x03\x00\x10________________"};
	(void)state;
	for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
		struct pair p;
		pair_usual(&p, MEMTLS_13);
		feed(&p);
		size_t count = i == 1 ? 10 : i == 2 ? 6 : i == 3 ? 21 : strlen(garbage[i]);
		memtls_put(&p.server.out, garbage[i], count);
		feed(&p);
		if (p.step == TLS_AGAIN) {
			tls_feed_end(p.client);
			p.step = tls_handshake(p.client);
		}
		assert_int_equal(p.step, TLS_FAILED);
		assert_memory_equal(tls_why(p.client), "TLS handshake: ", 15);
		assert_true(strlen(tls_why(p.client)) > 15);
		assert_false(tls_unverified(p.client));
		pair_end(&p);
	}
}

/* A bit that fell over on the way, at every place of a record. */
static void
damaged_record(void **state)
{
	(void)state;
	for (size_t at = 0; at < 20; at++) {
		struct pair p;
		uint8_t out[64];
		size_t got;
		pair_usual(&p, MEMTLS_13);
		handshake(&p);
		server_says(&p, "answer", 6);
		buffer_front(&p.server.out)[at] ^= 0x10;
		client_reads(&p, out, sizeof out);
		if (p.step == TLS_AGAIN) {
			tls_feed_end(p.client);
			p.step = tls_read(p.client, out, sizeof out, &got);
		}
		assert_true(p.step == TLS_FAILED || p.step == TLS_ENDED);
		assert_int_equal(p.step == TLS_FAILED, tls_why(p.client)[0] != '\0');
		pair_end(&p);
	}
}

static void
assert_refused(const struct config_upstream *upstreams, size_t count, const char *words)
{
	why[0] = '\0';
	assert_null(tls_store_open(upstreams, count, why));
	if (strstr(why, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", why, words);
	assert_non_null(strstr(why, "upstream up"));
}

static void
stores_that_cannot_be(void **state)
{
	static char nonsense[] = "NORMAL:+NONSENSE:-VERS-ALL";
	(void)state;
	struct config_upstream up = upstream_of(name, missing_path, none);
	assert_refused(&up, 1, missing_path);
	up.ca_file = empty_path;
	assert_refused(&up, 1, "it must hold PEM certificates");
	assert_refused(&up, 1, empty_path);
	up = upstream_of(name, ca_path, nonsense);
	assert_refused(&up, 1, "tls_priority = \"NORMAL:+NONSENSE:-VERS-ALL\"");
	assert_refused(&up, 1, "from \"+NONSENSE:-VERS-ALL\" on");
	struct config_upstream pair[] = {upstream_of(name, ca_path, none), up};
	assert_refused(pair, 2, "NONSENSE");
}

/* That the first upstream can do without an authority does not mean that the second can. */
static void
missing_authorities_shared_with_pins(void **state)
{
	(void)state;
	struct config_upstream two[] = {
	        upstream_of(none, missing_path, none), upstream_of(name, missing_path, none)};
	two[0].pin_count = 1;
	two[0].pins = pin_right;
	assert_refused(two, 2, missing_path);
}

static void
one_file_for_many_upstreams(void **state)
{
	struct config_upstream three[3];
	(void)state;
	for (int i = 0; i < 3; i++)
		three[i] = upstream_of(i == 1 ? none : name, ca_path, none);
	struct tls_store *store = tls_store_open(three, 3, why);
	assert_non_null(store);
	for (size_t i = 0; i < 3; i++) {
		struct tls *tls = tls_new(tls_store_profile(store, i), &peer);
		assert_non_null(tls);
		tls_free(tls);
	}
	tls_store_close(store);
	tls_store_close(NULL);
	tls_free(NULL);
}

/* RFC 7858 section 3.1, RFC 8310 section 8: "dot" is asked for, and the name goes along. */
static void
hello_says_who_is_wanted(void **state)
{
	struct pair p;
	(void)state;
	pair_usual(&p, MEMTLS_13);
	feed(&p);
	const uint8_t *hello = buffer_front(&p.server.in);
	size_t bytes = buffer_held(&p.server.in);
	assert_non_null(memmem(hello, bytes, CERTS_NAME, strlen(CERTS_NAME)));
	assert_non_null(memmem(hello, bytes, "\0\4\3dot", 6));
	pair_end(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(talk_in_both_versions),
	        cmocka_unit_test(talk_in_pieces),
	        cmocka_unit_test(tickets_and_answer_in_one_piece),
	        cmocka_unit_test(key_update),
	        cmocka_unit_test(ends_in_order),
	        cmocka_unit_test(end_without_a_word),
	        cmocka_unit_test(end_in_the_middle_of_a_handshake),
	        cmocka_unit_test(wrong_certificate),
	        cmocka_unit_test(pins_need_no_authority),
	        cmocka_unit_test(alert_from_the_server),
	        cmocka_unit_test(old_versions_are_not_spoken),
	        cmocka_unit_test(garbage_instead_of_a_server),
	        cmocka_unit_test(damaged_record),
	        cmocka_unit_test(stores_that_cannot_be),
	        cmocka_unit_test(missing_authorities_shared_with_pins),
	        cmocka_unit_test(one_file_for_many_upstreams),
	        cmocka_unit_test(hello_says_who_is_wanted),
	};
	return cmocka_run_group_tests_name("tls", tests, begin, finish);
}
