/*
 * Questions on their way upstream: who shares one, who does not, and whether each gets its time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "dns/hash.h"
#include "query/fetch.h"
#include "worlds.h"

#include <ctype.h>

enum { WAITS = 64, ROOM = 16 /* limits.queries_in_flight of a world */ };

static struct fetches *fetches;
static struct fetch_wait waits[WAITS];
static struct wire_query queries[WAITS];
static unsigned done, done_of[WAITS];
static bool answered[WAITS];
static uint16_t flags[WAITS];
static unsigned ask_again; /* the waiter that asks once more from inside its done(), or 0 */

static void ask(unsigned n);

static void
on_done(void *arg, struct fetch_wait *wait, const struct upstream_result *result)
{
	unsigned n = (unsigned)(wait - waits);
	assert_ptr_equal(arg, waits);
	done++;
	done_of[n]++;
	answered[n] = result->answer != NULL;
	if (answered[n]) {
		const struct wire_question *q = &queries[n].question;
		assert_true(name_equal(result->answer->msg + WIRE_HEADER_BYTES, q->name, q->name_bytes));
		flags[n] = (uint16_t)(result->answer->msg[2] << 8 | result->answer->msg[3]);
	} else {
		assert_true(result->why[0] != '\0');
	}
	if (ask_again == n && n != 0) {
		ask_again = 0;
		ask(n);
	}
}

static unsigned ended, ended_unasked, ended_failed;

static void
on_ended(void *arg, struct fetch_end *end)
{
	assert_ptr_equal(arg, waits);
	const struct wire_question *q = &end->query->question;
	assert_true(end->hash == hash_name(q->name, q->name_bytes, q->type, q->class, WORLD_SEED) ||
	            end->hash == 5);
	ended++;
	ended_unasked += end->unasked;
	ended_failed += end->result.answer == NULL;
}

static const struct fetch_events events = {.ended = on_ended, .done = on_done};

static int
start(void **state)
{
	(void)state;
	world_open(2);
	fetches = NULL;
	done = ended = ended_unasked = ended_failed = 0;
	ask_again = 0;
	memset(done_of, 0, sizeof done_of);
	for (unsigned i = 0; i < WAITS; i++)
		world_query(&queries[i], i);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	fetches_free(fetches);
	world_close();
	return 0;
}

static void
ask(unsigned n)
{
	const struct wire_question *q = &queries[n].question;
	if (fetches == NULL)
		fetches = fetches_new(
		        world.loop, world.room, &world.config, world.tls, NULL, &world.stats, &events, waits);
	struct wire_query copy = queries[n];
	fetch_ask(fetches, &waits[n], &copy, hash_name(q->name, q->name_bytes, q->type, q->class, WORLD_SEED),
	        n);
	memset(&copy, 0xee, sizeof copy);
}

/* All ask what the first of them asks. */
static void
same_names(unsigned count)
{
	for (unsigned i = 1; i < count; i++)
		world_query(&queries[i], 0);
}

static void
leave(unsigned n)
{
	struct upstream_result result;
	fetch_leave(fetches, &waits[n], &result);
	assert_null(result.answer);
	assert_true(result.why[0] != '\0');
}

static void
upstream_has(unsigned held)
{
	LOOP_UNTIL(world.loop, world.servers[0].held_count >= held);
	looping_settle(world.loop);
	assert_int_equal(world.servers[0].held_count, held);
}

static void
one_for_all(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	same_names(ROOM);
	for (unsigned i = 0; i < ROOM; i++)
		ask(i);
	assert_int_equal(fetches_in_flight(fetches), 1);
	assert_int_equal(counted(STATS_cache_joined), ROOM - 1);
	upstream_has(1);
	assert_int_equal(done, 0);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, done == ROOM);
	for (unsigned i = 0; i < ROOM; i++)
		assert_true(done_of[i] == 1 && answered[i]);
	assert_int_equal(fetches_in_flight(fetches), 0);
	/* What comes later is another question. */
	ask(1);
	assert_int_equal(fetches_in_flight(fetches), 1);
	upstream_has(2);
	leave(1);
}

static void
in_any_case(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	same_names(2);
	for (unsigned i = 0; i < queries[1].question.name_bytes; i++)
		queries[1].question.name[i] = (uint8_t)toupper(queries[1].question.name[i]);
	ask(0);
	ask(1);
	upstream_has(1);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, done == 2);
}

/* What does not change the answer is not part of the question. */
static void
whatever_else_differs(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	same_names(5);
	queries[1].id = 777;
	queries[2].flags |= WIRE_FLAG_AD;
	queries[3].edns.present = true;
	queries[3].edns.udp_bytes = 4096;
	queries[4].edns.present = true;
	queries[4].edns.subnet_bytes = 4; /* is not handed on */
	for (unsigned i = 0; i < 5; i++)
		ask(i);
	upstream_has(1);
	/* Who wants AD gets it, though who asked first did not. */
	assert_true(world.servers[0].held[0].msg[3] & WIRE_FLAG_AD);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, done == 5);
}

static void
other_questions(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	same_names(7);
	queries[1].question.type = 28;
	queries[2].question.class = 3;
	queries[3].edns.present = queries[3].edns.dnssec_ok = true;
	queries[4].flags |= WIRE_FLAG_CD;
	queries[5].flags &= (uint16_t)~WIRE_FLAG_RD;
	world_query(&queries[6], 6);
	for (unsigned i = 0; i < 7; i++)
		ask(i);
	assert_int_equal(counted(STATS_cache_joined), 0);
	upstream_has(7);
	for (unsigned i = 0; i < 7; i++)
		world_release(&world.servers[0], i);
	LOOP_UNTIL(world.loop, done == 7);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(done_of[i], 1);
}

/* Equal hashes do not make equal questions. */
static void
other_questions_with_the_same_hash(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	ask(0);
	leave(0);
	fetch_ask(fetches, &waits[1], &queries[1], 5, 1);
	fetch_ask(fetches, &waits[2], &queries[2], 5, 2);
	fetch_ask(fetches, &waits[3], &queries[1], 5, 3);
	assert_int_equal(fetches_in_flight(fetches), 3);
	upstream_has(3);
	queries[3] = queries[1];
	for (unsigned i = 1; i < 3; i++)
		world_release(&world.servers[0], i);
	LOOP_UNTIL(world.loop, done == 3);
}

static void
subnets_stay_apart(void **state)
{
	(void)state;
	world.config.forward.client_subnet_forward = true;
	world.servers[0].manner = HOLDS;
	same_names(4);
	for (unsigned i = 0; i < 3; i++) {
		queries[i].edns.present = true;
		queries[i].edns.subnet_bytes = 7;
		memcpy(queries[i].edns.subnet, "\0\1\30\0\12\0\0", 7);
	}
	ask(0);
	ask(1);
	ask(3); /* without one, and alone so far */
	ask(2);
	upstream_has(4);
	same_names(6);
	ask(5);
	assert_int_equal(counted(STATS_cache_joined), 1);
	for (unsigned i = 0; i < 4; i++)
		world_release(&world.servers[0], i);
	LOOP_UNTIL(world.loop, done == 5);
}

static void
failure_is_for_all(void **state)
{
	(void)state;
	world.servers[0].manner = world.servers[1].manner = HANGS_UP;
	same_names(3);
	for (unsigned i = 0; i < 3; i++)
		ask(i);
	LOOP_UNTIL(world.loop, done == 3);
	for (unsigned i = 0; i < 3; i++)
		assert_true(done_of[i] == 1 && !answered[i]);
}

static void
asks_again_from_inside(void **state)
{
	(void)state;
	same_names(3);
	ask_again = 1;
	for (unsigned i = 0; i < 3; i++)
		ask(i);
	LOOP_UNTIL(world.loop, done == 4);
	assert_int_equal(done_of[1], 2);
	assert_int_equal(world.servers[0].asked, 2);
}

static void
goes_on_without_waiters(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	same_names(3);
	ask(0);
	ask(1);
	upstream_has(1);
	leave(0);
	leave(1);
	assert_int_equal(fetches_in_flight(fetches), 1);
	/* Still good for whoever comes now. */
	ask(2);
	assert_int_equal(counted(STATS_cache_joined), 2);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, done == 1);
	assert_int_equal(done_of[2], 1);
	assert_true(answered[2]);
	/* An answer that nobody waits for. */
	ask(0);
	leave(0);
	upstream_has(2);
	world_release(&world.servers[0], 1);
	LOOP_UNTIL(world.loop, fetches_in_flight(fetches) == 0);
	assert_int_equal(done, 1);
	assert_int_equal(counted(STATS_upstream_stray), 0);
}

static void
ends_when_nobody_waits(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 200;
	world.servers[0].manner = HOLDS;
	uint64_t begun_ms = clock_now_ms();
	ask(0);
	ask(1);
	leave(0);
	leave(1);
	LOOP_UNTIL(world.loop, fetches_in_flight(fetches) == 0);
	assert_in_range(clock_now_ms() - begun_ms, 200, 2000);
	assert_int_equal(done, 0);
	upstream_has(2);
	world_release(&world.servers[0], 0);
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
}

/* The one who comes when the question is nearly given up gets a question of its own, and so does whoever
 * joins that one. */
static void
late_ones_have_their_time(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 1000;
	world.servers[0].manner = HOLDS;
	same_names(3);
	ask(0);
	upstream_has(1);
	uint64_t until_ms = clock_now_ms() + 400;
	LOOP_UNTIL(world.loop, clock_now_ms() >= until_ms);
	ask(1);
	leave(0);
	assert_int_equal(world.servers[0].asked, 1);
	upstream_has(2);
	ask(2);
	assert_int_equal(counted(STATS_cache_joined), 2);
	assert_int_equal(done, 0);
	world_release(&world.servers[0], 0); /* too late */
	LOOP_UNTIL(world.loop, counted(STATS_upstream_stray) == 1);
	assert_int_equal(done, 0);
	world_release(&world.servers[0], 1);
	LOOP_UNTIL(world.loop, done == 2);
	assert_true(answered[1] && answered[2]);
}

/* One that nobody waits for gives way. */
static void
bounded(void **state)
{
	(void)state;
	world.upstreams[0].max_outstanding = 100;
	world.servers[0].manner = HOLDS;
	for (unsigned i = 0; i < ROOM; i++)
		ask(i);
	assert_int_equal(fetches_in_flight(fetches), ROOM);
	upstream_has(ROOM);
	leave(5);
	leave(3);
	ask(20);
	assert_int_equal(fetches_in_flight(fetches), ROOM);
	ask(21);
	assert_int_equal(fetches_in_flight(fetches), ROOM);
	upstream_has(ROOM + 2);
	for (unsigned i = 0; i < ROOM + 2; i++)
		world_release(&world.servers[0], i);
	LOOP_UNTIL(world.loop, done == ROOM && counted(STATS_upstream_stray) == 2);
	for (unsigned i = 0; i < 22; i++)
		assert_int_equal(done_of[i], i == 3 || i == 5 || (i >= ROOM && i < 20) ? 0 : 1);
	assert_int_equal(fetches_in_flight(fetches), 0);
	/* One that was left alone and joined again does not. */
	queries[40] = queries[30];
	ask(30);
	leave(30);
	ask(40);
	for (unsigned i = 0; i < ROOM - 1; i++)
		ask(i);
	upstream_has(ROOM * 2 + 2);
	for (unsigned i = ROOM + 2; i < ROOM * 2 + 2; i++)
		world_release(&world.servers[0], i);
	LOOP_UNTIL(world.loop, done == ROOM * 2);
	assert_int_equal(done_of[40], 1);
}

static void
begin(unsigned n, bool unasked)
{
	const struct wire_question *q = &queries[n].question;
	fetch_begin(fetches, &queries[n], hash_name(q->name, q->name_bytes, q->type, q->class, WORLD_SEED), n,
	        unasked);
}

static void
begun_without_waiters(void **state)
{
	(void)state;
	world.servers[0].manner = HOLDS;
	same_names(4);
	ask(20);
	begin(0, true);
	begin(1, true);  /* is under way */
	begin(20, true); /* likewise */
	assert_int_equal(fetches_in_flight(fetches), 2);
	upstream_has(2);
	world_release(&world.servers[0], 0);
	world_release(&world.servers[0], 1);
	LOOP_UNTIL(world.loop, ended == 2);
	assert_int_equal(ended_unasked, 1);
	assert_int_equal(done, 1);
	/* Once somebody has waited for it, it was asked for. */
	begin(0, true);
	ask(1);
	assert_int_equal(counted(STATS_cache_joined), 1);
	leave(1);
	upstream_has(3);
	world_release(&world.servers[0], 2);
	LOOP_UNTIL(world.loop, ended == 3);
	assert_int_equal(ended_unasked, 1);
	begin(0, false);
	LOOP_UNTIL(world.loop, world.servers[0].held_count == 4);
	world_release(&world.servers[0], 3);
	LOOP_UNTIL(world.loop, ended == 4);
	assert_int_equal(ended_unasked, 1);
	assert_int_equal(ended_failed, 0);
}

/* They never take the place of one that somebody waits for. */
static void
bounded_without_waiters(void **state)
{
	(void)state;
	world.upstreams[0].max_outstanding = 100;
	world.servers[0].manner = HOLDS;
	ask(0);
	for (unsigned i = 1; i < 30; i++)
		begin(i, true);
	unsigned begun = fetches_in_flight(fetches) - 1;
	assert_in_range(begun, 1, ROOM / 2);
	for (unsigned i = 30; i < 30 + ROOM - 1; i++)
		ask(i);
	assert_int_equal(fetches_in_flight(fetches), ROOM);
	begin(1, true);
	begin(2, true);
	assert_int_equal(fetches_in_flight(fetches), ROOM);
	upstream_has(ROOM + begun);
	for (unsigned i = 0; i < ROOM + begun; i++)
		world_release(&world.servers[0], i);
	LOOP_UNTIL(world.loop, done == ROOM);
	assert_int_equal(ended, ROOM);
}

/* No answer in time is an end too, told once, when the first has waited for all his time. */
static void
ended_for_lack_of_time(void **state)
{
	(void)state;
	world.config.forward.timeout_ms = 300;
	world.servers[0].manner = HOLDS;
	same_names(3);
	uint64_t begun_ms = clock_now_ms();
	ask(0);
	ask(1);
	leave(1); /* early */
	assert_int_equal(ended, 0);
	LOOP_UNTIL(world.loop, clock_now_ms() >= begun_ms + 300);
	leave(0);
	bool punctual = clock_now_ms() < begun_ms + 380; /* else it may have been asked anew */
	LOOP_UNTIL(world.loop, fetches_in_flight(fetches) == 0);
	assert_in_range(ended, 1, punctual ? 1 : 2);
	assert_int_equal(ended_failed, ended);
	/* Or without anybody. */
	unsigned before = ended;
	begin(1, true);
	LOOP_UNTIL(world.loop, fetches_in_flight(fetches) == 0);
	assert_int_equal(ended, before + 1);
	assert_int_equal(ended_failed, ended);
}

static void
hopeless(void **state)
{
	(void)state;
	dot_end(&world.servers[0].dot);
	ask(0);
	assert_false(fetches_hopeless(fetches));
	LOOP_UNTIL(world.loop, done == 1);
	assert_true(answered[0]);
	assert_false(fetches_hopeless(fetches)); /* the other one works */
	dot_end(&world.servers[1].dot);
	world.count = 0;
	for (unsigned i = 1; i < 20 && !fetches_hopeless(fetches); i++) {
		ask(i);
		LOOP_UNTIL(world.loop, done == i + 1);
		assert_false(answered[i]);
	}
	assert_true(fetches_hopeless(fetches));
}

/* Random comings and goings: each waiter is told once or leaves, and the books are right at the end. */
static void
many(void **state)
{
	bool waiting[WAITS] = {false};
	unsigned asked = 0, left = 0, count = 0;
	(void)state;
	srand(5);
	world.upstreams[0].max_outstanding = 100;
	world.config.limits.queries_in_flight = 8;
	for (unsigned round = 0; round < 3000; round++) {
		unsigned n = (unsigned)rand() % 32;
		for (unsigned i = 0; i < WAITS; i++)
			if (waiting[i] && done_of[i] > 0)
				waiting[i] = false, done_of[i] = 0, count--;
		if (waiting[n] && rand() % 3 == 0) {
			leave(n);
			waiting[n] = false;
			left++;
			count--;
		} else if (!waiting[n] && count < 8) {
			world_query(&queries[n], n % 12);
			waiting[n] = true;
			count++;
			asked++;
			ask(n);
		}
		assert_true(fetches_in_flight(fetches) <= 8);
		if (rand() % 4 == 0)
			looping_turn(world.loop);
	}
	LOOP_UNTIL(world.loop, done == asked - left);
	assert_true(left > 50 && done > 500 && counted(STATS_cache_joined) > 50);
	LOOP_UNTIL(world.loop, fetches_in_flight(fetches) == 0);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(one_for_all),
	        STARTED(in_any_case),
	        STARTED(whatever_else_differs),
	        STARTED(other_questions),
	        STARTED(other_questions_with_the_same_hash),
	        STARTED(subnets_stay_apart),
	        STARTED(failure_is_for_all),
	        STARTED(asks_again_from_inside),
	        STARTED(goes_on_without_waiters),
	        STARTED(ends_when_nobody_waits),
	        STARTED(late_ones_have_their_time),
	        STARTED(bounded),
	        STARTED(begun_without_waiters),
	        STARTED(bounded_without_waiters),
	        STARTED(ended_for_lack_of_time),
	        STARTED(hopeless),
	        STARTED(many),
	};
	return cmocka_run_group_tests_name("fetch", tests, world_begin, world_finish);
}
