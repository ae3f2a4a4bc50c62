/*
 * The life of one question: whatever it is, its door hears of it exactly once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/lastwords.h"
#include "dns/hash.h"
#include "message.h"
#include "query/query.h"
#include "worlds.h"

enum { ROOM = 65535, CLIENTS = 64 };

/* A door that keeps what leaves by it. `client` says whose answer it is. */
static uint8_t out[ROOM];
static size_t out_bytes, reserved;
static unsigned commits, commits_of[CLIENTS];
static bool shut; /* has no room for anybody */
static struct queries *queries;
static struct query_from from;
static struct message msg;
static struct addr_net everybody;
static uint32_t ask_again; /* the client that asks once more from inside its commit(), or 0 */
static uint64_t ended_ms[CLIENTS];
static uint64_t hand_at_commit; /* what the last words say while an answer leaves */

static uint8_t *
door_reserve(void *arg, const struct query_from *f, size_t bytes)
{
	assert_ptr_equal(arg, &msg);
	assert_int_equal(f->listen, 7);
	reserved = bytes;
	return shut ? NULL : out;
}

static void ask(uint32_t client);

static void
door_commit(void *arg, const struct query_from *f, size_t bytes)
{
	(void)arg;
	assert_true(bytes <= reserved || bytes == 0);
	out_bytes = bytes;
	commits++;
	commits_of[f->client]++;
	ended_ms[f->client] = clock_now_ms();
	hand_at_commit = atomic_load(&lastwords_place->hand);
	if (ask_again != 0 && f->client == ask_again) {
		ask_again = 0;
		ask(f->client + 1);
	}
}

static const struct query_door door = {&msg, door_reserve, door_commit};

static int
start(void **state)
{
	(void)state;
	world_open(2);
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	from = (struct query_from){.listen = 7};
	assert_int_equal(addr_parse(&from.peer, "127.0.0.1@4000", 0), 0);
	queries = NULL;
	commits = 0;
	shut = false;
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
start_queries(void)
{
	queries = world_queries();
	queries_set_udp_door(queries, 7, &door);
	queries_set_stream_door(queries, &door);
}

static void
say(const uint8_t *bytes, size_t count)
{
	if (queries == NULL)
		start_queries();
	uint8_t *copy = malloc(count + 1);
	memcpy(copy, bytes, count);
	query_begin(queries, copy, count, query_hash(queries, copy, count), &from);
	memset(copy, 0xee, count); /* it was copied */
	free(copy);
}

/* Each client asks for another name. */
static void
question_of(uint32_t client, unsigned type)
{
	char name[32];
	snprintf(name, sizeof name, "WWW%u.example.", client);
	message_begin(&msg, 0x1234, WIRE_FLAG_RD);
	message_question(&msg, name, type, 1);
}

static void
question(unsigned type)
{
	question_of(1, type);
}

static void
ask(uint32_t client)
{
	from.client = client;
	question_of(client, 1);
	say(msg.bytes, msg.length);
}

static unsigned
rcode(void)
{
	return out[3] & 15u;
}

static void
assert_answered(unsigned wanted)
{
	assert_int_equal(commits, 1);
	assert_true(out_bytes >= 12);
	assert_int_equal(wire_id(out), 0x1234);
	assert_true(out[2] & 0x80);
	assert_int_equal(rcode(), wanted);
	assert_int_equal(counted(STATS_answered), 1);
	assert_int_equal(counted(STATS_queries), 1);
	assert_int_equal(queries_in_flight(queries), 0);
}

static void
goes_there_and_back(void **state)
{
	(void)state;
	ask(1);
	assert_int_equal(queries_in_flight(queries), 1);
	assert_int_equal(commits, 0);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_answered(WIRE_RCODE_NOERROR);
	assert_memory_equal(out + 12, "\4WWW1\7example", 14); /* as the client spelled it */
	assert_int_equal(out[11], 0);                         /* no OPT for who sent none */
	assert_int_equal(counted(STATS_queries_udp), 1);
	assert_int_equal(counted(STATS_queries_tcp), 0);
}

static void
silence_is_told_too(void **state)
{
	(void)state;
	say((const uint8_t *)"\x12\x34\1", 3);
	assert_int_equal(commits, 1);
	assert_int_equal(out_bytes, 0);
	question(1);
	msg.bytes[2] |= 0x80;
	say(msg.bytes, msg.length);
	assert_int_equal(commits, 2);
	say(msg.bytes, 0);
	assert_int_equal(commits, 3);
	assert_int_equal(out_bytes, 0);
	assert_int_equal(counted(STATS_dropped_malformed), 3);
	assert_int_equal(counted(STATS_answered), 0);
	assert_int_equal(queries_in_flight(queries), 0);
}

static void
malformed(void **state)
{
	(void)state;
	question(1);
	say(msg.bytes, msg.length - 1);
	assert_answered(WIRE_RCODE_FORMERR);
	assert_int_equal(counted(STATS_formerr), 1);
}

static void
other_opcode(void **state)
{
	(void)state;
	question(1);
	msg.bytes[2] |= 0x28;
	say(msg.bytes, msg.length);
	assert_answered(WIRE_RCODE_NOTIMP);
	assert_int_equal(counted(STATS_notimp), 1);
}

static void
edns_of_the_future(void **state)
{
	(void)state;
	question(1);
	message_opt(&msg, 1232, 0x00010000, "", 0);
	say(msg.bytes, msg.length);
	assert_answered(WIRE_RCODE_BADVERS & 15);
	assert_int_equal(counted(STATS_badvers), 1);
	assert_int_equal(out[out_bytes - 6], WIRE_RCODE_BADVERS >> 4);
}

static void
transfers(void **state)
{
	(void)state;
	for (unsigned type = WIRE_TYPE_IXFR; type <= WIRE_TYPE_AXFR; type++) {
		question(type);
		say(msg.bytes, msg.length);
		assert_int_equal(rcode(), WIRE_RCODE_REFUSED);
	}
	assert_int_equal(commits, 2);
	assert_int_equal(counted(STATS_refused_transfer), 2);
	looping_settle(world.loop);
	assert_int_equal(world.servers[0].asked, 0);
}

static void
stranger_is_refused(void **state)
{
	(void)state;
	assert_int_equal(addr_parse(&from.peer, "192.0.2.1@4000", 0), 0);
	question(1);
	message_opt(&msg, 1232, 0, "", 0);
	say(msg.bytes, msg.length);
	assert_answered(WIRE_RCODE_REFUSED);
	assert_int_equal(counted(STATS_refused_denied), 1);
	assert_non_null(memmem(out, out_bytes, "client not allowed", 18));
}

static void
stranger_is_dropped(void **state)
{
	(void)state;
	world.config.access.drop = true;
	assert_int_equal(addr_parse(&from.peer, "192.0.2.1@4000", 0), 0);
	ask(1);
	assert_int_equal(commits, 1);
	assert_int_equal(out_bytes, 0);
	assert_int_equal(counted(STATS_dropped_denied), 1);
	assert_int_equal(counted(STATS_answered), 0);
}

/* Who is not allowed learns nothing from the kind of error either. */
static void
stranger_with_a_malformed_question(void **state)
{
	(void)state;
	assert_int_equal(addr_parse(&from.peer, "192.0.2.1@4000", 0), 0);
	question(1);
	say(msg.bytes, msg.length - 1);
	assert_answered(WIRE_RCODE_REFUSED);
	assert_int_equal(counted(STATS_formerr), 0);
}

static void
overload(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	for (uint32_t i = 0; i < 16; i++) {
		from.peer.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i); /* none has more than its share */
		ask(i);
	}
	assert_int_equal(queries_in_flight(queries), 16);
	assert_int_equal(commits, 0);
	ask(16);
	ask(17);
	assert_int_equal(commits, 2);
	assert_int_equal(commits_of[16], 1);
	assert_int_equal(rcode(), WIRE_RCODE_REFUSED);
	assert_int_equal(counted(STATS_refused_overload), 2);
	for (unsigned i = 0; i < 16; i++) {
		LOOP_UNTIL(world.loop, world.servers[0].held_count > i);
		world_release(&world.servers[0], i);
	}
	LOOP_UNTIL(world.loop, commits == 18);
	for (unsigned i = 0; i < 18; i++)
		assert_int_equal(commits_of[i], 1);
	/* There is room again. */
	world.servers[0].manner = ANSWERS;
	ask(18);
	LOOP_UNTIL(world.loop, commits == 19);
	assert_int_equal(rcode(), WIRE_RCODE_NOERROR);
}

static void
time_is_up(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 150;
	world.servers[0].manner = HOLDS;
	uint64_t begun_ms = clock_now_ms();
	question(1);
	message_opt(&msg, 1232, 0, "", 0);
	say(msg.bytes, msg.length);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_true(clock_now_ms() - begun_ms >= 150);
	assert_answered(WIRE_RCODE_SERVFAIL);
	assert_int_equal(counted(STATS_servfail), 1);
	assert_non_null(memmem(out, out_bytes, "no answer in time", 17));
	/* What comes now has nobody to go to. */
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) + counted(STATS_upstream_answered) == 1);
	assert_int_equal(commits, 1);
}

/* Those who ask the same are asked for once, and each gets its own answer. */
static void
twins(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	ask(1);
	question(1);
	message_opt(&msg, 1232, 0, "", 0);
	msg.bytes[0] = 0x56;
	msg.bytes[13] = 'w';
	from.client = 2;
	say(msg.bytes, msg.length);
	assert_int_equal(queries_in_flight(queries), 2);
	assert_int_equal(counted(STATS_cache_joined), 1);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 1);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, commits == 2);
	assert_int_equal(commits_of[1], 1);
	assert_int_equal(commits_of[2], 1);
	assert_int_equal(wire_id(out), 0x5634);
	assert_memory_equal(out + 12, "\4wWW1\7example", 14);
	assert_int_equal(out[11], 1);
	assert_int_equal(world.servers[0].asked, 1);
	assert_int_equal(queries_in_flight(queries), 0);
}

/* A client that asks again from inside its answer must not put off the others whose time is nearly up. */
static void
time_is_up_for_the_others_too(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 1500;
	world.servers[0].manner = HOLDS;
	ask_again = 1;
	uint64_t begun_ms = clock_now_ms();
	ask(1);
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms >= 300);
	ask(3);
	LOOP_UNTIL(world.loop, commits >= 2);
	assert_int_equal(commits_of[1], 1);
	assert_int_equal(commits_of[3], 1);
	assert_in_range(ended_ms[3] - begun_ms, 1800, 2700);
}

static void
door_without_room(void **state)
{
	(void)state;
	shut = true;
	ask(1);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(out_bytes, 0);
	question(WIRE_TYPE_AXFR);
	say(msg.bytes, msg.length);
	assert_int_equal(commits, 2);
	assert_int_equal(counted(STATS_answered), 0);
	assert_int_equal(queries_in_flight(queries), 0);
}

static void
rooms_by_door(void **state)
{
	(void)state;
	question(1);
	message_opt(&msg, 4096, 0, "", 0);
	say(msg.bytes, msg.length);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_true(reserved <= world.config.limits.udp_answer_size);
	/* RFC 7828 section 3.3.2: told on streams, to whom asked for it */
	from.stream = true;
	question(1);
	message_opt(&msg, 4096, 0, "\0\13\0\0", 4);
	say(msg.bytes, msg.length);
	LOOP_UNTIL(world.loop, commits == 2);
	assert_memory_equal(out + out_bytes - 6, "\0\13\0\2\1\54", 6); /* 300 tenths */
	queries_drain(queries);
	say(msg.bytes, msg.length);
	LOOP_UNTIL(world.loop, commits == 3);
	assert_memory_equal(out + out_bytes - 6, "\0\13\0\2\0\0", 6);
	assert_int_equal(counted(STATS_queries_tcp), 2);
}

static void
forgotten_at_the_end(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	for (uint32_t i = 0; i < 5; i++)
		ask(i);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 5);
	queries_free(queries);
	queries = NULL;
	assert_int_equal(commits, 0);
}

/* Not a word of it is read beyond the question. */
static void
quarantined(void **state)
{
	(void)state;
	question(1);
	uint64_t hash = hash_question(msg.bytes, msg.length, WORLD_SEED);
	ask(1); /* in the air already */
	assert_int_equal(commits, 0);
	quarantine_note(&world.quarantine, hash, clock_now_ms());
	quarantine_note(&world.quarantine, hash, clock_now_ms());
	question(1);
	message_opt(&msg, 1232, 0x00010000, "", 0); /* BADVERS, were it looked at */
	from.client = 2;
	say(msg.bytes, msg.length);
	assert_int_equal(commits_of[2], 1);
	assert_int_equal(rcode(), WIRE_RCODE_SERVFAIL);
	assert_non_null(memmem(out, out_bytes, "this question crashed the server", 32));
	assert_int_equal(counted(STATS_quarantined), 1);
	assert_int_equal(counted(STATS_badvers), 0);
	/* A response with that question is still a response. */
	msg.bytes[2] |= 0x80;
	say(msg.bytes, msg.length);
	assert_int_equal(commits, 2);
	assert_int_equal(out_bytes, 0);
	/* Another type is another question. */
	from.client = 3;
	question(28);
	say(msg.bytes, msg.length);
	LOOP_UNTIL(world.loop, commits == 4);
	assert_int_equal(commits_of[3], 1);
	assert_int_equal(counted(STATS_quarantined), 2);
}

/* For whoever looks when this process is dead. */
static void
in_hand_only_while_it_is(void **state)
{
	struct lastwords words = {0};
	(void)state;
	lastwords_open(&words);
	ask(1);
	assert_int_equal(atomic_load(&words.hand), 0);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(atomic_load(&words.hand), 0);
	assert_true(hand_at_commit != 0);
	question(1);
	assert_true(hand_at_commit == hash_question(msg.bytes, msg.length, WORLD_SEED));
	lastwords_open(NULL);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(goes_there_and_back),
	        STARTED(silence_is_told_too),
	        STARTED(malformed),
	        STARTED(other_opcode),
	        STARTED(edns_of_the_future),
	        STARTED(transfers),
	        STARTED(stranger_is_refused),
	        STARTED(stranger_is_dropped),
	        STARTED(stranger_with_a_malformed_question),
	        STARTED(overload),
	        STARTED(time_is_up),
	        STARTED(time_is_up_for_the_others_too),
	        STARTED(twins),
	        STARTED(door_without_room),
	        STARTED(rooms_by_door),
	        STARTED(forgotten_at_the_end),
	        STARTED(quarantined),
	        STARTED(in_hand_only_while_it_is),
	};
	return cmocka_run_group_tests_name("query", tests, world_begin, world_finish);
}
