/*
 * Answers on their way from one cache into another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "answers.h"
#include "cache/carry.h"

static struct cache *from, *to;

static int
start(void **state)
{
	(void)state;
	from = answers_cache(ANSWERS_BYTES);
	to = answers_cache(4 * ANSWERS_BYTES);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	cache_free(from);
	cache_free(to);
	return 0;
}

static void
all_go_over_with_their_age(void **state)
{
	enum { MANY = 2000 };
	struct cache_entry before, got;
	(void)state;
	for (unsigned n = 0; n < MANY; n++)
		answers_add(from, n, 100 + n, 1000ull * n);
	assert_int_equal(carry_all(from, to, ANSWERS_SEED, &(struct carry_filter){0}), MANY);
	assert_int_equal(answers_count(to), MANY);
	for (unsigned n = 0; n < MANY; n++) {
		assert_true(answers_has(from, n, &before));
		assert_true(answers_has(to, n, &got));
		assert_true(got.stored_ms == before.stored_ms);
		assert_true(got.expires_ms == before.expires_ms);
		assert_int_equal(got.life_s, before.life_s);
		assert_int_equal(got.answer.bytes, before.answer.bytes);
		assert_memory_equal(got.answer.msg, before.answer.msg, got.answer.bytes);
		assert_int_equal(got.ttls[0], before.ttls[0]);
	}
}

static void
every_part_of_the_key_goes_over(void **state)
{
	struct answers_one one;
	struct cache_entry got;
	(void)state;
	for (unsigned bits = 0; bits < 12; bits++) {
		answers_make(&one, 1, 100 + bits, 0);
		answers_query(&one.query, 1, bits & 1, bits & 2);
		one.query.view = 7 * (bits / 4);
		one.item.kind = CACHE_FAILURE;
		one.item.unasked = true;
		one.answer.rcode = 0x17;
		one.msg[3] |= 7;
		one.answer.edns.ede_bytes = 2;
		one.answer.edns.ede[1] = (uint8_t)bits;
		answers_put(from, &one);
	}
	assert_int_equal(carry_all(from, to, ANSWERS_SEED, &(struct carry_filter){0}), 12);
	for (unsigned bits = 0; bits < 12; bits++) {
		answers_query(&one.query, 1, bits & 1, bits & 2);
		one.query.view = 7 * (bits / 4);
		assert_true(answers_find(to, &one.query, &got));
		assert_int_equal(got.life_s, 100 + bits);
		assert_int_equal(got.kind, CACHE_FAILURE);
		assert_true(got.unasked);
		assert_int_equal(got.answer.rcode, 0x17);
		assert_int_equal(got.answer.edns.ede_bytes, 2);
		assert_int_equal(got.answer.edns.ede[1], bits);
	}
}

static void
the_younger_one_stays(void **state)
{
	struct cache_entry got;
	(void)state;
	answers_add(from, 1, 100, 5000);
	answers_add(to, 1, 200, 1000);
	answers_add(from, 2, 100, 1000);
	answers_add(to, 2, 200, 5000);
	assert_int_equal(carry_all(from, to, ANSWERS_SEED, &(struct carry_filter){0}), 2);
	assert_true(answers_has(to, 1, &got));
	assert_int_equal(got.life_s, 200);
	assert_true(answers_has(to, 2, &got));
	assert_int_equal(got.life_s, 100);
}

static void
a_smaller_cache_takes_what_it_can(void **state)
{
	enum { MANY = 20000 };
	(void)state;
	for (unsigned n = 0; n < MANY; n++)
		answers_add(to, n, 100, 0);
	assert_true(answers_count(to) == MANY);
	assert_true(carry_all(to, from, ANSWERS_SEED, &(struct carry_filter){0}) >= answers_count(from));
	assert_true(answers_count(from) > 1000 && answers_count(from) < MANY);
}

static void
a_question_is_read_or_not(void **state)
{
	struct answers_one one;
	struct wire_query query;
	(void)state;
	answers_make(&one, 123, 100, 0);
	size_t question = WIRE_HEADER_BYTES + one.query.question.name_bytes + 4u;
	assert_true(carry_question(one.msg, question, true, false, &query));
	assert_true(query.edns.dnssec_ok && !(query.flags & WIRE_FLAG_CD));
	assert_int_equal(query.question.name_bytes, one.query.question.name_bytes);
	assert_memory_equal(query.question.name, one.query.question.name, query.question.name_bytes);
	assert_int_equal(query.question.type, 1);
	assert_int_equal(query.question.class, 1);
	assert_true(carry_question(one.msg, question, false, true, &query));
	assert_true(!query.edns.dnssec_ok && (query.flags & WIRE_FLAG_CD));
	for (size_t bytes = 0; bytes < question; bytes++)
		assert_false(carry_question(one.msg, bytes, false, false, &query));
	one.msg[5] = 0;
	assert_false(carry_question(one.msg, one.answer.bytes, false, false, &query));
	one.msg[5] = 2;
	assert_false(carry_question(one.msg, one.answer.bytes, false, false, &query));
	one.msg[5] = 1;
	one.msg[12] = 0xc0; /* a pointer has nothing to point to here */
	assert_false(carry_question(one.msg, one.answer.bytes, false, false, &query));
}

#define HOUSED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        HOUSED(all_go_over_with_their_age),
	        HOUSED(every_part_of_the_key_goes_over),
	        HOUSED(the_younger_one_stays),
	        HOUSED(a_smaller_cache_takes_what_it_can),
	        HOUSED(a_question_is_read_or_not),
	};
	return cmocka_run_group_tests_name("carry", tests, NULL, NULL);
}
