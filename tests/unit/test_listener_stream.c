/*
 * Questions by TCP: many on a connection, within the limits, and nobody keeps a place for nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "client/listener_stream.h"
#include "message.h"
#include "ports.h"
#include "worlds.h"

#include <fcntl.h>

enum { CLIENTS = 12 };

static struct queries *queries;
static struct listener_stream *listener;
static struct addr_net everybody;
static struct addr address;
static int bound, clients[CLIENTS];
static struct buffer got[CLIENTS];
static struct world_server *server;

static int
start(void **state)
{
	(void)state;
	world_open(1);
	server = &world.servers[0];
	server->dot.arg = server;
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	world.config.limits.queries_in_flight = 512;
	world.upstreams[0].max_outstanding = 512;
	address = ports_free("127.0.0.1");
	bound = ports_bind(&address, SOCK_STREAM);
	assert_true(bound >= 0);
	assert_int_equal(fcntl(bound, F_SETFL, O_NONBLOCK), 0);
	queries = NULL;
	memset(clients, -1, sizeof clients);
	return 0;
}

static void
serve(void)
{
	queries = world_queries();
	listener = listener_stream_new(world.loop, world.room, queries, &world.config, &world.stats);
	listener_stream_add(listener, bound, 0, world.config.listens, NULL);
}

static int
stop(void **state)
{
	(void)state;
	listener_stream_free(listener);
	queries_free(queries);
	world_close();
	close(bound);
	for (int i = 0; i < CLIENTS; i++) {
		if (clients[i] >= 0)
			close(clients[i]);
		buffer_free(&got[i]);
	}
	return 0;
}

static void
dial(unsigned n)
{
	clients[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(clients[n], &address.any, addr_bytes(&address)), 0);
}

/* A name for each id: the same question would be asked upstream but once. */
static void
ask(unsigned n, unsigned id)
{
	static struct message m;
	uint8_t framed[64];
	char name[24];
	snprintf(name, sizeof name, "www%u.example.", id);
	message_begin(&m, id, WIRE_FLAG_RD);
	message_question(&m, name, 1, 1);
	framed[0] = 0;
	framed[1] = (uint8_t)m.length;
	memcpy(framed + 2, m.bytes, m.length);
	assert_int_equal(send(clients[n], framed, m.length + 2, MSG_NOSIGNAL), m.length + 2);
}

/* Takes in what is there for this client; false once the connection has ended. */
static bool
hear(unsigned n)
{
	uint8_t *to = buffer_reserve(&got[n], 65536);
	ssize_t bytes = recv(clients[n], to, 65536, MSG_DONTWAIT);
	if (bytes > 0)
		buffer_added(&got[n], (size_t)bytes);
	return bytes > 0 || (bytes < 0 && errno == EAGAIN);
}

static unsigned
answers(unsigned n)
{
	unsigned count = 0;
	const uint8_t *at = buffer_front(&got[n]);
	for (size_t left = buffer_held(&got[n]); left >= 2;) {
		size_t bytes = 2u + ((size_t)at[0] << 8 | at[1]);
		if (bytes > left)
			break;
		count++;
		at += bytes;
		left -= bytes;
	}
	return count;
}

#define HEAR_UNTIL(n, claim) LOOP_UNTIL(world.loop, !hear(n) || (claim))

static void
many_questions_on_a_connection(void **state)
{
	(void)state;
	serve();
	dial(0);
	for (unsigned i = 0; i < 50; i++) /* more than tcp_queries_per_client */
		ask(0, i);
	HEAR_UNTIL(0, answers(0) == 50);
	assert_int_equal(answers(0), 50);
	assert_int_equal(counted(STATS_queries_tcp), 50);
	assert_int_equal(counted(STATS_tcp_clients), 1);
	assert_int_equal(listener_stream_clients(listener), 1);
}

static void
not_read_from_beyond_its_share(void **state)
{
	(void)state;
	server->manner = HOLDS;
	world.config.limits.tcp_queries_per_client = 5;
	serve();
	dial(0);
	for (unsigned i = 0; i < 12; i++)
		ask(0, i);
	LOOP_UNTIL(world.loop, server->held_count == 5);
	looping_settle(world.loop);
	assert_int_equal(server->held_count, 5);
	assert_int_equal(queries_in_flight(queries), 5);
	for (unsigned i = 0; i < 12; i++) {
		LOOP_UNTIL(world.loop, server->held_count > i);
		world_release(server, i);
	}
	HEAR_UNTIL(0, answers(0) == 12);
	assert_int_equal(answers(0), 12);
}

/* RFC 7766 section 6.2.3: the end of the questions is not the end of the answers. */
static void
answered_after_the_last_question(void **state)
{
	(void)state;
	serve();
	dial(0);
	ask(0, 1);
	ask(0, 2);
	shutdown(clients[0], SHUT_WR);
	LOOP_UNTIL(world.loop, !hear(0));
	assert_int_equal(answers(0), 2);
	assert_int_equal(listener_stream_clients(listener), 0);
}

static void
gone_before_the_answer(void **state)
{
	(void)state;
	server->manner = HOLDS;
	serve();
	dial(0);
	ask(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	struct linger now = {.l_onoff = 1};
	setsockopt(clients[0], SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(clients[0]);
	clients[0] = -1;
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 0);
	dial(1); /* takes the place of the first, and must not get its answer */
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 1);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, counted(STATS_dropped_gone) == 1);
	looping_settle(world.loop);
	assert_true(hear(1));
	assert_int_equal(buffer_held(&got[1]), 0);
	assert_int_equal(queries_in_flight(queries), 0);
}

static void
limit_of_an_address(void **state)
{
	(void)state;
	world.config.limits.tcp_clients_per_address = 3;
	serve();
	for (unsigned i = 0; i < 4; i++)
		dial(i);
	LOOP_UNTIL(world.loop, counted(STATS_tcp_refused) == 1);
	LOOP_UNTIL(world.loop, !hear(3));
	assert_int_equal(listener_stream_clients(listener), 3);
	close(clients[0]);
	clients[0] = -1;
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 2);
	dial(4);
	ask(4, 1);
	HEAR_UNTIL(4, answers(4) == 1);
	assert_int_equal(answers(4), 1);
}

/* When all places are taken, the one that has been idle the longest makes room; who waits for an answer
 * stays.
 */
static void
full_house(void **state)
{
	(void)state;
	server->manner = HOLDS;
	world.config.limits.tcp_clients = 3;
	serve();
	dial(0);
	ask(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	dial(1);
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 2);
	dial(2);
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 3);
	dial(3);
	LOOP_UNTIL(world.loop, !hear(1));
	assert_int_equal(counted(STATS_tcp_clients), 4);
	assert_int_equal(counted(STATS_tcp_refused), 0);
	assert_true(hear(0) && hear(2) && hear(3));
	world_release(server, 0);
	HEAR_UNTIL(0, answers(0) == 1);
	assert_int_equal(answers(0), 1);
}

static void
idle_ones_are_closed(void **state)
{
	(void)state;
	server->manner = HOLDS;
	world.config.limits.tcp_idle_timeout_ms = 200;
	serve();
	dial(0);
	dial(1);
	ask(1, 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, server->held_count == 1);
	LOOP_UNTIL(world.loop, !hear(0));
	assert_true(clock_now_ms() - begun_ms >= 190);
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms >= 500);
	assert_true(hear(1)); /* it waits for its answer, and is not idle */
	world_release(server, 0);
	HEAR_UNTIL(1, answers(1) == 1);
	LOOP_UNTIL(world.loop, !hear(1));
	assert_int_equal(answers(1), 1);
}

/* That one waits for its answer must not keep the others beyond their time. */
static void
idle_ones_beside_one_that_waits(void **state)
{
	(void)state;
	server->manner = HOLDS;
	world.config.limits.tcp_idle_timeout_ms = 1500;
	serve();
	dial(0);
	ask(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	uint64_t begun_ms = clock_now_ms();
	LOOP_UNTIL(world.loop, clock_now_ms() - begun_ms >= 300);
	dial(1);
	LOOP_UNTIL(world.loop, !hear(1));
	assert_in_range(clock_now_ms() - begun_ms, 1790, 2700);
	world_release(server, 0);
	HEAR_UNTIL(0, answers(0) == 1);
}

static void
stranger_is_closed_at_once(void **state)
{
	(void)state;
	world.config.access.allow_count = 0;
	world.config.access.drop = true;
	serve();
	dial(0);
	LOOP_UNTIL(world.loop, !hear(0));
	assert_int_equal(counted(STATS_tcp_refused), 1);
	assert_int_equal(counted(STATS_tcp_clients), 0);
}

static void
drained(void **state)
{
	(void)state;
	server->manner = HOLDS;
	serve();
	dial(0);
	ask(0, 1);
	LOOP_UNTIL(world.loop, server->held_count == 1);
	dial(1); /* still in the kernel's queue, with its question */
	ask(1, 2);
	listener_stream_drain(listener);
	listener_stream_drain(listener);
	LOOP_UNTIL(world.loop, server->held_count == 2);
	world_release(server, 0);
	world_release(server, 1);
	LOOP_UNTIL(world.loop, !hear(0));
	LOOP_UNTIL(world.loop, !hear(1));
	assert_int_equal(answers(0), 1);
	assert_int_equal(answers(1), 1);
	assert_int_equal(listener_stream_clients(listener), 0);
}

/* For 192.0.2.<host> */
static void
introduce(unsigned n, unsigned host)
{
	const uint8_t header[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n', 0x21, 0x11,
	        0, 12, 192, 0, 2, (uint8_t)host, 198, 51, 100, 53, 16, 0, 0, 53};
	assert_int_equal(send(clients[n], header, sizeof header, MSG_NOSIGNAL), sizeof header);
}

/* They are counted by their own addresses, not by that of the proxy. */
static void
clients_behind_a_proxy(void **state)
{
	static struct addr_net theirs;
	static struct config_listen by = {
	        .proxy_protocol = true, .proxy_from = &everybody, .proxy_from_count = 1};
	(void)state;
	assert_int_equal(addr_net_parse(&theirs, "192.0.2.0/24"), 0);
	world.config.access.allow = &theirs;
	world.config.access.drop = true;
	world.config.limits.tcp_clients_per_address = 1;
	world.config.listens = &by;
	world.config.listen_count = 1;
	serve();
	for (unsigned i = 0; i < 3; i++) {
		dial(i);
		introduce(i, 7 + i / 2);
		LOOP_UNTIL(world.loop, counted(STATS_tcp_clients) + counted(STATS_tcp_refused) == i + 1);
	}
	LOOP_UNTIL(world.loop, !hear(1));
	ask(0, 1);
	ask(2, 2);
	HEAR_UNTIL(0, answers(0) == 1);
	HEAR_UNTIL(2, answers(2) == 1);
	dial(3); /* waits to be introduced, and is a client already */
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 3);
	assert_int_equal(counted(STATS_tcp_clients), 2);
	dial(4); /* has no header */
	ask(4, 3);
	LOOP_UNTIL(world.loop, !hear(4));
	assert_int_equal(counted(STATS_proxy_malformed), 1);
	introduce(3, 9);
	ask(3, 4);
	listener_stream_drain(listener);
	HEAR_UNTIL(3, answers(3) == 1);
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 0);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(many_questions_on_a_connection),
	        STARTED(not_read_from_beyond_its_share),
	        STARTED(answered_after_the_last_question),
	        STARTED(gone_before_the_answer),
	        STARTED(limit_of_an_address),
	        STARTED(full_house),
	        STARTED(idle_ones_are_closed),
	        STARTED(idle_ones_beside_one_that_waits),
	        STARTED(stranger_is_closed_at_once),
	        STARTED(clients_behind_a_proxy),
	        STARTED(drained),
	};
	return cmocka_run_group_tests_name("listener_stream", tests, world_begin, world_finish);
}
