/*
 * Batches that outlive their worker: what had been received is asked, what had been written is sent, and
 * nothing that lies there does harm.
 *
 * The module is included, not linked: the situations are laid out by hand where no dead worker would leave
 * them for sure. At the end real workers die at random instants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "client/listener_udp.c"
#include "dns/hash.h"
#include "forked.h"
#include "message.h"
#include "ports.h"
#include "worlds.h"

#include <fcntl.h>

enum { ASKED = 40, ROUNDS = 12, DEATHS = 3, SENT_ID = 0x2000 };

static struct queries *queries;
static struct listener_udp *listener;
static struct addr_net everybody;
static struct addr address, client_address;
static int bound, client;
static struct shm *memory;
static struct message msg;

static struct udp_memory *
batches(void)
{
	return shm_start(memory);
}

static void
open_sockets(const char *host)
{
	int on = 1;
	address = ports_free(host);
	bound = ports_bind(&address, SOCK_DGRAM);
	assert_true(bound >= 0);
	fcntl(bound, F_SETFL, O_NONBLOCK);
	setsockopt(bound, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	client_address = (struct addr){.in4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	client = ports_bind(&client_address, SOCK_DGRAM);
	assert_true(client >= 0);
}

static int
start(void **state)
{
	(void)state;
	world_open(1);
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	world.config.limits.queries_in_flight = 512;
	world.upstreams[0].max_outstanding = 512;
	world.memory = shm_new(queries_footprint(&world.config));
	memory = shm_new(listener_udp_footprint());
	assert_true(world.memory != NULL && memory != NULL);
	queries = NULL;
	listener = NULL;
	open_sockets("127.0.0.1");
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
	return 0;
}

/* A successor; in the order of the worker. */
static void
recover(uint64_t skip)
{
	queries = world_queries_anew();
	listener = listener_udp_new(world.loop, queries, &address, bound, 0, &world.stats, shm_start(memory));
	queries_recover(queries, skip);
	listener_udp_recover(listener, skip);
}

static void
die(void)
{
	listener_udp_free(listener);
	queries_free(queries);
	listener = NULL;
	queries = NULL;
}

static void
question(unsigned id)
{
	char name[32];
	snprintf(name, sizeof name, "%u.example.", id);
	message_begin(&msg, id, WIRE_FLAG_RD);
	message_question(&msg, name, 1, 1);
}

static void
ask(unsigned id)
{
	question(id);
	assert_int_equal(
	        sendto(client, msg.bytes, msg.length, 0, &address.any, addr_bytes(&address)), msg.length);
}

/* A question that was received, as the n-th of its batch. */
static void
lay_question(unsigned n, unsigned id)
{
	struct udp_memory *m = batches();
	question(id);
	memcpy(m->in_bytes[n], msg.bytes, msg.length);
	m->in[n].msg_len = (unsigned)msg.length;
	m->in[n].msg_hdr.msg_namelen = sizeof client_address.in4;
	m->in_slots[n].peer = client_address;
}

/* An answer that is complete, as the n-th of its batch. */
static void
lay_answer(unsigned n, unsigned id)
{
	struct udp_memory *m = batches();
	question(id);
	msg.bytes[2] |= 0x80;
	memcpy(m->out_bytes[n], msg.bytes, msg.length);
	m->out_slots[n].iov.iov_len = msg.length;
	m->out_slots[n].peer = client_address;
	m->out[n].msg_hdr.msg_namelen = sizeof client_address.in4;
}

/* Takes one answer; its id, or -1 when there is none. */
static int
answer(void)
{
	uint8_t bytes[4096];
	ssize_t got = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
	return got < 12 ? -1 : wire_id(bytes);
}

/* Just these, in whatever order, and no other. */
static void
assert_answers(const unsigned *ids, unsigned count)
{
	unsigned seen = 0;
	for (unsigned n = 0; n < count; n++) {
		int id = -1;
		LOOP_UNTIL(world.loop, (id = answer()) >= 0);
		for (unsigned i = 0; i < count; i++)
			if ((int)ids[i] == id)
				seen |= 1u << i;
	}
	assert_int_equal(seen, (1u << count) - 1);
	looping_settle(world.loop);
	assert_int_equal(answer(), -1);
}

#define ASSERT_ANSWERS(...)                                                                                  \
	do {                                                                                                 \
		static const unsigned wanted[] = {__VA_ARGS__};                                              \
		assert_answers(wanted, sizeof wanted / sizeof wanted[0]);                                    \
	} while (0)

/* --- received, not handled --- */

static void
received_ones_are_asked(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 5; n++)
		lay_question(n, 100 + n);
	batches()->next = 2; /* the first two were handled */
	recover(0);
	assert_int_equal(queries_in_flight(queries), 3);
	ASSERT_ANSWERS(102, 103, 104);
	assert_int_equal(counted(STATS_replayed), 3);
	assert_int_equal(counted(STATS_queries), 3);
	/* Once: another successor finds nothing. */
	die();
	recover(0);
	assert_int_equal(queries_in_flight(queries), 0);
	assert_int_equal(counted(STATS_replayed), 3);
}

/* Behind a header that only begins in the space that is left, too. */
static void
those_of_proxies(void **state)
{
	static const uint8_t header[28] =
	        "\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\x7f\0\0\7\xc6\x33\x64\x35\x10\0\0\x35";
	static struct config_listen by = {
	        .proxy_protocol = true, .proxy_from = &everybody, .proxy_from_count = 1};
	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		lay_question(n, 100 + n);
		memmove(batches()->in_bytes[n] + sizeof header, batches()->in_bytes[n], msg.length);
		memcpy(batches()->in_bytes[n], header, sizeof header);
		batches()->in[n].msg_len += (unsigned)sizeof header;
	}
	lay_question(4, 104); /* without */
	batches()->in[1].msg_len = 20;
	batches()->in_bytes[2][14] = 0xff;
	queries = world_queries_anew();
	listener = listener_udp_new(world.loop, queries, &address, bound, 0, &world.stats, shm_start(memory));
	listener_udp_proxied(listener, &by);
	queries_recover(queries, 0);
	listener_udp_recover(listener, 0);
	ASSERT_ANSWERS(100, 103);
	assert_int_equal(counted(STATS_proxy_malformed), 3);
}

static void
question_in_hand_is_skipped(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3; n++)
		lay_question(n, 100 + n);
	question(101);
	recover(hash_question(msg.bytes, msg.length, WORLD_SEED));
	ASSERT_ANSWERS(100, 102);
	assert_int_equal(counted(STATS_replayed), 2);
}

/* It is only one client's turn that is skipped for ever; quarantine has an answer. */
static void
quarantined_ones_are_answered(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3; n++)
		lay_question(n, 100 + n);
	question(101);
	uint64_t hash = hash_question(msg.bytes, msg.length, WORLD_SEED);
	quarantine_note(&world.quarantine, hash, clock_now_ms());
	quarantine_note(&world.quarantine, hash, clock_now_ms());
	recover(0);
	ASSERT_ANSWERS(100, 101, 102);
	assert_int_equal(counted(STATS_quarantined), 1);
	assert_int_equal(world.servers[0].asked, 2);
}

/* An empty datagram has no length, just as a place to which none came. */
static void
behind_an_empty_datagram(void **state)
{
	(void)state;
	lay_question(0, 100);
	lay_question(2, 102);
	lay_question(UDP_BATCH - 1, 163);
	recover(0);
	ASSERT_ANSWERS(100, 102, 163);
}

static void
lengths_and_origins_that_cannot_be(void **state)
{
	static const unsigned lengths[] = {UDP_QUERY_BYTES + 1, 65536, 1u << 31, UINT32_MAX};
	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		lay_question(n, 100 + n);
		batches()->in[n].msg_len = lengths[n];
	}
	lay_question(4, 104);
	addr_set_port(&batches()->in_slots[4].peer, 0);
	lay_question(5, 105);
	recover(0);
	ASSERT_ANSWERS(105);
	assert_int_equal(counted(STATS_queries), 1);
}

/* Whatever the kernel had written of the control message, it is walked within its bounds. */
static void
control_messages_that_cannot_be(void **state)
{
	static const size_t lengths[] = {0, 1, UDP_CONTROL_BYTES, UDP_CONTROL_BYTES + 1, 1 << 20, SIZE_MAX};
	(void)state;
	close(bound);
	close(client);
	open_sockets("0.0.0.0");
	for (unsigned n = 0; n < 6; n++) {
		struct cmsghdr *c = (struct cmsghdr *)(void *)batches()->in_slots[n].control;
		lay_question(n, 100 + n);
		batches()->in[n].msg_hdr.msg_control = (void *)8;
		batches()->in[n].msg_hdr.msg_controllen = lengths[n];
		*c = (struct cmsghdr){
		        .cmsg_len = sizeof *c, .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO + 1};
	}
	recover(0);
	ASSERT_ANSWERS(100, 101, 102, 103, 104, 105);
}

/* --- written, not sent --- */

static void
complete_answers_are_sent(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 5; n++)
		lay_answer(n, SENT_ID + n);
	batches()->sent = 1;
	batches()->filled = 4; /* the fifth was not complete */
	/* Pointers of the one who died. */
	for (unsigned n = 0; n < 5; n++) {
		batches()->out[n].msg_hdr.msg_name = (void *)8;
		batches()->out[n].msg_hdr.msg_iov = (void *)8;
		batches()->out[n].msg_hdr.msg_control = (void *)8;
		batches()->out_slots[n].iov.iov_base = (void *)8;
	}
	recover(0);
	ASSERT_ANSWERS(SENT_ID + 1, SENT_ID + 2, SENT_ID + 3);
	assert_int_equal(batches()->filled, 0);
	assert_int_equal(batches()->sent, 0);
	assert_int_equal(counted(STATS_dropped_unsent), 0);
}

static void
counters_that_cannot_be(void **state)
{
	static const uint32_t rows[][3] = {
	        /* next, sent, filled */
	        {0, 0, UDP_BATCH + 1},
	        {UDP_BATCH, 5, 4}, /* killed just behind a batch */
	        {UDP_BATCH + 1, UINT32_MAX, UINT32_MAX},
	        {1u << 31, UINT32_MAX, 3},
	        {UINT32_MAX, 1, 1u << 31},
	};
	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		for (unsigned n = 0; n < 8; n++)
			lay_answer(n, SENT_ID + n);
		batches()->next = rows[i][0];
		batches()->sent = rows[i][1];
		batches()->filled = rows[i][2];
		recover(0);
		looping_settle(world.loop);
		assert_int_equal(answer(), -1);
		ask(200 + i);
		const unsigned id = 200 + i;
		assert_answers(&id, 1);
		die();
	}
}

static int
take_in_one_and_die(void *arg)
{
	(void)arg;
	ev_loop_fork(world.loop);
	world.servers[0].manner = HOLDS;
	recover(0);
	while (world.servers[0].held_count == 0)
		looping_turn(world.loop);
	raise(SIGKILL);
	return 0;
}

/* The answer may be ready at once: a predecessor's question for which there is no upstream any more. It must
 * find the batch in order. */
static void
answered_while_recovering(void **state)
{
	(void)state;
	ask(100);
	struct forked result = forked_run(take_in_one_and_die, NULL);
	assert_true(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL);
	world.config.forward.attempts = 0;
	batches()->sent = 7;
	batches()->filled = 1000000;
	recover(0);
	ASSERT_ANSWERS(100);
}

static void
full_batch_of_answers(void **state)
{
	unsigned count = 0;
	(void)state;
	for (unsigned n = 0; n < UDP_BATCH; n++)
		lay_answer(n, SENT_ID + n);
	batches()->filled = UDP_BATCH;
	recover(0);
	for (int id; (id = answer()) >= 0; count++)
		assert_int_equal(id, SENT_ID + count);
	assert_int_equal(count, UDP_BATCH);
}

/* All but the addresses, for a test sends nothing to strangers. */
static void
spoil(struct udp_memory *m)
{
	uint8_t *bytes = (uint8_t *)m;
	for (size_t i = 0; i < offsetof(struct udp_memory, in_bytes); i++)
		if (rand() % 8 == 0)
			bytes[i] = (uint8_t)rand();
	for (unsigned n = 0; n < UDP_BATCH; n++)
		m->in_slots[n].peer = m->out_slots[n].peer = client_address;
	if (rand() % 2) {
		m->next = (uint32_t)rand() % (UDP_BATCH + 1);
		m->sent = (uint32_t)rand() % (UDP_BATCH + 1);
		m->filled = (uint32_t)rand() % (UDP_BATCH + 1);
	}
	for (unsigned n = 0; n < UDP_BATCH; n++)
		if (rand() % 2)
			m->in[n].msg_len = (unsigned)rand() % (UDP_QUERY_BYTES + 2);
}

static void
memory_that_was_spoilt(void **state)
{
	(void)state;
	srand(5);
	close(bound);
	close(client);
	open_sockets("0.0.0.0");
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned n = 0; n < UDP_BATCH; n++) {
			lay_question(n, n);
			lay_answer(n, SENT_ID + n);
		}
		spoil(batches());
		recover(0);
		if (round % 20 == 0) {
			looping_settle(world.loop);
			while (answer() >= 0)
				;
			ask(0x7777);
			int id = -1;
			LOOP_UNTIL(world.loop, (id = answer()) == 0x7777);
		}
		die();
		looping_turn(world.loop);
		while (recv(client, &(char){0}, 1, MSG_DONTWAIT) >= 0)
			;
	}
}

/* --- real deaths --- */

static int
live(void *arg)
{
	(void)arg;
	signal(SIGPIPE, SIG_IGN); /* as a worker does; the server in it has clients that are dead */
	ev_loop_fork(world.loop);
	recover(0);
	for (;;)
		looping_turn(world.loop);
	return 0;
}

static pid_t
be_born(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(live(NULL));
	assert_true(pid > 0);
	return pid;
}

/* Takes what has come; how many there are now. */
static unsigned
collect(bool *seen, unsigned count)
{
	for (int id; (id = answer()) >= 0;) {
		assert_in_range(id, 0, ASKED - 1);
		count += !seen[id];
		seen[id] = true;
	}
	return count;
}

/* Not one question is lost, wherever the kills hit. More than that many in a row a question need not stand.
 */
static void
killed_at_random_instants(void **state)
{
	(void)state;
	srand((unsigned)clock_now_ms());
	for (unsigned round = 0; round < ROUNDS; round++) {
		bool seen[ASKED] = {false};
		unsigned asked = 0, count = 0;
		memset(shm_start(memory), 0, listener_udp_footprint());
		memset(shm_start(world.memory), 0, queries_footprint(&world.config));
		for (unsigned death = 0; death <= DEATHS; death++) {
			pid_t pid = be_born();
			for (; asked < ASKED * (death + 1) / (DEATHS + 1); asked++)
				ask(asked);
			uint64_t until_ms = clock_now_ms() + LOOPING_DEADLINE_MS;
			if (death < DEATHS)
				usleep((useconds_t)rand() % 12000);
			else
				while ((count = collect(seen, count)) < ASKED && clock_now_ms() < until_ms)
					usleep(1000);
			kill(pid, SIGKILL);
			assert_int_equal(waitpid(pid, NULL, 0), pid);
		}
		if (count < ASKED)
			fail_msg("only %u of %u answered", count, ASKED);
	}
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(received_ones_are_asked),
	        STARTED(those_of_proxies),
	        STARTED(question_in_hand_is_skipped),
	        STARTED(quarantined_ones_are_answered),
	        STARTED(behind_an_empty_datagram),
	        STARTED(lengths_and_origins_that_cannot_be),
	        STARTED(control_messages_that_cannot_be),
	        STARTED(complete_answers_are_sent),
	        STARTED(counters_that_cannot_be),
	        STARTED(answered_while_recovering),
	        STARTED(full_batch_of_answers),
	        STARTED(memory_that_was_spoilt),
	        STARTED(killed_at_random_instants),
	};
	return cmocka_run_group_tests_name("listener_udp_replay", tests, world_begin, world_finish);
}
