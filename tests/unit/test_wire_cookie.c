/*
 * Cookies in messages: a question for nothing but a cookie, answers that carry one, and questions upstream
 * that never do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/wire.h"
#include "message.h"

static struct message m;
static struct wire_query query;

#define OPTION "\0\12\0\10CLIENT-1"

static enum wire_verdict
parse(void)
{
	memset(&query, 0xff, sizeof query);
	return wire_query_parse(m.bytes, m.length, &query);
}

static void
a_question_for_a_cookie_alone(void **state)
{
	(void)state;
	message_begin(&m, 1, 0);
	message_opt(&m, 1232, 0, OPTION, sizeof OPTION - 1);
	assert_int_equal(parse(), WIRE_EMPTY);
	assert_memory_equal(query.edns.cookie, "CLIENT-1", 8);
	m.bytes[m.length++] = 0;
	assert_int_equal(parse(), WIRE_FORMERR);
	message_begin(&m, 1, 0);
	message_opt(&m, 1232, 0, "\0\12\0\1C", 5); /* malformed */
	assert_int_equal(parse(), WIRE_FORMERR);
	message_begin(&m, 1, 0);
	message_opt(&m, 1232, 0, "", 0);
	assert_int_equal(parse(), WIRE_FORMERR);
	message_begin(&m, 1, 0);
	message_question(&m, "a.", 1, 1);
	message_opt(&m, 1232, 0, OPTION, sizeof OPTION - 1);
	assert_int_equal(parse(), WIRE_QUERY);
}

static void
an_upstream_gets_none(void **state)
{
	const struct edns_write opt = {.udp_bytes = 1232};
	(void)state;
	message_begin(&m, 1, WIRE_FLAG_RD);
	message_question(&m, "www.example.", 1, 1);
	message_opt(&m, 1232, 0, OPTION, sizeof OPTION - 1);
	assert_int_equal(parse(), WIRE_QUERY);
	assert_int_equal(query.edns.cookie_bytes, 8);
	m.length = wire_ask(m.bytes, sizeof m.bytes, 7, &query, &opt);
	assert_int_equal(parse(), WIRE_QUERY);
	assert_true(query.edns.present);
	assert_false(query.edns.cookie_bytes > 0 || query.edns.cookie_malformed);
}

/* In 512 bytes, with the longest name and the longest reason: the reason goes, the cookie stays. */
static void
a_refusal_carries_it(void **state)
{
	static const uint8_t cookie[COOKIE_BYTES] = "CLIENT-1-and-the-server";
	const struct edns_write opt = {.udp_bytes = 1232, .cookie = cookie, .cookie_bytes = sizeof cookie};
	static char why[300], name[300];
	static struct edns edns;
	(void)state;
	memset(why, 'w', sizeof why - 1);
	for (unsigned i = 0; i < 127; i++)
		memcpy(name + 2 * i, "a.", 2);
	message_begin(&m, 1, WIRE_FLAG_RD);
	message_question(&m, name, 1, 1);
	message_opt(&m, 1232, 0, OPTION, sizeof OPTION - 1);
	assert_int_equal(parse(), WIRE_QUERY);
	size_t bytes = wire_refuse(
	        m.bytes, WIRE_UDP_FLOOR_BYTES, &query, WIRE_RCODE_BADCOOKIE, EDNS_EDE_OTHER, why, &opt);
	assert_in_range(bytes, 1, WIRE_UDP_FLOOR_BYTES);
	size_t at = WIRE_HEADER_BYTES + query.question.name_bytes + 4u;
	assert_int_equal(edns_parse(m.bytes + at, bytes - at, &edns), 0);
	assert_int_equal(edns.extended_rcode << 4 | (m.bytes[3] & 15), WIRE_RCODE_BADCOOKIE);
	assert_int_equal(edns.cookie_bytes, sizeof cookie);
	assert_memory_equal(edns.cookie, cookie, sizeof cookie);
	assert_int_equal(edns.ede_bytes, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_question_for_a_cookie_alone),
	        cmocka_unit_test(an_upstream_gets_none),
	        cmocka_unit_test(a_refusal_carries_it),
	};
	return cmocka_run_group_tests_name("wire_cookie", tests, NULL, NULL);
}
