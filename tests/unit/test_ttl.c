/*
 * TTLs: all of them found, in every section and behind every kind of owner, nothing else ever touched, and
 * what becomes of 0, of the largest, and of those with the top bit set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/ttl.h"
#include "dns/wire.h"
#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTION = 12, ROOM = 8, A = 1, NS = 2, SOA = 6, MX = 15 };

static struct message m;
static uint16_t offsets[TTL_RECORDS];

static void
begin(void)
{
	message_begin(&m, 0x1234, WIRE_FLAG_QR | WIRE_FLAG_RD | WIRE_FLAG_RA);
	message_question(&m, "www.example.", A, 1);
}

static void
put_record(size_t section, unsigned type, unsigned ttl, const void *rdata, size_t count)
{
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, section, type, 1, ttl);
	message_put(&m, rdata, count);
	message_rdata_end(&m, at);
}

static void
put_a(size_t section, unsigned ttl)
{
	put_record(section, A, ttl, "\300\0\2\1", 4);
}

/* From a copy of exactly that size, so that a sanitizer sees a step beyond it. */
static int
find(unsigned room)
{
	uint8_t *copy = malloc(m.length + (m.length == 0));
	memcpy(copy, m.bytes, m.length);
	memset(offsets, 0xff, sizeof(offsets));
	int count = ttl_find(copy, m.length, offsets, room);
	assert_memory_equal(copy, m.bytes, m.length);
	free(copy);
	return count;
}

static void
expect_ttls(unsigned count, const uint32_t *ttls)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(ttl_get(m.bytes, offsets[i]), ttls[i]);
}

/* Four records, an owner of each kind, a section each and one more. */
static void
four(const uint32_t ttls[4])
{
	begin();
	put_a(SECTION_ANSWER, ttls[0]);
	message_put_name(&m, "plain.example.");
	size_t at = message_fixed(&m, SECTION_ANSWER, MX, 1, ttls[1]);
	message_put16(&m, 10);
	message_put_pointer(&m, QUESTION);
	message_rdata_end(&m, at);
	message_put_name(&m, "sub");
	message_put_pointer(&m, QUESTION + 4);
	at = message_fixed(&m, SECTION_AUTHORITY, NS, 1, ttls[2]);
	message_put_pointer(&m, QUESTION);
	message_rdata_end(&m, at);
	message_put8(&m, 0);
	at = message_fixed(&m, SECTION_ADDITIONAL, 65280, 1, ttls[3]);
	message_rdata_end(&m, at);
	assert_int_equal(find(ROOM), 4);
}

static void
finds_all_in_order(void **state)
{
	(void)state;
	const uint32_t ttls[] = {300, 60, 86400, 1};
	four(ttls);
	expect_ttls(4, ttls);
	const unsigned types[] = {A, MX, NS, 65280};
	const size_t lengths[] = {4, 4, 2, 0};
	for (unsigned i = 0; i < 4; i++) {
		size_t bytes = 99;
		assert_int_equal(ttl_type(m.bytes, offsets[i]), types[i]);
		assert_int_equal(ttl_rdata(m.bytes, offsets[i], &bytes), offsets[i] + 6u);
		assert_int_equal(bytes, lengths[i]);
	}
	assert_int_equal(offsets[3] + 6u, m.length);
}

static void
finds_none_where_none_are(void **state)
{
	(void)state;
	begin();
	assert_int_equal(find(ROOM), 0);
	assert_int_equal(find(0), 0);
	assert_int_equal(ttl_least(m.bytes, offsets, 0), TTL_LARGEST_S);
}

static void
tells_when_there_is_no_room(void **state)
{
	(void)state;
	const uint32_t ttls[] = {1, 2, 3, 4};
	four(ttls);
	assert_int_equal(find(4), 4);
	assert_int_equal(find(3), -ENOSPC);
	assert_int_equal(offsets[3], 0xffff);
	assert_int_equal(find(0), -ENOSPC);
}

/* The smallest question and nothing but the smallest records. */
static void
room_for_the_fullest_message(void **state)
{
	(void)state;
	message_begin(&m, 0, WIRE_FLAG_QR);
	message_question(&m, ".", A, 1);
	for (unsigned i = 0; i < TTL_RECORDS; i++) {
		message_put8(&m, 0);
		message_fixed(&m, SECTION_ANSWER, A, 1, i);
	}
	assert_true(m.length <= WIRE_MESSAGE_BYTES);
	assert_true(m.length + 11 > WIRE_MESSAGE_BYTES);
	assert_int_equal(find(TTL_RECORDS), TTL_RECORDS);
	assert_int_equal(ttl_get(m.bytes, offsets[TTL_RECORDS - 1]), TTL_RECORDS - 1);
}

static void
refuses_what_is_no_answer(void **state)
{
	(void)state;
	const uint32_t ttls[] = {1, 2, 3, 4};
	four(ttls);
	size_t whole = m.length;
	for (m.length = 0; m.length < whole; m.length++)
		assert_int_equal(find(ROOM), -EBADMSG);
	m.length = whole;
	message_put8(&m, 0);
	assert_int_equal(find(ROOM), -EBADMSG);

	begin();
	message_question(&m, "www.example.", A, 1);
	assert_int_equal(find(ROOM), -EBADMSG);
	begin();
	message_count(&m, SECTION_QUESTION);
	assert_int_equal(find(ROOM), -EBADMSG);
	message_begin(&m, 0, WIRE_FLAG_QR);
	assert_int_equal(find(ROOM), -EBADMSG);
	begin();
	put_a(SECTION_ANSWER, 1);
	message_put_pointer(&m, m.length);
	message_fixed(&m, SECTION_ANSWER, A, 1, 1);
	assert_int_equal(find(ROOM), -EBADMSG);
	begin();
	message_opt(&m, 1232, 0x8000, "", 0);
	assert_int_equal(find(ROOM), -EBADMSG);
}

static void
refuses_what_is_too_long(void **state)
{
	(void)state;
	begin();
	message_put8(&m, 0);
	size_t at = message_fixed(&m, SECTION_ANSWER, 16, 1, 300);
	m.length += WIRE_MESSAGE_BYTES - m.length;
	message_rdata_end(&m, at);
	assert_int_equal(find(ROOM), 1);
	message_put8(&m, 0);
	message_fixed(&m, SECTION_ANSWER, A, 1, 300);
	assert_int_equal(find(ROOM), -EBADMSG);
}

static void
the_top_bit_means_0(void **state)
{
	(void)state;
	const uint32_t ttls[] = {TTL_LARGEST_S, 0x80000000, 0xffffffff, 5};
	four(ttls);
	expect_ttls(4, (const uint32_t[]){TTL_LARGEST_S, 0, 0, 5});
	assert_int_equal(ttl_least(m.bytes, offsets, 4), 0);
	ttl_age(m.bytes, offsets, 4, 1);
	expect_ttls(4, (const uint32_t[]){TTL_LARGEST_S - 1, 0, 0, 4});
	assert_int_equal(message_get16(m.bytes + offsets[1]), 0);
	four(ttls);
	ttl_clamp(m.bytes, offsets, 4, 0, 86400);
	expect_ttls(4, (const uint32_t[]){86400, 0, 0, 5});
	assert_int_equal(message_get16(m.bytes + offsets[2]), 0);
}

static void
ages_down_to_0_and_no_further(void **state)
{
	(void)state;
	const uint32_t ttls[] = {300, 299, 301, 0};
	four(ttls);
	ttl_age(m.bytes, offsets, 4, 0);
	expect_ttls(4, ttls);
	ttl_age(m.bytes, offsets, 4, 300);
	expect_ttls(4, (const uint32_t[]){0, 0, 1, 0});
	ttl_age(m.bytes, offsets, 4, UINT32_MAX);
	expect_ttls(4, (const uint32_t[]){0, 0, 0, 0});
}

static void
clamps_on_both_sides(void **state)
{
	(void)state;
	const uint32_t ttls[] = {0, 60, 3600, TTL_LARGEST_S};
	four(ttls);
	assert_int_equal(ttl_least(m.bytes, offsets, 4), 0);
	assert_int_equal(ttl_least(m.bytes, offsets + 1, 3), 60);
	ttl_clamp(m.bytes, offsets, 4, 60, 3600);
	expect_ttls(4, (const uint32_t[]){60, 60, 3600, 3600});
	ttl_clamp(m.bytes, offsets, 4, 100, 10);
	expect_ttls(4, (const uint32_t[]){10, 10, 10, 10});
}

/* Every octet that is none of a TTL stays what it was. */
static void
touches_nothing_else(void **state)
{
	(void)state;
	static struct message before;
	const uint32_t ttls[] = {0x01020304, 0x7f000001, 3, 0x80000001};
	four(ttls);
	memcpy(before.bytes, m.bytes, m.length);
	ttl_set(m.bytes, offsets, 4, 30);
	expect_ttls(4, (const uint32_t[]){30, 30, 30, 30});
	for (unsigned i = 0; i < 4; i++)
		memcpy(m.bytes + offsets[i], before.bytes + offsets[i], 4);
	assert_memory_equal(m.bytes, before.bytes, m.length);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(finds_all_in_order),
	        cmocka_unit_test(finds_none_where_none_are),
	        cmocka_unit_test(tells_when_there_is_no_room),
	        cmocka_unit_test(room_for_the_fullest_message),
	        cmocka_unit_test(refuses_what_is_no_answer),
	        cmocka_unit_test(refuses_what_is_too_long),
	        cmocka_unit_test(the_top_bit_means_0),
	        cmocka_unit_test(ages_down_to_0_and_no_further),
	        cmocka_unit_test(clamps_on_both_sides),
	        cmocka_unit_test(touches_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
