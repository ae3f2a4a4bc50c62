/*
 * What hearers are told: each question once, whatever becomes of it, with the reason why it ended as it did.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "message.h"
#include "query/tale.h"
#include "query/teller.h"
#include "worlds.h"

enum { TALES = 32 };

static uint8_t out[65535];
static unsigned commits;
static bool shut;
static struct queries *queries;
static struct query_from from;
static struct message msg;
static struct addr_net everybody;

/* What was told, with copies of what may be gone later. */
static struct told {
	struct tale tale;
	struct query_from from;
	char name[NAME_TEXT_BYTES];
	uint8_t answer[512];
	uint8_t asked[512];
	char text[128], upstream[32];
	struct addr address;
} told[TALES], heard[TALES];
static unsigned told_count, heard_count;
static unsigned commits_at_tale;

static void
remember(struct told *t, const struct tale *tale)
{
	memset(t, 0, sizeof *t);
	t->tale = *tale;
	t->from = *tale->from;
	if (tale->query != NULL)
		name_text(tale->query->question.name, tale->query->question.name_bytes, t->name);
	assert_true(tale->answer_bytes <= sizeof t->answer && tale->asked_bytes <= sizeof t->asked);
	memcpy(t->answer, tale->answer_bytes > 0 ? tale->answer : out, tale->answer_bytes);
	memcpy(t->asked, tale->asked_bytes > 0 ? tale->asked : out, tale->asked_bytes);
	snprintf(t->text, sizeof t->text, "%s", tale->cause.text != NULL ? tale->cause.text : "-");
	snprintf(t->upstream, sizeof t->upstream, "%s",
	        tale->cause.upstream != NULL ? tale->cause.upstream : "-");
	if (tale->cause.address != NULL)
		t->address = *tale->cause.address;
}

static void
on_asked(void *arg, const struct tale *tale)
{
	assert_ptr_equal(arg, &heard);
	assert_true(heard_count < TALES);
	remember(&heard[heard_count++], tale);
}

static void
on_ended(void *arg, const struct tale *tale)
{
	assert_ptr_equal(arg, &told);
	assert_true(told_count < TALES);
	commits_at_tale = commits;
	remember(&told[told_count++], tale);
}

static uint8_t *
door_reserve(void *arg, const struct query_from *f, size_t bytes)
{
	(void)arg;
	(void)f;
	assert_true(bytes <= sizeof out);
	return shut ? NULL : out;
}

static void
door_commit(void *arg, const struct query_from *f, size_t bytes)
{
	(void)arg;
	(void)f;
	(void)bytes;
	commits++;
}

static const struct query_door door = {NULL, door_reserve, door_commit};

static int
start(void **state)
{
	(void)state;
	world_open(2);
	world_remember();
	world.servers[0].ttl = 60;
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	from = (struct query_from){.listen = 7};
	assert_int_equal(addr_parse(&from.peer, "127.0.0.1@4000", 0), 0);
	queries = NULL;
	commits = told_count = heard_count = 0;
	shut = false;
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
say(void)
{
	if (queries == NULL) {
		static const struct tale_hearer first = {.arg = &heard, .asked = on_asked},
		                                second = {.arg = &told, .ended = on_ended};
		queries = world_queries();
		queries_set_udp_door(queries, 7, &door);
		queries_add_hearer(queries, &first);
		queries_add_hearer(queries, &second);
	}
	uint8_t *copy = malloc(msg.length);
	memcpy(copy, msg.bytes, msg.length);
	query_begin(queries, copy, msg.length, query_hash(queries, copy, msg.length), &from);
	free(copy);
}

static void
ask(const char *name, unsigned type)
{
	message_begin(&msg, 0x1234, WIRE_FLAG_RD);
	message_question(&msg, name, type, 1);
	say();
}

/* The last one that was told; there is one for each message. */
static const struct told *
last(unsigned count)
{
	assert_int_equal(told_count, count);
	assert_int_equal(heard_count, count);
	assert_int_equal(commits, count);
	/* before the door has it, so that what it tells is still there */
	assert_int_equal(commits_at_tale, count - 1);
	const struct told *t = &told[count - 1];
	assert_true(t->tale.ended_us >= t->tale.begun_us);
	assert_true(addr_equal(&t->from.peer, &from.peer));
	return t;
}

static void
an_upstream_and_the_cache(void **state)
{
	(void)state;
	uint64_t wall_ms = clock_wall_ms();
	ask("Name.test.", 1);
	LOOP_UNTIL(world.loop, commits == 1);
	const struct told *t = last(1);
	assert_int_equal(t->tale.cause.source, TALE_UPSTREAM);
	assert_string_equal(t->upstream, "u0");
	assert_true(addr_equal(&t->address, &world.servers[0].dot.address));
	assert_string_equal(t->name, "Name.test.");
	assert_int_equal(t->tale.rcode, WIRE_RCODE_NOERROR);
	assert_memory_equal(t->answer, out, t->tale.answer_bytes);
	assert_true(t->tale.answer_bytes > 12);
	assert_null(t->tale.asked); /* it was under way, and is not kept */
	assert_true(t->tale.ended_us > t->tale.begun_us);
	/* the time of day, give or take what it takes to read two clocks */
	assert_true(t->tale.begun_wall_us / 1000 + 2 >= wall_ms);
	assert_true(t->tale.ended_wall_us / 1000 <= clock_wall_ms() + 2);
	assert_int_equal(t->tale.ended_wall_us - t->tale.begun_wall_us, t->tale.ended_us - t->tale.begun_us);
	ask("name.TEST.", 1);
	t = last(2);
	assert_int_equal(t->tale.cause.source, TALE_CACHE);
	assert_string_equal(t->upstream, "-");
	assert_string_equal(t->name, "name.TEST.");
	assert_int_equal(t->tale.asked_bytes, msg.length);
	assert_memory_equal(t->asked, msg.bytes, msg.length);
	assert_true(t->tale.number != told[0].tale.number);
}

static void
what_has_come(void **state)
{
	(void)state;
	ask("name.test.", 28);
	assert_int_equal(heard_count, 1);
	assert_int_equal(told_count, 0);
	assert_null(heard[0].tale.query);
	assert_int_equal(heard[0].tale.asked_bytes, msg.length);
	assert_memory_equal(heard[0].asked, msg.bytes, msg.length);
	assert_int_equal(heard[0].tale.ended_us, 0);
	LOOP_UNTIL(world.loop, commits == 1);
	assert_int_equal(heard[0].tale.begun_us, told[0].tale.begun_us);
	assert_int_equal(heard[0].tale.number, told[0].tale.number);
}

static void
steps_of_the_policy(void **state)
{
	(void)state;
	ask("zone.test.", WIRE_TYPE_AXFR);
	const struct told *t = last(1);
	assert_int_equal(t->tale.cause.source, TALE_POLICY);
	assert_int_equal(t->tale.cause.by, JUDGE_BY_KIND);
	assert_int_equal(t->tale.cause.list, -1);
	assert_int_equal(t->tale.rcode, WIRE_RCODE_REFUSED);
	assert_string_equal(t->text, "zone transfers are not forwarded");
	world.config.access.drop = true;
	assert_int_equal(addr_parse(&from.peer, "192.0.2.1@4000", 0), 0);
	ask("denied.test.", 1);
	t = last(2);
	assert_int_equal(t->tale.cause.by, JUDGE_BY_ACCESS);
	assert_int_equal(t->tale.answer_bytes, 0);
	assert_string_equal(t->name, "denied.test.");
	assert_string_equal(t->text, "-");
}

/* Of what is no question there is no name, and none of the question before it either. */
static void
no_question(void **state)
{
	(void)state;
	ask("zone.test.", WIRE_TYPE_AXFR);
	msg.bytes[2] |= 0x80; /* a response */
	say();
	const struct told *t = last(2);
	assert_int_equal(t->tale.cause.by, JUDGE_BY_FORM);
	assert_int_equal(t->tale.answer_bytes, 0);
	assert_string_equal(t->name, "");
	msg.bytes[2] = 1;
	msg.length -= 3;
	say();
	t = last(3);
	assert_int_equal(t->tale.rcode, WIRE_RCODE_FORMERR);
	assert_string_equal(t->name, "");
}

static void
too_much_and_too_late(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 100;
	world.servers[0].manner = world.servers[1].manner = HOLDS;
	char name[32];
	for (unsigned i = 0; i < 16; i++) {
		from.peer.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i); /* none has more than its share */
		snprintf(name, sizeof name, "held%u.test.", i);
		ask(name, 1);
	}
	assert_int_equal(told_count, 0);
	ask("over.test.", 1);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].tale.cause.source, TALE_LIMIT);
	assert_string_equal(told[0].text, "overloaded");
	assert_string_equal(told[0].name, "over.test.");
	LOOP_UNTIL(world.loop, commits == 17);
	for (unsigned i = 1; i < 17; i++) {
		assert_int_equal(told[i].tale.cause.source, TALE_FAILURE);
		assert_int_equal(told[i].tale.rcode, WIRE_RCODE_SERVFAIL);
		assert_true(told[i].tale.ended_us - told[i].tale.begun_us >= 99000);
	}
}

static void
nobody_there_to_hear(void **state)
{
	(void)state;
	shut = true;
	ask("name.test.", WIRE_TYPE_AXFR);
	const struct told *t = last(1);
	assert_int_equal(t->tale.answer_bytes, 0);
	assert_int_equal(t->tale.cause.source, TALE_POLICY);
}

static void
words(void **state)
{
	(void)state;
	assert_string_equal(tale_source_word(TALE_CACHE), "cache");
	assert_string_equal(tale_source_word(TALE_POISON), "poison");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
	        TEST(an_upstream_and_the_cache),
	        TEST(what_has_come),
	        TEST(steps_of_the_policy),
	        TEST(no_question),
	        TEST(too_much_and_too_late),
	        TEST(nobody_there_to_hear),
	        cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, world_begin, world_finish);
}
