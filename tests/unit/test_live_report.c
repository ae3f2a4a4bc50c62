/*
 * What check-live says of findings: the class, the remedy for each thing that can be wrong, the table and the
 * JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/live_report.h"

#include <stdlib.h>
#include <string.h>

enum { NOW_S = 1767225600 /* 2026-01-01 00:00 UTC */, DAY_S = 24 * 3600 };

static char first_name[] = "first", second_name[] = "second", dns_name[] = "dns.example.net";
static uint8_t pins[1][CONFIG_PIN_BYTES];
static struct config_upstream upstreams[2];
static struct live_finding findings[3];
static struct live_report report;

/* Two addresses of the first upstream, one of the second, all good. */
static int
begin(void **state)
{
	static const char *const texts[] = {"192.0.2.1@853", "2001:db8::1@853", "192.0.2.2@8853"};
	(void)state;
	memset(findings, 0, sizeof findings);
	upstreams[0] = (struct config_upstream){.name = first_name, .auth_name = dns_name};
	upstreams[1] = (struct config_upstream){.name = second_name, .auth_name = dns_name};
	for (unsigned i = 0; i < 3; i++) {
		struct live_finding *f = &findings[i];
		f->upstream = &upstreams[i / 2];
		if (addr_parse(&f->address, texts[i], 853) < 0)
			return -1;
		f->answers = 3;
		f->burst = f->burst_answered = 5;
		f->facts = (struct facts){.version = "TLS1.3",
		        .alpn = true,
		        .names = "dns.example.net",
		        .issuer = "CN=Authority",
		        .owner = true,
		        .chain_count = 1};
		f->facts.chain[0] = (struct facts_certificate){.subject = "CN=server",
		        .from_s = NOW_S - DAY_S,
		        .until_s = NOW_S + 90 * DAY_S,
		        .has_pin = true};
		live_time_add(&f->connect, 1500);
		live_time_add(&f->handshake, 20900);
		live_time_add(&f->answer, 3210);
	}
	report = (struct live_report){.findings = findings,
	        .count = 3,
	        .answer_limit_ms = 5000,
	        .now_s = NOW_S,
	        .question = ". NS"};
	return 0;
}

static void
fails(unsigned i, enum live_state state)
{
	findings[i].state = state;
	snprintf(findings[i].why, sizeof findings[i].why, "reason %u", i);
}

/* To be freed. */
static char *
printed(bool json)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	live_report_print(&report, json, out);
	fclose(out);
	return text;
}

static void
has(bool json, const char *part)
{
	char *text = printed(json);
	if (strstr(text, part) == NULL)
		fail_msg("not found: %s\nin: %s", part, text);
	free(text);
}

static void
lacks(bool json, const char *part)
{
	char *text = printed(json);
	if (strstr(text, part) != NULL)
		fail_msg("found: %s\nin: %s", part, text);
	free(text);
}

static void
classes(void **state)
{
	(void)state;
	assert_int_equal(live_classify(&report), LIVE_CLASS_GOOD);
	fails(0, LIVE_SILENT);
	assert_int_equal(live_classify(&report), LIVE_CLASS_SOME);
	fails(1, LIVE_UNVERIFIED);
	assert_int_equal(live_classify(&report), LIVE_CLASS_SOME);
	fails(2, LIVE_REFUSING);
	assert_int_equal(live_classify(&report), LIVE_CLASS_NONE);
}

static void
a_family_without_a_route_is_spared(void **state)
{
	(void)state;
	fails(1, LIVE_NO_ROUTE);
	assert_int_equal(live_classify(&report), LIVE_CLASS_GOOD);
	has(false,
	        "note: first 2001:db8::1@853: reason 1\n    this machine has no route to that IPv6 address");
	lacks(false, "problem:");
	/* nobody else stands in for it */
	fails(0, LIVE_UNREACHABLE);
	assert_int_equal(live_classify(&report), LIVE_CLASS_SOME);
	has(false, "problem: first 2001:db8::1@853: reason 1\n");
}

static void
medians(void **state)
{
	(void)state;
	struct live_times times = {0};
	assert_int_equal(live_median_us(&times), 0);
	live_time_add(&times, 30);
	assert_int_equal(live_median_us(&times), 30);
	live_time_add(&times, 10);
	live_time_add(&times, 20);
	assert_int_equal(live_median_us(&times), 20);
	assert_int_equal(times.us[0], 30);
	live_time_add(&times, UINT64_MAX);
	assert_int_equal(times.us[3], UINT32_MAX);
	for (int i = 0; i < 20; i++)
		live_time_add(&times, 5);
	assert_int_equal(times.count, LIVE_SAMPLES);
}

static void
remedy_has(unsigned i, const char *part)
{
	char remedy[LIVE_REMEDY_BYTES];
	live_remedy(&findings[i], NOW_S, remedy);
	if (strstr(remedy, part) == NULL)
		fail_msg("not found: %s\nin: %s", part, remedy);
}

static void
remedies_for_what_is_unreachable(void **state)
{
	(void)state;
	char remedy[LIVE_REMEDY_BYTES];
	live_remedy(&findings[0], NOW_S, remedy);
	assert_string_equal(remedy, "");
	fails(2, LIVE_UNREACHABLE);
	remedy_has(2, "TCP port 8853");
	fails(2, LIVE_NO_TLS);
	remedy_has(2, "on port 8853 there (853 is usual)");
	fails(2, LIVE_NO_ROUTE);
	remedy_has(2, "IPv4 address: give it one (ip -4 route)");
	fails(2, LIVE_SILENT);
	remedy_has(2, "its operator");
	fails(2, LIVE_REFUSING);
	remedy_has(2, "check-live NAME TYPE");
}

static void
remedies_for_certificates(void **state)
{
	(void)state;
	struct facts *facts = &findings[0].facts;
	fails(0, LIVE_UNVERIFIED);
	remedy_has(0, "name its certificate in ca_file");
	facts->owner = false;
	remedy_has(0, "set auth_name to a name that the certificate is for (dns.example.net)");
	facts->weak = true;
	remedy_has(0, "at least 2048 bits");
	facts->chain[0].until_s = NOW_S - 1;
	remedy_has(0, "clock says 2026-01-01 00:00 UTC: if that is right, the server's operator must renew");
	facts->chain[0] =
	        (struct facts_certificate){.from_s = NOW_S + 1, .until_s = NOW_S + DAY_S, .has_pin = true};
	remedy_has(0, "clock says 2026-01-01 00:00 UTC: if that is behind, set it (NTP)");
	facts->chain_count = 0;
	facts->weak = false;
	remedy_has(0, "no certificate of the usual kind");
}

/* An intermediate one may be what has expired. */
static void
the_whole_chain_has_dates(void **state)
{
	(void)state;
	struct facts *facts = &findings[0].facts;
	fails(0, LIVE_UNVERIFIED);
	facts->chain_count = 2;
	facts->chain[1] = (struct facts_certificate){.from_s = 1, .until_s = 2};
	remedy_has(0, "must renew the certificate");
}

static void
pins_match_or_not(void **state)
{
	(void)state;
	assert_int_equal(live_pin_matches(&findings[0]), LIVE_UNKNOWN);
	has(false, "first 192.0.2.1@853\n    pins = [ \"sha256//AAAA");
	upstreams[0].pins = pins;
	upstreams[0].pin_count = 1;
	assert_int_equal(live_pin_matches(&findings[0]), LIVE_YES);
	has(false, "first 192.0.2.1@853: as configured\n");
	findings[0].facts.chain[0].pin[31] = 1;
	assert_int_equal(live_pin_matches(&findings[0]), LIVE_NO);
	has(false, "first 192.0.2.1@853: NOT as configured\n");
	fails(0, LIVE_UNVERIFIED);
	remedy_has(0, "whether its key was changed; if so, pins = [ \"sha256//AAAA");
	findings[0].facts.chain_count = 0;
	assert_int_equal(live_pin_matches(&findings[0]), LIVE_UNKNOWN);
}

static void
rows(void **state)
{
	(void)state;
	has(false, "first            192.0.2.1@853                good        TLS1.3  dot      1.5ms    "
	           "20.9ms     3.2ms -       -        no      no\n");
	has(false,
	        "\n3 of 3 addresses are good; asked for . NS; this machine's clock: 2026-01-01 00:00 UTC\n");
	findings[2] = (struct live_finding){.upstream = &upstreams[1], .address = findings[2].address};
	fails(2, LIVE_UNREACHABLE);
	has(false, "second           192.0.2.2@8853               unreachable -       -            -         "
	           "-         - -       -        -       -\n");
	has(false, "problem: second 192.0.2.2@8853: reason 2\n    look whether");
	static char host[] = "dns.example";
	upstreams[1].host = host;
	findings[2].address = (struct addr){.any.sa_family = AF_UNSPEC};
	fails(2, LIVE_NO_ADDRESS);
	has(false, "second           dns.example                  no-address  -");
	has(false, "problem: second dns.example: reason 2\n    look whether host is spelled right");
	has(true, "\"address\":null,\"host\":\"dns.example\",\"state\":\"no-address\",");
	upstreams[1].host = NULL;
}

static void
notes(void **state)
{
	(void)state;
	lacks(false, "note:");
	findings[0].facts.chain[0].until_s = NOW_S + 3 * DAY_S;
	has(false, "note: first 192.0.2.1@853: the certificate is valid until 2026-01-04 00:00 UTC only");
	findings[1].burst_answered = 1;
	has(false, "of 5 questions in one TLS record it answered 1 within 5000 ms: max_outstanding = 1");
	findings[1].closes_early = true;
	has(false, "closed the connection after 3 answers, so that");
	findings[2].lost = 2;
	snprintf(findings[2].lost_why, sizeof findings[2].lost_why, "Connection reset by peer");
	has(false,
	        "note: second 192.0.2.2@8853: 2 of its later connections failed: Connection reset by peer");
}

static void
for_programs(void **state)
{
	(void)state;
	has(true, "{\"status\":0,\"clock_s\":1767225600,\"question\":\". "
	          "NS\",\"addresses\":[{\"upstream\":\"first\",\"address\":\"192.0.2.1@853\",");
	has(true, "\"state\":\"good\",\"why\":\"\",\"remedy\":\"\",\"tls\":\"TLS1.3\",\"cipher\":null,"
	          "\"alpn\":true,");
	has(true, "\"chain\":[{\"subject\":\"CN=server\",\"pin\":\"sha256//"
	          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"from_s\":1767139200,");
	has(true, "\"connect_us\":1500,\"handshake_us\":20900,\"answer_us\":3210,\"rcode\":\"NOERROR\","
	          "\"resumes\":null,");
	findings[0] = (struct live_finding){.upstream = &upstreams[0], .address = findings[0].address};
	fails(0, LIVE_UNREACHABLE);
	has(true, "{\"status\":1,");
	has(true, "\"state\":\"unreachable\",\"why\":\"reason 0\",\"remedy\":\"look");
	has(true, "\"certificate\":null,\"pin_matches\":null,\"connect_us\":null,");
}

/* A certificate's words are a stranger's: its dates may be before time began. */
static void
strange_dates(void **state)
{
	(void)state;
	findings[0].facts.chain[0].from_s = -1;
	findings[0].facts.chain[0].until_s = INT64_MAX / 2;
	has(true, "\"from_s\":0,");
	char *text = printed(false);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(classes, begin),
	        cmocka_unit_test_setup(a_family_without_a_route_is_spared, begin),
	        cmocka_unit_test_setup(medians, begin),
	        cmocka_unit_test_setup(remedies_for_what_is_unreachable, begin),
	        cmocka_unit_test_setup(remedies_for_certificates, begin),
	        cmocka_unit_test_setup(the_whole_chain_has_dates, begin),
	        cmocka_unit_test_setup(pins_match_or_not, begin),
	        cmocka_unit_test_setup(rows, begin),
	        cmocka_unit_test_setup(notes, begin),
	        cmocka_unit_test_setup(for_programs, begin),
	        cmocka_unit_test_setup(strange_dates, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
