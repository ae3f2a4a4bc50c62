/*
 * Questions by TLS: the same as by TCP once the handshake is done, and before that nobody keeps a place for
 * nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "client/handshakes.h"
#include "client/listener_stream.h"
#include "message.h"
#include "net/tls_server.h"
#include "ports.h"
#include "worlds.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

enum { CLIENTS = 8, PADDED_BYTES = 468 };

/* A client that speaks TLS, or one that only connects. */
struct caller {
	struct stream *stream;
	int fd;
	unsigned opened, answers, ends;
	enum stream_end end;
	size_t bytes; /* of its last answer */
};

static struct queries *queries;
static struct listener_stream *listener;
static struct tls_server *tls;
static struct stek stek;
static struct addr_net everybody;
static struct addr address;
static int bound;
static struct caller callers[CLIENTS];
static struct world_server *server;
static char chain_path[] = "/tmp/dotward-chain.XXXXXX", key_path[] = "/tmp/dotward-key.XXXXXX", none[] = "";

static void
on_opened(void *arg)
{
	((struct caller *)arg)->opened++;
}

static void
on_message(void *arg, uint8_t *msg, size_t bytes)
{
	struct caller *c = arg;
	(void)msg;
	c->answers++;
	c->bytes = bytes;
}

static void
on_ended(void *arg, enum stream_end end, const char *why)
{
	struct caller *c = arg;
	(void)why;
	c->ends++;
	c->end = end;
	stream_close(&c->stream);
}

static const struct stream_events calling = {.opened = on_opened, .message = on_message, .ended = on_ended};

static void
pem_write(const gnutls_datum_t *pem, char *path)
{
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pem->data, pem->size), pem->size);
	close(fd);
}

static void
certificate_write(void)
{
	gnutls_datum_t pem;
	certs_must(gnutls_x509_crt_export2(certs.good.crt, GNUTLS_X509_FMT_PEM, &pem));
	pem_write(&pem, chain_path);
	gnutls_free(pem.data);
	certs_must(gnutls_x509_privkey_export2(certs.good.key, GNUTLS_X509_FMT_PEM, &pem));
	pem_write(&pem, key_path);
	gnutls_free(pem.data);
}

static int
start(void **state)
{
	(void)state;
	world_open(1);
	server = &world.servers[0];
	server->dot.arg = server;
	assert_int_equal(addr_net_parse(&everybody, "127.0.0.0/8"), 0);
	world.config.access = (struct config_access){.allow = &everybody, .allow_count = 1};
	world.config.limits.tls_handshakes = 4;
	world.config.limits.tls_handshake_timeout_ms = 30000;
	address = ports_free("127.0.0.1");
	bound = ports_bind(&address, SOCK_STREAM);
	assert_true(bound >= 0);
	assert_int_equal(fcntl(bound, F_SETFL, O_NONBLOCK), 0);
	memset(callers, 0, sizeof callers);
	for (unsigned i = 0; i < CLIENTS; i++)
		callers[i].fd = -1;
	memset(&stek, 0, sizeof stek);
	return 0;
}

static void
serve(void)
{
	char why[TLS_WHY_BYTES];
	struct config_listen door = {
	        .tls = true, .certificate = chain_path, .key = key_path, .client_ca = none, .ddr_name = none};
	certificate_write();
	door.address = address;
	tls = tls_server_new(&door, why);
	unlink(chain_path);
	unlink(key_path);
	assert_non_null(tls);
	tls_server_give_tickets(tls, &stek);
	queries = world_queries();
	listener = listener_stream_new(world.loop, world.room, queries, &world.config, &world.stats);
	listener_stream_add(listener, bound, 0, world.config.listens, tls);
}

static int
stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++) {
		if (callers[i].stream != NULL)
			stream_close(&callers[i].stream);
		if (callers[i].fd >= 0)
			close(callers[i].fd);
	}
	listener_stream_free(listener);
	queries_free(queries);
	world_close();
	tls_server_free(tls);
	close(bound);
	return 0;
}

static void
call(unsigned n)
{
	callers[n].stream = stream_connect(
	        world.room, &address, tls_store_profile(world.tls, 0), &calling, &callers[n], 1 << 16);
	assert_non_null(callers[n].stream);
}

/* One that connects, and says so much of a ClientHello. */
static void
linger(unsigned n, size_t bytes)
{
	static const uint8_t hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
	callers[n].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(callers[n].fd, &address.any, addr_bytes(&address)), 0);
	if (bytes > 0)
		assert_int_equal(send(callers[n].fd, hello, bytes, MSG_NOSIGNAL), bytes);
}

/* The server has let it go. */
static bool
is_gone(unsigned n)
{
	uint8_t alert[64];
	ssize_t got;
	while ((got = recv(callers[n].fd, alert, sizeof alert, MSG_DONTWAIT)) > 0)
		continue;
	return got == 0 || errno != EAGAIN;
}

static void
ask(unsigned n, unsigned id, bool padded)
{
	static const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 12, 0, 0};
	static struct message m;
	char name[24];
	snprintf(name, sizeof name, "www%u.example.", id);
	message_begin(&m, id, WIRE_FLAG_RD);
	message_question(&m, name, 1, 1);
	size_t bytes = m.length + (padded ? sizeof opt : 0);
	uint8_t *to = stream_reserve(callers[n].stream, bytes);
	assert_non_null(to);
	memcpy(to, m.bytes, m.length);
	if (padded) {
		memcpy(to + m.length, opt, sizeof opt);
		to[11] = 1;
	}
	stream_commit(callers[n].stream, bytes);
}

static void
questions_are_answered(void **state)
{
	(void)state;
	serve();
	call(0);
	for (unsigned i = 0; i < 12; i++)
		ask(0, i, false);
	LOOP_UNTIL(world.loop, callers[0].answers == 12);
	assert_true(callers[0].bytes < 100);
	ask(0, 12, true);
	LOOP_UNTIL(world.loop, callers[0].answers == 13);
	assert_int_equal(callers[0].bytes, PADDED_BYTES);
	assert_int_equal(counted(STATS_queries_tls), 13);
	assert_int_equal(counted(STATS_queries_tcp), 0);
	assert_int_equal(counted(STATS_tls_clients), 1);
	assert_int_equal(counted(STATS_tls_handshakes), 1);
	assert_int_equal(counted(STATS_tcp_clients), 0);
	assert_int_equal(listener_stream_clients(listener), 1);
}

/* --- behind a proxy --- */

/* Carries on what came at one end; false at its end. */
static bool
carry(int from, int to)
{
	uint8_t block[4096];
	ssize_t got = recv(from, block, sizeof block, 0);
	return got > 0 && send(to, block, (size_t)got, MSG_NOSIGNAL) == got;
}

/* A proxy for one connection, which says that it is 192.0.2.7's; in a process of its own. */
static pid_t
proxy_start(struct addr *at)
{
	static const uint8_t header[28] =
	        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\7\xc6\x33\x64\x35\x10\0\3\x55";
	*at = ports_free("127.0.0.1");
	int door = ports_bind(at, SOCK_STREAM);
	pid_t pid = fork();
	if (pid > 0)
		close(door);
	if (pid != 0)
		return pid;
	struct pollfd ends[2] = {{.events = POLLIN}, {.events = POLLIN}};
	ends[0].fd = accept(door, NULL, NULL);
	ends[1].fd = socket(AF_INET, SOCK_STREAM, 0);
	bool runs = connect(ends[1].fd, &address.any, addr_bytes(&address)) == 0 &&
	            send(ends[1].fd, header, sizeof header, MSG_NOSIGNAL) == sizeof header;
	while (runs && poll(ends, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			runs = runs && (ends[i].revents == 0 || carry(ends[i].fd, ends[1 - i].fd));
	_exit(0);
}

/* The header comes before the handshake, and who it names is the client. */
static void
behind_a_proxy(void **state)
{
	static struct addr_net theirs;
	static struct config_listen by = {
	        .tls = true, .proxy_protocol = true, .proxy_from = &everybody, .proxy_from_count = 1};
	struct addr front;
	(void)state;
	assert_int_equal(addr_net_parse(&theirs, "192.0.2.7"), 0);
	world.config.access = (struct config_access){.allow = &theirs, .allow_count = 1, .drop = true};
	world.config.listens = &by;
	world.config.listen_count = 1;
	serve();
	pid_t proxy = proxy_start(&front);
	callers[0].stream = stream_connect(
	        world.room, &front, tls_store_profile(world.tls, 0), &calling, &callers[0], 1 << 16);
	ask(0, 1, false);
	LOOP_UNTIL(world.loop, callers[0].answers == 1);
	assert_int_equal(counted(STATS_queries_tls), 1);
	assert_int_equal(counted(STATS_tls_handshakes), 1);
	/* without a header there is no handshake */
	call(1);
	LOOP_UNTIL(world.loop, callers[1].ends == 1);
	assert_int_equal(callers[1].opened, 0);
	assert_int_equal(counted(STATS_proxy_malformed), 1);
	assert_int_equal(counted(STATS_tls_clients), 1);
	stream_close(&callers[0].stream);
	assert_int_equal(waitpid(proxy, NULL, 0), proxy);
}

static void
clear_text_is_not(void **state)
{
	static const uint8_t question[] = {0, 29, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 4,
	        't', 'e', 's', 't', 0, 0, 1, 0, 1};
	(void)state;
	serve();
	linger(0, 0);
	assert_int_equal(send(callers[0].fd, question, sizeof question, MSG_NOSIGNAL), sizeof question);
	LOOP_UNTIL(world.loop, is_gone(0));
	assert_int_equal(counted(STATS_tls_failed), 1);
	assert_int_equal(counted(STATS_queries), 0);
	assert_int_equal(listener_stream_clients(listener), 0);
}

static void
who_goes_in_the_middle_leaves_nothing(void **state)
{
	(void)state;
	serve();
	linger(0, 7);
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 1);
	close(callers[0].fd);
	callers[0].fd = -1;
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 0);
	assert_int_equal(counted(STATS_tls_failed), 1);
	assert_int_equal(counted(STATS_tls_handshakes), 0);
}

static void
a_handshake_has_its_time(void **state)
{
	(void)state;
	world.config.limits.tls_handshake_timeout_ms = 150;
	serve();
	uint64_t begun_ms = clock_now_ms();
	linger(0, 0);
	linger(1, 9);
	LOOP_UNTIL(world.loop, is_gone(0));
	LOOP_UNTIL(world.loop, is_gone(1));
	assert_true(clock_now_ms() - begun_ms >= 150);
	assert_int_equal(counted(STATS_tls_failed), 2);
	assert_int_equal(listener_stream_clients(listener), 0);
}

/* Who stands still makes room for who means it, and not at once. */
static void
who_stands_still_gives_way(void **state)
{
	(void)state;
	serve();
	uint64_t begun_ms = clock_now_ms();
	for (unsigned i = 0; i < 4; i++)
		linger(i, i);
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 4);
	call(4);
	ask(4, 1, false);
	LOOP_UNTIL(world.loop, callers[4].answers == 1);
	assert_true(clock_now_ms() - begun_ms >= HANDSHAKE_GRACE_MS);
	assert_int_equal(counted(STATS_tls_failed), 1);
	assert_int_equal(counted(STATS_tls_handshakes), 1);
}

/* Many at once, more than may shake hands: all are let in, one after the other, and nobody is sent away; on a
 * machine so slow that they stand still, some may be. */
static void
all_come_in_at_last(void **state)
{
	(void)state;
	world.config.limits.tls_handshakes = 2;
	serve();
	uint64_t begun_ms = clock_now_ms();
	for (unsigned i = 0; i < CLIENTS; i++) {
		call(i);
		ask(i, i, false);
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		LOOP_UNTIL(world.loop, callers[i].answers + callers[i].ends > 0);
	assert_int_equal(counted(STATS_tls_handshakes) + counted(STATS_tls_failed), CLIENTS);
	if (clock_now_ms() - begun_ms < HANDSHAKE_GRACE_MS)
		assert_int_equal(counted(STATS_tls_failed), 0);
}

static void
they_count_for_their_address(void **state)
{
	(void)state;
	world.config.limits.tcp_clients_per_address = 2;
	serve();
	for (unsigned i = 0; i < 3; i++)
		linger(i, 0);
	LOOP_UNTIL(world.loop, is_gone(2));
	assert_int_equal(counted(STATS_tcp_refused), 1);
	assert_int_equal(listener_stream_clients(listener), 2);
}

/* An end in order, behind the answer, for who is known; those in a handshake have little time left. */
static void
drained(void **state)
{
	(void)state;
	server->manner = HOLDS;
	serve();
	call(0);
	call(1);
	ask(0, 1, false);
	LOOP_UNTIL(world.loop, server->held_count == 1 && callers[1].opened == 1);
	LOOP_UNTIL(world.loop, counted(STATS_tls_handshakes) == 2);
	linger(3, 5);
	LOOP_UNTIL(world.loop, listener_stream_clients(listener) == 3);
	listener_stream_drain(listener);
	call(2); /* waits in the kernel's queue, for whoever comes after us */
	LOOP_UNTIL(world.loop, callers[1].ends == 1);
	assert_int_equal(callers[1].end, STREAM_EOF);
	assert_int_equal(callers[0].ends, 0);
	world_release(server, 0);
	LOOP_UNTIL(world.loop, callers[0].ends == 1);
	assert_int_equal(callers[0].answers, 1);
	assert_int_equal(callers[0].end, STREAM_EOF);
	assert_int_equal(callers[2].opened, 0);
	LOOP_UNTIL(world.loop, is_gone(3));
	assert_int_equal(listener_stream_clients(listener), 0);
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(questions_are_answered),
	        STARTED(behind_a_proxy),
	        STARTED(clear_text_is_not),
	        STARTED(who_goes_in_the_middle_leaves_nothing),
	        STARTED(a_handshake_has_its_time),
	        STARTED(who_stands_still_gives_way),
	        STARTED(all_come_in_at_last),
	        STARTED(they_count_for_their_address),
	        STARTED(drained),
	};
	return cmocka_run_group_tests_name("listener_tls", tests, world_begin, world_finish);
}
