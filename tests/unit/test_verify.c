/*
 * Who is let pass, who is not, and what an administrator reads about it.
 *
 * Each row is a handshake over memory between GnuTLS and GnuTLS, with verify_peer() as the judge.
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
#include "net/verify.h"

#include <regex.h>

static gnutls_certificate_credentials_t trust;
static struct verify_identity identity;
static struct addr peer;
enum { UNKNOWN = 99 };
static int verdict;
static char why[400];

static int
judge(gnutls_session_t session)
{
	why[0] = '\0';
	verdict = verify_peer(session, &identity, &peer, why, sizeof why);
	return verdict < 0 ? GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR : 0;
}

static int
begin(void **state)
{
	(void)state;
	certs_make();
	certs_must(gnutls_certificate_allocate_credentials(&trust));
	certs_must(gnutls_certificate_set_x509_trust(trust, &certs.authority.crt, 1));
	gnutls_certificate_set_verify_function(trust, judge);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	gnutls_certificate_free_credentials(trust);
	certs_free();
	return 0;
}

static void
show(const struct cert *server, const char *priority)
{
	gnutls_certificate_credentials_t shown = cert_credentials(server);
	struct memtls left, right;
	verdict = UNKNOWN;
	memtls_begin(&left, GNUTLS_CLIENT, priority, trust);
	memtls_begin(&right, GNUTLS_SERVER, priority, shown);
	for (int i = 0; i < 10 && verdict == UNKNOWN; i++) {
		gnutls_handshake(left.session);
		memtls_move(&left.out, &right.in);
		gnutls_handshake(right.session);
		memtls_move(&right.out, &left.in);
	}
	memtls_end(&left);
	memtls_end(&right);
	gnutls_certificate_free_credentials(shown);
	assert_int_not_equal(verdict, UNKNOWN);
}

static void
assert_matches(const char *pattern)
{
	regex_t regex;
	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	int match = regexec(&regex, why, 0, NULL, 0);
	regfree(&regex);
	if (match != 0)
		fail_msg("\"%s\" is not like \"%s\"", why, pattern);
}

#define DATE "20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC"

enum pin { PIN_NONE, PIN_RIGHT, PIN_WRONG, PIN_SECOND };

static const struct row {
	const struct cert *server;
	const char *name, *address;
	enum pin pin;
	const char *why; /* NULL: let pass */
} rows[] = {
        /* by name */
        {&certs.good, CERTS_NAME, "192.0.2.1", PIN_NONE, NULL},
        {&certs.good, "DNS.Example.NET", "192.0.2.1", PIN_NONE, NULL},
        {&certs.many, "f.example", "192.0.2.1", PIN_NONE, NULL},
        {&certs.many, "any.c.example", "192.0.2.1", PIN_NONE, NULL},
        {&certs.many, "any.other.c.example", "192.0.2.1", PIN_NONE,
                "^certificate is not for \"any.other.c.example\", but for a.example, b.example, "
                "\\*.c.example, d.example and more$"},
        {&certs.good, "other.example.net", "192.0.2.1", PIN_NONE,
                "^certificate is not for \"other.example.net\", but for dns.example.net$"},
        {&certs.good, "dns.example.net.evil", "192.0.2.1", PIN_NONE, "^certificate is not for"},
        {&certs.addressed, CERTS_NAME, "127.0.0.1", PIN_NONE,
                "^certificate is not for \"dns.example.net\", but for 127.0.0.1$"},
        {&certs.nameless, CERTS_NAME, "127.0.0.1", PIN_NONE,
                "^certificate is not for \"dns.example.net\", but for no name at all$"},
        /* by address */
        {&certs.addressed, "", "127.0.0.1", PIN_NONE, NULL},
        {&certs.addressed, "", "127.0.0.2", PIN_NONE,
                "^certificate is not for \"127.0.0.2\", but for 127.0.0.1$"},
        {&certs.addressed, "", "::1", PIN_NONE, "^certificate is not for \"::1\", but for 127.0.0.1$"},
        {&certs.addressed, "", "::ffff:127.0.0.1", PIN_NONE, "^certificate is not for"},
        {&certs.good, "", "127.0.0.1", PIN_NONE,
                "^certificate is not for \"127.0.0.1\", but for dns.example.net$"},
        /* dates and trust */
        {&certs.expired, CERTS_NAME, "192.0.2.1", PIN_NONE,
                "^certificate expired on " DATE "; local clock " DATE "$"},
        {&certs.early, CERTS_NAME, "192.0.2.1", PIN_NONE,
                "^certificate becomes valid only on " DATE "; local clock " DATE "$"},
        {&certs.selfsigned, CERTS_NAME, "192.0.2.1", PIN_NONE,
                "^certificate is self-signed, not signed by a trusted authority; issuer CN=selfsigned$"},
        {&certs.untrusted, CERTS_NAME, "192.0.2.1", PIN_NONE,
                "^certificate is not signed by a trusted authority; issuer CN=Strange Test CA$"},
        /* pins alone: neither authority nor name nor date count (RFC 7858 section 4.2) */
        {&certs.selfsigned, "", "192.0.2.1", PIN_RIGHT, NULL},
        {&certs.untrusted, "", "192.0.2.1", PIN_RIGHT, NULL},
        {&certs.expired, "", "192.0.2.1", PIN_RIGHT, NULL},
        {&certs.good, "", "192.0.2.1", PIN_SECOND, NULL},
        {&certs.good, "", "192.0.2.1", PIN_WRONG,
                "^no pin matches; the server's is sha256//[A-Za-z0-9+/]{43}=$"},
        {&certs.addressed, "", "127.0.0.1", PIN_WRONG, "^no pin matches"},
        /* both: both must hold */
        {&certs.good, CERTS_NAME, "192.0.2.1", PIN_RIGHT, NULL},
        {&certs.good, CERTS_NAME, "192.0.2.1", PIN_WRONG, "^no pin matches"},
        {&certs.good, "other.example.net", "192.0.2.1", PIN_RIGHT, "^certificate is not for"},
        {&certs.untrusted, CERTS_NAME, "192.0.2.1", PIN_RIGHT, "not signed by a trusted authority"},
        {&certs.expired, CERTS_NAME, "192.0.2.1", PIN_RIGHT, "^certificate expired"},
};

static void
row_try(const struct row *row, const char *priority)
{
	uint8_t pins[2][CONFIG_PIN_BYTES] = {{0}};
	identity = (struct verify_identity){.auth_name = row->name,
	        .pins = (const uint8_t(*)[CONFIG_PIN_BYTES])pins,
	        .pin_count = row->pin == PIN_NONE ? 0 : 2};
	assert_int_equal(addr_parse(&peer, row->address, 853), 0);
	cert_pin(&certs.stranger, pins[0]);
	cert_pin(&certs.authority, pins[1]); /* of the chain, but not the server's own */
	if (row->pin == PIN_RIGHT)
		cert_pin(row->server, pins[0]);
	if (row->pin == PIN_SECOND)
		cert_pin(row->server, pins[1]);
	show(row->server, priority);
	if (row->why == NULL && verdict != 0)
		fail_msg("row %zu refused: %s", (size_t)(row - rows), why);
	if (row->why != NULL && verdict != -EACCES)
		fail_msg("row %zu let pass", (size_t)(row - rows));
	if (row->why != NULL)
		assert_matches(row->why);
}

static void
verdicts_in_tls13(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		row_try(&rows[i], MEMTLS_13);
}

static void
verdicts_in_tls12(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		row_try(&rows[i], MEMTLS_12);
}

/* A certificate for clients is none for servers. */
static void
purpose(void **state)
{
	(void)state;
	struct cert client = cert_make(&(struct cert_wish){.common_name = "client",
	        .names = {CERTS_NAME},
	        .purpose = GNUTLS_KP_TLS_WWW_CLIENT,
	        .issuer = &certs.authority});
	identity = (struct verify_identity){.auth_name = CERTS_NAME};
	show(&client, MEMTLS_13);
	cert_free(&client);
	assert_int_equal(verdict, -EACCES);
	assert_matches("^certificate refused: .");
}

/* What a certificate is called goes to the log, so a stranger's bytes in it must not be able to forge a line.
 */
static void
hostile_names_are_quoted(void **state)
{
	(void)state;
	struct cert c = cert_make(&(struct cert_wish){.common_name = "x\nerror dotward: forged",
	        .names = {"x\ny\"z.example"},
	        .issuer = &certs.authority});
	identity = (struct verify_identity){.auth_name = CERTS_NAME};
	show(&c, MEMTLS_13);
	assert_int_equal(verdict, -EACCES);
	assert_null(strchr(why, '\n'));
	assert_null(strstr(why, "y\"z"));
	cert_free(&c);
}

static void
pin_text(void **state)
{
	uint8_t pin[CONFIG_PIN_BYTES];
	char out[VERIFY_PIN_TEXT_BYTES];
	(void)state;
	memset(pin, 0xff, sizeof pin);
	pin[0] = 0;
	assert_string_equal(
	        verify_pin_text(pin, out), "sha256//AP////////////////////////////////////////8=");
}

/* --- a clock that is wrong --------------------------------------------------------------------------------
 */

static time_t
in_1970(void)
{
	return 3600;
}

static time_t
at_the_build(void)
{
	return clock_built();
}

static time_t
far_ahead(void)
{
	return clock_built() + 100ll * 365 * 86400;
}

static void
show_at(time_t (*date)(void), const struct cert *server)
{
	clock_date_from(date);
	verify_dates_from_clock();
	show(server, MEMTLS_13);
	show(server, MEMTLS_12);
	clock_date_from(NULL);
}

static void
a_wrong_clock_is_named(void **state)
{
	(void)state;
	identity = (struct verify_identity){.auth_name = CERTS_NAME};
	show_at(in_1970, &certs.good);
	assert_int_equal(verdict, -EACCES);
	assert_matches(
	        "becomes valid only on " DATE "; local clock 1970-01-01 01:00 UTC, which is wrong: dotward "
	        "was built on 20[0-9]{2}-[0-9]{2}-[0-9]{2}$");
	/* One that can be right is not accused. */
	show_at(far_ahead, &certs.good);
	assert_int_equal(verdict, -EACCES);
	assert_matches("expired on " DATE "; local clock [0-9: -]* UTC$");
}

static void
dates_do_not_count_by_leave_only(void **state)
{
	(void)state;
	identity = (struct verify_identity){.auth_name = CERTS_NAME, .clock_bootstrap = true};
	show_at(in_1970, &certs.good);
	assert_int_equal(verdict, VERIFY_UNDATED);
	show_at(in_1970, &certs.expired); /* who knows? */
	assert_int_equal(verdict, VERIFY_UNDATED);
	/* The clock can be right: dates count. */
	show_at(far_ahead, &certs.good);
	assert_int_equal(verdict, -EACCES);
	show_at(NULL, &certs.expired);
	assert_int_equal(verdict, -EACCES);
	show_at(NULL, &certs.early);
	assert_int_equal(verdict, -EACCES);
	show_at(NULL, &certs.good);
	assert_int_equal(verdict, VERIFY_RIGHT);
}

/* GnuTLS reports the dates and looks no further; we do. */
static void
all_but_the_dates_counts(void **state)
{
	uint8_t pins[1][CONFIG_PIN_BYTES];
	(void)state;
	identity = (struct verify_identity){.auth_name = CERTS_NAME, .clock_bootstrap = true};
	const struct cert *const strangers[] = {
	        &certs.untrusted, &certs.selfsigned, &certs.addressed, &certs.nameless};
	for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
		show_at(in_1970, strangers[i]);
		assert_int_equal(verdict, -EACCES);
	}
	identity.auth_name = "other.example.net";
	show_at(in_1970, &certs.good);
	assert_int_equal(verdict, -EACCES);
	identity.auth_name = CERTS_NAME;
	identity.pins = (const uint8_t(*)[CONFIG_PIN_BYTES])pins;
	identity.pin_count = 1;
	cert_pin(&certs.stranger, pins[0]);
	show_at(in_1970, &certs.good);
	assert_int_equal(verdict, -EACCES);
	assert_matches("^no pin matches");
	cert_pin(&certs.good, pins[0]);
	show_at(in_1970, &certs.good);
	assert_int_equal(verdict, VERIFY_UNDATED);
}

static void
the_day_of_the_build_can_be_right(void **state)
{
	(void)state;
	assert_false(clock_is_wrong(at_the_build()));
	assert_true(clock_is_wrong(at_the_build() - 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(verdicts_in_tls13),
	        cmocka_unit_test(verdicts_in_tls12),
	        cmocka_unit_test(purpose),
	        cmocka_unit_test(hostile_names_are_quoted),
	        cmocka_unit_test(pin_text),
	        cmocka_unit_test(a_wrong_clock_is_named),
	        cmocka_unit_test(dates_do_not_count_by_leave_only),
	        cmocka_unit_test(all_but_the_dates_counts),
	        cmocka_unit_test(the_day_of_the_build_can_be_right),
	};
	return cmocka_run_group_tests_name("verify", tests, begin, finish);
}
