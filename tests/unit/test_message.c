/*
 * dnstap messages, byte by byte and as they are unpacked: the fields of the schema, and nothing of what is
 * not known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dnstap/message.h"

#include <dnstap.pb-c.h>
#include <string.h>

static struct addr
addr(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 0), 0);
	return a;
}

static void
a_query_has_these_fields(void **state)
{
	static const uint8_t expected[] = {
	        0x0a, 2, 'm', 'e',                  /* identity */
	        0x12, 2, 'v', '1',                  /* version */
	        0x72, 0x26,                         /* message, 38 bytes: */
	        0x08, 5, 0x10, 1, 0x18, 1,          /* CLIENT_QUERY INET UDP */
	        0x22, 4, 192, 0, 2, 7,              /* who asks */
	        0x2a, 4, 127, 0, 0, 1,              /* who answers */
	        0x30, 0xb4, 0x24, 0x38, 53,         /* ports 4660 and 53 */
	        0x40, 0x80, 0xf5, 0x87, 0xd5, 0x06, /* 1789000320 s */
	        0x4d, 0x78, 0xe0, 0x01, 0x00,       /* 123000 ns */
	        0x52, 2, 0xab, 0xcd,                /* what was asked */
	        0x78, 1,                            /* of type MESSAGE */
	};
	uint8_t out[256];
	struct dnstap_head head;
	(void)state;
	const struct addr asker = addr("192.0.2.7@4660"), answerer = addr("127.0.0.1@53");
	dnstap_head_make(&head, "me", "v1");
	const struct dnstap_message m = {.type = DNSTAP_CLIENT_QUERY,
	        .protocol = DNSTAP_UDP,
	        .asker = &asker,
	        .answerer = &answerer,
	        .asked_us = UINT64_C(1789000320) * 1000000 + 123,
	        .dns = (const uint8_t *)"\xab\xcd",
	        .dns_bytes = 2};
	size_t bytes = dnstap_write(&head, &m, out);
	assert_int_equal(bytes, sizeof expected);
	assert_memory_equal(out, expected, bytes);
}

static void
what_is_not_known_is_left_out(void **state)
{
	uint8_t out[256];
	struct dnstap_head head;
	(void)state;
	const struct addr nobody = {0}, anywhere = addr("::@853");
	dnstap_head_make(&head, "", "");
	assert_int_equal(head.identity_bytes + head.version_bytes, 0);
	const struct dnstap_message m = {.type = DNSTAP_FORWARDER_RESPONSE,
	        .protocol = DNSTAP_DOT,
	        .asker = &nobody,
	        .answerer = &anywhere,
	        .dns = (const uint8_t *)"x",
	        .dns_bytes = 1};
	static const uint8_t expected[] = {
	        0x72, 12, 0x08, 8, 0x10, 2, 0x18, 3, 0x38, 0xd5, 0x06, 0x72, 1, 'x', 0x78, 1};
	size_t bytes = dnstap_write(&head, &m, out);
	assert_int_equal(bytes, sizeof expected);
	assert_memory_equal(out, expected, bytes);
}

static void
the_largest_fits_what_was_promised(void **state)
{
	static uint8_t dns[65535], out[2 * DNSTAP_NAME_BYTES + DNSTAP_OVERHEAD_BYTES + sizeof dns + 1];
	char name[400];
	struct dnstap_head head;
	(void)state;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	dnstap_head_make(&head, name, name);
	assert_int_equal(head.identity_bytes, DNSTAP_NAME_BYTES);
	assert_int_equal(head.version_bytes, DNSTAP_NAME_BYTES);
	const struct addr a = addr("2001:db8::1@65535");
	const struct dnstap_message m = {.type = DNSTAP_CLIENT_RESPONSE,
	        .protocol = DNSTAP_TCP,
	        .asker = &a,
	        .answerer = &a,
	        .asked_us = UINT64_MAX,
	        .answered_us = UINT64_MAX,
	        .dns = dns,
	        .dns_bytes = sizeof dns};
	size_t most = dnstap_most(&head, sizeof dns);
	assert_true(most < sizeof out);
	memset(out, 0x5a, sizeof out);
	size_t bytes = dnstap_write(&head, &m, out);
	assert_true(bytes <= most);
	assert_int_equal(out[bytes], 0x5a);
	/* never the last byte of a STOP */
	assert_int_equal(out[bytes - 1], 1);
}

static void
it_is_unpacked_as_it_was_packed(void **state)
{
	uint8_t out[256];
	struct dnstap_head head;
	(void)state;
	const struct addr asker = addr("2001:db8::7@4660"), answerer = addr("192.0.2.1@853");
	dnstap_head_make(&head, "me", "");
	const struct dnstap_message m = {.type = DNSTAP_FORWARDER_RESPONSE,
	        .protocol = DNSTAP_DOT,
	        .asker = &asker,
	        .answerer = &answerer,
	        .asked_us = UINT64_C(1789000320) * 1000000 + 999999,
	        .answered_us = UINT64_C(1789000321) * 1000000,
	        .dns = (const uint8_t *)"answer",
	        .dns_bytes = 6};
	Dnstap__Dnstap *dnstap = dnstap__dnstap__unpack(NULL, dnstap_write(&head, &m, out), out);
	assert_non_null(dnstap);
	assert_int_equal(dnstap->type, DNSTAP__DNSTAP__TYPE__MESSAGE);
	assert_int_equal(dnstap->identity.len, 2);
	assert_memory_equal(dnstap->identity.data, "me", 2);
	assert_false(dnstap->has_version);
	const Dnstap__Message *message = dnstap->message;
	assert_int_equal(message->type, DNSTAP__MESSAGE__TYPE__FORWARDER_RESPONSE);
	assert_int_equal(message->socket_family, DNSTAP__SOCKET_FAMILY__INET6);
	assert_int_equal(message->socket_protocol, DNSTAP__SOCKET_PROTOCOL__DOT);
	assert_int_equal(message->query_address.len, 16);
	assert_memory_equal(message->query_address.data, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\7", 16);
	assert_int_equal(message->response_address.len, 4);
	assert_memory_equal(message->response_address.data, "\xc0\0\2\1", 4);
	assert_int_equal(message->query_port, 4660);
	assert_int_equal(message->response_port, 853);
	assert_int_equal(message->query_time_sec, 1789000320);
	assert_int_equal(message->query_time_nsec, 999999000);
	assert_int_equal(message->response_time_sec, 1789000321);
	assert_true(message->has_response_time_nsec);
	assert_int_equal(message->response_time_nsec, 0);
	assert_false(message->has_query_message);
	assert_int_equal(message->response_message.len, 6);
	assert_memory_equal(message->response_message.data, "answer", 6);
	dnstap__dnstap__free_unpacked(dnstap, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_query_has_these_fields),
	        cmocka_unit_test(what_is_not_known_is_left_out),
	        cmocka_unit_test(the_largest_fits_what_was_promised),
	        cmocka_unit_test(it_is_unpacked_as_it_was_packed),
	};
	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
