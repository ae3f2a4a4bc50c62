/*
 * Questions and the cache: what is answered from it, what is asked upstream all the same, and when.
 *
 * An upstream's answers differ from each other, so that it shows whether one is from the cache. Answers that
 * are to be old are put in as such.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/hash.h"
#include "dns/ttl.h"
#include "message.h"
#include "query/query.h"
#include "worlds.h"

enum { CLIENTS = 64, TTL_S = 20, PLACES = 4 };

static uint8_t out[65535];
static size_t out_bytes;
static unsigned commits, commits_of[CLIENTS];
static uint64_t ended_ms;
static struct queries *queries;
static struct query_from from;
static struct message msg, laid;
static struct addr_net everybody;
static uint32_t ask_again; /* the client for which the next asks the same from inside its commit(), or 0 */

static void ask(uint32_t client, uint32_t name);

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
	out_bytes = bytes;
	commits++;
	commits_of[f->client]++;
	ended_ms = clock_now_ms();
	if (ask_again != 0 && f->client == ask_again) {
		ask_again = 0;
		ask(f->client + 1, 1);
	}
}

static const struct query_door door = {NULL, door_reserve, door_commit};

static int
start(void **state)
{
	(void)state;
	world_open(2);
	world_remember();
	world.servers[0].ttl = world.servers[1].ttl = TTL_S;
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	from = (struct query_from){.listen = 7};
	assert_int_equal(addr_parse(&from.peer, "127.0.0.1@4000", 0), 0);
	queries = NULL;
	commits = 0;
	ask_again = 0;
	memset(commits_of, 0, sizeof commits_of);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	queries_free(queries);
	world_close();
	return 0;
}

static void
name_of(uint32_t name, char text[32])
{
	snprintf(text, 32, "WWW%u.example.", name);
}

/* A question of this client's for this name; with OPT, so that Extended DNS Errors can be seen. */
static void
ask(uint32_t client, uint32_t name)
{
	char text[32];
	if (queries == NULL) {
		queries = world_queries();
		queries_set_udp_door(queries, 7, &door);
		queries_set_stream_door(queries, &door);
	}
	name_of(name, text);
	from.client = client;
	message_begin(&msg, 0x1000 + client, WIRE_FLAG_RD);
	message_question(&msg, text, 1, 1);
	message_opt(&msg, 1232, 0, "", 0);
	query_begin(queries, msg.bytes, msg.length, query_hash(queries, msg.bytes, msg.length), &from);
}

static void
ask_and_wait(uint32_t client, uint32_t name)
{
	unsigned before = commits_of[client];
	ask(client, name);
	LOOP_UNTIL(world.loop, commits_of[client] == before + 1);
}

/* The answer "192.0.2.200", or none, as if it had been stored for TTL_S so long ago. */
static void
lay(uint32_t name, unsigned rcode, uint64_t age_ms)
{
	char text[32];
	uint16_t ttls[PLACES];
	struct wire_query query;
	struct wire_answer answer = {.msg = laid.bytes, .rcode = (uint16_t)rcode};
	name_of(name, text);
	message_begin(&laid, 0, WIRE_FLAG_RD);
	message_question(&laid, text, 1, 1);
	assert_int_equal(wire_query_parse(laid.bytes, laid.length, &query), WIRE_QUERY);
	uint64_t hash = hash_question(laid.bytes, laid.length, WORLD_SEED);
	message_set16(&laid, 2, 0x8180u | rcode);
	if (rcode == WIRE_RCODE_NOERROR) {
		message_put_pointer(&laid, WIRE_HEADER_BYTES);
		size_t rdata = message_fixed(&laid, SECTION_ANSWER, 1, 1, TTL_S);
		message_put(&laid, "\300\0\2\310", 4);
		message_rdata_end(&laid, rdata);
	}
	answer.bytes = laid.length;
	int count = ttl_find(laid.bytes, laid.length, ttls, PLACES);
	assert_true(count >= 0);
	struct cache_key key = cache_key(&query, hash);
	const struct cache_item item = {.answer = &answer,
	        .ttls = ttls,
	        .ttl_count = (unsigned)count,
	        .kind = rcode == WIRE_RCODE_NOERROR ? CACHE_POSITIVE : CACHE_NEGATIVE,
	        .stored_ms = clock_boot_ms() - age_ms,
	        .life_s = TTL_S};
	assert_int_equal(cache_put(world.cache, &key, &item), CACHE_PUT);
}

static unsigned
rcode(void)
{
	return out[3] & 15u;
}

/* The last answer taken apart. */
static struct wire_answer
taken(void)
{
	static uint8_t copy[sizeof out];
	struct wire_query query;
	struct wire_answer answer;
	message_set16(&msg, 10, 0);
	assert_int_equal(wire_query_parse(msg.bytes, msg.length - EDNS_OPT_BYTES, &query), WIRE_QUERY);
	memcpy(copy, out, out_bytes);
	assert_int_equal(wire_answer_take(copy, out_bytes, &query.question, &answer), WIRE_MATCH);
	return answer;
}

/* The last octet of the address in the last answer: which of the upstream's answers it is. */
static unsigned
which(void)
{
	struct wire_answer answer = taken();
	return answer.msg[answer.bytes - 1];
}

static uint32_t
ttl(void)
{
	uint16_t ttls[PLACES];
	struct wire_answer answer = taken();
	assert_int_equal(ttl_find(answer.msg, answer.bytes, ttls, PLACES), 1);
	return ttl_get(answer.msg, ttls[0]);
}

static int
ede(void)
{
	struct wire_answer answer = taken();
	return answer.edns.ede_bytes < 2 ? -1 : answer.edns.ede[0] << 8 | answer.edns.ede[1];
}

static void
hit(void **state)
{
	(void)state;
	ask_and_wait(1, 1);
	assert_int_equal(which(), 1);
	assert_int_equal(counted(STATS_cache_misses), 1);
	ask(2, 1);
	assert_int_equal(commits_of[2], 1); /* at once */
	assert_int_equal(wire_id(out), 0x1002);
	assert_int_equal(which(), 1);
	assert_in_range(ttl(), TTL_S - 10, TTL_S);
	assert_int_equal(ede(), -1);
	assert_int_equal(counted(STATS_cache_hits), 1);
	assert_int_equal(counted(STATS_answered), 2);
	assert_int_equal(world.servers[0].asked, 1);
	assert_int_equal(queries_in_flight(queries), 0);
}

/* A client that asks on as soon as it has an answer, from inside of that. */
static void
hit_from_inside(void **state)
{
	(void)state;
	ask_again = 1;
	ask_and_wait(1, 1);
	assert_int_equal(commits_of[2], 1);
	ask_again = 3;
	ask(3, 1);
	assert_int_equal(commits, 4);
	assert_int_equal(commits_of[4], 1);
	assert_int_equal(counted(STATS_cache_hits), 3);
	/* ... while the answer is renewed */
	lay(1, 0, TTL_S * 1000 - 1500);
	ask_again = 5;
	ask(5, 1);
	assert_int_equal(commits_of[6], 1);
	LOOP_UNTIL(world.loop, counted(STATS_cache_prefetches) == 1);
	assert_int_equal(world.servers[0].asked, 2);
	/* ... and while it is stale */
	world.servers[0].manner = world.servers[1].manner = FAILS;
	lay(1, 0, TTL_S * 1000 + 1500);
	ask_again = 7;
	ask_and_wait(7, 1);
	assert_int_equal(commits_of[8], 1);
	assert_int_equal(counted(STATS_cache_stale), 2);
	assert_int_equal(queries_in_flight(queries), 0);
}

static void
aged(void **state)
{
	(void)state;
	lay(1, 0, 7000);
	ask(1, 1);
	assert_int_equal(which(), 200);
	assert_in_range(ttl(), TTL_S - 8, TTL_S - 7);
}

static void
one_is_stored_for_all(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	for (uint32_t client = 0; client < 8; client++)
		ask(client, 1);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, commits == 8);
	assert_int_equal(counted(STATS_cache_inserts), 1);
	assert_int_equal(counted(STATS_cache_misses), 8);
	assert_int_equal(counted(STATS_cache_joined), 7);
}

/* Upstream is there: the stale answer is not needed. */
static void
expired_and_renewed(void **state)
{
	(void)state;
	world.config.cache.stale_wait_ms = 1000;
	uint64_t begun_ms = clock_now_ms();
	lay(1, 0, TTL_S * 1000 + 500);
	ask_and_wait(1, 1);
	assert_int_equal(which(), 1);
	assert_int_equal(ttl(), TTL_S);
	assert_int_equal(counted(STATS_cache_stale), 0);
	ask(2, 1);
	assert_int_equal(which(), 1);
	/* ... later neither */
	LOOP_UNTIL(world.loop, clock_now_ms() >= begun_ms + 1100);
	assert_int_equal(commits, 2);
	assert_int_equal(counted(STATS_cache_stale), 0);
}

/* An answer that cannot be kept is still the better one. */
static void
expired_and_not_kept(void **state)
{
	(void)state;
	world.servers[0].ttl = 0; /* a NODATA without a SOA */
	lay(1, 0, TTL_S * 1000 + 500);
	ask_and_wait(1, 1);
	assert_int_equal(rcode(), WIRE_RCODE_NOERROR);
	assert_int_equal(ede(), -1);
	assert_int_equal(out[7], 0);
	assert_int_equal(counted(STATS_cache_stale), 0);
	assert_int_equal(counted(STATS_cache_inserts), 1);
}

/* RFC 8767 section 5: the client response timer. */
static void
stale_after_a_while(void **state)
{
	(void)state;
	world.config.cache.stale_wait_ms = 400;
	world.servers[0].manner = HOLDS;
	lay(1, 0, TTL_S * 1000 + 500);
	uint64_t begun_ms = clock_now_ms();
	ask(1, 1);
	ask(2, 1);
	ask(3, 2); /* has nothing to fall back on */
	assert_int_equal(commits, 0);
	LOOP_UNTIL(world.loop, commits == 2);
	assert_in_range(ended_ms - begun_ms, 400, 1500);
	assert_int_equal(commits_of[1] + commits_of[2], 2);
	ask(4, 1);
	assert_int_equal(commits_of[4], 1); /* at once now */
	assert_int_equal(which(), 200);
	assert_int_equal(ttl(), 30);
	assert_int_equal(ede(), EDNS_EDE_STALE);
	assert_int_equal(counted(STATS_cache_stale), 3);
	assert_int_equal(queries_in_flight(queries), 1);
	/* The question goes on without those who asked it. */
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 2);
	for (unsigned i = 0; i < 2; i++)
		world_release(&world.servers[0], i);
	LOOP_UNTIL(world.loop, commits_of[3] == 1 && counted(STATS_cache_inserts) == 3);
	ask(5, 1);
	assert_int_equal(commits_of[5], 1);
	assert_in_range(which(), 1, 2);
	assert_int_equal(ede(), -1);
	for (uint32_t client = 1; client < 6; client++)
		assert_int_equal(commits_of[client], 1);
	assert_int_equal(world.servers[0].asked, 2);
}

/* Not before the time has come, when upstream is only slow. */
static void
slow_upstream_is_waited_for(void **state)
{
	(void)state;
	world.config.cache.stale_wait_ms = 5000;
	world.servers[0].manner = HOLDS;
	lay(1, 0, TTL_S * 1000 + 500);
	ask(1, 1);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	looping_settle(world.loop);
	assert_int_equal(commits, 0);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(which(), 1);
}

static void
stale_when_upstreams_fail(void **state)
{
	static const enum world_manner manners[] = {FAILS, REFUSES, HANGS_UP};
	(void)state;
	world.config.cache.stale_wait_ms = 15000;
	for (unsigned i = 0; i < 3; i++) {
		world.servers[0].manner = world.servers[1].manner = manners[i];
		lay(i, i == 1 ? WIRE_RCODE_NXDOMAIN : 0, TTL_S * 1000 + 500);
		uint64_t begun_ms = clock_now_ms();
		ask_and_wait(1, i);
		assert_true(clock_now_ms() - begun_ms < 10000);
		assert_int_equal(rcode(), i == 1 ? WIRE_RCODE_NXDOMAIN : 0);
		assert_int_equal(ede(), i == 1 ? EDNS_EDE_STALE_NXDOMAIN : EDNS_EDE_STALE);
		unsigned asked = world.servers[0].asked;
		ask(2, i);
		assert_int_equal(commits_of[2], i + 1);
		looping_settle(world.loop);
		assert_int_equal(world.servers[0].asked, asked);
	}
	assert_int_equal(counted(STATS_servfail), 0);
}

static void
stale_when_time_is_up(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 300;
	world.servers[0].manner = HOLDS;
	lay(1, 0, TTL_S * 1000 + 500);
	ask_and_wait(1, 1);
	assert_int_equal(which(), 200);
	assert_int_equal(counted(STATS_servfail), 0);
}

/* All upstreams are known to be down: nobody is made to wait, but upstream is asked. */
static void
stale_at_once_when_hopeless(void **state)
{
	(void)state;
	world.servers[0].manner = world.servers[1].manner = HANGS_UP;
	dot_end(&world.servers[0].dot);
	dot_end(&world.servers[1].dot);
	ask_and_wait(1, 1);
	assert_int_equal(rcode(), WIRE_RCODE_SERVFAIL);
	uint64_t attempts = counted(STATS_upstream_failures);
	lay(2, 0, TTL_S * 1000 + 500);
	ask(2, 2);
	assert_int_equal(commits_of[2], 1);
	assert_int_equal(which(), 200);
	assert_int_equal(queries_in_flight(queries), 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_failures) > attempts);
	world.count = 0;
}

static void
no_patience_at_all(void **state)
{
	(void)state;
	world.config.cache.stale_wait_ms = 0;
	lay(1, 0, TTL_S * 1000 + 500);
	ask(1, 1);
	assert_int_equal(commits_of[1], 1);
	assert_int_equal(which(), 200);
	LOOP_UNTIL(world.loop, counted(STATS_cache_inserts) == 2);
	ask(2, 1);
	assert_int_equal(which(), 1);
	assert_int_equal(counted(STATS_cache_prefetches), 0);
}

/* RFC 9520 section 3.2 */
static void
failures_are_remembered(void **state)
{
	(void)state;
	world.config.cache.failure_ttl_s = 3;
	world.servers[0].manner = world.servers[1].manner = FAILS;
	ask_and_wait(1, 1);
	assert_int_equal(rcode(), WIRE_RCODE_SERVFAIL);
	assert_int_equal(world.servers[0].asked + world.servers[1].asked, 2);
	ask(2, 1);
	assert_int_equal(commits_of[2], 1);
	assert_int_equal(rcode(), WIRE_RCODE_SERVFAIL);
	/* ... but not for long */
	uint64_t until_ms = clock_now_ms() + 3200;
	LOOP_UNTIL(world.loop, clock_now_ms() > until_ms);
	world.servers[0].manner = ANSWERS;
	ask_and_wait(3, 1);
	assert_int_equal(rcode(), WIRE_RCODE_NOERROR);
}

static void
silence_is_remembered(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 200;
	world.config.cache.failure_ttl_s = 20;
	world.servers[0].manner = HOLDS;
	ask_and_wait(1, 1);
	assert_int_equal(rcode(), WIRE_RCODE_SERVFAIL);
	int code = ede();
	assert_true(code == EDNS_EDE_NETWORK_ERROR || code == EDNS_EDE_NO_REACHABLE_AUTHORITY);
	assert_non_null(memmem(out, out_bytes, "no answer in time", 17));
	ask(2, 1);
	assert_int_equal(commits_of[2], 1);
	assert_int_equal(rcode(), WIRE_RCODE_SERVFAIL);
	assert_int_equal(ede(), code);
	assert_non_null(memmem(out, out_bytes, "no answer in time", 17));
	assert_int_equal(counted(STATS_servfail), 1);
}

static void
renewed_before_it_expires(void **state)
{
	(void)state;
	lay(1, 0, TTL_S * 1000 - 1500);
	ask(1, 1);
	assert_int_equal(commits_of[1], 1);
	assert_int_equal(which(), 200);
	LOOP_UNTIL(world.loop, counted(STATS_cache_prefetches) == 1);
	ask(2, 1);
	assert_int_equal(which(), 1);
	assert_int_equal(world.servers[0].asked, 1);
	assert_int_equal(counted(STATS_cache_hits), 2);
}

/* One who waits for what is being renewed has asked for it. */
static void
renewed_and_waited_for(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	lay(1, 0, TTL_S * 1000 - 1500);
	ask(1, 1);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	cache_flush_all(world.cache);
	ask(2, 1);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, commits_of[2] == 1);
	assert_int_equal(counted(STATS_cache_joined), 1);
	assert_int_equal(counted(STATS_cache_prefetches), 0);
	assert_int_equal(counted(STATS_cache_inserts), 2);
}

static void
overload_answers_what_it_can(void **state)
{
	(void)state;
	world.upstreams[0].max_outstanding = 100;
	world.servers[0].manner = HOLDS;
	for (uint32_t i = 0; i < 16; i++) {
		from.peer.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i); /* none has more than its share */
		ask(i, i);
	}
	lay(20, 0, 0);
	lay(21, 0, TTL_S * 1000 + 500);
	lay(23, 0, TTL_S * 1000 - 1500); /* would be renewed, if there were room */
	ask(20, 20);
	assert_int_equal(commits_of[20], 1);
	assert_int_equal(which(), 200);
	assert_int_equal(ede(), -1);
	ask(21, 21);
	assert_int_equal(commits_of[21], 1);
	assert_int_equal(which(), 200);
	assert_int_equal(ede(), EDNS_EDE_STALE);
	ask(22, 22);
	assert_int_equal(commits_of[22], 1);
	assert_int_equal(rcode(), WIRE_RCODE_REFUSED);
	assert_int_equal(counted(STATS_refused_overload), 1);
	ask(23, 23);
	assert_int_equal(commits_of[23], 1);
	assert_int_equal(which(), 200);
	assert_int_equal(commits, 4);
	looping_settle(world.loop);
	assert_int_equal(world.servers[0].asked, 16);
}

/* A question with a stale answer is finished when it has it: its place is free. */
static void
places_come_back(void **state)
{
	(void)state;
	world.upstreams[0].max_outstanding = 200;
	world.config.cache.stale_wait_ms = 100;
	world.servers[0].manner = HOLDS;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 16; i++)
			lay(round * 16 + i, 0, TTL_S * 1000 + 500);
		for (uint32_t i = 0; i < 16; i++)
			ask(i, round * 16 + i);
		LOOP_UNTIL(world.loop, commits == (round + 1) * 16);
		assert_int_equal(queries_in_flight(queries), 0);
	}
	assert_int_equal(counted(STATS_refused_overload), 0);
	assert_int_equal(counted(STATS_cache_stale), 48);
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(commits_of[i], 3);
}

/* Without RD nothing is taken from the cache, nor put there. */
static void
no_recursion_desired(void **state)
{
	(void)state;
	lay(1, 0, 0);
	ask(1, 2); /* so that there is a queries */
	LOOP_UNTIL(world.loop, commits == 1);
	message_begin(&msg, 0x1002, 0);
	message_question(&msg, "WWW1.example.", 1, 1);
	message_opt(&msg, 1232, 0, "", 0);
	query_begin(queries, msg.bytes, msg.length, query_hash(queries, msg.bytes, msg.length), &from);
	LOOP_UNTIL(world.loop, commits == 2);
	assert_int_equal(which(), 2);
	assert_int_equal(counted(STATS_cache_inserts), 2);
	assert_int_equal(counted(STATS_cache_hits), 0);
}

static void
by_stream_too(void **state)
{
	(void)state;
	from.stream = true;
	ask_and_wait(1, 1);
	from.stream = false;
	ask(2, 1);
	from.stream = true;
	ask(3, 1);
	assert_int_equal(commits, 3);
	assert_int_equal(which(), 1);
	assert_int_equal(counted(STATS_cache_hits), 2);
}

/* The worker may die at any instant, its answers stay. */
static void
taken_up_from_the_cache(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	ask(1, 1);
	ask(2, 2);
	ask(3, 3);
	/* What a dead worker leaves is memory; this one lets go of it without a word. */
	uint64_t bytes = queries_footprint(&world.config);
	void *left = malloc(bytes);
	memcpy(left, shm_start(world.memory), bytes);
	queries_free(queries);
	memcpy(shm_start(world.memory), left, bytes);
	free(left);
	lay(1, 0, 0);
	lay(2, 0, TTL_S * 1000 + 500);
	world.config.cache.stale_wait_ms = 700;
	queries = world_queries_anew();
	queries_set_udp_door(queries, 7, &door);
	assert_int_equal(queries_recover(queries, 0), 3);
	assert_int_equal(commits_of[1], 1);
	assert_int_equal(commits, 1);
	assert_int_equal(counted(STATS_cache_hits), 1);
	assert_int_equal(queries_in_flight(queries), 2);
	LOOP_UNTIL(world.loop, commits_of[2] == 1);
	assert_int_equal(counted(STATS_cache_stale), 1);
	assert_int_equal(queries_in_flight(queries), 1);
	assert_int_equal(commits, 2);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(hit),
	        STARTED(hit_from_inside),
	        STARTED(aged),
	        STARTED(one_is_stored_for_all),
	        STARTED(expired_and_renewed),
	        STARTED(expired_and_not_kept),
	        STARTED(stale_after_a_while),
	        STARTED(slow_upstream_is_waited_for),
	        STARTED(stale_when_upstreams_fail),
	        STARTED(stale_when_time_is_up),
	        STARTED(stale_at_once_when_hopeless),
	        STARTED(no_patience_at_all),
	        STARTED(failures_are_remembered),
	        STARTED(silence_is_remembered),
	        STARTED(renewed_before_it_expires),
	        STARTED(renewed_and_waited_for),
	        STARTED(overload_answers_what_it_can),
	        STARTED(places_come_back),
	        STARTED(no_recursion_desired),
	        STARTED(by_stream_too),
	        STARTED(taken_up_from_the_cache),
	};
	return cmocka_run_group_tests_name("query_cache", tests, world_begin, world_finish);
}
