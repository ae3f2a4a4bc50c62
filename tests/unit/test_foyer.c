/*
 * The foyer: a connection goes on when its proxy has said whom it brings, with every byte that follows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "client/foyer.h"
#include "looping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = 8 };

static struct ev_loop *loop;
static struct foyer *foyer;
static struct stats_slab *stats;
static struct addr_net proxies;
static struct config_listen by;
static struct config config;
static struct addr peer, last_client;
static int ours[PAIRS], passed_fd;
static unsigned passed;

/* For 192.0.2.7@8080, and of the proxy itself */
static const uint8_t header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\x35\x1f\x90\0\x35";
static const uint8_t local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
static const uint8_t nobody[] = "\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
enum { HEADER_BYTES = 28, LOCAL_BYTES = 16 };

static void
on_next(void *arg, int fd, const struct addr *client)
{
	assert_ptr_equal(arg, &passed);
	passed++;
	if (passed_fd >= 0)
		close(passed_fd);
	passed_fd = fd;
	last_client = *client;
}

static int
start(void **state)
{
	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	stats = calloc(1, sizeof *stats);
	assert_int_equal(addr_net_parse(&proxies, "10.0.0.0/8"), 0);
	assert_int_equal(addr_parse(&peer, "10.0.0.1@1111", 0), 0);
	by = (struct config_listen){
	        .tcp = true, .proxy_protocol = true, .proxy_from = &proxies, .proxy_from_count = 1};
	config = (struct config){.listens = &by, .listen_count = 1};
	config.limits.tcp_clients = 4;
	config.limits.tcp_idle_timeout_ms = 30000;
	foyer = NULL;
	passed = 0;
	passed_fd = -1;
	memset(ours, -1, sizeof ours);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	foyer_free(foyer);
	for (unsigned i = 0; i < PAIRS; i++)
		if (ours[i] >= 0)
			close(ours[i]);
	if (passed_fd >= 0)
		close(passed_fd);
	free(stats);
	ev_loop_destroy(loop);
	return 0;
}

static void
open_foyer(void)
{
	foyer = foyer_new(loop, &config, stats, on_next);
}

/* A connection of which these bytes have come already. */
static void
come(unsigned n, const void *bytes, size_t count)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	ours[n] = ends[0];
	assert_int_equal(send(ours[n], bytes, count, 0), count);
	foyer_take(foyer, ends[1], &peer, &by, &passed);
}

static bool
is_closed(unsigned n)
{
	char byte;
	return recv(ours[n], &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static uint64_t
counted(enum stats_counter counter)
{
	return atomic_load(&stats->counters[counter]);
}

static void
assert_client(const char *wanted)
{
	char text[ADDR_TEXT_BYTES];
	assert_string_equal(addr_text(&last_client, text), wanted);
}

static void
at_once_when_it_came_with_the_connection(void **state)
{
	char rest[16];
	uint8_t bytes[HEADER_BYTES + 5];
	(void)state;
	open_foyer();
	memcpy(bytes, header, HEADER_BYTES);
	memcpy(bytes + HEADER_BYTES, "after", 5);
	come(0, bytes, sizeof bytes);
	assert_int_equal(passed, 1);
	assert_client("192.0.2.7@8080");
	assert_int_equal(foyer_count(foyer), 0);
	/* not one byte of what follows was taken */
	assert_int_equal(recv(passed_fd, rest, sizeof rest, 0), 5);
	assert_memory_equal(rest, "after", 5);
}

static void
byte_by_byte(void **state)
{
	char rest[4];
	(void)state;
	open_foyer();
	come(0, header, 1);
	for (unsigned i = 1; i < HEADER_BYTES; i++) {
		assert_int_equal(foyer_count(foyer), 1);
		assert_int_equal(send(ours[0], header + i, 1, 0), 1);
		looping_settle(loop);
	}
	LOOP_UNTIL(loop, passed == 1);
	assert_client("192.0.2.7@8080");
	assert_int_equal(send(ours[0], "x", 1, 0), 1);
	looping_settle(loop);
	assert_int_equal(recv(passed_fd, rest, sizeof rest, 0), 1);
}

static void
the_proxy_itself(void **state)
{
	(void)state;
	open_foyer();
	come(0, local, LOCAL_BYTES);
	assert_int_equal(passed, 1);
	assert_client("10.0.0.1@1111");
}

static void
who_says_nothing_sound_is_sent_away(void **state)
{
	(void)state;
	open_foyer();
	come(0, "\0\x1dquestion", 10);
	come(1, nobody, LOCAL_BYTES);
	come(2, header, 20);
	shutdown(ours[2], SHUT_WR);
	come(3, "", 0);
	shutdown(ours[3], SHUT_WR);
	LOOP_UNTIL(loop, foyer_count(foyer) == 0);
	for (unsigned i = 0; i < 4; i++)
		assert_true(is_closed(i));
	assert_int_equal(passed, 0);
	/* the last one only looked whether somebody is here */
	assert_int_equal(counted(STATS_proxy_malformed), 3);
	assert_int_equal(counted(STATS_proxy_refused), 0);
}

static void
only_from_the_proxies(void **state)
{
	(void)state;
	open_foyer();
	assert_int_equal(addr_parse(&peer, "11.0.0.1@1111", 0), 0);
	come(0, header, HEADER_BYTES);
	assert_true(is_closed(0));
	assert_int_equal(passed, 0);
	assert_int_equal(counted(STATS_proxy_refused), 1);
}

static void
in_time(void **state)
{
	(void)state;
	config.limits.tcp_idle_timeout_ms = 120;
	open_foyer();
	uint64_t begun_ms = clock_now_ms();
	come(0, header, 20);
	LOOP_UNTIL(loop, clock_now_ms() >= begun_ms + 60);
	come(1, header, 20);
	LOOP_UNTIL(loop, foyer_count(foyer) < 2);
	assert_true(clock_now_ms() >= begun_ms + 110);
	assert_true(is_closed(0));
	LOOP_UNTIL(loop, foyer_count(foyer) == 0);
	assert_true(clock_now_ms() >= begun_ms + 170);
	assert_int_equal(counted(STATS_proxy_malformed), 2);
}

static void
so_many_wait_at_most(void **state)
{
	(void)state;
	open_foyer();
	for (unsigned i = 0; i < 5; i++)
		come(i, header, 20);
	assert_int_equal(foyer_count(foyer), 4);
	assert_true(is_closed(4));
	assert_int_equal(counted(STATS_tcp_refused), 1);
	/* who is through takes no place here */
	assert_int_equal(send(ours[0], header + 20, 8, 0), 8);
	LOOP_UNTIL(loop, passed == 1);
	come(5, header, HEADER_BYTES);
	assert_int_equal(passed, 2);
}

static void
draining_waits_for_what_was_sent(void **state)
{
	(void)state;
	open_foyer();
	come(0, header, 20);
	come(1, header, 20);
	assert_int_equal(send(ours[0], header + 20, 8, 0), 8);
	foyer_drain(foyer, 50);
	LOOP_UNTIL(loop, foyer_count(foyer) == 0);
	assert_int_equal(passed, 1);
	assert_true(is_closed(1));
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(at_once_when_it_came_with_the_connection),
	        STARTED(byte_by_byte),
	        STARTED(the_proxy_itself),
	        STARTED(who_says_nothing_sound_is_sent_away),
	        STARTED(only_from_the_proxies),
	        STARTED(in_time),
	        STARTED(so_many_wait_at_most),
	        STARTED(draining_waits_for_what_was_sent),
	};
	return cmocka_run_group_tests_name("foyer", tests, NULL, NULL);
}
