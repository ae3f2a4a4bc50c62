/*
 * Questions that outlive their worker: a successor takes up what it finds in memory, and believes none of it.
 *
 * The module is included, not linked: the situations are laid out by hand where no dead worker would leave
 * them for sure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "message.h"
#include "query/query.c"
#include "worlds.h"

enum { CLIENTS = 64, LISTEN = 7, ASKED = 10 };

static uint8_t out[65535];
static unsigned commits, commits_of[CLIENTS];
static uint16_t ids[CLIENTS];
static unsigned rcodes[CLIENTS];
static uint64_t ended_ms[CLIENTS];
static struct queries *queries;
static struct addr_net everybody;
static struct query_from from;
static struct message msg;

static uint8_t *
test_reserve(void *arg, const struct query_from *f, size_t bytes)
{
	(void)arg;
	(void)f;
	assert_true(bytes <= sizeof out);
	return out;
}

static void
test_commit(void *arg, const struct query_from *f, size_t bytes)
{
	(void)arg;
	commits++;
	if (f->client >= CLIENTS || bytes < WIRE_HEADER_BYTES)
		return;
	commits_of[f->client]++;
	ids[f->client] = wire_id(out);
	rcodes[f->client] = out[3] & 15u;
	ended_ms[f->client] = clock_now_ms();
}

static const struct query_door door = {NULL, test_reserve, test_commit};

static int
start(void **state)
{
	(void)state;
	world_open(1);
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	world.upstreams[0].max_outstanding = 100;
	from = (struct query_from){.listen = LISTEN};
	assert_int_equal(addr_parse(&from.peer, "127.0.0.1@4000", 0), 0);
	world.memory = shm_new(queries_footprint(&world.config));
	assert_non_null(world.memory);
	queries = NULL;
	commits = 0;
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

static struct query_memory *
memory(void)
{
	return shm_start(world.memory);
}

/* A successor, with both doors open. */
static void
be_born(void)
{
	queries = world_queries_anew();
	queries_set_udp_door(queries, LISTEN, &door);
	queries_set_stream_door(queries, &door);
}

static unsigned
recover(uint64_t skip)
{
	be_born();
	return queries_recover(queries, skip);
}

static uint64_t
hash_of(uint32_t client)
{
	struct wire_query q;
	world_query(&q, client);
	return hash_name(q.question.name, q.question.name_bytes, 1, 1, WORLD_SEED);
}

/* The question for "<client>.example.", as query_begin() gets it. */
static void
ask(uint32_t client)
{
	char name[32];
	snprintf(name, sizeof name, "%u.example.", client);
	from.client = client;
	message_begin(&msg, 0x1000 + client, WIRE_FLAG_RD);
	message_question(&msg, name, 1, 1);
	query_begin(queries, msg.bytes, msg.length, query_hash(queries, msg.bytes, msg.length), &from);
}

/* One that a dead worker had in the air. */
static struct query *
lay(uint32_t client)
{
	struct query *q = &memory()->pool[memory()->touched++];
	memset(q, 0, sizeof *q);
	world_query(&q->wire, client);
	q->wire.id = (uint16_t)(0x1000 + client);
	q->from = from;
	q->from.client = client;
	q->hash = hash_of(client);
	q->begun_ms = clock_now_ms();
	q->life = QUERY_FLYING;
	return q;
}

/* --- a real death --- */

/* Lives, takes in ASKED questions, sees so many of them answered, and is killed. */
static int
live_and_die(void *arg)
{
	unsigned answered = *(unsigned *)arg;
	ev_loop_fork(world.loop);
	be_born();
	for (uint32_t client = 0; client < answered; client++)
		ask(client);
	while (commits < answered)
		looping_turn(world.loop);
	world.servers[0].manner = HOLDS;
	for (uint32_t client = answered; client < ASKED; client++)
		ask(client);
	while (world.servers[0].held_count < ASKED - answered)
		looping_turn(world.loop);
	raise(SIGKILL);
	return 0;
}

static void
kill_one(unsigned answered)
{
	struct forked result = forked_run(live_and_die, &answered);
	assert_true(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL);
}

static void
taken_up_after_a_kill(void **state)
{
	(void)state;
	kill_one(0);
	assert_int_equal(recover(0), ASKED);
	assert_int_equal(queries_in_flight(queries), ASKED);
	LOOP_UNTIL(world.loop, commits == ASKED);
	for (unsigned client = 0; client < ASKED; client++) {
		assert_int_equal(commits_of[client], 1);
		assert_int_equal(ids[client], 0x1000 + client);
		assert_int_equal(rcodes[client], WIRE_RCODE_NOERROR);
	}
	assert_int_equal(counted(STATS_replayed), ASKED);
	assert_int_equal(queries_in_flight(queries), 0);
}

static void
answered_ones_are_done(void **state)
{
	(void)state;
	kill_one(4);
	assert_int_equal(recover(0), ASKED - 4);
	LOOP_UNTIL(world.loop, commits == ASKED - 4);
	looping_settle(world.loop);
	for (unsigned client = 0; client < ASKED; client++)
		assert_int_equal(commits_of[client], client < 4 ? 0 : 1);
}

static void
question_in_hand_is_skipped(void **state)
{
	(void)state;
	kill_one(0);
	assert_int_equal(recover(hash_of(3)), ASKED - 1);
	LOOP_UNTIL(world.loop, commits == ASKED - 1);
	looping_settle(world.loop);
	assert_int_equal(commits_of[3], 0);
	assert_int_equal(world.servers[0].asked, ASKED - 1);
	/* For whoever asks it now it is a question like any other. */
	ask(3);
	LOOP_UNTIL(world.loop, commits_of[3] == 1);
}

/* Those who asked the same are asked for once again. */
static void
twins_stay_twins(void **state)
{
	(void)state;
	for (uint32_t client = 0; client < 6; client++) {
		struct query *q = lay(client);
		world_query(&q->wire, client % 2);
		q->wire.id = (uint16_t)(0x1000 + client);
		q->hash = hash_of(client % 2);
	}
	assert_int_equal(recover(0), 6);
	assert_int_equal(counted(STATS_cache_joined), 4);
	LOOP_UNTIL(world.loop, commits == 6);
	for (unsigned client = 0; client < 6; client++) {
		assert_int_equal(commits_of[client], 1);
		assert_int_equal(ids[client], 0x1000 + client);
	}
	assert_int_equal(world.servers[0].asked, 2);
}

static int
take_up_and_die(void *arg)
{
	(void)arg;
	ev_loop_fork(world.loop);
	if (recover(0) != ASKED)
		return 1;
	raise(SIGKILL);
	return 0;
}

/* What kills each worker that takes it up must not do so for ever. */
static void
lives_are_limited(void **state)
{
	(void)state;
	kill_one(0);
	for (int life = 0; life < QUERY_LIVES; life++) {
		struct forked result = forked_run(take_up_and_die, NULL);
		assert_true(WIFSIGNALED(result.status));
	}
	assert_int_equal(recover(0), 0);
	looping_settle(world.loop);
	assert_int_equal(commits, 0);
	/* Their places are free: the pool is as large as ever. */
	world.servers[0].manner = HOLDS;
	for (uint32_t client = 0; client < 16; client++) {
		from.peer.in4.sin_addr.s_addr =
		        htonl(INADDR_LOOPBACK + client); /* none has more than its share */
		ask(client);
	}
	assert_int_equal(queries_in_flight(queries), 16);
	assert_int_equal(counted(STATS_refused_overload), 0);
}

/* A new question in an old place has all its lives. */
static void
lives_are_counted_for_each(void **state)
{
	(void)state;
	lay(1)->lives = QUERY_LIVES;
	lay(2)->lives = UINT32_MAX;
	lay(3)->lives = QUERY_LIVES - 1;
	assert_int_equal(recover(0), 1);
	LOOP_UNTIL(world.loop, commits_of[3] == 1);
	world.servers[0].manner = HOLDS;
	for (uint32_t client = 4; client < 7; client++)
		ask(client);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(memory()->pool[i].lives, 0);
}

/* --- time --- */

static void
deadline_passed(void **state)
{
	uint64_t now_ms = clock_now_ms();
	(void)state;
	world.config.forward.timeout_ms = 2000;
	lay(1)->begun_ms = now_ms - 2000;
	lay(2)->begun_ms = now_ms - 500;
	lay(3)->begun_ms = 0;
	lay(4)->begun_ms = now_ms + 100000; /* before it was born? */
	lay(5)->begun_ms = UINT64_MAX;
	lay(6)->begun_ms = UINT64_MAX - 1000;
	assert_int_equal(recover(0), 1);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(commits_of[2], 1);
}

/* The client has been waiting since it asked, not since the birth of a successor. */
static void
time_that_is_left(void **state)
{
	static const uint32_t ages_ms[] = {0, 900, 300, 1200, 600};
	uint64_t now_ms = clock_now_ms();
	(void)state;
	world.config.forward.timeout_ms = 2000;
	world.servers[0].manner = HOLDS;
	for (uint32_t i = 0; i < 5; i++)
		lay(i)->begun_ms = now_ms - ages_ms[i];
	assert_int_equal(recover(0), 5);
	LOOP_UNTIL(world.loop, commits == 5);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(rcodes[i], WIRE_RCODE_SERVFAIL);
		assert_in_range(ended_ms[i], now_ms + 2000 - ages_ms[i], now_ms + 2000 - ages_ms[i] + 250);
	}
}

/* --- what is not taken up --- */

static void
only_what_was_in_the_air(void **state)
{
	(void)state;
	lay(1)->life = QUERY_FREE;
	lay(2);
	lay(3)->life = 2;
	lay(4)->life = UINT32_MAX;
	assert_int_equal(recover(0), 1);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(commits_of[2], 1);
}

/* Their connections died with the worker. */
static void
streams_are_not(void **state)
{
	(void)state;
	lay(1)->from.stream = true;
	lay(2);
	assert_int_equal(recover(0), 1);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(commits_of[1], 0);
}

static void
doors_that_are_not_there(void **state)
{
	static const uint32_t listens[] = {0, LISTEN - 1, LISTEN + 1, REPLY_DOORS - 1, REPLY_DOORS,
	        REPLY_DOORS + LISTEN, 1u << 31, UINT32_MAX};
	(void)state;
	for (uint32_t i = 0; i < 8; i++)
		lay(i)->from.listen = listens[i];
	lay(8);
	assert_int_equal(recover(0), 1);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(commits_of[8], 1);
}

static void
quarantined_ones_are_not(void **state)
{
	(void)state;
	lay(1);
	lay(2);
	quarantine_note(&world.quarantine, hash_of(1), clock_now_ms());
	quarantine_note(&world.quarantine, hash_of(1), clock_now_ms());
	assert_int_equal(recover(0), 1);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(commits_of[2], 1);
}

static void
questions_that_are_none(void **state)
{
	struct query *q;
	(void)state;
	lay(1)->wire.question.name_bytes = 0;
	lay(2)->wire.question.name_bytes = NAME_BYTES + 1;
	lay(3)->wire.question.name_bytes = UINT16_MAX;
	lay(4)->wire.question.name_bytes--; /* without its root */
	lay(5)->wire.question.name_bytes++; /* with more behind it */
	lay(6)->wire.question.name[0] = 63;
	lay(7)->wire.question.name[0] = 0xc0;
	q = lay(8);
	memset(q->wire.question.name, 'x', NAME_BYTES);
	q->wire.question.name_bytes = NAME_BYTES;
	lay(9)->wire.edns.subnet_bytes = EDNS_SUBNET_BYTES + 1;
	lay(10)->wire.edns.subnet_bytes = UINT8_MAX;
	lay(11);
	lay(12)->wire.edns.cookie_bytes = COOKIE_MOST_BYTES + 1;
	lay(13)->cookie_bytes = COOKIE_BYTES + 1;
	assert_int_equal(recover(0), 1);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(commits_of[11], 1);
}

static void
counter_beyond_the_pool(void **state)
{
	static const uint32_t claims[] = {17, 1000, 1u << 31, UINT32_MAX};
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		memory()->touched = 0;
		for (uint32_t client = 0; client < 16; client++)
			lay(client);
		memory()->touched = claims[i];
		assert_int_equal(recover(0), 16);
		assert_int_equal(memory()->touched, 16);
		commits = 0;
		ask(16); /* there is no room, and the spare one says so */
		assert_int_equal(commits, 1);
		assert_int_equal(rcodes[16], WIRE_RCODE_REFUSED);
		LOOP_UNTIL(world.loop, commits == 17);
		queries_free(queries);
		queries = NULL;
	}
}

/* Whatever lies there: nobody comes to harm, and there is room for all afterwards. Truth values are true or
 * false even so, for the compiler may take them so; nothing else is spared. */
static void
spoil(struct query *q)
{
	uint8_t *bytes = (uint8_t *)q;
	for (unsigned n = (unsigned)rand() % 24; n > 0; n--)
		bytes[(size_t)rand() % sizeof *q] = (uint8_t)rand();
	bool *truths[] = {&q->from.stream, &q->wire.edns.present, &q->wire.edns.dnssec_ok,
	        &q->wire.edns.keepalive, &q->wire.edns.keepalive_value, &q->from.tls, &q->wire.edns.padding,
	        &q->wire.edns.cookie_malformed, &q->verified};
	for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++)
		*(uint8_t *)truths[i] &= 1;
}

static void
memory_that_was_spoilt(void **state)
{
	unsigned taken_up = 0;
	(void)state;
	srand(3);
	for (unsigned round = 0; round < 400; round++) {
		memory()->touched = 0;
		for (uint32_t client = 0; client < 16; client++)
			spoil(lay(client));
		unsigned count = recover(0);
		assert_true(count <= 16);
		assert_int_equal(queries_in_flight(queries), count);
		taken_up += count;
		if (round % 20 == 0) {
			commits = 0;
			LOOP_UNTIL(world.loop, commits == count);
			memset(commits_of, 0, sizeof commits_of);
			for (uint32_t client = 0; client < 16; client++)
				ask(client);
			LOOP_UNTIL(world.loop, commits == count + 16);
			for (uint32_t client = 0; client < 16; client++)
				assert_true(commits_of[client] == 1);
		}
		queries_free(queries);
		looping_turn(world.loop);
		queries = NULL;
	}
	assert_in_range(taken_up, 400, 400 * 15);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(taken_up_after_a_kill),
	        STARTED(answered_ones_are_done),
	        STARTED(question_in_hand_is_skipped),
	        STARTED(twins_stay_twins),
	        STARTED(lives_are_limited),
	        STARTED(lives_are_counted_for_each),
	        STARTED(deadline_passed),
	        STARTED(time_that_is_left),
	        STARTED(only_what_was_in_the_air),
	        STARTED(streams_are_not),
	        STARTED(doors_that_are_not_there),
	        STARTED(quarantined_ones_are_not),
	        STARTED(questions_that_are_none),
	        STARTED(counter_beyond_the_pool),
	        STARTED(memory_that_was_spoilt),
	};
	return cmocka_run_group_tests_name("query_replay", tests, world_begin, world_finish);
}
