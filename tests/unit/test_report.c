/*
 * What dotwardctl shows, word for word, and with strange texts in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/report.h"

#include <stdlib.h>
#include <string.h>

static struct report report;

static int
begin(void **state)
{
	(void)state;
	report_begin(&report, 2, 2);
	report.version = "1.2.3";
	report.pid = 812;
	report.uptime_ms = 3 * 3600000 + 4 * 60000;
	report.generation = 3;
	report.workers_wanted = 2;
	report.log_level = LOG_LEVEL_INFO;
	report.upstream_count = 4;
	report.cache_bytes = 64 << 20;
	report.counters[STATS_cache_hits] = 6;
	report.counters[STATS_cache_stale] = 1;
	report.counters[STATS_cache_misses] = 2; /* one of them got the stale answer */
	report.counters[STATS_queries] = 42;
	report.counters[STATS_servfail] = 1;
	if (addr_parse(&report.listens[0].address, "127.0.0.1", 53) < 0 ||
	        addr_parse(&report.listens[1].address, "::1", 853) < 0)
		return -1;
	report.listens[0].udp = report.listens[0].tcp = true;
	report.listens[1].tls = true;
	report.workers[0] = (struct report_worker){
	        .slot = 0, .generation = 3, .pid = 813, .state = REPORT_SERVING, .uptime_ms = 61000};
	report.workers[1] = (struct report_worker){.slot = 1,
	        .generation = 3,
	        .state = REPORT_DOWN,
	        .birth_ms = 4000,
	        .deaths = 5,
	        .last_death = "signal=11 (Segmentation fault)"};
	return 0;
}

static int
end(void **state)
{
	(void)state;
	report_free(&report);
	return 0;
}

/* To be freed. */
static char *
printed(report_print_fn *print, bool json)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	assert_non_null(out);
	print(&report, json, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
prints(report_print_fn *print, bool json, const char *expected)
{
	char *text = printed(print, json);
	assert_string_equal(text, expected);
	free(text);
}

static void
status_for_people(void **state)
{
	(void)state;
	prints(report_status, false,
	        "dotward 1.2.3 is degraded\n"
	        "  master              812, up 3h04m\n"
	        "  generation          3\n"
	        "  workers             1 of 2 serve, 5 died\n"
	        "  listening           127.0.0.1@53 udp+tcp\n"
	        "                      ::1@853 tls\n"
	        "  upstreams           4\n"
	        "  cache               64.0 MiB, hit ratio 0.875\n"
	        "  log level           info\n"
	        "  queries             42\n"
	        "  answered            0\n"
	        "  servfail            1\n"
	        "  upstream_asked      0\n"
	        "  upstream_failures   0\n");
}

static void
status_for_programs(void **state)
{
	(void)state;
	prints(report_status, true,
	        "{\"state\":\"degraded\",\"version\":\"1.2.3\",\"pid\":812,\"uptime_ms\":11040000,"
	        "\"generation\":3,"
	        "\"workers\":{\"wanted\":2,\"serving\":1,\"deaths\":5},"
	        "\"listen\":[{\"address\":\"127.0.0.1\",\"port\":53,\"udp\":true,\"tcp\":true,\"tls\":false},"
	        "{\"address\":\"::1\",\"port\":853,\"udp\":false,\"tcp\":false,\"tls\":true}],"
	        "\"upstreams\":4,\"cache\":{\"bytes\":67108864,\"hit_ratio\":0.875},\"log_level\":\"info\","
	        "\"counters\":{\"queries\":42,\"answered\":0,\"servfail\":1,\"upstream_asked\":0,"
	        "\"upstream_failures\":0}}\n");
}

static void
is_said_to_be(const char *word)
{
	char *text = printed(report_status, false), expected[64];
	snprintf(expected, sizeof expected, "dotward 1.2.3 is %s\n", word);
	assert_memory_equal(text, expected, strlen(expected));
	free(text);
}

static void
the_state_is_one_word(void **state)
{
	(void)state;
	is_said_to_be("degraded");
	report.workers[1].state = REPORT_SERVING;
	is_said_to_be("serving");
	/* a worker of an older generation that still drains does not count */
	report.workers[1].generation = 2;
	is_said_to_be("degraded");
	report.workers[0].state = REPORT_STARTING;
	is_said_to_be("down");
	report.stopping = true;
	is_said_to_be("stopping");
}

static void
workers_for_people(void **state)
{
	(void)state;
	prints(report_workers, false,
	        "SLOT GENERATION      PID STATE      UPTIME DEATHS  LAST DEATH\n"
	        "   0          3      813 serving     1m01s      0  -\n"
	        "   1          3        - down        in 4s      5  signal=11 (Segmentation fault)\n");
}

static void
workers_for_programs(void **state)
{
	(void)state;
	prints(report_workers, true,
	        "{\"workers\":["
	        "{\"slot\":0,\"generation\":3,\"state\":\"serving\",\"pid\":813,\"uptime_ms\":61000,"
	        "\"next_birth_ms\":null,\"deaths\":0,\"last_death\":null},"
	        "{\"slot\":1,\"generation\":3,\"state\":\"down\",\"pid\":null,\"uptime_ms\":0,"
	        "\"next_birth_ms\":4000,\"deaths\":5,\"last_death\":\"signal=11 (Segmentation fault)\"}]}\n");
}

static void
last_words_cannot_break_out(void **state)
{
	(void)state;
	snprintf(report.workers[1].last_death, sizeof report.workers[1].last_death, "\"}]\n\xff\\");
	char *text = printed(report_workers, true);
	assert_non_null(strstr(text, "\"last_death\":\"\\\"}]\\n\\ufffd\\\\\"}]}\n"));
	free(text);
}

static void
stats_are_all_counters(void **state)
{
	(void)state;
	char *json = printed(report_stats, true), *text = printed(report_stats, false), part[160];
	for (unsigned i = 0; i < STATS_COUNT; i++) {
		snprintf(part, sizeof part, "%s\"%s\":%llu", i > 0 ? "," : "{", stats_name(i),
		        (unsigned long long)report.counters[i]);
		assert_non_null(strstr(json, part));
		assert_non_null(strstr(text, stats_help(i)));
	}
	snprintf(part, sizeof part, "%-22s %12d  messages that came", "queries", 42);
	assert_memory_equal(text, part, strlen(part));
	free(json);
	free(text);
}

static void
durations_are_short(void **state)
{
	(void)state;
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
	        {0, "0s"},
	        {999, "0s"},
	        {59999, "59s"},
	        {60000, "1m00s"},
	        {3599999, "59m59s"},
	        {3600000, "1h00m"},
	        {86399999, "23h59m"},
	        {86400000, "1d00h"},
	        {UINT64_MAX, "213503982334d14h"},
	};
	char out[REPORT_DURATION_BYTES];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(report_duration(rows[i].ms, out), rows[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(status_for_people, begin, end),
	        cmocka_unit_test_setup_teardown(status_for_programs, begin, end),
	        cmocka_unit_test_setup_teardown(the_state_is_one_word, begin, end),
	        cmocka_unit_test_setup_teardown(workers_for_people, begin, end),
	        cmocka_unit_test_setup_teardown(workers_for_programs, begin, end),
	        cmocka_unit_test_setup_teardown(last_words_cannot_break_out, begin, end),
	        cmocka_unit_test_setup_teardown(stats_are_all_counters, begin, end),
	        cmocka_unit_test(durations_are_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
