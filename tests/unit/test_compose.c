/*
 * Answers of our own: what is put together is what a client can read, and what does not fit is left out in
 * the open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/compose.h"

#include <string.h>

static const struct wire_question question = {.type = 1, .class = 1, .name_bytes = 9, .name = "\3Nas\3lan"};
static uint8_t room[WIRE_UDP_FLOOR_BYTES];

static void
records_in_their_sections(void **state)
{
	(void)state;
	struct compose c;
	static const uint8_t wanted[] = "\0\0\x84\x80\0\1\0\2\0\0\0\1"
	                                "\3Nas\3lan\0\0\1\0\1"
	                                "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"
	                                "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\2"
	                                "\2ns\3lan\0\0\x1c\0\1\0\0\0\0\0\0";
	compose_begin(&c, room, sizeof room, &question, WIRE_FLAG_AA, WIRE_RCODE_NOERROR);
	assert_true(compose_record(&c, COMPOSE_ANSWER, NULL, 1, 300, "\xc0\0\2\1", 4));
	assert_true(compose_record(&c, COMPOSE_ANSWER, NULL, 1, 300, "\xc0\0\2\2", 4));
	assert_true(compose_record(&c, COMPOSE_ADDITIONAL, (const uint8_t *)"\2ns\3lan", 28, 0, NULL, 0));
	struct wire_answer answer;
	compose_end(&c, WIRE_RCODE_NOERROR, &answer);
	assert_int_equal(answer.bytes, sizeof wanted - 1);
	assert_memory_equal(answer.msg, wanted, sizeof wanted - 1);
	/* An upstream's answer is read by the same rules. */
	assert_int_equal(wire_answer_take(room, answer.bytes, &question, &answer), WIRE_MATCH);
	assert_int_equal(answer.rcode, WIRE_RCODE_NOERROR);
}

static void
refusal_with_soa(void **state)
{
	(void)state;
	struct compose c;
	struct wire_answer answer;
	compose_begin(&c, room, sizeof room, &question, 0, WIRE_RCODE_NXDOMAIN);
	assert_true(compose_record(&c, COMPOSE_AUTHORITY, (const uint8_t *)"", 6, 60,
	        "\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", 22));
	compose_end(&c, WIRE_RCODE_NXDOMAIN, &answer);
	assert_int_equal(wire_answer_take(room, answer.bytes, &question, &answer), WIRE_MATCH);
	assert_int_equal(answer.rcode, WIRE_RCODE_NXDOMAIN);
}

static void
what_does_not_fit(void **state)
{
	(void)state;
	struct compose c;
	struct wire_answer answer;
	uint8_t text[256];
	memset(text, 'x', sizeof text);
	text[0] = 255;
	compose_begin(&c, room, sizeof room, &question, 0, WIRE_RCODE_NOERROR);
	assert_true(compose_record(&c, COMPOSE_ANSWER, NULL, 16, 1, text, sizeof text));
	assert_false(compose_record(&c, COMPOSE_ANSWER, NULL, 16, 1, text, sizeof text));
	assert_true(compose_record(&c, COMPOSE_ANSWER, NULL, 16, 1, "\1y", 2));
	compose_end(&c, WIRE_RCODE_NOERROR, &answer);
	assert_true(c.full && (room[2] & WIRE_FLAG_TC >> 8) != 0);
	assert_int_equal(wire_answer_take(room, answer.bytes, &question, &answer), WIRE_MATCH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(records_in_their_sections),
	        cmocka_unit_test(refusal_with_soa),
	        cmocka_unit_test(what_does_not_fit),
	};
	return cmocka_run_group_tests_name("compose", tests, NULL, NULL);
}
