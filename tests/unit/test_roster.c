/*
 * Rows are somebody's alone until they are released, or their master is gone; what was counted stays; deaths
 * are told apart.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "shared/roster.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct roster *roster;
static int32_t us;

static int
begin(void **state)
{
	(void)state;
	us = getpid();
	roster = aligned_alloc(64, (roster_bytes() + 63) / 64 * 64);
	if (roster == NULL)
		return -1;
	memset(roster, 0, roster_bytes());
	return 0;
}

static int
end(void **state)
{
	(void)state;
	free(roster);
	return 0;
}

/* The pid of a process that is no more. */
static int32_t
somebody_gone(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void
each_slot_has_a_row_of_its_own(void **state)
{
	struct roster_hold a, b;
	(void)state;
	assert_true(roster_claim(roster, us, 3, 0, &a));
	assert_true(roster_claim(roster, us, 3, 1, &b));
	assert_ptr_not_equal(a.row, b.row);
	assert_ptr_not_equal(a.slab, b.slab);
	assert_int_equal((uintptr_t)b.slab % 64, 0);
	assert_int_equal(atomic_load(&b.row->slot), 1);
	assert_int_equal(atomic_load(&b.row->generation), 3);
	assert_false(roster_claim(NULL, us, 3, 0, &a));
	assert_false(roster_claim(roster, us, 3, ROSTER_SLOTS, &a));
}

static void
what_was_counted_stays(void **state)
{
	struct roster_hold a, b;
	struct stats_slab sum = {0};
	(void)state;
	assert_true(roster_claim(roster, us, 1, 0, &a));
	stats_add(a.slab, STATS_queries, 5);
	stats_asked(a.slab, STATS_BY_TCP, STATS_BY_IPV6);
	stats_rcode(a.slab, 3);
	stats_rcode(a.slab, 4000);
	latency_note(&a.slab->waits[STATS_HIT], 70);
	atomic_store(&a.row->in_flight, 4);
	roster_release(a.row, us);
	assert_int_equal(atomic_load(&a.row->in_flight), 0);
	assert_true(roster_claim(roster, us, 2, 1, &b));
	assert_ptr_equal(b.row, a.row);
	stats_add(b.slab, STATS_queries, 2);
	roster_sum(roster, &sum);
	assert_int_equal(atomic_load(&sum.counters[STATS_queries]), 7);
	assert_int_equal(atomic_load(&sum.asked[STATS_BY_TCP][STATS_BY_IPV6]), 1);
	assert_int_equal(atomic_load(&sum.rcodes[3]), 1);
	assert_int_equal(atomic_load(&sum.rcodes[STATS_RCODES - 1]), 1);
	assert_int_equal(atomic_load(&sum.waits[STATS_HIT].counts[latency_bucket(70)]), 1);
}

static void
rows_run_out_and_come_back(void **state)
{
	struct roster_hold all[ROSTER_ROWS], one;
	(void)state;
	for (unsigned i = 0; i < ROSTER_ROWS; i++)
		assert_true(roster_claim(roster, us, 1, i % ROSTER_SLOTS, &all[i]));
	assert_false(roster_claim(roster, us, 2, 0, &one));
	roster_release(all[200].row, us);
	roster_release(NULL, us);
	assert_true(roster_claim(roster, us, 2, 0, &one));
	assert_ptr_equal(one.row, all[200].row);
}

static void
those_of_a_master_that_is_gone_are_free(void **state)
{
	struct roster_hold theirs, ours;
	(void)state;
	assert_true(roster_claim(roster, somebody_gone(), 1, 0, &theirs));
	assert_true(roster_claim(roster, us, 2, 0, &ours));
	assert_ptr_equal(ours.row, theirs.row);
	/* one that lives keeps its own */
	assert_true(roster_claim(roster, getppid(), 3, 0, &theirs));
	assert_true(roster_claim(roster, us, 4, 0, &ours));
	assert_ptr_not_equal(ours.row, theirs.row);
}

static void
deaths_are_told_apart(void **state)
{
	struct roster_hold a;
	(void)state;
	assert_true(roster_claim(roster, us, 1, 0, &a));
	roster_born(roster, a.row, 99, 1000);
	atomic_store(&a.row->serving, 1);
	assert_int_equal(atomic_load(&a.row->pid), 99);
	roster_died(roster, a.row, SIGKILL, -1);
	assert_int_equal(atomic_load(&a.row->pid), 0);
	assert_int_equal(atomic_load(&a.row->serving), 0);
	roster_died(roster, a.row, 3 << 8, -1);
	roster_died(NULL, a.row, SIGSEGV, -1);
	assert_int_equal(atomic_load(&a.row->deaths), 3);
	assert_int_equal(atomic_load(&a.row->ended[SIGKILL]), 1);
	assert_int_equal(atomic_load(&a.row->ended[0]), 1);
	assert_int_equal(atomic_load(&roster->ended[SIGKILL]), 1);
	assert_int_equal(atomic_load(&roster->ended[SIGSEGV]), 0);
	assert_int_equal(atomic_load(&roster->events[ROSTER_BIRTHS]), 1);
	/* to end when told to is no death, to crash then is one */
	atomic_store(&a.row->draining, 1);
	roster_died(roster, a.row, 0, -1);
	assert_int_equal(atomic_load(&a.row->deaths), 3);
	roster_died(roster, a.row, SIGKILL, -1);
	assert_int_equal(atomic_load(&roster->ended[SIGKILL]), 2);
	/* nothing of it is told of the next who has the row */
	roster_release(a.row, us);
	assert_true(roster_claim(roster, us, 2, 0, &a));
	assert_int_equal(atomic_load(&a.row->deaths), 0);
	assert_int_equal(atomic_load(&a.row->ended[SIGKILL]), 0);
	assert_int_equal(atomic_load(&a.row->draining), 0);
}

static void
what_is_used_adds_up_over_lives(void **state)
{
	_Atomic uint64_t cpu_us = 0;
	uint64_t told_us = 0;
	(void)state;
	roster_used(&cpu_us, &told_us, 700);
	roster_used(&cpu_us, &told_us, 1000);
	told_us = 0; /* a successor */
	roster_used(&cpu_us, &told_us, 50);
	assert_int_equal(atomic_load(&cpu_us), 1050);
	roster_used(&cpu_us, &told_us, 40); /* a clock that goes back takes nothing away */
	assert_int_equal(atomic_load(&cpu_us), 1050);
}

/* The launcher of one in the background takes its copy apart, and must leave the rows to it. */
static void
a_row_moves_with_its_master(void **state)
{
	struct roster_hold a;
	(void)state;
	assert_true(roster_claim(roster, us, 1, 0, &a));
	roster_move(roster, us, getppid());
	roster_release(a.row, us);
	assert_int_equal(atomic_load(&a.row->owner), getppid());
	roster_release(a.row, getppid());
	assert_int_equal(atomic_load(&a.row->owner), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(each_slot_has_a_row_of_its_own, begin, end),
	        cmocka_unit_test_setup_teardown(what_was_counted_stays, begin, end),
	        cmocka_unit_test_setup_teardown(rows_run_out_and_come_back, begin, end),
	        cmocka_unit_test_setup_teardown(those_of_a_master_that_is_gone_are_free, begin, end),
	        cmocka_unit_test_setup_teardown(deaths_are_told_apart, begin, end),
	        cmocka_unit_test(what_is_used_adds_up_over_lives),
	        cmocka_unit_test_setup_teardown(a_row_moves_with_its_master, begin, end),
	};
	return cmocka_run_group_tests_name("roster", tests, NULL, NULL);
}
