/*
 * Questions by UDP: in batches, and answered from the address that was asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "client/listener_udp.h"
#include "message.h"
#include "ports.h"
#include "worlds.h"

static struct queries *queries;
static struct listener_udp *listener;
static struct addr_net everybody;
static struct addr address;
static int bound, client;
static struct shm *memory;

static int
start(void **state)
{
	(void)state;
	world_open(1);
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	world.config.limits.queries_in_flight = 512;
	world.upstreams[0].max_outstanding = 512;
	queries = world_queries();
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	listener_udp_free(listener);
	queries_free(queries);
	world_close();
	close(bound);
	close(client);
	shm_free(memory);
	memory = NULL;
	return 0;
}

static void
listen_on(const char *host)
{
	int on = 1;
	memory = shm_new(listener_udp_footprint());
	assert_non_null(memory);
	address = ports_free(host);
	bound = ports_bind(&address, SOCK_DGRAM);
	assert_true(bound >= 0);
	setsockopt(bound, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	listener = listener_udp_new(world.loop, queries, &address, bound, 0, &world.stats, shm_start(memory));
	client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static void
ask(const struct addr *to, unsigned id)
{
	static struct message m;
	message_begin(&m, id, WIRE_FLAG_RD);
	message_question(&m, "www.example.", 1, 1);
	assert_int_equal(sendto(client, m.bytes, m.length, 0, &to->any, addr_bytes(to)), m.length);
}

/* Takes one answer; its id, or -1 when there is none. */
static int
answer(struct addr *from)
{
	uint8_t msg[4096];
	socklen_t bytes = sizeof *from;
	ssize_t got = recvfrom(client, msg, sizeof msg, MSG_DONTWAIT, &from->any, &bytes);
	return got < 12 ? -1 : wire_id(msg);
}

static void
many_are_all_answered(void **state)
{
	static bool seen[200];
	struct addr from;
	unsigned count = 0;
	(void)state;
	listen_on("127.0.0.1");
	for (unsigned i = 0; i < 200; i++)
		ask(&address, i);
	while (count < 200) {
		int id = -1;
		LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
		assert_in_range(id, 0, 199);
		assert_false(seen[id]);
		assert_true(addr_equal(&from, &address));
		seen[id] = true;
		count++;
	}
	assert_int_equal(counted(STATS_queries_udp), 200);
	assert_int_equal(counted(STATS_answered), 200);
}

/* As of a slot that has gone. In earnest both have one address, and nobody can tell them apart. */
static void
another_socket_is_read_too(void **state)
{
	struct addr from, spare;
	int id = -1;
	(void)state;
	listen_on("127.0.0.1");
	spare = ports_free("127.0.0.1");
	int also = ports_bind(&spare, SOCK_DGRAM);
	ask(&spare, 1);
	listener_udp_also(listener, also);
	LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
	assert_int_equal(id, 1);
	assert_true(addr_equal(&from, &address));
	/* What is queued when the end comes is taken from both, and later nothing is. */
	ask(&spare, 2);
	ask(&address, 3);
	listener_udp_drain(listener);
	for (int i = 0, sum = 0; i < 2; i++) {
		LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
		sum += id;
		assert_true(i == 0 || sum == 5);
	}
	ask(&spare, 4);
	ev_run(world.loop, EVRUN_NOWAIT);
	assert_int_equal(counted(STATS_queries_udp), 3);
	close(also);
}

static void
wildcard_answers_from_where_it_was_asked(void **state)
{
	static const char *const hosts[] = {"127.0.0.2", "127.0.0.1", "127.77.0.3"};
	(void)state;
	listen_on("0.0.0.0");
	for (unsigned i = 0; i < 3; i++) {
		struct addr to, from;
		assert_int_equal(addr_parse(&to, hosts[i], addr_port(&address)), 0);
		ask(&to, i);
		int id = -1;
		LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
		assert_int_equal(id, i);
		assert_true(addr_equal(&from, &to));
	}
}

static void
silence_and_errors_in_one_batch(void **state)
{
	struct addr from;
	(void)state;
	listen_on("127.0.0.1");
	assert_int_equal(sendto(client, "x", 1, 0, &address.any, addr_bytes(&address)), 1);
	assert_int_equal(sendto(client, "", 0, 0, &address.any, addr_bytes(&address)), 0);
	ask(&address, 1);
	assert_int_equal(
	        sendto(client, "\0\2\1\0\0\1\0\0\0\0\0\0", 12, 0, &address.any, addr_bytes(&address)), 12);
	ask(&address, 3);
	unsigned ids = 0;
	for (int i = 0; i < 3; i++) {
		int id = -1;
		LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
		ids |= 1u << id;
	}
	assert_int_equal(ids, 1 << 1 | 1 << 2 | 1 << 3);
	assert_int_equal(counted(STATS_dropped_malformed), 2);
	assert_int_equal(counted(STATS_formerr), 1);
}

/* A question behind a header for 192.0.2.<host>; other commands than PROXY name nobody. */
static void
ask_by_proxy(unsigned id, unsigned command, unsigned host)
{
	static struct message m;
	uint8_t whole[128] = "\r\n\r\n\0\r\nQUIT\n";
	const uint8_t rest[] = {
	        (uint8_t)command, 0x12, 0, 12, 192, 0, 2, (uint8_t)host, 198, 51, 100, 53, 16, 0, 0, 53};
	message_begin(&m, id, WIRE_FLAG_RD);
	message_question(&m, "www.example.", 1, 1);
	memcpy(whole + 12, rest, sizeof rest);
	memcpy(whole + 28, m.bytes, m.length);
	assert_int_equal(
	        sendto(client, whole, 28 + m.length, 0, &address.any, addr_bytes(&address)), 28 + m.length);
}

/* The one the header names is the client; the answer goes to the proxy all the same. */
static void
clients_behind_a_proxy(void **state)
{
	static struct addr_net allowed, here, elsewhere;
	struct config_listen by = {.proxy_protocol = true, .proxy_from = &here, .proxy_from_count = 1};
	struct addr from;
	int id = -1;
	(void)state;
	assert_int_equal(addr_net_parse(&allowed, "192.0.2.0/25"), 0);
	assert_int_equal(addr_net_parse(&here, "127.0.0.0/8"), 0);
	assert_int_equal(addr_net_parse(&elsewhere, "10.0.0.0/8"), 0);
	world.config.access.allow = &allowed;
	listen_on("127.0.0.1");
	listener_udp_proxied(listener, &by);
	ask_by_proxy(1, 0x21, 7);
	LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
	assert_int_equal(id, 1);
	assert_true(addr_equal(&from, &address));
	assert_int_equal(counted(STATS_refused_denied), 0);
	ask_by_proxy(2, 0x21, 200);
	LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
	assert_int_equal(counted(STATS_refused_denied), 1);
	ask_by_proxy(3, 0x20, 7); /* of its own */
	LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
	assert_int_equal(counted(STATS_refused_denied), 2);
	ask(&address, 4);
	ask_by_proxy(5, 0x31, 7);
	LOOP_UNTIL(world.loop, counted(STATS_proxy_malformed) == 2);
	by.proxy_from = &elsewhere;
	ask_by_proxy(6, 0x21, 7);
	LOOP_UNTIL(world.loop, counted(STATS_proxy_refused) == 1);
	looping_settle(world.loop);
	assert_int_equal(answer(&from), -1);
	assert_int_equal(counted(STATS_queries_udp), 3);
}

/* What the kernel had taken in is answered; what comes later is for somebody else. */
static void
drained(void **state)
{
	struct addr from;
	(void)state;
	listen_on("127.0.0.1");
	for (unsigned i = 0; i < 100; i++)
		ask(&address, i);
	listener_udp_drain(listener);
	listener_udp_drain(listener);
	ask(&address, 1000);
	for (unsigned i = 0; i < 100; i++) {
		int id = -1;
		LOOP_UNTIL(world.loop, (id = answer(&from)) >= 0);
		assert_in_range(id, 0, 99);
	}
	looping_settle(world.loop);
	assert_int_equal(answer(&from), -1);
	assert_int_equal(counted(STATS_queries), 100);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(many_are_all_answered),
	        STARTED(another_socket_is_read_too),
	        STARTED(wildcard_answers_from_where_it_was_asked),
	        STARTED(silence_and_errors_in_one_batch),
	        STARTED(clients_behind_a_proxy),
	        STARTED(drained),
	};
	return cmocka_run_group_tests_name("listener_udp", tests, world_begin, world_finish);
}
