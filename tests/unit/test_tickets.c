/*
 * Tickets: whose they are, that each is handed out once, how they end, and what dying and stopped processes
 * leave behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/shm.h"
#include "shared/tickets.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOW = 1000000, SEED = 99 };

static struct shm *shm;
static struct tickets *tickets;
static struct ticket_identity alice, bob;
static uint8_t out[TICKET_BYTES];

static int
start(void **state)
{
	(void)state;
	shm = shm_new(shm_footprint(tickets_bytes()));
	if (shm == NULL)
		return -1;
	tickets = shm_carve(shm, tickets_bytes());
	tickets_begin(tickets, SEED);
	memset(&alice, 0, sizeof alice);
	memset(&bob, 0, sizeof bob);
	ticket_identity_mix(&alice, "alice", 5);
	ticket_identity_mix(&bob, "bob", 3);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	shm_free(shm);
	return 0;
}

static bool
put(const struct ticket_identity *of, const char *text, uint64_t now_ms)
{
	return tickets_put(tickets, of, tickets_era(tickets), text, strlen(text), now_ms);
}

static void
assert_claims(const struct ticket_identity *of, const char *text, uint64_t now_ms)
{
	assert_int_equal(tickets_claim(tickets, of, out, now_ms, NULL), strlen(text));
	assert_memory_equal(out, text, strlen(text));
}

static void
assert_none(const struct ticket_identity *of, uint64_t now_ms)
{
	assert_int_equal(tickets_claim(tickets, of, out, now_ms, NULL), 0);
}

static void
identities_differ_by_every_part(void **state)
{
	struct ticket_identity ab_c = {0}, a_bc = {0}, c_ab = {0}, again = {0}, more = {0};
	(void)state;
	ticket_identity_mix(&ab_c, "ab", 2);
	ticket_identity_mix(&ab_c, "c", 1);
	ticket_identity_mix(&a_bc, "a", 1);
	ticket_identity_mix(&a_bc, "bc", 2);
	ticket_identity_mix(&c_ab, "c", 1);
	ticket_identity_mix(&c_ab, "ab", 2);
	ticket_identity_mix(&again, "ab", 2);
	ticket_identity_mix(&again, "c", 1);
	more = again;
	ticket_identity_mix(&more, "", 0);
	assert_memory_equal(&ab_c, &again, sizeof again);
	assert_memory_not_equal(&ab_c, &a_bc, sizeof a_bc);
	assert_memory_not_equal(&ab_c, &c_ab, sizeof c_ab);
	assert_memory_not_equal(&more, &again, sizeof again);
}

static void
each_is_handed_out_once(void **state)
{
	(void)state;
	assert_none(&alice, NOW);
	assert_true(put(&alice, "first", NOW));
	assert_int_equal(tickets_count(tickets, NOW), 1);
	assert_claims(&alice, "first", NOW + 1);
	assert_none(&alice, NOW + 1);
	assert_int_equal(tickets_count(tickets, NOW + 1), 0);
}

static void
to_nobody_else(void **state)
{
	(void)state;
	assert_true(put(&alice, "hers", NOW));
	assert_none(&bob, NOW);
	assert_true(put(&bob, "his", NOW + 1));
	assert_claims(&alice, "hers", NOW + 2);
	assert_none(&alice, NOW + 2);
	assert_claims(&bob, "his", NOW + 2);
}

static void
the_newest_first(void **state)
{
	(void)state;
	assert_true(put(&alice, "old", NOW));
	assert_true(put(&alice, "new", NOW + 5));
	assert_true(put(&alice, "middle", NOW + 3));
	assert_claims(&alice, "new", NOW + 9);
	assert_claims(&alice, "middle", NOW + 9);
	assert_claims(&alice, "old", NOW + 9);
}

static void
not_when_expired(void **state)
{
	(void)state;
	assert_true(put(&alice, "old", NOW));
	assert_int_equal(tickets_count(tickets, NOW + TICKETS_LIFE_MS - 1), 1);
	assert_int_equal(tickets_count(tickets, NOW + TICKETS_LIFE_MS), 0);
	assert_none(&alice, NOW + TICKETS_LIFE_MS);
	assert_claims(&alice, "old", NOW + TICKETS_LIFE_MS - 1);
}

/* One that may be used again grows old all the same, and others come first. */
static void
put_back_it_is_as_old_as_before(void **state)
{
	uint64_t kept_ms = 0;
	(void)state;
	assert_true(put(&alice, "old", NOW));
	for (uint64_t after_ms = 1000; after_ms < TICKETS_LIFE_MS; after_ms += TICKETS_LIFE_MS / 4) {
		assert_int_equal(tickets_claim(tickets, &alice, out, NOW + after_ms, &kept_ms), 3);
		assert_int_equal(kept_ms, NOW);
		assert_none(&alice, NOW + after_ms);
		assert_true(tickets_put_back(tickets, &alice, 0, "old", 3, kept_ms, NOW + after_ms));
		assert_int_equal(tickets_count(tickets, NOW + after_ms), 1);
	}
	assert_true(put(&alice, "new", NOW + 5));
	assert_claims(&alice, "new", NOW + 6);
	assert_none(&alice, NOW + TICKETS_LIFE_MS);
	assert_claims(&alice, "old", NOW + TICKETS_LIFE_MS - 1);
}

static void
sizes_are_bounded(void **state)
{
	static uint8_t large[TICKET_BYTES + 1];
	(void)state;
	memset(large, 'x', sizeof large);
	assert_false(tickets_put(tickets, &alice, 0, large, 0, NOW));
	assert_false(tickets_put(tickets, &alice, 0, large, TICKET_BYTES + 1, NOW));
	assert_true(tickets_put(tickets, &alice, 0, large, TICKET_BYTES, NOW));
	assert_int_equal(tickets_claim(tickets, &alice, out, NOW, NULL), TICKET_BYTES);
	assert_memory_equal(out, large, TICKET_BYTES);
}

static void
one_identity_has_so_many(void **state)
{
	char text[2] = "a";
	(void)state;
	assert_true(put(&bob, "his", NOW - 1));
	for (int i = 0; i < TICKETS_EACH + 3; i++, text[0]++)
		assert_true(put(&alice, text, (uint64_t)(NOW + i)));
	assert_int_equal(tickets_count(tickets, NOW + 20), TICKETS_EACH + 1);
	for (int i = 0; i < TICKETS_EACH; i++) {
		text[0]--;
		assert_claims(&alice, text, NOW + 20);
	}
	assert_none(&alice, NOW + 20);
	assert_claims(&bob, "his", NOW + 20);
}

static void
fill_up_from(uint64_t now_ms)
{
	struct ticket_identity of[TICKETS_SLOTS + 1] = {0};
	for (unsigned i = 0; i <= TICKETS_SLOTS; i++) {
		ticket_identity_mix(&of[i], &i, sizeof i);
		assert_true(put(&of[i], "ticket", now_ms + i));
	}
	assert_int_equal(tickets_count(tickets, now_ms + 1000), TICKETS_SLOTS);
	assert_none(&of[0], now_ms + 1000);
	for (unsigned i = 1; i <= TICKETS_SLOTS; i++)
		assert_claims(&of[i], "ticket", now_ms + 1000);
}

static void
the_oldest_makes_room(void **state)
{
	(void)state;
	fill_up_from(NOW);
}

/* Where in the shared memory these bytes lie, or NULL. */
static uint8_t *
find(const char *text)
{
	return memmem(tickets, tickets_bytes(), text, strlen(text));
}

static void
a_torn_one_is_thrown_away(void **state)
{
	(void)state;
	assert_true(put(&alice, "whole and sound", NOW));
	assert_true(put(&alice, "torn to pieces", NOW + 1));
	find("to pieces")[4] ^= 1;
	assert_claims(&alice, "whole and sound", NOW + 2);
	assert_none(&alice, NOW + 2);
	assert_null(find("torn"));
}

static void
nothing_of_a_claimed_one_is_left(void **state)
{
	(void)state;
	assert_true(put(&alice, "a secret of mine", NOW));
	assert_non_null(find("a secret of mine"));
	assert_claims(&alice, "a secret of mine", NOW);
	assert_null(find("secret"));
}

static void
another_network(void **state)
{
	(void)state;
	uint64_t before = tickets_era(tickets);
	assert_true(put(&alice, "a secret of mine", NOW));
	assert_true(put(&bob, "his", NOW));
	tickets_forget_all(tickets, NOW + 1);
	assert_none(&alice, NOW + 2);
	assert_none(&bob, NOW + 2);
	assert_null(find("secret"));
	/* A connection that began before brings one: it must not. */
	assert_false(tickets_put(tickets, &alice, before, "late", 4, NOW + 3));
	assert_none(&alice, NOW + 3);
	assert_true(put(&alice, "new", NOW + 4));
	assert_claims(&alice, "new", NOW + 4);
}

static void
one_server_is_blamed(void **state)
{
	(void)state;
	assert_true(put(&alice, "hers", NOW));
	assert_true(put(&alice, "hers too", NOW));
	assert_true(put(&bob, "his", NOW));
	tickets_forget(tickets, &alice, NOW);
	assert_none(&alice, NOW);
	assert_claims(&bob, "his", NOW);
}

/* --- several processes ------------------------------------------------------------------------------------
 */

/* Each of many children claims until there is nothing left and says what it got: nothing twice. */
static void
no_two_get_the_same(void **state)
{
	enum { CHILDREN = 8, ROUNDS = 20 };
	int ends[2];
	uint32_t got;
	static uint8_t seen[ROUNDS * TICKETS_EACH];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < TICKETS_EACH; i++) {
			uint32_t number = round * TICKETS_EACH + i;
			assert_true(tickets_put(tickets, &alice, 0, &number, sizeof number, NOW + number));
		}
		pid_t children[CHILDREN];
		for (int i = 0; i < CHILDREN; i++) {
			if ((children[i] = fork()) != 0)
				continue;
			while (tickets_claim(tickets, &alice, out, NOW + 9999, NULL) == sizeof(uint32_t))
				if (write(ends[1], out, sizeof(uint32_t)) != sizeof(uint32_t))
					_exit(1);
			_exit(0);
		}
		for (int i = 0; i < CHILDREN; i++) {
			int status;
			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_int_equal(status, 0);
		}
		for (int i = 0; i < TICKETS_EACH; i++) {
			assert_int_equal(read(ends[0], &got, sizeof got), sizeof got);
			assert_true(got / TICKETS_EACH == round);
			assert_int_equal(seen[got]++, 0);
		}
	}
	close(ends[0]);
	close(ends[1]);
}

/* A ticket that says itself whether it is whole. */
static void
fill(uint8_t *bytes, uint8_t with)
{
	memset(bytes, with, TICKET_BYTES);
}

static bool
is_whole(const uint8_t *bytes)
{
	for (size_t i = 1; i < TICKET_BYTES; i++)
		if (bytes[i] != bytes[0])
			return false;
	return true;
}

/* Puts and claims for ever; exits with 1 when it gets something torn. */
static void
work(unsigned seed, uint64_t now_ms)
{
	static uint8_t mine[TICKET_BYTES];
	for (uint8_t with = (uint8_t)seed;; with++, now_ms++) {
		const struct ticket_identity *of = with % 2 ? &alice : &bob;
		fill(mine, with);
		tickets_put(tickets, of, 0, mine, sizeof mine, now_ms);
		if (tickets_claim(tickets, with % 3 ? &alice : &bob, out, now_ms, NULL) > 0 && !is_whole(out))
			_exit(1);
	}
}

/*
 * Processes that are killed, or stopped and let go much later, at any instant: what the others get is whole,
 * and no slot is lost for good.
 */
static void
killed_and_stopped_in_the_middle(void **state)
{
	enum { WORKERS = 3, ROUNDS = 150 };
	pid_t pids[WORKERS];
	uint64_t now_ms = NOW;
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		/* The clock of each round is behind that of the next, so what the last one left is stuck. */
		now_ms += 100000;
		for (int i = 0; i < WORKERS; i++)
			if ((pids[i] = fork()) == 0)
				work((unsigned)(round * WORKERS + i), now_ms);
		usleep((useconds_t)(500 + random() % 3000));
		kill(pids[0], SIGSTOP);
		usleep((useconds_t)(random() % 500));
		kill(pids[1], SIGKILL);
		/* While one stands still, its slot is taken over and used. */
		for (uint8_t with = 0; with < 2 * TICKETS_EACH; with++) {
			static uint8_t mine[TICKET_BYTES];
			fill(mine, with);
			tickets_put(tickets, &alice, 0, mine, sizeof mine, now_ms + 50000 + with);
		}
		kill(pids[0], SIGCONT);
		while (tickets_claim(tickets, &alice, out, now_ms + 60000, NULL) > 0)
			assert_true(is_whole(out));
		for (int i = 0; i < WORKERS; i++) {
			int status;
			kill(pids[i], SIGKILL);
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		}
	}
	tickets_forget_all(tickets, now_ms + 90000);
	fill_up_from(now_ms + 100000);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(identities_differ_by_every_part),
	        STARTED(each_is_handed_out_once),
	        STARTED(to_nobody_else),
	        STARTED(the_newest_first),
	        STARTED(not_when_expired),
	        STARTED(put_back_it_is_as_old_as_before),
	        STARTED(sizes_are_bounded),
	        STARTED(one_identity_has_so_many),
	        STARTED(the_oldest_makes_room),
	        STARTED(a_torn_one_is_thrown_away),
	        STARTED(nothing_of_a_claimed_one_is_left),
	        STARTED(another_network),
	        STARTED(one_server_is_blamed),
	        STARTED(no_two_get_the_same),
	        STARTED(killed_and_stopped_in_the_middle),
	};
	return cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
}
