/*
 * What is shown of the cache, word for word, and of answers that are not as they should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "message.h"
#include "process/cache_report.h"

#include <stdlib.h>

enum { NOW_MS = 1000000 };

static struct message answer;
static struct cache_entry entry;
static uint64_t counters[STATS_COUNT];

static int
begin(void **state)
{
	(void)state;
	message_begin(&answer, 0, 0x8180);
	message_question(&answer, "www.Example.", 28, 1);
	entry = (struct cache_entry){
	        .answer = {.msg = answer.bytes, .bytes = answer.length, .rcode = 0},
	        .kind = CACHE_POSITIVE,
	        .life_s = 300,
	        .stored_ms = NOW_MS - 13000,
	        .expires_ms = NOW_MS + 287000,
	        .asked = 2,
	};
	memset(counters, 0, sizeof counters);
	return 0;
}

static void
line_is(const char *expected)
{
	char *text = NULL;
	size_t bytes = 0;
	struct wire_question question;
	FILE *out = open_memstream(&text, &bytes);
	assert_true(cache_report_question(&entry, &question));
	cache_report_line(&entry, &question, "kids", NOW_MS, out);
	assert_int_equal(fclose(out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void
members_are(const char *expected)
{
	char *text = NULL;
	size_t bytes = 0;
	struct wire_question question;
	struct json j = {.out = open_memstream(&text, &bytes)};
	assert_true(cache_report_question(&entry, &question));
	json_object(&j, NULL);
	cache_report_members(&entry, &question, "kids", NOW_MS, &j);
	json_end(&j);
	assert_int_equal(fclose(j.out), 0);
	assert_string_equal(text, expected);
	free(text);
}

static void
an_answer_is_one_line(void **state)
{
	(void)state;
	line_is("www.Example. IN AAAA - positive NOERROR fresh 287 300 29 2\n");
	entry.dnssec_ok = true;
	line_is("www.Example. IN AAAA do positive NOERROR fresh 287 300 29 2\n");
	entry.checking_disabled = entry.unasked = true;
	entry.kind = CACHE_NEGATIVE;
	entry.answer.rcode = 3;
	line_is("www.Example. IN AAAA do,cd,unasked negative NXDOMAIN fresh 287 300 29 2\n");
	entry.view = 1;
	line_is("www.Example. IN AAAA do,cd,unasked,view=kids negative NXDOMAIN fresh 287 300 29 2\n");
	entry.view = 0;
	entry.dnssec_ok = entry.unasked = false;
	entry.kind = CACHE_FAILURE;
	entry.answer.rcode = 2;
	entry.expires_ms = NOW_MS - 12000;
	line_is("www.Example. IN AAAA cd failure SERVFAIL expired 12 300 29 2\n");
	entry.kind = (enum cache_kind)77;
	entry.answer.rcode = 4000;
	line_is("www.Example. IN AAAA cd unknown RCODE4000 expired 12 300 29 2\n");
}

/* "0 left" would be a lie for what is still served. */
static void
the_last_second_counts(void **state)
{
	(void)state;
	entry.expires_ms = NOW_MS + 1;
	line_is("www.Example. IN AAAA - positive NOERROR fresh 1 300 29 2\n");
	entry.expires_ms = NOW_MS;
	line_is("www.Example. IN AAAA - positive NOERROR expired 0 300 29 2\n");
}

static void
an_answer_is_an_object(void **state)
{
	(void)state;
	members_are(
	        "{\"name\":\"www.Example.\",\"class\":\"IN\",\"type\":\"AAAA\",\"dnssec_ok\":false,"
	        "\"checking_disabled\":false,\"unasked\":false,\"kind\":\"positive\",\"rcode\":\"NOERROR\","
	        "\"fresh\":true,\"left_s\":287,\"life_s\":300,\"bytes\":29,\"asked\":2}\n");
	entry.view = 1;
	members_are("{\"name\":\"www.Example.\",\"class\":\"IN\",\"type\":\"AAAA\",\"dnssec_ok\":false,"
	            "\"checking_disabled\":false,\"unasked\":false,\"view\":\"kids\",\"kind\":\"positive\","
	            "\"rcode\":"
	            "\"NOERROR\",\"fresh\":true,\"left_s\":287,\"life_s\":300,\"bytes\":29,\"asked\":2}\n");
	entry.view = 0;
	entry.expires_ms = NOW_MS - 5000;
	members_are(
	        "{\"name\":\"www.Example.\",\"class\":\"IN\",\"type\":\"AAAA\",\"dnssec_ok\":false,"
	        "\"checking_disabled\":false,\"unasked\":false,\"kind\":\"positive\",\"rcode\":\"NOERROR\","
	        "\"fresh\":false,\"expired_s\":5,\"life_s\":300,\"bytes\":29,\"asked\":2}\n");
}

static void
a_name_stays_in_its_column(void **state)
{
	static const uint8_t name[] = {5, ' ', '\n', 0x1b, '"', 0xff, 0};
	(void)state;
	message_begin(&answer, 0, 0x8180);
	message_put(&answer, name, sizeof name);
	message_put16(&answer, 65280);
	message_put16(&answer, 3);
	entry.answer.bytes = answer.length;
	line_is("\\032\\010\\027\\\"\\255. CH TYPE65280 - positive NOERROR fresh 287 300 23 2\n");
	message_set16(&answer, answer.length - 2, 9);
	line_is("\\032\\010\\027\\\"\\255. CLASS9 TYPE65280 - positive NOERROR fresh 287 300 23 2\n");
}

static void
what_has_no_question_is_not_shown(void **state)
{
	struct wire_question question;
	(void)state;
	for (size_t bytes = 0; bytes < answer.length; bytes++) {
		/* of exactly this size, so that a sanitizer sees one byte more */
		uint8_t *cut = malloc(bytes > 0 ? bytes : 1);
		memcpy(cut, answer.bytes, bytes);
		entry.answer.msg = cut;
		entry.answer.bytes = bytes;
		assert_false(cache_report_question(&entry, &question));
		free(cut);
	}
	entry.answer.msg = answer.bytes;
	entry.answer.bytes = answer.length;
	answer.bytes[12] = 0xc0;
	assert_false(cache_report_question(&entry, &question));
	answer.bytes[12] = 64;
	assert_false(cache_report_question(&entry, &question));
}

static void
answer_is(const char *expected)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	cache_report_answer(&entry, NOW_MS, out);
	assert_int_equal(fclose(out), 0);
	if (strstr(text, expected) == NULL)
		fail_msg("not found: %s\nin: %s", expected, text);
	free(text);
}

static void
records_are_aged_as_for_a_client(void **state)
{
	uint16_t ttls[2] = {(uint16_t)(answer.length + 6), 0};
	(void)state;
	message_put_pointer(&answer, 12);
	size_t rdata = message_fixed(&answer, SECTION_ANSWER, 1, 1, 300);
	message_put32(&answer, 0xc0000201);
	message_set16(&answer, rdata - 2, 4);
	entry.answer.bytes = answer.length;
	entry.ttls = ttls;
	entry.ttl_count = 1;
	answer_is("\nwww.Example. 287 IN A 192.0.2.1\n");
	entry.stored_ms = NOW_MS - 999000;
	answer_is("\nwww.Example. 0 IN A 192.0.2.1\n");
	/* what lies about its own TTLs is shown as it stands, and never written to */
	static const uint16_t wrong[] = {0, 11, 65535};
	entry.ttl_count = 2;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		ttls[1] = wrong[i];
		answer_is("\nwww.Example. 300 IN A 192.0.2.1\n");
	}
	ttls[1] = (uint16_t)(answer.length - 3);
	answer_is("\nwww.Example. 300 IN A 192.0.2.1\n");
	entry.answer.bytes = 65536;
	entry.answer.msg = calloc(1, entry.answer.bytes);
	assert_non_null(entry.answer.msg);
	answer_is("");
	free((void *)(uintptr_t)entry.answer.msg);
}

static const char *
ratio(void)
{
	static char out[CACHE_REPORT_RATIO_BYTES];
	return cache_report_ratio(counters, out);
}

static void
the_hit_ratio_has_three_decimals(void **state)
{
	(void)state;
	assert_string_equal(ratio(), "-");
	counters[STATS_cache_misses] = 1;
	assert_string_equal(ratio(), "0.000");
	counters[STATS_cache_hits] = 6;
	counters[STATS_cache_stale] = 1;
	counters[STATS_cache_misses] = 2; /* the stale one is among them */
	assert_string_equal(ratio(), "0.875");
	counters[STATS_cache_hits] = 9999999;
	assert_string_equal(ratio(), "0.999");
	counters[STATS_cache_misses] = 0;
	assert_string_equal(ratio(), "1.000");
	counters[STATS_cache_hits] = counters[STATS_cache_misses] = UINT64_MAX / 4;
	assert_string_equal(ratio(), "0.500");
}

static void
sizes_have_units(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0 B"}, {1023, "1023 B"}, {1024, "1.0 KiB"}, {1536, "1.5 KiB"}, {1 << 20, "1.0 MiB"},
	        {(1 << 20) - 1, "1.0 MiB"}, {64 << 20, "64.0 MiB"}, {1ull << 33, "8.0 GiB"},
	        {UINT64_MAX, "16777216.0 TiB"}};
	char out[CACHE_REPORT_SIZE_BYTES];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(cache_report_size(cases[i].bytes, out), cases[i].text);
}

static const struct cache_census census = {
        .bytes = 4 << 20,
        .room_bytes = 4000000,
        .used_bytes = 1000000,
        .dead_bytes = 5000,
        .entries = 9000,
        .places = 70000,
        .segment_bytes = 65536,
        .segments = 61,
        .segments_free = 40,
        .segments_small = 10,
        .segments_main = 8,
        .segments_open = 2,
        .segments_evicting = 1,
};

static char *
stats(bool json)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	cache_report_stats(&census, counters, json, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not found: %s\nin: %s", part, text);
}

static void
stats_for_people(void **state)
{
	(void)state;
	counters[STATS_cache_hits] = 7;
	counters[STATS_cache_misses] = 1;
	counters[STATS_cache_evicted_index] = 3;
	char *text = stats(false);
	has(text, "4.0 MiB, 25% of the room taken by 9000 answers; hit ratio 0.875\n\ncache_hits  ");
	has(text, "\ncache_evicted_index               3  entries thrown out because");
	has(text, "\nentries                        9000  ");
	has(text, "\nplaces                        70000  ");
	has(text, "\nsegments_main                     8  ");
	has(text, "\nentries_wrong                     0  ");
	free(text);
}

static void
stats_for_programs(void **state)
{
	(void)state;
	char *text = stats(true);
	assert_string_equal(text,
	        "{\"hit_ratio\":null,\"cache_hits\":0,\"cache_stale\":0,\"cache_misses\":0,\"cache_joined\":"
	        "0,"
	        "\"cache_prefetches\":0,\"cache_inserts\":0,\"cache_unstored\":0,\"cache_evicted_new\":0,"
	        "\"cache_evicted_old\":0,\"cache_evicted_expired\":0,\"cache_evicted_index\":0,"
	        "\"bytes\":4194304,\"room_bytes\":4000000,\"used_bytes\":1000000,\"dead_bytes\":5000,"
	        "\"entries\":9000,\"places\":70000,\"segment_bytes\":65536,\"segments\":61,"
	        "\"segments_free\":40,\"segments_small\":10,\"segments_main\":8,\"segments_open\":2,"
	        "\"segments_evicting\":1,\"segments_lost\":0,\"entries_wrong\":0}\n");
	free(text);
	counters[STATS_cache_hits] = 7;
	counters[STATS_cache_misses] = 1;
	text = stats(true);
	has(text, "{\"hit_ratio\":0.875,\"cache_hits\":7,");
	free(text);
}

int
main(void)
{
#define REPORT_TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
	        REPORT_TEST(an_answer_is_one_line),
	        REPORT_TEST(the_last_second_counts),
	        REPORT_TEST(an_answer_is_an_object),
	        REPORT_TEST(a_name_stays_in_its_column),
	        REPORT_TEST(what_has_no_question_is_not_shown),
	        REPORT_TEST(records_are_aged_as_for_a_client),
	        REPORT_TEST(the_hit_ratio_has_three_decimals),
	        REPORT_TEST(sizes_have_units),
	        REPORT_TEST(stats_for_people),
	        REPORT_TEST(stats_for_programs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
