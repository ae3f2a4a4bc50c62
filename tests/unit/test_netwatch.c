/*
 * The kernel itself says what changes, in a network namespace that is this test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "net/netwatch.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

static struct netwatch *watch;
static char why[NETNEWS_WHY_BYTES];

static void
run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

/* A cable between two interfaces, "a" with an address. */
static int
begin(void **state)
{
	(void)state;
	watch = NULL;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 || system("command -v ip >/dev/null") != 0 ||
	        system("ip link add a type veth peer name b 2>/dev/null") != 0)
		return 0;
	run("ip addr add 192.0.2.1/24 dev a && ip link set a up && ip link set b up");
	watch = netwatch_open();
	assert_non_null(watch);
	/* what the kernel is still about: carrier, link-local addresses */
	for (uint64_t until_ms = clock_now_ms() + 1000; clock_now_ms() < until_ms; usleep(10000))
		netwatch_changed(watch, clock_now_ms(), why);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	netwatch_close(watch);
	return 0;
}

#define NEEDS_NAMESPACE()                                                                                    \
	do {                                                                                                 \
		if (watch == NULL)                                                                           \
			skip();                                                                              \
	} while (0)

static void
assert_change(const char *expected)
{
	uint64_t until_ms = clock_now_ms() + DEADLINE_MS;
	struct pollfd fd = {.fd = netwatch_fd(watch), .events = POLLIN};
	while (!netwatch_changed(watch, clock_now_ms(), why)) {
		assert_true(clock_now_ms() < until_ms);
		uint64_t due_ms = netwatch_due_ms(watch), now_ms = clock_now_ms();
		poll(&fd, 1, due_ms == UINT64_MAX ? 1000 : due_ms > now_ms ? (int)(due_ms - now_ms) : 0);
	}
	assert_string_equal(why, expected);
	assert_true(netwatch_due_ms(watch) == UINT64_MAX);
}

static void
a_link_that_goes_and_comes(void **state)
{
	(void)state;
	NEEDS_NAMESPACE();
	run("ip link set b down");
	assert_change("interface a is down");
	run("ip link set b up");
	assert_change("interface a is up");
}

static void
an_address_and_a_route(void **state)
{
	(void)state;
	NEEDS_NAMESPACE();
	run("ip addr add 192.0.2.7/24 dev a");
	assert_change("address 192.0.2.7 is new");
	usleep(600000); /* the burst is over */
	run("ip route add default via 192.0.2.2");
	assert_change("the default route is new");
	usleep(600000);
	run("ip route del default");
	assert_change("the default route is gone");
}

static void
what_is_there_already_is_no_change(void **state)
{
	(void)state;
	NEEDS_NAMESPACE();
	run("ip addr change 192.0.2.1/24 dev a valid_lft 1000 preferred_lft 1000 && ip link set a mtu 1400 "
	    "&& "
	    "ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:01 dev a");
	usleep(100000);
	assert_false(netwatch_changed(watch, clock_now_ms(), why));
	assert_true(netwatch_due_ms(watch) == UINT64_MAX);
}

/* More than the socket holds: that something was missed is told, and what there is now is known. */
static void
more_than_can_be_read(void **state)
{
	(void)state;
	NEEDS_NAMESPACE();
	run("for i in $(seq 1 4000); do echo link set a txqueuelen $((1000 + i % 2)); done | ip -batch - && "
	    "ip addr add 192.0.2.7/24 dev a");
	assert_change("more changed than could be followed");
	run("ip addr change 192.0.2.7/24 dev a valid_lft 1000 preferred_lft 1000");
	usleep(100000);
	assert_false(netwatch_changed(watch, clock_now_ms(), why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_link_that_goes_and_comes, begin, end),
	        cmocka_unit_test_setup_teardown(an_address_and_a_route, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_there_already_is_no_change, begin, end),
	        cmocka_unit_test_setup_teardown(more_than_can_be_read, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
