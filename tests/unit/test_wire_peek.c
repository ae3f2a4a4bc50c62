/*
 * A message that must not be parsed: as little of it as a refusal needs.
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

static void
query_make(void)
{
	message_begin(&m, 0x1234, WIRE_FLAG_RD | WIRE_FLAG_AD);
	message_question(&m, "WwW.example.", 28, 1);
}

/* What lies in the object from before shows nowhere. */
static bool
peek(struct wire_query *q)
{
	memset(q, 0xee, sizeof *q);
	return wire_query_peek(m.bytes, m.length, q);
}

static void
a_peek_reads_what_a_refusal_needs(void **state)
{
	struct wire_query q, parsed;
	(void)state;
	query_make();
	message_opt(&m, 1232, 0x8000, "\0\13\0\0", 4);
	assert_true(peek(&q));
	assert_int_equal(wire_query_parse(m.bytes, m.length, &parsed), WIRE_QUERY);
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.flags, parsed.flags);
	assert_int_equal(q.question.type, 28);
	assert_int_equal(q.question.class, 1);
	assert_int_equal(q.question.name_bytes, parsed.question.name_bytes);
	assert_memory_equal(q.question.name, "\3WwW\7example", 13);
	assert_true(q.edns.present);
	assert_int_equal(q.edns.subnet_bytes, 0);
	query_make();
	assert_true(peek(&q));
	assert_false(q.edns.present);
}

static void
a_peek_at_no_query(void **state)
{
	struct wire_query q;
	(void)state;
	query_make();
	m.bytes[2] |= 0x80;
	assert_false(peek(&q));
	query_make();
	m.length = WIRE_HEADER_BYTES - 1;
	assert_false(peek(&q));
	m.length = 0;
	assert_false(peek(&q));
}

/* Whatever is wrong with the question, the client gets a header. */
static void
a_peek_at_a_broken_question(void **state)
{
	struct wire_query q;
	const struct edns_write opt = {.udp_bytes = 1232};
	uint8_t out[WIRE_UDP_FLOOR_BYTES];
	(void)state;
	query_make();
	for (size_t whole = m.length; m.length > WIRE_HEADER_BYTES; m.length--) {
		assert_true(peek(&q));
		assert_int_equal(q.question.name_bytes, m.length == whole ? 13 : 0);
		size_t bytes =
		        wire_refuse(out, sizeof out, &q, WIRE_RCODE_SERVFAIL, EDNS_EDE_OTHER, "x", &opt);
		assert_int_equal(bytes, m.length == whole ? whole : WIRE_HEADER_BYTES);
		assert_int_equal(wire_id(out), 0x1234);
	}
	query_make();
	m.bytes[WIRE_HEADER_BYTES] = 0xc0; /* a pointer, into the header */
	assert_true(peek(&q));
	assert_int_equal(q.question.name_bytes, 0);
	assert_int_equal(q.question.type, 0);
	assert_int_equal(q.question.class, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_peek_reads_what_a_refusal_needs),
	        cmocka_unit_test(a_peek_at_no_query),
	        cmocka_unit_test(a_peek_at_a_broken_question),
	};
	return cmocka_run_group_tests_name("wire_peek", tests, NULL, NULL);
}
