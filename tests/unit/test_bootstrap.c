/*
 * Asking for the addresses of hosts, with small servers on the same loop: who is asked, in what order, what
 * is made of the answers, and that nobody is asked who is not verified.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/bootstrap.h"

#include "base/clock.h"
#include "dns/octets.h"
#include "dotserver.h"
#include "looping.h"
#include "net/tls.h"

#include <stdlib.h>

enum { SERVERS = 3, HOSTS = 2, TTL = 300, HEADER = 12 };

/* What a server does. */
enum manner {
	ANSWERS,
	HANGS_UP_AFTER_EACH,
	ONLY_FOUR,
	NO_SUCH_NAME,
	EMPTY,
	FAILS,
	HALF_FAILS,
	HOLDS,
	ZEROES
};

struct answerer {
	struct dot_server dot;
	enum manner manner;
	unsigned asked;
};

static struct ev_loop *loop;
static struct answerer answerers[SERVERS];
static struct config_bootstrap servers[SERVERS];
static struct config_upstream upstreams[HOSTS];
static struct config config;
static char ca_path[64];
static struct host_answer got[HOSTS];
static unsigned done_count;

/* The question's type stands behind its name. */
static size_t
question_end(const uint8_t *msg)
{
	size_t at = HEADER;
	while (msg[at] != 0)
		at += 1u + msg[at];
	return at + 5;
}

/* One address: 192.0.2.<port of the server> or 2001:db8::1. */
static size_t
put_address(uint8_t *out, size_t end, uint16_t type, const struct answerer *who)
{
	uint8_t record[28] = {
	        0xc0, HEADER, (uint8_t)(type >> 8), (uint8_t)type, 0, 1, 0, 0, TTL >> 8, TTL & 0xff};
	size_t bytes = type == 1 ? 4 : 16;
	record[11] = (uint8_t)bytes;
	if (type == 1 && who->manner != ZEROES)
		memcpy(record + 12, (const uint8_t[]){192, 0, 2, (uint8_t)(who - answerers + 1)}, 4);
	else if (type != 1 && who->manner != ZEROES)
		memcpy(record + 12, (const uint8_t[16]){0x20, 1, 0x0d, 0xb8, [15] = 1}, 16);
	memcpy(out + end, record, 12 + bytes);
	out[7] = 1;
	return end + 12 + bytes;
}

static void
asked(struct dot_server *dot, struct dot_conn *c, uint8_t *msg, size_t bytes)
{
	struct answerer *who = dot->arg;
	uint8_t out[600];
	size_t end = question_end(msg);
	uint16_t type = octets_get16(msg + end - 4);
	assert_true(end <= bytes);
	who->asked++;
	if (who->manner == HOLDS)
		return;
	memcpy(out, msg, end);
	memset(out + 6, 0, 6);
	bool fails = who->manner == FAILS || (who->manner == HALF_FAILS && type != 1);
	out[2] |= 0x80;
	out[3] = (uint8_t)(0x80 | (fails ? 2 : who->manner == NO_SUCH_NAME ? 3 : 0));
	bool has = who->manner == ANSWERS || who->manner == HANGS_UP_AFTER_EACH || who->manner == ZEROES ||
	           (type == 1 && (who->manner == ONLY_FOUR || who->manner == HALF_FAILS));
	if (has)
		end = put_address(out, end, type, who);
	dot_send(c, out, end);
	if (who->manner == HANGS_UP_AFTER_EACH)
		dot_close(c, DOT_BYE);
}

/* --- the world -------------------------------------------------------------------------------------------
 */

static int
begin(void **state)
{
	static char nothing[] = "", names[HOSTS][4] = {"u0", "u1"},
	            hosts[HOSTS][16] = {"a.example", "b.example"};
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	for (unsigned i = 0; i < SERVERS; i++) {
		dot_begin(&answerers[i].dot, loop, &certs.good, asked);
		answerers[i].dot.arg = &answerers[i];
		answerers[i].manner = ANSWERS;
		answerers[i].asked = 0;
		servers[i] = (struct config_bootstrap){.address = answerers[i].dot.address};
		strcpy(servers[i].name, CERTS_NAME);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		upstreams[i] = (struct config_upstream){.name = names[i],
		        .host = hosts[i],
		        .auth_name = nothing,
		        .bootstrap = &servers[i],
		        .bootstrap_count = 1,
		        .ca_file = ca_path,
		        .tls_priority = nothing};
	config = (struct config){.upstreams = upstreams,
	        .upstream_count = 1,
	        .forward = {.timeout_ms = 60000, .connect_timeout_ms = 60000, .handshake_timeout_ms = 60000}};
	done_count = 0;
	memset(got, 0, sizeof got);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SERVERS; i++)
		dot_end(&answerers[i].dot);
	ev_loop_destroy(loop);
	return 0;
}

static void
done(void *arg, size_t upstream, const struct host_answer *answer)
{
	assert_ptr_equal(arg, &config);
	assert_true(upstream < HOSTS);
	got[upstream] = *answer;
	done_count++;
}

static const struct host_answer *
run(uint64_t which)
{
	struct bootstrap *b = bootstrap_new(&config, which);
	bootstrap_run(b, loop, done, &config);
	bootstrap_free(b);
	return &got[0];
}

static void
expect(const struct host_answer *a, unsigned index, const char *text)
{
	char out[ADDR_TEXT_BYTES];
	assert_true(index < a->count);
	assert_string_equal(addr_text(&a->addresses[index], out), text);
}

static void
show(unsigned server, const struct cert *cert)
{
	gnutls_certificate_free_credentials(answerers[server].dot.shown);
	answerers[server].dot.shown = cert_credentials(cert);
}

static void
is_in(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* --- tests -----------------------------------------------------------------------------------------------
 */

static void
both_families_are_found(void **state)
{
	(void)state;
	const struct host_answer *a = run(1);
	assert_int_equal(done_count, 1);
	assert_int_equal(a->count, 2);
	expect(a, 0, "192.0.2.1@0");
	expect(a, 1, "2001:db8::1@0");
	assert_true(a->known[HOST_IPV4] && a->known[HOST_IPV6]);
	assert_int_equal(a->ttl_s, TTL);
	assert_int_equal(answerers[0].dot.accepted, 1);
}

static void
a_server_may_hang_up_after_each_answer(void **state)
{
	(void)state;
	answerers[0].manner = HANGS_UP_AFTER_EACH;
	const struct host_answer *a = run(1);
	assert_int_equal(a->count, 2);
	assert_int_equal(answerers[0].dot.accepted, 2);
}

static void
a_host_may_have_one_family(void **state)
{
	(void)state;
	answerers[0].manner = ONLY_FOUR;
	const struct host_answer *a = run(1);
	assert_int_equal(a->count, 1);
	assert_true(a->known[HOST_IPV6]);
}

static void
what_fails_for_one_family_is_not_known(void **state)
{
	(void)state;
	answerers[0].manner = HALF_FAILS;
	const struct host_answer *a = run(1);
	assert_int_equal(a->count, 1);
	assert_true(a->known[HOST_IPV4]);
	assert_false(a->known[HOST_IPV6]);
}

static void
one_family_is_asked_for_from_a_source_address(void **state)
{
	(void)state;
	assert_int_equal(addr_parse(&upstreams[0].source_address, "127.0.0.1", 0), 0);
	const struct host_answer *a = run(1);
	assert_int_equal(a->count, 1);
	expect(a, 0, "192.0.2.1@0");
	assert_true(a->known[HOST_IPV6]);
	assert_int_equal(answerers[0].asked, 1);
}

static void
several_hosts_are_asked_for_at_once(void **state)
{
	(void)state;
	config.upstream_count = 2;
	run(3);
	assert_int_equal(done_count, 2);
	expect(&got[0], 0, "192.0.2.1@0");
	expect(&got[1], 0, "192.0.2.2@0");
}

static void
only_those_are_asked_for_that_are_named(void **state)
{
	(void)state;
	config.upstream_count = 2;
	run(2);
	assert_int_equal(done_count, 1);
	assert_int_equal(answerers[0].asked, 0);
	expect(&got[1], 0, "192.0.2.2@0");
	run(0);
	assert_int_equal(done_count, 1);
}

static void
the_next_server_is_asked_when_one_fails(void **state)
{
	(void)state;
	upstreams[0].bootstrap_count = 3;
	dot_stop_listening(&answerers[0].dot);
	answerers[1].manner = FAILS;
	expect(run(1), 0, "192.0.2.3@0");
}

static void
the_next_server_is_asked_when_one_is_slow(void **state)
{
	(void)state;
	uint64_t begun_ms = clock_now_ms();
	upstreams[0].bootstrap_count = 2;
	answerers[0].manner = HOLDS;
	expect(run(1), 0, "192.0.2.2@0");
	assert_in_range(clock_now_ms() - begun_ms, BOOTSTRAP_SLOW_MS - 5, BOOTSTRAP_MOST_MS);
}

static void
why_none_is_found_is_said_of_each_server(void **state)
{
	(void)state;
	upstreams[0].bootstrap_count = 3;
	dot_stop_listening(&answerers[0].dot);
	answerers[1].manner = FAILS;
	answerers[2].manner = NO_SUCH_NAME;
	const struct host_answer *a = run(1);
	assert_int_equal(a->count, 0);
	is_in(a->why, ": Connection refused; 127.0.0.1@");
	is_in(a->why, ": it answers SERVFAIL; 127.0.0.1@");
	is_in(a->why, ": there is no a.example");
	assert_int_equal(done_count, 1);
}

static void
no_address_and_none_of_use_are_told_apart(void **state)
{
	(void)state;
	answerers[0].manner = EMPTY;
	is_in(run(1)->why, ": a.example has no address");
	assert_null(strstr(got[0].why, "connected"));
	answerers[0].manner = ZEROES;
	is_in(run(1)->why, ": a.example has no address that can be connected to");
}

static void
who_is_not_verified_is_asked_nothing(void **state)
{
	const struct cert *const bad[] = {&certs.untrusted, &certs.expired, &certs.many, &certs.selfsigned};
	(void)state;
	upstreams[0].opportunistic = true; /* no matter */
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		show(0, bad[i]);
		is_in(run(1)->why, "certificate");
		assert_int_equal(got[0].count, 0);
		assert_int_equal(answerers[0].asked, 0);
	}
}

static void
a_pin_is_enough_and_must_match(void **state)
{
	(void)state;
	show(0, &certs.selfsigned);
	servers[0].name[0] = '\0';
	servers[0].pinned = true;
	cert_pin(&certs.selfsigned, servers[0].pin);
	assert_int_equal(run(1)->count, 2);
	servers[0].pin[0] ^= 1;
	is_in(run(1)->why, "pin");
	assert_int_equal(got[0].count, 0);
}

static void
without_name_and_pin_the_address_counts(void **state)
{
	(void)state;
	servers[0].name[0] = '\0';
	is_in(run(1)->why, "127.0.0.1");
	assert_int_equal(answerers[0].asked, 0);
	show(0, &certs.addressed);
	run(1);
	assert_int_equal(got[0].count, 2);
}

static void
a_server_has_its_time_limits(void **state)
{
	(void)state;
	config.forward.timeout_ms = 50;
	answerers[0].manner = HOLDS;
	is_in(run(1)->why, ": no answer within 50 ms");
	config.forward.handshake_timeout_ms = 50;
	answerers[0].dot.deaf = true;
	is_in(run(1)->why, ": no TLS handshake within 50 ms");
}

static void
a_trust_store_that_cannot_be_loaded_is_the_answer(void **state)
{
	static char nowhere[] = "/does/not/exist.pem";
	(void)state;
	config.upstream_count = 2;
	upstreams[0].ca_file = nowhere;
	run(3);
	is_in(got[0].why, "ca_file \"/does/not/exist.pem\" cannot be loaded");
	assert_int_equal(got[1].count, 2);
}

/* What the sandbox is to let through. */
static void
its_ground_has_the_servers_and_nobody_else(void **state)
{
	(void)state;
	config.upstream_count = 2;
	upstreams[0].bootstrap_count = 2;
	struct bootstrap *b = bootstrap_new(&config, 1);
	const struct config *ground = bootstrap_ground(b);
	assert_int_equal(ground->upstream_count, 2);
	assert_true(addr_equal(&ground->upstreams[1].addresses[0], &servers[1].address));
	assert_false(config_has_source(ground));
	bootstrap_free(b);
}

static int
begin_all(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	certs_make();
	snprintf(ca_path, sizeof ca_path, "/tmp/dotward-bootstrap.XXXXXX");
	int fd = mkstemp(ca_path);
	if (fd < 0)
		return -1;
	close(fd);
	cert_write(&certs.authority, ca_path);
	return 0;
}

static int
end_all(void **state)
{
	(void)state;
	unlink(ca_path);
	certs_free();
	return 0;
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(both_families_are_found),
	        TEST(a_server_may_hang_up_after_each_answer),
	        TEST(a_host_may_have_one_family),
	        TEST(what_fails_for_one_family_is_not_known),
	        TEST(one_family_is_asked_for_from_a_source_address),
	        TEST(several_hosts_are_asked_for_at_once),
	        TEST(only_those_are_asked_for_that_are_named),
	        TEST(the_next_server_is_asked_when_one_fails),
	        TEST(the_next_server_is_asked_when_one_is_slow),
	        TEST(why_none_is_found_is_said_of_each_server),
	        TEST(no_address_and_none_of_use_are_told_apart),
	        TEST(who_is_not_verified_is_asked_nothing),
	        TEST(a_pin_is_enough_and_must_match),
	        TEST(without_name_and_pin_the_address_counts),
	        TEST(a_server_has_its_time_limits),
	        TEST(a_trust_store_that_cannot_be_loaded_is_the_answer),
	        TEST(its_ground_has_the_servers_and_nobody_else),
	};
	return cmocka_run_group_tests(tests, begin_all, end_all);
}
