/*
 * The zone whose word an answer is: the owner of its SOA, compressed or not, and nothing out of a message
 * that does not add up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/apex.h"
#include "message.h"

#include <stdlib.h>
#include <string.h>

enum { SOA = 6, NS = 2, A = 1, QUESTION_AT = 12 };

static struct message m;
static uint8_t zone[NAME_BYTES];
static const uint8_t soa_rdata[22];

static void
begin(void)
{
	message_begin(&m, 1, 0x8180);
	message_question(&m, "nobody.Example.test.", A, 1);
}

/* From a copy of exactly that size, so that a sanitizer sees a step beyond it. */
static size_t
find(size_t bytes)
{
	uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
	memcpy(copy, m.bytes, bytes);
	size_t found = apex_find(copy, bytes, zone);
	free(copy);
	return found;
}

static void
is_found(void **state)
{
	(void)state;
	begin();
	message_record(&m, SECTION_AUTHORITY, "Example.test.", SOA, soa_rdata, sizeof soa_rdata);
	assert_int_equal(find(m.length), 14);
	assert_memory_equal(zone, "\7Example\4test", 14);
}

static void
behind_other_records_and_compressed(void **state)
{
	(void)state;
	begin();
	message_record(&m, SECTION_ANSWER, "alias.test.", A, "\300\0\2\1", 4);
	message_record(&m, SECTION_AUTHORITY, "test.", NS, "\0", 1);
	message_put_pointer(&m, QUESTION_AT + 7);
	size_t rdata = message_fixed(&m, SECTION_AUTHORITY, SOA, 1, 60);
	message_put(&m, soa_rdata, sizeof soa_rdata);
	message_rdata_end(&m, rdata);
	assert_int_equal(find(m.length), 14);
	assert_memory_equal(zone, "\7Example\4test", 14);
}

static void
elsewhere_it_does_not_count(void **state)
{
	(void)state;
	begin();
	assert_int_equal(find(m.length), 0);
	message_record(&m, SECTION_ANSWER, "test.", SOA, soa_rdata, sizeof soa_rdata);
	assert_int_equal(find(m.length), 0);
	message_record(&m, SECTION_ADDITIONAL, "test.", SOA, soa_rdata, sizeof soa_rdata);
	assert_int_equal(find(m.length), 0);
}

static void
cut_anywhere_it_is_none(void **state)
{
	(void)state;
	begin();
	message_record(&m, SECTION_ANSWER, "alias.test.", A, "\300\0\2\1", 4);
	message_record(&m, SECTION_AUTHORITY, "test.", SOA, soa_rdata, sizeof soa_rdata);
	for (size_t bytes = 0; bytes < m.length; bytes++)
		assert_int_equal(find(bytes), 0);
	assert_int_equal(find(m.length), 6);
	message_set16(&m, SECTION_QUESTION, 0xffff);
	assert_int_equal(find(m.length), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(is_found),
	        cmocka_unit_test(behind_other_records_and_compressed),
	        cmocka_unit_test(elsewhere_it_does_not_count),
	        cmocka_unit_test(cut_anywhere_it_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
