/*
 * What a profile makes of a session: versions, a client that shows who it is, a server that nobody can
 * vouch for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "meeting.h"

static char other_name[] = "other.example.net", certificate_path[64], key_path[64];

/* Certificate and key of the client, in files. */
static void
client_write(const struct cert *of)
{
	gnutls_datum_t text = {0};
	snprintf(certificate_path, sizeof certificate_path, "%s/client.pem", folder);
	snprintf(key_path, sizeof key_path, "%s/client.key", folder);
	cert_write(of, certificate_path);
	certs_must(gnutls_x509_privkey_export2(of->key, GNUTLS_X509_FMT_PEM, &text));
	FILE *file = fopen(key_path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
	assert_int_equal(fclose(file), 0);
	gnutls_free(text.data);
}

static void
client_remove(void)
{
	unlink(certificate_path);
	unlink(key_path);
}

static void
assert_refused(const char *words)
{
	char why[TLS_WHY_BYTES] = "";
	assert_null(tls_store_open(&upstream, 1, why));
	if (strstr(why, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, why);
}

static void
old_versions_by_leave_only(void **state)
{
	(void)state;
	server.priority = MEMTLS_12;
	assert_int_equal(meet(), FULL);
	assert_string_equal(met.version, "TLS1.2");
	upstream.only_tls13 = true;
	assert_int_equal(meet(), BROKEN);
	server.priority = "NORMAL";
	assert_int_equal(meet(), FULL);
	assert_string_equal(met.version, "TLS1.3");
	/* Whatever else the priority says. */
	char old[] = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
	upstream.tls_priority = old;
	assert_int_equal(meet(), FULL);
	assert_string_equal(met.version, "TLS1.3");
}

static void
a_client_shows_who_it_is(void **state)
{
	(void)state;
	server.asks = true;
	assert_int_equal(meet(), FULL);
	assert_false(met.showed);
	client_write(&certs.untrusted);
	upstream.client_certificate = certificate_path;
	upstream.client_key = key_path;
	/* The ticket of nobody is not for somebody. */
	assert_int_equal(meet(), FULL);
	assert_true(met.showed);
	server.asks = false;
	assert_int_equal(meet(), RESUMED);
	client_remove();
}

static void
two_upstreams_show_one_each(void **state)
{
	char why[TLS_WHY_BYTES];
	(void)state;
	client_write(&certs.good);
	struct config_upstream two[] = {upstream, upstream};
	two[0].client_certificate = certificate_path;
	two[0].client_key = key_path;
	struct tls_store *store = tls_store_open(two, 2, why);
	assert_non_null(store);
	struct tls *client = tls_new(tls_store_profile(store, 1), &peer);
	struct memtls end;
	memtls_begin(&end, GNUTLS_SERVER, server.priority, server.shown);
	gnutls_certificate_server_set_request(end.session, GNUTLS_CERT_REQUEST);
	unsigned count = 0;
	assert_int_equal(shake(client, &end), TLS_DONE);
	assert_true(gnutls_certificate_get_peers(end.session, &count) == NULL || count == 0);
	tls_free(client);
	memtls_end(&end);
	tls_store_close(store);
	client_remove();
}

static void
certificates_that_cannot_be_shown(void **state)
{
	(void)state;
	client_write(&certs.good);
	upstream.client_certificate = certificate_path;
	upstream.client_key = ca_path;
	assert_refused("client_key");
	upstream.client_key = key_path;
	unlink(certificate_path);
	assert_refused("client_certificate");
	client_write(&certs.good);
	cert_write(&certs.untrusted, certificate_path); /* of another key */
	assert_refused("client_certificate");
	client_remove();
}

static void
doubted_and_asked(void **state)
{
	(void)state;
	upstream.opportunistic = true;
	assert_int_equal(meet(), FULL);
	assert_string_equal(met.doubt, "");
	assert_int_equal(meet(), RESUMED);
	assert_string_equal(met.doubt, "");

	server.key = &other_key;
	server.shown = shown_untrusted;
	unsigned before = held();
	assert_int_equal(meet(), FULL);
	assert_non_null(strstr(met.doubt, "not signed by a trusted authority"));
	assert_string_equal(met.why, "");
	/* Nobody resumes what was never verified: each time it is looked at again. */
	assert_true(held() < before);
	tickets_forget_all(tickets, clock_boot_ms());
	assert_int_equal(meet(), FULL);
	assert_int_equal(held(), 0);
	server.shown = shown;
	assert_int_equal(meet(), FULL);
	assert_string_equal(met.doubt, "");
	assert_true(held() > 0);
}

static void
doubts_of_all_kinds(void **state)
{
	(void)state;
	upstream.opportunistic = true;
	upstream.auth_name = other_name;
	assert_int_equal(meet(), FULL);
	assert_non_null(strstr(met.doubt, "certificate is not for"));
	upstream.auth_name = name;
	upstream.pins = pins + 1;
	upstream.pin_count = 1;
	assert_int_equal(meet(), FULL);
	assert_non_null(strstr(met.doubt, "no pin matches"));
	upstream.pins = pins;
	assert_int_equal(meet(), FULL);
	assert_string_equal(met.doubt, "");
	upstream.auth_name = none;
	upstream.pin_count = 0;
	assert_int_equal(meet(), FULL);
	assert_non_null(strstr(met.doubt, "certificate is not for \"127.0.0.1\""));
	/* Strict is strict. */
	upstream.opportunistic = false;
	assert_int_equal(meet(), UNVERIFIED);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, meeting_start, meeting_stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(old_versions_by_leave_only),
	        STARTED(a_client_shows_who_it_is),
	        STARTED(two_upstreams_show_one_each),
	        STARTED(certificates_that_cannot_be_shown),
	        STARTED(doubted_and_asked),
	        STARTED(doubts_of_all_kinds),
	};
	return cmocka_run_group_tests_name("tls store", tests, meeting_begin, meeting_finish);
}
