/*
 * The past as JSON: steps out of what the workers have counted, at the time of day; names and clients only
 * where the configuration of now lets them be told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/log.h"
#include "dns/wire.h"
#include "process/past.h"

#include <stdlib.h>
#include <string.h>

enum { STEP = HISTORY_STEP_MS };
static const uint64_t boot_ms = 500 * STEP, wall_ms = 1000000000000, now_ms = 90000;

static struct world *world;
static struct roster_hold hold;
static struct config config;
static char *said;

static int
begin(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	world = world_open(-1);
	memset(&config, 0, sizeof config);
	return world != NULL && roster_claim(world->roster, 1, 1, 0, &hold) ? 0 : -1;
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
say(uint64_t at_ms)
{
	struct overview_sources sources = {.world = world, .config = &config};
	struct overview o = {.from = &sources, .now_ms = now_ms, .now_wall_ms = wall_ms};
	size_t bytes;
	free(said);
	struct json j = {.out = open_memstream(&said, &bytes)};
	json_object(&j, NULL);
	past_json(&o, &j, at_ms);
	json_end(&j);
	fclose(j.out);
	return said;
}

static void
count_one(const char *name)
{
	struct tops_seen seen = {.mode = TOPS_WHOLE,
	        .kind = TOPS_NAMES,
	        .key = name,
	        .bytes = strlen(name) + 1,
	        .times = 1,
	        .now_ms = now_ms};
	tops_count(world->tops, &seen);
	seen.kind = TOPS_CLIENTS;
	seen.key = "\x20\xc0\x00\x02\x01";
	seen.bytes = 5;
	tops_count(world->tops, &seen);
}

static void
steps_are_told_at_their_time(void **state)
{
	(void)state;
	stats_add(hold.slab, STATS_queries, 1000);
	past_note(world, boot_ms);
	assert_string_equal(say(boot_ms), "{\"history\":{\"step_s\":10,\"points\":[]}}\n");
	stats_add(hold.slab, STATS_queries, 20);
	stats_add(hold.slab, STATS_cache_hits, 12);
	stats_add(hold.slab, STATS_cache_misses, 5);
	stats_add(hold.slab, STATS_blocked, 3);
	atomic_store(&hold.slab->rcodes[WIRE_RCODE_SERVFAIL], 2);
	for (unsigned i = 0; i < 100; i++)
		latency_note(&hold.slab->waits[i < 90 ? STATS_HIT : STATS_MISS], i < 90 ? 40 : 15000);
	past_note(world, boot_ms + STEP);
	assert_string_equal(say(boot_ms + STEP + 2500),
	        "{\"history\":{\"step_s\":10,\"points\":[{\"t\":999999987.500,\"span_s\":10.000,"
	        "\"queries\":20,\"hits\":12,\"misses\":5,\"blocked\":3,\"servfail\":2,"
	        "\"p50_ms\":0.036,\"p99_ms\":19.000}]}}\n");
}

static void
without_answers_there_are_no_times(void **state)
{
	(void)state;
	past_note(world, boot_ms);
	past_note(world, boot_ms + STEP);
	assert_non_null(strstr(say(boot_ms + STEP), "\"p50_ms\":null,\"p99_ms\":null"));
}

static void
names_are_told_if_they_may_be(void **state)
{
	(void)state;
	config.log.queries = true;
	tops_switch(world->tops, TOPS_WHOLE, 0);
	count_one("\003www\007example");
	count_one("\003www\007example");
	assert_non_null(strstr(say(boot_ms),
	        "\"top\":{\"span_s\":90,\"names\":[{\"name\":\"www.example.\",\"count\":2}],"
	        "\"clients\":[{\"client\":\"192.0.2.1\",\"count\":2}]}"));
	config.log.queries = false;
	assert_null(strstr(say(boot_ms), "example"));
	assert_null(strstr(say(boot_ms), "top"));
}

/* Not before the master has switched it on. */
static void
on_but_not_yet_is_off(void **state)
{
	(void)state;
	config.log.queries = true;
	assert_null(strstr(say(boot_ms), "top"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(steps_are_told_at_their_time, begin, end),
	        cmocka_unit_test_setup_teardown(without_answers_there_are_no_times, begin, end),
	        cmocka_unit_test_setup_teardown(names_are_told_if_they_may_be, begin, end),
	        cmocka_unit_test_setup_teardown(on_but_not_yet_is_off, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
