/*
 * When a host is asked for again, and what becomes of its addresses: with the clock as an argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "upstream/host.h"

#include <stdio.h>
#include <string.h>

enum { NOW = 1000000 };

/* An answer with these addresses, ended by NULL; both families are known. */
static struct host_answer
answer(uint32_t ttl_s, const char *const *texts)
{
	struct host_answer a = {.known = {true, true}, .ttl_s = ttl_s};
	for (; *texts != NULL; texts++)
		assert_int_equal(addr_parse(&a.addresses[a.count++], *texts, 0), 0);
	return a;
}
#define ANSWER(ttl_s, ...) answer(ttl_s, (const char *const[]){__VA_ARGS__, NULL})

static const struct host_answer nothing = {.why = "nobody is there"};

static void
expect(const struct host *h, const char *const *texts)
{
	char out[ADDR_TEXT_BYTES];
	unsigned i = 0;
	for (; texts[i] != NULL; i++) {
		assert_true(i < h->count);
		assert_string_equal(addr_host_text(&h->addresses[i], out), texts[i]);
	}
	assert_int_equal(h->count, i);
}
#define EXPECT(host, ...) expect(host, (const char *const[]){__VA_ARGS__, NULL})

static void
the_families_take_turns_in_one_order(void **state)
{
	struct host h = {.count = 0};
	(void)state;
	struct host_answer a =
	        ANSWER(300, "192.0.2.9", "2001:db8::2", "192.0.2.1", "2001:db8::1", "192.0.2.9", "192.0.2.5");
	assert_int_equal(host_learn(&h, &a, NOW, 0), HOST_CHANGED);
	EXPECT(&h, "192.0.2.1", "2001:db8::1", "192.0.2.5", "2001:db8::2", "192.0.2.9");
	struct host_answer b =
	        ANSWER(300, "2001:db8::2", "192.0.2.5", "2001:db8::1", "192.0.2.9", "192.0.2.1");
	assert_int_equal(host_learn(&h, &b, NOW, 0), HOST_SAME);
	struct host_answer c = ANSWER(300, "192.0.2.5");
	assert_int_equal(host_learn(&h, &c, NOW, 0), HOST_CHANGED);
	EXPECT(&h, "192.0.2.5");
}

static void
it_is_asked_for_again_when_its_time_is_over(void **state)
{
	struct host h = {.count = 0};
	(void)state;
	struct host_answer usual = ANSWER(300, "192.0.2.1"), brief = ANSWER(1, "192.0.2.1"),
	                   none = ANSWER(0, "192.0.2.1"), longest = ANSWER(0x7fffffff, "192.0.2.1");
	host_learn(&h, &usual, NOW, 0);
	assert_int_equal(h.due_ms, NOW + 300000);
	host_learn(&h, &brief, NOW, 0);
	assert_int_equal(h.due_ms, NOW + HOST_LEAST_S * 1000);
	host_learn(&h, &none, NOW, 0);
	assert_int_equal(h.due_ms, NOW + HOST_LEAST_S * 1000);
	host_learn(&h, &longest, NOW, 0);
	assert_true(h.due_ms == NOW + HOST_MOST_S * 1000ull);
}

static void
a_family_without_an_answer_keeps_what_it_had(void **state)
{
	struct host h = {.count = 0};
	(void)state;
	struct host_answer both = ANSWER(3000, "192.0.2.1", "2001:db8::1"), half = ANSWER(3000, "192.0.2.2");
	host_learn(&h, &both, NOW, 0);
	half.known[HOST_IPV6] = false;
	assert_int_equal(host_learn(&h, &half, NOW, 0), HOST_CHANGED);
	EXPECT(&h, "192.0.2.2", "2001:db8::1");
	assert_int_equal(h.due_ms, NOW + HOST_LEAST_S * 1000);
	half.known[HOST_IPV6] = true;
	assert_int_equal(host_learn(&h, &half, NOW, 0), HOST_CHANGED);
	EXPECT(&h, "192.0.2.2");
	assert_int_equal(h.due_ms, NOW + 3000000);
}

static void
failures_back_off_and_keep_the_addresses(void **state)
{
	static const unsigned waits_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
	struct host h = {.count = 0};
	(void)state;
	struct host_answer a = ANSWER(300, "192.0.2.1");
	host_learn(&h, &a, NOW, 0);
	for (unsigned i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
		assert_int_equal(host_learn(&h, &nothing, NOW, 0), i == 0 ? HOST_FAILS : HOST_FAILS_ON);
		assert_int_equal(h.due_ms, NOW + waits_ms[i]);
		assert_string_equal(h.why, "nobody is there");
	}
	EXPECT(&h, "192.0.2.1");
	assert_int_equal(host_learn(&h, &a, NOW, 0), HOST_WELL);
	assert_string_equal(h.why, "");
	assert_int_equal(host_learn(&h, &a, NOW, 0), HOST_SAME);
	assert_int_equal(host_learn(&h, &nothing, NOW, 0), HOST_FAILS);
	assert_int_equal(h.due_ms, NOW + 1000);
}

static void
a_back_off_is_cut_by_a_quarter_at_most(void **state)
{
	(void)state;
	for (uint32_t random = 0; random < 5000; random += 7) {
		struct host h = {.count = 0};
		host_learn(&h, &nothing, NOW, random);
		assert_in_range(h.due_ms, NOW + 751, NOW + 1000);
	}
}

/* "There are none" is no reason to forget those that were. */
static void
an_answer_without_addresses_is_a_failure(void **state)
{
	struct host h = {.count = 0};
	(void)state;
	struct host_answer a = ANSWER(300, "192.0.2.1"), empty = {.known = {true, true}};
	host_learn(&h, &a, NOW, 0);
	assert_int_equal(host_learn(&h, &empty, NOW, 0), HOST_FAILS);
	assert_string_equal(h.why, "it has no address");
	EXPECT(&h, "192.0.2.1");
}

static void
another_network_makes_it_hurry(void **state)
{
	struct host h = {.count = 0};
	(void)state;
	for (unsigned i = 0; i < 6; i++)
		host_learn(&h, &nothing, NOW, 0);
	host_hurry(&h, NOW);
	assert_int_equal(h.due_ms, NOW + HOST_SOON_MS);
	host_hurry(&h, NOW + 100);
	assert_int_equal(h.due_ms, NOW + HOST_SOON_MS);
	assert_int_equal(host_learn(&h, &nothing, NOW, 0), HOST_FAILS_ON);
	assert_int_equal(h.due_ms, NOW + 1000);
}

static void
more_than_there_is_room_for_are_cut(void **state)
{
	struct host h = {.count = 0};
	struct host_answer a = {.known = {true, false}, .count = HOST_ADDRESSES, .ttl_s = 300};
	char text[ADDR_TEXT_BYTES];
	(void)state;
	struct host_answer six = ANSWER(300, "2001:db8::1", "2001:db8::2");
	host_learn(&h, &six, NOW, 0);
	for (unsigned i = 0; i < HOST_ADDRESSES; i++) {
		snprintf(text, sizeof text, "192.0.2.%u", i);
		assert_int_equal(addr_parse(&a.addresses[i], text, 0), 0);
	}
	assert_int_equal(host_learn(&h, &a, NOW, 0), HOST_CHANGED);
	assert_int_equal(h.count, HOST_ADDRESSES);
	assert_string_equal(addr_host_text(&h.addresses[3], text), "2001:db8::2");
}

static void
some_addresses_are_of_no_use(void **state)
{
	static const char *const good[] = {
	        "127.0.0.1", "192.0.2.1", "10.0.0.1", "::1", "2001:db8::1", "fd00::1"};
	static const char *const bad[] = {"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
	        "::", "ff02::1", "fe80::1", "::ffff:192.0.2.1", "::192.0.2.1"};
	struct addr a;
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(addr_parse(&a, good[i], 0), 0);
		assert_true(host_address_fits(&a));
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(addr_parse(&a, bad[i], 0), 0);
		assert_false(host_address_fits(&a));
	}
	a.any.sa_family = AF_UNIX;
	assert_false(host_address_fits(&a));
}

static void
each_host_gets_its_share(void **state)
{
	const unsigned wanted[] = {64, 0, 2, 64};
	unsigned given[4];
	(void)state;
	host_share(wanted, given, 4, 12);
	assert_int_equal(given[0], 5);
	assert_int_equal(given[1], 0);
	assert_int_equal(given[2], 2);
	assert_int_equal(given[3], 5);
	host_share(wanted, given, 4, 200);
	assert_int_equal(given[0] + given[1] + given[2] + given[3], 130);
	host_share(wanted, given, 4, 0);
	assert_int_equal(given[0], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_families_take_turns_in_one_order),
	        cmocka_unit_test(it_is_asked_for_again_when_its_time_is_over),
	        cmocka_unit_test(a_family_without_an_answer_keeps_what_it_had),
	        cmocka_unit_test(failures_back_off_and_keep_the_addresses),
	        cmocka_unit_test(a_back_off_is_cut_by_a_quarter_at_most),
	        cmocka_unit_test(an_answer_without_addresses_is_a_failure),
	        cmocka_unit_test(another_network_makes_it_hurry),
	        cmocka_unit_test(more_than_there_is_room_for_are_cut),
	        cmocka_unit_test(some_addresses_are_of_no_use),
	        cmocka_unit_test(each_host_gets_its_share),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
