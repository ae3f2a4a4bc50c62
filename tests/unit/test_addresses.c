/*
 * Addresses out of answers: those of the name that was asked for, by whatever aliases, and no others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/addresses.h"
#include "message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTION = 12, ROOM = 4, CNAME = 5, IN = 1, CHAOS = 3 };

static struct message m;
static struct wire_question question;
static struct addr found[ROOM];
static uint32_t ttl_s;
static bool left_out;

static void
begin(unsigned type)
{
	message_begin(&m, 0x1234, WIRE_FLAG_QR | WIRE_FLAG_RD | WIRE_FLAG_RA);
	message_question(&m, "dns.example.", type, IN);
	question = (struct wire_question){.type = (uint16_t)type, .class = IN};
	question.name_bytes = (uint16_t)name_from_text("DNS.Example.", question.name);
	memset(found, 0xff, sizeof found);
}

static void
put(const char *owner, unsigned type, unsigned class, unsigned ttl, const void *rdata, size_t count)
{
	message_put_name(&m, owner);
	size_t at = message_fixed(&m, SECTION_ANSWER, type, class, ttl);
	message_put(&m, rdata, count);
	message_rdata_end(&m, at);
}

static void
put_a(const char *owner, unsigned ttl, unsigned last)
{
	const uint8_t rdata[] = {192, 0, 2, (uint8_t)last};
	put(owner, ADDRESSES_TYPE_A, IN, ttl, rdata, sizeof rdata);
}

static void
put_alias(const char *owner, unsigned ttl, const char *target)
{
	message_put_name(&m, owner);
	size_t at = message_fixed(&m, SECTION_ANSWER, CNAME, IN, ttl);
	message_put_name(&m, target);
	message_rdata_end(&m, at);
}

/* From a copy of exactly that size, so that a sanitizer sees a step beyond it. */
static int
read_all(void)
{
	struct wire_answer answer;
	uint8_t *copy = malloc(m.length);
	memcpy(copy, m.bytes, m.length);
	assert_int_equal(wire_answer_take(copy, m.length, &question, &answer), WIRE_MATCH);
	int count = addresses_read(&answer, &question, found, ROOM, &ttl_s, &left_out);
	free(copy);
	return count;
}

static void
expect(unsigned index, const char *text)
{
	char out[ADDR_TEXT_BYTES];
	assert_string_equal(addr_text(&found[index], out), text);
}

static void
reads_both_kinds(void **state)
{
	static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
	(void)state;
	begin(ADDRESSES_TYPE_A);
	put_a("dns.example.", 300, 1);
	put_a("dns.EXAMPLE.", 60, 2);
	put_a("dns.example.", 60, 1);
	assert_int_equal(read_all(), 2);
	expect(0, "192.0.2.1@0");
	expect(1, "192.0.2.2@0");
	assert_int_equal(ttl_s, 60);
	assert_false(left_out);
	begin(ADDRESSES_TYPE_AAAA);
	put("dns.example.", ADDRESSES_TYPE_AAAA, IN, 0x80000000u, six, sizeof six);
	assert_int_equal(read_all(), 1);
	expect(0, "2001:db8::1@0");
	assert_int_equal(ttl_s, 0);
}

static void
follows_aliases_in_any_order(void **state)
{
	(void)state;
	begin(ADDRESSES_TYPE_A);
	put_a("end.example.", 300, 1);
	put_alias("mid.example.", 20, "end.example.");
	put_alias("dns.example.", 100, "mid.example.");
	assert_int_equal(read_all(), 1);
	expect(0, "192.0.2.1@0");
	assert_int_equal(ttl_s, 20);
}

static void
passes_over_what_is_not_of_the_name(void **state)
{
	(void)state;
	begin(ADDRESSES_TYPE_A);
	put_a("other.example.", 300, 1);
	put("dns.example.", ADDRESSES_TYPE_A, CHAOS, 300, "\300\0\2\2", 4);
	put("dns.example.", 46, IN, 300, "signature", 9);
	assert_int_equal(read_all(), 0);
	assert_int_equal(ttl_s, 0);
	put_a("dns.example.", 300, 3);
	assert_int_equal(read_all(), 1);
	expect(0, "192.0.2.3@0");
}

static void
does_not_go_in_circles(void **state)
{
	char owner[24], target[24];
	(void)state;
	begin(ADDRESSES_TYPE_A);
	put_alias("dns.example.", 100, "mid.example.");
	put_alias("mid.example.", 100, "dns.example.");
	assert_int_equal(read_all(), 0);
	begin(ADDRESSES_TYPE_A);
	put_alias("dns.example.", 100, "n0.example.");
	for (unsigned i = 0; i < ADDRESSES_ALIASES; i++) {
		snprintf(owner, sizeof owner, "n%u.example.", i);
		snprintf(target, sizeof target, "n%u.example.", i + 1);
		put_alias(owner, 100, target);
	}
	put_a(target, 100, 1);
	assert_int_equal(read_all(), 0);
	put_a(owner, 100, 2);
	assert_int_equal(read_all(), 1);
	expect(0, "192.0.2.2@0");
}

static void
tells_what_has_no_room(void **state)
{
	(void)state;
	begin(ADDRESSES_TYPE_A);
	for (unsigned i = 1; i <= ROOM; i++)
		put_a("dns.example.", 300, i);
	assert_int_equal(read_all(), ROOM);
	assert_false(left_out);
	put_a("dns.example.", 10, ROOM + 1);
	assert_int_equal(read_all(), ROOM);
	assert_true(left_out);
	assert_int_equal(ttl_s, 10);
}

static void
refuses_an_address_of_another_length(void **state)
{
	(void)state;
	begin(ADDRESSES_TYPE_A);
	put("dns.example.", ADDRESSES_TYPE_A, IN, 300, "\300\0\2\2\1", 5);
	assert_int_equal(read_all(), -EBADMSG);
	begin(ADDRESSES_TYPE_AAAA);
	put("dns.example.", ADDRESSES_TYPE_AAAA, IN, 300, "\300\0\2\2", 4);
	assert_int_equal(read_all(), -EBADMSG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_both_kinds),
	        cmocka_unit_test(follows_aliases_in_any_order),
	        cmocka_unit_test(passes_over_what_is_not_of_the_name),
	        cmocka_unit_test(does_not_go_in_circles),
	        cmocka_unit_test(tells_what_has_no_room),
	        cmocka_unit_test(refuses_an_address_of_another_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
