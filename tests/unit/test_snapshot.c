/*
 * What the live view takes from another process's JSON, which may be older, newer, or not what it should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "console/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct snapshot s;

static bool
read_text(const char *json)
{
	return snapshot_read(&s, json, strlen(json));
}

static void
all_of_it_is_taken(void **state)
{
	(void)state;
	assert_true(read_text(
	        "{\"version\":\"1.2\",\"now\":1700000000.125,\"uptime_s\":5.5,\"generation\":3,"
	        "\"state\":\"serving\",\"ready\":true,\"counters\":{\"queries\":18446744073709551,"
	        "\"blocked\":7,\"unknown\":1},\"latency\":{\"hit\":{\"count\":2,\"sum_s\":0.1,\"buckets\":["
	        "{\"le_s\":0.001,\"count\":1},{\"le_s\":null,\"count\":2}]}},\"cache\":{\"size_bytes\":100,"
	        "\"used_bytes\":50,\"entries\":4},\"upstreams\":[{\"name\":\"q\",\"address\":\"192.0.2.1\","
	        "\"state\":\"down\",\"why\":\"gone\",\"latency_ms\":1.5,\"asked\":9,\"answered\":8,"
	        "\"failed\":1}],\"workers\":[{\"slot\":1,\"pid\":77,\"state\":\"serving\",\"uptime_s\":1,"
	        "\"deaths\":2,\"last_death\":null,\"cpu_s\":0.25,\"memory_bytes\":4096}],"
	        "\"lists\":[{\"file\":\"/l\",\"kind\":\"block\",\"names\":10,\"hits\":3}]}"));
	assert_string_equal(s.version, "1.2");
	assert_true(s.ready);
	assert_int_equal(s.generation, 3);
	assert_int_equal((int)(s.uptime_s * 10), 55);
	assert_int_equal(s.counters.queries, 18446744073709551);
	assert_int_equal(s.counters.blocked, 7);
	assert_int_equal(s.hit.count, 2);
	assert_int_equal(s.hit.buckets, 2);
	assert_int_equal(s.hit.bucket[1].count, 2);
	assert_int_equal(s.miss.buckets, 0);
	assert_int_equal(s.cache.entries, 4);
	assert_int_equal(s.upstream_count, 1);
	assert_string_equal(s.upstreams[0].why, "gone");
	assert_int_equal(s.workers[0].pid, 77);
	assert_string_equal(s.workers[0].last_death, "");
	assert_int_equal(s.lists[0].hits, 3);
}

static void
what_is_no_object_is_refused(void **state)
{
	(void)state;
	assert_false(read_text(""));
	assert_false(read_text("[]"));
	assert_false(read_text("{\"version\":"));
	assert_false(read_text("dotward is not running"));
}

static void
members_of_other_types_are_missing_ones(void **state)
{
	(void)state;
	assert_true(read_text("{\"version\":3,\"now\":\"x\",\"counters\":[],\"workers\":{\"slot\":1},"
	                      "\"cache\":null,\"latency\":{\"hit\":7},\"upstreams\":[4],"
	                      "\"generation\":-5,\"ready\":\"yes\"}"));
	assert_string_equal(s.version, "");
	assert_int_equal(s.generation, 0);
	assert_false(s.ready);
	assert_int_equal(s.worker_count, 0);
	assert_int_equal(s.upstream_count, 1);
	assert_string_equal(s.upstreams[0].name, "");
}

/* A terminal takes bytes as orders. */
static void
texts_are_made_printable_and_are_cut(void **state)
{
	(void)state;
	assert_true(read_text("{\"state\":\"a\\u001b[2Jb\\u00e9\\u0000c\"}"));
	assert_string_equal(s.state, "a?[2Jb?");
	assert_true(read_text("{\"version\":\"0123456789012345678901234567890123456789\"}"));
	assert_int_equal(strlen(s.version), sizeof s.version - 1);
}

static void
more_than_there_is_room_for_is_left(void **state)
{
	(void)state;
	char *json = NULL;
	size_t bytes;
	FILE *out = open_memstream(&json, &bytes);
	fputs("{\"workers\":[{}", out);
	for (unsigned i = 0; i < 1000; i++)
		fputs(",{\"slot\":1}", out);
	fputs("]}", out);
	fclose(out);
	assert_true(snapshot_read(&s, json, bytes));
	assert_int_equal(s.worker_count, SNAPSHOT_WORKERS);
	free(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(all_of_it_is_taken),
	        cmocka_unit_test(what_is_no_object_is_refused),
	        cmocka_unit_test(members_of_other_types_are_missing_ones),
	        cmocka_unit_test(texts_are_made_printable_and_are_cut),
	        cmocka_unit_test(more_than_there_is_room_for_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
