/*
 * How long answers are kept: each rule with an answer for which it decides, and next to it one for which it
 * does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/ttl.h"
#include "message.h"
#include "query/lifetime.h"

#include <string.h>

enum {
	QUESTION = 12,
	ROOM = 16,
	A = 1,
	NS = 2,
	CNAME = 5,
	SOA = 6,
	MX = 15,
	TXT = 16,
	AAAA = 28,
	OPT = 41,
	RRSIG = 46,
	NXDOMAIN = 3,
	BADCOOKIE = 23,
};

static const struct config_cache defaults = {
        .max_ttl_s = 86400, .negative_max_ttl_s = 3600, .failure_ttl_s = 2};

static struct message m;
static struct config_cache config;
static struct wire_query query;
static struct wire_answer answer;
static uint16_t ttls[ROOM];
static unsigned count;
static struct lifetime lifetime;

/* An answer to a question of this type, with the configuration's defaults. */
static void
begin_class(unsigned type, unsigned rcode, unsigned class)
{
	config = defaults;
	message_begin(&m, 0x1234, WIRE_FLAG_QR | WIRE_FLAG_RD | WIRE_FLAG_RA | rcode);
	message_question(&m, "www.example.", type, class);
	memset(&query, 0, sizeof(query));
	query.flags = WIRE_FLAG_RD;
	query.question.type = (uint16_t)type;
	query.question.class = (uint16_t) class;
	query.question.name_bytes = 13;
	memcpy(query.question.name, m.bytes + QUESTION, 13);
}

static void
begin(unsigned type, unsigned rcode)
{
	begin_class(type, rcode, 1);
}

static void
put(size_t section, unsigned type, unsigned ttl)
{
	message_put_pointer(&m, QUESTION);
	size_t at = message_fixed(&m, section, type, 1, ttl);
	if (type == MX)
		message_put16(&m, 10);
	if (type == NS || type == CNAME || type == MX)
		message_put_pointer(&m, QUESTION + 4);
	else
		message_put32(&m, 0xc0000201);
	message_rdata_end(&m, at);
}

static void
put_soa(size_t section, unsigned ttl, unsigned minimum)
{
	message_put_pointer(&m, QUESTION + 4);
	size_t at = message_fixed(&m, section, SOA, 1, ttl);
	message_put_pointer(&m, QUESTION);
	message_put_pointer(&m, QUESTION);
	for (unsigned i = 0; i < 4; i++)
		message_put32(&m, 7);
	message_put32(&m, minimum);
	message_rdata_end(&m, at);
}

static uint32_t
life(void)
{
	assert_int_equal(wire_answer_take(m.bytes, m.length, &query.question, &answer), WIRE_MATCH);
	m.length = answer.bytes;
	int found = ttl_find(answer.msg, answer.bytes, ttls, ROOM);
	assert_true(found >= 0);
	count = (unsigned)found;
	lifetime = lifetime_of(&config, &query, &answer, ttls, count);
	return lifetime.life_s;
}

static void
expect(enum cache_kind kind, uint32_t seconds)
{
	assert_int_equal(life(), seconds);
	assert_int_equal(lifetime.kind, kind);
}

static void
expect_none(void)
{
	static struct message before;
	assert_int_equal(life(), 0);
	memcpy(before.bytes, m.bytes, m.length);
	lifetime_prepare(&lifetime, m.bytes, ttls, count);
	assert_memory_equal(m.bytes, before.bytes, m.length);
}

/* What is stored. No failure is prepared here, so no TTL may be less than the life that was found. */
static void
expect_prepared(unsigned expected, const uint32_t *wanted)
{
	lifetime_prepare(&lifetime, m.bytes, ttls, count);
	assert_int_equal(count, expected);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(ttl_get(m.bytes, ttls[i]), wanted[i]);
	assert_int_equal(ttl_least(m.bytes, ttls, count), lifetime.life_s);
}

#define PREPARED(...)                                                                                        \
	expect_prepared(                                                                                     \
	        sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (const uint32_t[]){__VA_ARGS__})

/* --- positive answers --- */

/* No TTL may reach 0 while the entry is fresh: RFC 1035 section 3.2.1. */
static void
the_least_ttl_of_all_sections_counts(void **state)
{
	(void)state;
	static const unsigned least_of[][3] = {{50, 300, 300}, {300, 50, 300}, {300, 300, 50}};
	for (unsigned i = 0; i < 3; i++) {
		begin(A, 0);
		put(SECTION_ANSWER, A, least_of[i][0]);
		put(SECTION_AUTHORITY, NS, least_of[i][1]);
		put(SECTION_ADDITIONAL, AAAA, least_of[i][2]);
		expect(CACHE_POSITIVE, 50);
		PREPARED(least_of[i][0], least_of[i][1], least_of[i][2]);
	}
}

static void
a_cname_chain_to_an_answer_is_positive(void **state)
{
	(void)state;
	begin(A, 0);
	put(SECTION_ANSWER, CNAME, 60);
	put(SECTION_ANSWER, CNAME, 20);
	put(SECTION_ANSWER, A, 300);
	/* the authority's SOA speaks of absences only */
	put_soa(SECTION_AUTHORITY, 100, 5);
	expect(CACHE_POSITIVE, 20);
	PREPARED(60, 20, 300, 100);
}

static void
any_is_answered_by_anything_and_cname_and_rrsig_by_themselves(void **state)
{
	(void)state;
	static const unsigned pairs[][2] = {
	        {255, MX}, {255, CNAME}, {CNAME, CNAME}, {RRSIG, RRSIG}, {SOA, 0}};
	for (unsigned i = 0; i < 5; i++) {
		begin(pairs[i][0], 0);
		if (pairs[i][1] == 0)
			put_soa(SECTION_ANSWER, 7200, 5);
		else
			put(SECTION_ANSWER, pairs[i][1], 7200);
		expect(CACHE_POSITIVE, 7200);
	}
}

static void
chaos_is_kept_as_any_class(void **state)
{
	(void)state;
	begin_class(TXT, 0, 3);
	message_put_pointer(&m, QUESTION);
	message_fixed(&m, SECTION_ANSWER, TXT, 3, 77);
	expect(CACHE_POSITIVE, 77);
}

/* RFC 8767 section 4: a cap of days is what it asks of all caches. */
static void
max_ttl_lowers(void **state)
{
	(void)state;
	begin(A, 0);
	put(SECTION_ANSWER, A, 604800);
	put(SECTION_ANSWER, A, 3600);
	expect(CACHE_POSITIVE, 3600);
	PREPARED(86400, 3600);

	begin(A, 0);
	config.max_ttl_s = 60;
	put(SECTION_ANSWER, A, 604800);
	put(SECTION_ANSWER, A, 3600);
	expect(CACHE_POSITIVE, 60);
	PREPARED(60, 60);
	begin(A, 0);
	config.max_ttl_s = 0;
	put(SECTION_ANSWER, A, 300);
	expect_none();
}

static void
ttl_0_is_not_kept_unless_min_ttl_raises_it(void **state)
{
	(void)state;
	begin(A, 0);
	put(SECTION_ANSWER, A, 300);
	put(SECTION_ADDITIONAL, AAAA, 0);
	expect_none();
	config.min_ttl_s = 30;
	expect(CACHE_POSITIVE, 30);
	PREPARED(300, 30);
}

/* RFC 2181 section 8 */
static void
a_ttl_with_the_top_bit_is_0(void **state)
{
	(void)state;
	begin(A, 0);
	put(SECTION_ANSWER, A, 0x80000000);
	expect_none();
	begin(A, NXDOMAIN);
	put_soa(SECTION_AUTHORITY, 300, 0xffffffff);
	expect_none();
}

static void
max_ttl_is_stronger_than_min_ttl(void **state)
{
	(void)state;
	begin(A, 0);
	config.min_ttl_s = 600;
	config.max_ttl_s = 60;
	put(SECTION_ANSWER, A, 10);
	put(SECTION_ANSWER, A, 1000);
	expect(CACHE_POSITIVE, 60);
	PREPARED(60, 60);
}

/* --- RFC 2308 --- */

/* Section 5: the lesser of the SOA's TTL and MINIMUM, and the SOA is told with that. */
static void
negatives_live_by_the_soa(void **state)
{
	(void)state;
	static const unsigned rcodes[] = {NXDOMAIN, 0};
	for (unsigned i = 0; i < 2; i++) {
		begin(A, rcodes[i]);
		put_soa(SECTION_AUTHORITY, 900, 120);
		expect(CACHE_NEGATIVE, 120);
		PREPARED(120);
		begin(A, rcodes[i]);
		put_soa(SECTION_AUTHORITY, 60, 120);
		expect(CACHE_NEGATIVE, 60);
		PREPARED(60);
		begin(A, rcodes[i]);
		put_soa(SECTION_AUTHORITY, 60, 0);
		expect_none();
		begin(A, rcodes[i]);
		put_soa(SECTION_AUTHORITY, 0, 120);
		expect_none();
	}
}

/* Section 5: "a limit of one to three hours" */
static void
negatives_have_a_limit_of_their_own(void **state)
{
	(void)state;
	begin(A, NXDOMAIN);
	put_soa(SECTION_AUTHORITY, 86400, 86400);
	put(SECTION_AUTHORITY, RRSIG, 86400);
	expect(CACHE_NEGATIVE, 3600);
	PREPARED(3600, 3600);
	begin(A, 0);
	config.max_ttl_s = 60;
	put_soa(SECTION_AUTHORITY, 86400, 86400);
	expect(CACHE_NEGATIVE, 3600);
	begin(A, 0);
	config.negative_max_ttl_s = 0;
	put_soa(SECTION_AUTHORITY, 300, 300);
	expect_none();
}

static void
other_records_of_a_negative_count_too(void **state)
{
	(void)state;
	begin(A, NXDOMAIN);
	put(SECTION_AUTHORITY, RRSIG, 40);
	put_soa(SECTION_AUTHORITY, 900, 120);
	put(SECTION_AUTHORITY, RRSIG, 4000);
	expect(CACHE_NEGATIVE, 40);
	PREPARED(40, 120, 3600);
}

/* Section 2.1 and 2.2: the chain is told, and its end is missing. */
static void
a_chain_may_end_in_nothing(void **state)
{
	(void)state;
	static const unsigned rcodes[] = {NXDOMAIN, 0};
	for (unsigned i = 0; i < 2; i++) {
		begin(A, rcodes[i]);
		put(SECTION_ANSWER, CNAME, 300);
		put(SECTION_ANSWER, RRSIG, 300);
		put_soa(SECTION_AUTHORITY, 900, 120);
		expect(CACHE_NEGATIVE, 120);
		PREPARED(300, 300, 120);
		begin(A, rcodes[i]);
		put(SECTION_ANSWER, CNAME, 50);
		put_soa(SECTION_AUTHORITY, 900, 120);
		expect(CACHE_NEGATIVE, 50);
		PREPARED(50, 120);
	}
}

/* The rcode is about the end of the chain (RFC 6604 section 3), whatever else is told. */
static void
nxdomain_is_negative_with_any_records(void **state)
{
	(void)state;
	begin(A, NXDOMAIN);
	put(SECTION_ANSWER, A, 300);
	put_soa(SECTION_AUTHORITY, 900, 120);
	expect(CACHE_NEGATIVE, 120);
	PREPARED(300, 120);
}

/* Section 5: "negative responses without SOA records SHOULD NOT be cached" */
static void
negatives_without_a_soa_are_not_kept(void **state)
{
	(void)state;
	begin(A, NXDOMAIN);
	expect_none();
	begin(A, NXDOMAIN);
	put(SECTION_ANSWER, CNAME, 300);
	expect_none();
	begin(A, 0);
	expect_none();
	begin(A, NXDOMAIN);
	put_soa(SECTION_ADDITIONAL, 300, 300);
	expect_none();
	begin(A, NXDOMAIN);
	put_soa(SECTION_ANSWER, 300, 300);
	expect_none();
	begin(A, 0);
	put(SECTION_ANSWER, MX, 300);
	expect_none();
}

static void
a_chain_without_end_and_soa_is_kept_no_longer_than_a_negative(void **state)
{
	(void)state;
	begin(A, 0);
	put(SECTION_ANSWER, CNAME, 86400);
	put(SECTION_ADDITIONAL, AAAA, 7200);
	expect(CACHE_POSITIVE, 3600);
	PREPARED(3600, 3600);
	begin(A, 0);
	put(SECTION_ANSWER, CNAME, 86400);
	config.negative_max_ttl_s = 20;
	config.min_ttl_s = 600;
	expect(CACHE_POSITIVE, 20);
	PREPARED(20);
	begin(A, 0);
	put(SECTION_ANSWER, CNAME, 86400);
	config.max_ttl_s = 10;
	expect(CACHE_POSITIVE, 10);
}

/* Section 2.2.1: NS and no SOA is a referral. With a SOA it is NODATA (type 1). */
static void
referrals_are_not_kept(void **state)
{
	(void)state;
	begin(A, 0);
	put(SECTION_AUTHORITY, NS, 300);
	put(SECTION_ADDITIONAL, A, 300);
	expect_none();
	begin(A, 0);
	put(SECTION_AUTHORITY, NS, 300);
	put_soa(SECTION_AUTHORITY, 900, 120);
	expect(CACHE_NEGATIVE, 120);
}

static void
min_ttl_does_not_raise_negatives(void **state)
{
	(void)state;
	begin(A, NXDOMAIN);
	config.min_ttl_s = 600;
	put_soa(SECTION_AUTHORITY, 900, 5);
	expect(CACHE_NEGATIVE, 5);
	PREPARED(5);
	begin(A, NXDOMAIN);
	config.min_ttl_s = 600;
	put_soa(SECTION_AUTHORITY, 900, 0);
	expect_none();
}

/* --- RFC 9520 --- */

/* Section 3.2 */
static void
failures_live_as_configured(void **state)
{
	(void)state;
	for (unsigned rcode = 1; rcode < 16; rcode++) {
		if (rcode == NXDOMAIN)
			continue;
		begin(A, rcode);
		expect(CACHE_FAILURE, 2);
		begin(A, rcode);
		config.min_ttl_s = 600;
		config.failure_ttl_s = 5;
		config.max_ttl_s = config.negative_max_ttl_s = 1;
		put(SECTION_ANSWER, A, 300);
		put(SECTION_ANSWER, A, 0);
		put_soa(SECTION_AUTHORITY, 1, 1);
		expect(CACHE_FAILURE, 5);
		lifetime_prepare(&lifetime, m.bytes, ttls, count);
		assert_int_equal(ttl_get(m.bytes, ttls[0]), 5);
		assert_int_equal(ttl_get(m.bytes, ttls[1]), 0);
		assert_int_equal(ttl_get(m.bytes, ttls[2]), 1);
		begin(A, rcode);
		config.failure_ttl_s = 0;
		expect_none();
	}
}

static void
the_upper_bits_of_the_rcode_count(void **state)
{
	(void)state;
	begin(A, BADCOOKIE & WIRE_FLAG_RCODE);
	put(SECTION_ANSWER, A, 300);
	message_opt(&m, 1232, (unsigned)BADCOOKIE >> 4 << 24, "", 0);
	expect(CACHE_FAILURE, 2);
	begin(A, 0);
	put_soa(SECTION_AUTHORITY, 300, 300);
	message_opt(&m, 1232, 1u << 24, "", 0);
	expect(CACHE_FAILURE, 2);
}

/* --- never kept --- */

static const struct {
	unsigned rcode, type;
} kinds[] = {{0, A}, {NXDOMAIN, A}, {2, A}, {0, AAAA}};

/* An answer of each kind: positive, NXDOMAIN, failure, NODATA. */
static void
begin_kind(unsigned kind)
{
	begin(kinds[kind].type, kinds[kind].rcode);
	if (kind == 0)
		put(SECTION_ANSWER, A, 300);
	put_soa(SECTION_AUTHORITY, 300, 300);
}

/* RFC 2181 section 9 */
static void
truncated_answers_are_not_kept(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		begin_kind(kind);
		assert_int_not_equal(life(), 0);
		begin_kind(kind);
		m.bytes[2] |= WIRE_FLAG_TC >> 8;
		expect_none();
	}
}

static void
answers_to_questions_without_rd_are_not_kept(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		begin_kind(kind);
		query.flags = WIRE_FLAG_AD | WIRE_FLAG_CD;
		expect_none();
		query.flags |= WIRE_FLAG_RD;
		assert_int_not_equal(life(), 0);
	}
}

/* RFC 6895 section 3.1; RFC 6891 section 6.1.1 for OPT */
static void
answers_to_types_that_are_none_are_not_kept(void **state)
{
	(void)state;
	static const unsigned types[] = {OPT, 249, 250, 251, 252, 253, 254};
	for (unsigned i = 0; i < 7; i++) {
		begin(types[i], NXDOMAIN);
		put_soa(SECTION_AUTHORITY, 300, 300);
		expect_none();
		begin(types[i], 2);
		expect_none();
	}
	static const unsigned others[] = {40, 42, 248, 255, 256, 65280};
	for (unsigned i = 0; i < 6; i++) {
		begin(others[i], NXDOMAIN);
		put_soa(SECTION_AUTHORITY, 300, 300);
		expect(CACHE_NEGATIVE, 300);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_least_ttl_of_all_sections_counts),
	        cmocka_unit_test(a_cname_chain_to_an_answer_is_positive),
	        cmocka_unit_test(any_is_answered_by_anything_and_cname_and_rrsig_by_themselves),
	        cmocka_unit_test(chaos_is_kept_as_any_class),
	        cmocka_unit_test(max_ttl_lowers),
	        cmocka_unit_test(ttl_0_is_not_kept_unless_min_ttl_raises_it),
	        cmocka_unit_test(a_ttl_with_the_top_bit_is_0),
	        cmocka_unit_test(max_ttl_is_stronger_than_min_ttl),
	        cmocka_unit_test(negatives_live_by_the_soa),
	        cmocka_unit_test(negatives_have_a_limit_of_their_own),
	        cmocka_unit_test(other_records_of_a_negative_count_too),
	        cmocka_unit_test(a_chain_may_end_in_nothing),
	        cmocka_unit_test(nxdomain_is_negative_with_any_records),
	        cmocka_unit_test(negatives_without_a_soa_are_not_kept),
	        cmocka_unit_test(a_chain_without_end_and_soa_is_kept_no_longer_than_a_negative),
	        cmocka_unit_test(referrals_are_not_kept),
	        cmocka_unit_test(min_ttl_does_not_raise_negatives),
	        cmocka_unit_test(failures_live_as_configured),
	        cmocka_unit_test(the_upper_bits_of_the_rcode_count),
	        cmocka_unit_test(truncated_answers_are_not_kept),
	        cmocka_unit_test(answers_to_questions_without_rd_are_not_kept),
	        cmocka_unit_test(answers_to_types_that_are_none_are_not_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
