/*
 * Names in any case and clients at any port are the same; of long names the end is counted; what must not be
 * known is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/name.h"
#include "query/popular.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const uint64_t now_ms = 1000ull * TOPS_WINDOW_MS;

static struct popular popular;
static struct query_from from;
static struct wire_query query;
static struct tale tale;
static char text[POPULAR_TEXT_BYTES];

static int
begin(void **state)
{
	(void)state;
	popular.tops = mmap(NULL, tops_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	popular = (struct popular){.tops = popular.tops, .mode = TOPS_WHOLE};
	tale = (struct tale){.from = &from, .query = &query, .ended_us = now_ms * 1000};
	if (popular.tops == MAP_FAILED)
		return -1;
	tops_switch(popular.tops, TOPS_WHOLE, now_ms);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	return munmap(popular.tops, tops_bytes());
}

static void
hear(const char *client, const char *name)
{
	assert_int_equal(addr_parse(&from.peer, client, 53), 0);
	query.question.name_bytes = (uint16_t)name_from_text(name, query.question.name);
	assert_true(query.question.name_bytes > 0);
	popular_hear(&popular, &tale);
}

static size_t
top(enum tops_kind kind, struct tops_entry *entry)
{
	struct tops_entry entries[4];
	size_t count = tops_read(popular.tops, kind, entries, 4, now_ms);
	*entry = entries[0];
	return count;
}

static void
assert_top(enum tops_kind kind, size_t different, const char *most, uint64_t count)
{
	struct tops_entry entry;
	assert_int_equal(top(kind, &entry), different);
	assert_int_equal(entry.count, count);
	if (kind == TOPS_NAMES)
		assert_string_equal(popular_name_text(&entry, text), most);
	else
		assert_string_equal(popular_client_text(&entry, text), most);
}

static void
names_are_the_same_in_any_case(void **state)
{
	(void)state;
	hear("192.0.2.1@1000", "WWW.Example.");
	hear("192.0.2.2@1000", "www.example.");
	hear("192.0.2.3@1000", "other.example.");
	assert_top(TOPS_NAMES, 2, "www.example.", 2);
}

static void
clients_are_the_same_at_any_port(void **state)
{
	(void)state;
	hear("192.0.2.1@1000", "a.example.");
	hear("2001:db8::1@1000", "b.example.");
	hear("2001:db8::1@1001", "c.example.");
	assert_top(TOPS_CLIENTS, 2, "2001:db8::1", 2);
	hear("192.0.2.1@1", "a.example.");
	hear("192.0.2.1@2", "a.example.");
	assert_top(TOPS_CLIENTS, 2, "192.0.2.1", 3);
}

static void
clients_are_networks_where_nobody_may_know_more(void **state)
{
	(void)state;
	popular.mode = TOPS_NETWORKS;
	tops_switch(popular.tops, TOPS_NETWORKS, now_ms);
	hear("192.0.2.1@1000", "a.example.");
	hear("192.0.2.77@1000", "b.example.");
	hear("2001:db8:0:1::1@1000", "c.example.");
	assert_top(TOPS_CLIENTS, 2, "192.0.2.0/24", 2);
	hear("2001:db8:0:2::1@1000", "c.example.");
	hear("2001:db8:0:3::1@1000", "c.example.");
	assert_top(TOPS_CLIENTS, 2, "2001:db8::/56", 3);
}

static void
of_long_names_the_end_counts(void **state)
{
	static const char label[] = "123456789012345678901234567890123456789012345678901234567890";
	char name[3 * sizeof label + 20];
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%u%s.%s.tracker.example.", i, label, label);
		hear("192.0.2.1@1", name);
	}
	snprintf(name, sizeof name, "%s.tracker.example.", label);
	assert_top(TOPS_NAMES, 1, name, 3);
	hear("192.0.2.1@1", ".");
	assert_top(TOPS_NAMES, 2, name, 3);
}

/* Three of four are for one name. */
static void
hear_many(uint64_t period, unsigned count)
{
	tale.ended_us = now_ms * 1000 + period * POPULAR_PERIOD_MS * 1000;
	for (unsigned i = 0; i < count; i++) {
		tale.number++;
		hear(i % 3 == 0 ? "192.0.2.1@1" : "192.0.2.2@1", i % 4 == 0 ? "a.example." : "b.example.");
	}
}

/* What one period brought decides about the next one. */
static void
of_plenty_a_share_is_counted_for_all(void **state)
{
	struct tops_entry entry;
	(void)state;
	hear_many(0, 8 * POPULAR_PLENTY);
	assert_top(TOPS_NAMES, 2, "b.example.", 6 * POPULAR_PLENTY);
	hear_many(1, 8 * POPULAR_PLENTY);
	assert_int_equal(popular.halvings, 3);
	top(TOPS_NAMES, &entry);
	assert_in_range(entry.count, 118 * POPULAR_PLENTY / 10, 122 * POPULAR_PLENTY / 10);
	assert_int_equal(entry.count % 8, 0);
	top(TOPS_CLIENTS, &entry);
	assert_in_range(entry.count, 105 * POPULAR_PLENTY / 10, 109 * POPULAR_PLENTY / 10);
}

static void
of_few_all_are_counted_again(void **state)
{
	(void)state;
	hear_many(0, 4 * POPULAR_PLENTY);
	hear_many(2, 4);
	assert_top(TOPS_NAMES, 2, "b.example.", 3 * POPULAR_PLENTY + 3);
	hear_many(3, 4);
	assert_top(TOPS_NAMES, 2, "b.example.", 3 * POPULAR_PLENTY + 6);
}

static void
what_must_not_be_known_is_not(void **state)
{
	struct tops_entry entry;
	(void)state;
	tale.hidden = true;
	hear("192.0.2.1@1", "secret.example.");
	tale.hidden = false;
	query.question.name_bytes = 0;
	popular_hear(&popular, &tale);
	tale.query = NULL;
	popular_hear(&popular, &tale);
	assert_int_equal(top(TOPS_NAMES, &entry), 0);
	assert_int_equal(top(TOPS_CLIENTS, &entry), 0);
}

static void
the_configuration_decides(void **state)
{
	struct config config = {0};
	(void)state;
	assert_int_equal(popular_mode(&config), TOPS_OFF);
	config.log.queries = true;
	assert_int_equal(popular_mode(&config), TOPS_WHOLE);
	config.log.anonymise = true;
	assert_int_equal(popular_mode(&config), TOPS_NETWORKS);
	config.log.queries = false;
	assert_int_equal(popular_mode(&config), TOPS_OFF);
}

static void
keys_that_are_none_are_told_as_such(void **state)
{
	struct tops_entry entry = {.bytes = 3};
	(void)state;
	assert_string_equal(popular_client_text(&entry, text), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(names_are_the_same_in_any_case, begin, end),
	        cmocka_unit_test_setup_teardown(clients_are_the_same_at_any_port, begin, end),
	        cmocka_unit_test_setup_teardown(clients_are_networks_where_nobody_may_know_more, begin, end),
	        cmocka_unit_test_setup_teardown(of_long_names_the_end_counts, begin, end),
	        cmocka_unit_test_setup_teardown(of_plenty_a_share_is_counted_for_all, begin, end),
	        cmocka_unit_test_setup_teardown(of_few_all_are_counted_again, begin, end),
	        cmocka_unit_test_setup_teardown(what_must_not_be_known_is_not, begin, end),
	        cmocka_unit_test(the_configuration_decides),
	        cmocka_unit_test(keys_that_are_none_are_told_as_such),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
