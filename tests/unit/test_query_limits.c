/*
 * Questions of which there are too many: of one network under way, in a second, and the same answers over and
 * over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "message.h"
#include "query/query.h"
#include "worlds.h"

enum { LISTEN = 7 };

static uint8_t out[WIRE_MESSAGE_BYTES];
static size_t out_bytes;
static unsigned commits;
static struct queries *queries;
static struct query_from from;
static struct message msg;
static struct addr_net everybody;
static struct shm *limits_memory;

static uint8_t *
door_reserve(void *arg, const struct query_from *f, size_t bytes)
{
	(void)arg;
	(void)f;
	assert_true(bytes <= sizeof out);
	return out;
}

static void
door_commit(void *arg, const struct query_from *f, size_t bytes)
{
	(void)arg;
	(void)f;
	out_bytes = bytes;
	commits++;
}

static const struct query_door door = {NULL, door_reserve, door_commit};

static int
start(void **state)
{
	(void)state;
	world_open(1);
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	world.config.limits.rate.burst = 2;
	from = (struct query_from){.listen = LISTEN};
	assert_int_equal(addr_parse(&from.peer, "127.0.0.1@4000", 0), 0);
	limits_memory = shm_new(shm_footprint(limits_bytes()));
	assert_non_null(limits_memory);
	world.limits = shm_carve(limits_memory, limits_bytes());
	limits_begin(world.limits, 1);
	queries = world_queries();
	queries_set_udp_door(queries, LISTEN, &door);
	queries_set_stream_door(queries, &door);
	commits = 0;
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	queries_free(queries);
	world_close();
	shm_free(limits_memory);
	return 0;
}

static void
limit(unsigned per_second, unsigned slip)
{
	world.config.limits.rate.per_second = per_second;
	world.config.limits.rate.slip = slip;
}

static void
come_from(uint32_t network)
{
	from.peer.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + network);
}

static void
say(void)
{
	query_begin(queries, msg.bytes, msg.length, query_hash(queries, msg.bytes, msg.length), &from);
}

static void
question(unsigned name, unsigned type)
{
	char text[32];
	snprintf(text, sizeof text, "WWW%u.example.", name);
	message_begin(&msg, 0x1234, WIRE_FLAG_RD);
	message_question(&msg, text, type, 1);
	message_opt(&msg, 1232, 0, "", 0);
}

static void
ask(unsigned name)
{
	question(name, 1);
	say();
}

static unsigned
rcode(void)
{
	return out[3] & 15u;
}

static bool
is_truncated(void)
{
	return (out[2] & (WIRE_FLAG_TC >> 8)) != 0;
}

static bool
out_has(const char *text)
{
	return memmem(out, out_bytes, text, strlen(text)) != NULL;
}

/* One who takes all there is leaves something for those who come later. */
static void
shares(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	world.upstreams[0].max_outstanding = 100;
	for (uint32_t i = 0; i < 20; i++)
		ask(i);
	assert_int_equal(queries_in_flight(queries), 15);
	assert_int_equal(counted(STATS_fair_refused), 5);
	assert_int_equal(rcode(), WIRE_RCODE_REFUSED);
	assert_true(out_has("your network has its share"));
	come_from(1);
	ask(20);
	assert_int_equal(queries_in_flight(queries), 16);
	come_from(2);
	ask(21);
	assert_false(out_has("share"));
	assert_int_equal(counted(STATS_fair_refused), 5);
	assert_int_equal(counted(STATS_refused_overload), 1);
	for (unsigned i = 0; i < 8; i++) {
		LOOP_UNTIL(world.loop, world.servers[0].held_count > i);
		world_release(&world.servers[0], i);
	}
	LOOP_UNTIL(world.loop, queries_in_flight(queries) == 8);
	ask(22);
	come_from(0);
	ask(23);
	assert_int_equal(queries_in_flight(queries), 10);
}

/* Whoever waits for the same answer takes a place, too. */
static void
shares_count_twins(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	for (uint32_t i = 0; i < 20; i++)
		ask(1);
	assert_int_equal(queries_in_flight(queries), 15);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, commits == 20);
	assert_int_equal(queries_in_flight(queries), 0);
	ask(1);
	assert_int_equal(queries_in_flight(queries), 1);
}

/* An answer from upstream and one of our own; the third is one too many. */
static void
ask_three(void)
{
	ask(1);
	question(1, WIRE_TYPE_AXFR);
	say();
	ask(2);
	LOOP_UNTIL(world.loop, commits == 3);
	looping_settle(world.loop);
	assert_int_equal(commits, 3);
	assert_int_equal(world.servers[0].asked, 1);
	assert_int_equal(queries_in_flight(queries), 0);
}

static void
rate_slips(void **state)
{
	(void)state;
	limit(1, 1);
	ask(1);
	ask(2);
	assert_int_equal(commits, 0);
	ask(3);
	assert_int_equal(commits, 1);
	assert_int_equal(wire_id(out), 0x1234);
	assert_int_equal(rcode(), WIRE_RCODE_NOERROR);
	assert_true(is_truncated());
	assert_int_equal(out_bytes, msg.length); /* question and OPT, and nothing that amplifies */
	assert_memory_equal(out + 12, msg.bytes + 12, 14);
	assert_int_equal(counted(STATS_rate_slipped), 1);
	assert_int_equal(counted(STATS_truncated), 1);
	LOOP_UNTIL(world.loop, commits == 3);
	from.stream = true;
	ask(3);
	LOOP_UNTIL(world.loop, commits == 4);
	assert_int_equal(rcode(), WIRE_RCODE_NOERROR);
	assert_false(is_truncated());
}

static void
rate_drops(void **state)
{
	(void)state;
	limit(1, 0);
	ask_three();
	assert_int_equal(counted(STATS_rate_dropped), 1);
	assert_int_equal(counted(STATS_answered), 2);
	/* another network is none the worse */
	come_from(1);
	ask(3);
	LOOP_UNTIL(world.loop, commits == 4);
	assert_int_equal(counted(STATS_answered), 3);
}

static void
rate_refuses_streams(void **state)
{
	(void)state;
	limit(1, 1);
	from.stream = true;
	ask(1);
	ask(2);
	ask(3);
	assert_int_equal(commits, 1);
	assert_int_equal(rcode(), WIRE_RCODE_REFUSED);
	assert_true(out_has("too many questions"));
	assert_int_equal(counted(STATS_rate_refused), 1);
	assert_int_equal(counted(STATS_rate_slipped) + counted(STATS_rate_dropped), 0);
	LOOP_UNTIL(world.loop, commits == 3);
}

/* From now on the answer for 1 is in the cache, so that no time passes between questions for it. */
static void
remember(void)
{
	world.servers[0].ttl = 300;
	queries_free(queries);
	world_remember();
	queries = world_queries();
	queries_set_udp_door(queries, LISTEN, &door);
	queries_set_stream_door(queries, &door);
	ask(1);
	LOOP_UNTIL(world.loop, commits == 1);
	commits = 0;
}

/* What the cache has counts like anything else. */
static void
rate_counts_what_is_cached(void **state)
{
	(void)state;
	remember();
	limit(1, 0);
	for (unsigned i = 0; i < 5; i++)
		ask(1);
	assert_int_equal(commits, 5);
	assert_int_equal(counted(STATS_cache_hits), 2);
	assert_int_equal(counted(STATS_rate_dropped), 3);
}

/* Who is not allowed and what is no question use nothing up. */
static void
rate_counts_no_strangers(void **state)
{
	(void)state;
	limit(1, 0);
	world.config.access.allow_count = 0;
	for (uint32_t i = 0; i < 9; i++)
		ask(i);
	assert_int_equal(counted(STATS_refused_denied), 9);
	world.config.access.allow_count = 1;
	for (uint32_t i = 0; i < 9; i++) {
		question(1, 1);
		msg.bytes[2] |= 0x80;
		say();
	}
	assert_int_equal(counted(STATS_dropped_malformed), 9);
	assert_int_equal(counted(STATS_rate_dropped), 0);
	commits = 0;
	ask_three();
	assert_int_equal(counted(STATS_rate_dropped), 1);
}

static void
responses_are_limited(void **state)
{
	(void)state;
	remember();
	world.config.limits.response_rate.per_second = 1;
	world.config.limits.response_rate.slip = 2;
	for (unsigned i = 0; i < 4; i++) {
		ask(1);
		assert_int_equal(commits, i + 1);
		assert_int_equal(out_bytes == 0, i == 2);
		if (i != 2)
			assert_int_equal(is_truncated(), i > 0);
	}
	assert_int_equal(counted(STATS_rrl_slipped), 2);
	assert_int_equal(counted(STATS_rrl_dropped), 1);
	assert_int_equal(counted(STATS_answered), 1 + 3);
	assert_int_equal(counted(STATS_truncated), 2);
	from.stream = true;
	for (unsigned i = 4; i < 8; i++) {
		ask(1);
		assert_int_equal(commits, i + 1);
		assert_true(out_bytes > 0 && !is_truncated());
	}
	assert_int_equal(counted(STATS_rrl_slipped) + counted(STATS_rrl_dropped), 3);
}

/* Errors of our own as well: they are answers that somebody may be flooded with. */
static void
refusals_are_limited(void **state)
{
	(void)state;
	world.config.limits.response_rate.per_second = 1;
	world.config.access.allow_count = 0;
	for (unsigned i = 0; i < 4; i++)
		ask(i);
	assert_int_equal(commits, 4);
	assert_int_equal(counted(STATS_answered), 1);
	assert_int_equal(counted(STATS_rrl_dropped), 3);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(shares),
	        STARTED(shares_count_twins),
	        STARTED(rate_slips),
	        STARTED(rate_drops),
	        STARTED(rate_refuses_streams),
	        STARTED(rate_counts_what_is_cached),
	        STARTED(rate_counts_no_strangers),
	        STARTED(responses_are_limited),
	        STARTED(refusals_are_limited),
	};
	return cmocka_run_group_tests_name("query_limits", tests, world_begin, world_finish);
}
