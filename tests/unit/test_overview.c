/*
 * What is told of a world: every counter once, families whole, labels escaped, the verdict right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "process/overview.h"
#include "upstream/identity.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOW_MS = 50000 };

static struct world *world;
static struct roster_hold hold;
static struct config config;
static struct config_upstream upstream;
static struct addr address;
static char name[] = "a\"b\\c", none[] = "", file[] = "/lists/ads", list_name[] = "ads";
static struct config_list list = {.name = list_name, .file = file};
static struct overview_sources sources;
static char *said;

static int
begin(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	world = world_open(-1);
	if (world == NULL || addr_parse(&address, "192.0.2.1@853", 853) < 0)
		return -1;
	upstream = (struct config_upstream){.name = name,
	        .addresses = &address,
	        .address_count = 1,
	        .auth_name = none,
	        .ca_file = none,
	        .tls_priority = none,
	        .client_certificate = none};
	config = (struct config){
	        .upstreams = &upstream, .upstream_count = 1, .lists = {.block = &list, .block_count = 1}};
	sources = (struct overview_sources){.version = "1.2.3", .world = world, .config = &config};
	if (!roster_claim(world->roster, getpid(), 7, 0, &hold))
		return -1;
	roster_born(world->roster, hold.row, 4711, NOW_MS - 2500);
	atomic_store(&hold.row->serving, 1);
	atomic_store(&world->roster->state, ROSTER_SERVING);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	world_close(world);
	free(said);
	said = NULL;
	return 0;
}

static const char *
as_metrics(void)
{
	struct overview o;
	size_t bytes;
	free(said);
	FILE *out = open_memstream(&said, &bytes);
	overview_take(&o, &sources, NOW_MS, 1700000000123);
	overview_metrics(&o, out);
	overview_free(&o);
	fclose(out);
	return said;
}

static const char *
as_json(void)
{
	struct overview o;
	size_t bytes;
	free(said);
	struct json j = {.out = open_memstream(&said, &bytes)};
	overview_take(&o, &sources, NOW_MS, 1700000000123);
	overview_json(&o, &j, NULL);
	overview_free(&o);
	fclose(j.out);
	return said;
}

static void
assert_says(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not found: %s\nin:\n%s", part, text);
}

static unsigned
count_of(const char *text, const char *part)
{
	unsigned count = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
		count++;
	return count;
}

/* Distinct values, so that each can be found, and found once. */
static void
every_counter_is_told_once(void **state)
{
	char wanted[40];
	(void)state;
	for (unsigned i = 0; i < STATS_COUNT; i++)
		stats_add(hold.slab, (enum stats_counter)i, 700001 + i);
	const char *text = as_metrics();
	/* by protocol and family, and by rcode, there are others */
	const enum stats_counter elsewhere[] = {
	        STATS_queries, STATS_queries_udp, STATS_queries_tcp, STATS_queries_tls, STATS_answered};
	for (unsigned i = 0; i < STATS_COUNT; i++) {
		unsigned expected = 1;
		for (size_t k = 0; k < sizeof elsewhere / sizeof *elsewhere; k++)
			expected -= elsewhere[k] == i;
		snprintf(wanted, sizeof wanted, " %u\n", 700001 + i);
		if (count_of(text, wanted) != expected)
			fail_msg("%s is told %u times", stats_name((enum stats_counter)i),
			        count_of(text, wanted));
	}
}

/* Lines of one family stand together, behind its HELP and TYPE, and no family begins twice. */
static void
families_are_whole(void **state)
{
	char *text = strdup(as_metrics()), *rest = text, family[100] = "", seen[20000] = "";
	(void)state;
	for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
		char found[100] = "", marked[110];
		if (sscanf(line, "# HELP %99s", found) == 1) {
			snprintf(marked, sizeof marked, "\n%s\n", found);
			assert_null(strstr(seen, marked));
			strcat(seen, marked);
			snprintf(family, sizeof family, "%s", found);
			assert_true(strlen(line) > strlen("# HELP  ") + strlen(family) + 5);
		} else if (sscanf(line, "# TYPE %99s", found) == 1) {
			assert_string_equal(found, family);
		} else {
			assert_memory_equal(line, family, strlen(family));
			assert_memory_equal(line, "dotward_", 8);
		}
	}
	free(text);
}

static void
counters_and_nothing_else_end_in_total(void **state)
{
	char *text = strdup(as_metrics()), *rest = text, family[100], type[20];
	(void)state;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		if (sscanf(line, "# TYPE %99s %19s", family, type) != 2)
			continue;
		size_t length = strlen(family);
		bool total = length > 6 && strcmp(family + length - 6, "_total") == 0;
		assert_int_equal(total, strcmp(type, "counter") == 0);
	}
	free(text);
}

static void
labels_are_escaped(void **state)
{
	(void)state;
	assert_says(
	        as_metrics(), "dotward_upstream_up{upstream=\"a\\\"b\\\\c\",address=\"192.0.2.1@853\"} 1\n");
}

static void
what_clients_asked_is_told_apart(void **state)
{
	(void)state;
	stats_asked(hold.slab, STATS_BY_TLS, STATS_BY_IPV6);
	stats_rcode(hold.slab, 5);
	latency_note(&hold.slab->waits[STATS_MISS], 60);
	latency_note(&hold.slab->waits[STATS_MISS], 6000000);
	const char *text = as_metrics();
	assert_says(text, "dotward_queries_total{protocol=\"tls\",family=\"ipv6\"} 1\n");
	assert_says(text, "dotward_responses_total{rcode=\"REFUSED\"} 1\n");
	assert_says(text, "dotward_response_duration_seconds_bucket{source=\"miss\",le=\"5e-05\"} 0\n");
	assert_says(text, "dotward_response_duration_seconds_bucket{source=\"miss\",le=\"0.0001\"} 1\n");
	assert_says(text, "dotward_response_duration_seconds_bucket{source=\"miss\",le=\"5\"} 1\n");
	assert_says(text, "dotward_response_duration_seconds_bucket{source=\"miss\",le=\"+Inf\"} 2\n");
	assert_says(text, "dotward_response_duration_seconds_sum{source=\"miss\"} 6.000060\n");
	assert_says(text, "dotward_response_duration_seconds_count{source=\"miss\"} 2\n");
}

static void
workers_and_their_deaths(void **state)
{
	struct roster_hold other;
	(void)state;
	roster_died(world->roster, hold.row, SIGKILL, -1);
	roster_born(world->roster, hold.row, 4712, NOW_MS - 1500);
	atomic_store(&hold.row->serving, 1);
	atomic_store(&hold.row->in_flight, 3);
	atomic_store(hold.cpu_us, 2500000);
	/* the same slot of a generation that drains */
	assert_true(roster_claim(world->roster, getpid(), 6, 0, &other));
	roster_born(world->roster, other.row, 4000, 1);
	atomic_store(&other.row->draining, 1);
	atomic_store(&other.row->in_flight, 2);
	const char *text = as_metrics();
	assert_says(text, "dotward_worker_deaths_total{signal=\"SIGKILL\"} 1\n");
	assert_says(text, "dotward_worker_births_total 3\n");
	assert_says(text, "dotward_workers{state=\"draining\"} 1\n");
	assert_says(text, "dotward_queries_in_flight{slot=\"0\"} 5\n");
	assert_int_equal(count_of(text, "\ndotward_queries_in_flight{slot=\"0\"}"), 1);
	assert_says(text, "dotward_worker_cpu_seconds_total{slot=\"0\"} 2.500000\n");
	text = as_json();
	assert_says(text, "\"slot\":0,\"generation\":7,\"pid\":4712,\"state\":\"serving\",\"uptime_s\":1.500,"
	                  "\"deaths\":1,\"deaths_by_signal\":{\"SIGKILL\":1},"
	                  "\"last_death\":\"signal=9 (Killed)\",\"cpu_s\":2.500");
	/* gone, and its death was none */
	roster_died(world->roster, other.row, 0, -1);
	assert_null(strstr(as_json(), "draining"));
}

static void
it_is_ready_when_somebody_answers(void **state)
{
	char text[ADDR_TEXT_BYTES];
	const struct health_identity identity = {.key = upstream_identity(&upstream, &address),
	        .name = name,
	        .address = addr_text(&address, text)};
	(void)state;
	assert_says(as_json(), "\"state\":\"serving\",\"ready\":true,\"why\":\"\"");
	struct health *h = health_open(world->health, &identity, NOW_MS);
	health_failed(h, HEALTH_CONNECT, "gone away", NOW_MS, 0);
	assert_says(as_json(),
	        "\"ready\":false,\"why\":\"no upstream answers: a\\\"b\\\\c 192.0.2.1@853: gone away\"");
	assert_says(as_metrics(), "dotward_ready 0\n");
	assert_says(as_metrics(), ",cause=\"connect\"} 1\n");
	health_answered(h, 3000, false, NOW_MS + 100);
	health_asked(h);
	assert_says(as_json(), "\"ready\":true");
	assert_says(as_json(), "\"asked\":1,\"answered\":1,\"failed\":1");
	health_close(h);
	atomic_store(&world->roster->state, ROSTER_STOPPING);
	assert_says(as_json(), "\"state\":\"stopping\",\"ready\":false,\"why\":\"it is stopping\"");
	atomic_store(&world->roster->state, ROSTER_SERVING);
	roster_died(world->roster, hold.row, SIGSEGV, -1);
	assert_says(as_json(), "\"state\":\"down\",\"ready\":false,\"why\":\"no worker serves\"");
}

static void
lists_and_events(void **state)
{
	static const char *const names[] = {"ads"};
	(void)state;
	hits_begin(world->hits, names, 1);
	hits_one(world->hits, hits_row(world->hits, "ads"), 0);
	atomic_store(&world->roster->list_names[0], 12);
	roster_note(world->roster, ROSTER_RELOADED);
	roster_note(world->roster, ROSTER_UPGRADE_FAILED);
	roster_note(NULL, ROSTER_RELOADED);
	const char *text = as_metrics();
	assert_says(text, "dotward_list_hits_total{list=\"ads\",kind=\"block\"} 1\n");
	assert_says(text, "dotward_list_names{list=\"ads\",kind=\"block\"} 12\n");
	assert_says(text, "dotward_reloads_total{outcome=\"ok\"} 1\n");
	assert_says(text, "dotward_upgrades_total{outcome=\"failed\"} 1\n");
	assert_says(as_json(),
	        "{\"name\":\"ads\",\"file\":\"/lists/ads\",\"kind\":\"block\",\"names\":12,\"hits\":1}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(every_counter_is_told_once, begin, end),
	        cmocka_unit_test_setup_teardown(families_are_whole, begin, end),
	        cmocka_unit_test_setup_teardown(counters_and_nothing_else_end_in_total, begin, end),
	        cmocka_unit_test_setup_teardown(labels_are_escaped, begin, end),
	        cmocka_unit_test_setup_teardown(what_clients_asked_is_told_apart, begin, end),
	        cmocka_unit_test_setup_teardown(workers_and_their_deaths, begin, end),
	        cmocka_unit_test_setup_teardown(it_is_ready_when_somebody_answers, begin, end),
	        cmocka_unit_test_setup_teardown(lists_and_events, begin, end),
	};
	return cmocka_run_group_tests_name("overview", tests, NULL, NULL);
}
