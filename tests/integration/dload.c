/*
 * dload: asks N different questions, W of them in flight, and checks that each is answered once and rightly.
 *
 *   dload udp|tcp ADDRESS PORT [--questions N] [--window W] [--sockets C] [--timeout-ms T] [--prefix TEXT]
 * [--opt]
 *
 * A closed loop: an answer makes room for the next question. Nothing is asked twice, so a lost answer stays
 * lost. What comes for a question that is already answered is a duplicate, what fits no question is a
 * stranger, what does not hold the computed address (oracle.h) is wrong. One line of JSON on stdout; exit
 * status 0 only if every question was answered once, rightly.
 */
#include "oracle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	IDS = 65536,
	NONE = -1,
	LINGER_MS = 300, /* for duplicates, after the last answer */
	QUERY_BYTES = ORACLE_HEADER_BYTES + ORACLE_NAME_BYTES + 4 + 11,
	IN_BYTES = 2 + 65535,
};

struct lane {
	int fd;
	unsigned in_flight;
	uint16_t next_id;
	int32_t *question; /* by id: the question in flight, or NONE */
	uint8_t *in, *out;
	size_t in_bytes, out_bytes, out_sent, out_room;
};

static struct {
	bool tcp, opt;
	unsigned questions, window, sockets, timeout_ms;
	const char *prefix;
	struct sockaddr_storage to;
	socklen_t to_bytes;
} plan = {.questions = 100000, .window = 1000, .sockets = 1, .timeout_ms = 10000, .prefix = "load"};

static struct {
	unsigned asked, right, wrong, duplicate, stranger, errors;
	unsigned wrong_rcode;
} seen;

static int epoll;

static void
fail(const char *what)
{
	perror(what);
	exit(2);
}

static size_t
question_name(uint8_t out[ORACLE_NAME_BYTES], unsigned number)
{
	char text[128];

	snprintf(text, sizeof(text), "q%u.%s.test", number, plan.prefix);
	return oracle_name(out, text);
}

static size_t
question_write(uint8_t *out, uint16_t id, unsigned number)
{
	static const uint8_t opt[] = {0, 0, ORACLE_TYPE_OPT, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
	uint8_t *at = out;

	at = oracle_put16(oracle_put16(at, id), 0x0100);
	at = oracle_put16(oracle_put16(at, 1), 0);
	at = oracle_put16(oracle_put16(at, 0), plan.opt);
	at += question_name(at, number);
	at = oracle_put16(oracle_put16(at, ORACLE_TYPE_A), ORACLE_CLASS_IN);
	if (plan.opt) {
		memcpy(at, opt, sizeof(opt));
		at += sizeof(opt);
	}
	return (size_t)(at - out);
}

static uint16_t
lane_id(struct lane *lane)
{
	while (lane->question[lane->next_id] != NONE)
		lane->next_id++;
	return lane->next_id++;
}

static void
answer_take(struct lane *lane, const uint8_t *msg, size_t bytes)
{
	uint8_t name[ORACLE_NAME_BYTES];

	if (bytes < ORACLE_HEADER_BYTES) {
		seen.stranger++;
		return;
	}
	int32_t *slot = &lane->question[oracle_get16(msg)];
	if (*slot == NONE) {
		seen.duplicate++;
		return;
	}
	size_t name_bytes = question_name(name, (unsigned)*slot);
	*slot = NONE;
	lane->in_flight--;
	if (oracle_holds(msg, bytes, name, name_bytes)) {
		seen.right++;
		return;
	}
	seen.wrong++;
	seen.wrong_rcode = msg[3] & 0x0f;
}

static void
lane_watch(struct lane *lane, bool write)
{
	struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0u), .data.ptr = lane};

	if (epoll_ctl(epoll, EPOLL_CTL_MOD, lane->fd, &event) < 0)
		fail("epoll_ctl");
}

static void
lane_open(struct lane *lane, unsigned number)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = lane};
	int big = 4 << 20, on = 1;

	lane->fd = socket(plan.to.ss_family, (plan.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (lane->fd < 0 || connect(lane->fd, (struct sockaddr *)&plan.to, plan.to_bytes) < 0)
		fail("connect");
	if (plan.tcp)
		setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	else
		setsockopt(lane->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
	fcntl(lane->fd, F_SETFL, O_NONBLOCK);
	lane->next_id = (uint16_t)(number * 977);
	lane->question = malloc(IDS * sizeof(*lane->question));
	lane->in = malloc(IN_BYTES);
	if (!lane->question || !lane->in || epoll_ctl(epoll, EPOLL_CTL_ADD, lane->fd, &event) < 0)
		fail("lane");
	for (size_t i = 0; i < IDS; i++)
		lane->question[i] = NONE;
}

static void
lane_close(struct lane *lane)
{
	close(lane->fd);
	free(lane->question);
	free(lane->in);
	free(lane->out);
}

static void
lane_flush(struct lane *lane)
{
	while (lane->out_sent < lane->out_bytes) {
		ssize_t sent = send(
		        lane->fd, lane->out + lane->out_sent, lane->out_bytes - lane->out_sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			lane_watch(lane, true);
			return;
		}
		if (sent < 0)
			fail("send");
		lane->out_sent += (size_t)sent;
	}
	if (lane->out_bytes)
		lane_watch(lane, false);
	lane->out_bytes = lane->out_sent = 0;
}

static void
lane_append(struct lane *lane, const uint8_t *query, size_t bytes)
{
	if (lane->out_bytes + 2 + bytes > lane->out_room) {
		lane->out_room = (lane->out_bytes + 2 + bytes) * 2;
		lane->out = realloc(lane->out, lane->out_room);
		if (!lane->out)
			fail("realloc");
	}
	oracle_put16(lane->out + lane->out_bytes, (unsigned)bytes);
	memcpy(lane->out + lane->out_bytes + 2, query, bytes);
	lane->out_bytes += 2 + bytes;
}

/* False when the socket takes no more just now. */
static bool
lane_ask(struct lane *lane)
{
	uint8_t query[QUERY_BYTES];
	uint16_t id = lane_id(lane);
	size_t bytes = question_write(query, id, seen.asked);

	if (plan.tcp)
		lane_append(lane, query, bytes);
	else if (send(lane->fd, query, bytes, 0) < 0) {
		if (errno == ECONNREFUSED)
			seen.errors++;
		return false;
	}
	lane->question[id] = (int32_t)seen.asked++;
	lane->in_flight++;
	return true;
}

static void
lane_fill(struct lane *lane)
{
	unsigned share = plan.window / plan.sockets;

	while (lane->in_flight < share && seen.asked < plan.questions && lane_ask(lane))
		;
	if (plan.tcp)
		lane_flush(lane);
}

static void
lane_read_udp(struct lane *lane)
{
	ssize_t got;

	while ((got = recv(lane->fd, lane->in, IN_BYTES, 0)) >= 0)
		answer_take(lane, lane->in, (size_t)got);
	if (errno != EAGAIN)
		seen.errors++;
}

static void
lane_frames(struct lane *lane)
{
	size_t at = 0;

	while (lane->in_bytes - at >= 2) {
		size_t bytes = oracle_get16(lane->in + at);
		if (lane->in_bytes - at - 2 < bytes)
			break;
		answer_take(lane, lane->in + at + 2, bytes);
		at += 2 + bytes;
	}
	memmove(lane->in, lane->in + at, lane->in_bytes - at);
	lane->in_bytes -= at;
}

static void
lane_read_tcp(struct lane *lane)
{
	ssize_t got;

	while ((got = recv(lane->fd, lane->in + lane->in_bytes, IN_BYTES - lane->in_bytes, 0)) > 0) {
		lane->in_bytes += (size_t)got;
		lane_frames(lane);
	}
	if (got < 0 && errno == EAGAIN)
		return;
	/* Closed with questions open: they are lost, and it is not asked again. */
	seen.errors++;
	epoll_ctl(epoll, EPOLL_CTL_DEL, lane->fd, NULL);
}

static bool
unfinished(void)
{
	return seen.right + seen.wrong < plan.questions;
}

static void
run(struct lane *lanes)
{
	struct epoll_event events[64];
	uint64_t progress_ms = oracle_now_ms();
	unsigned answered = 0;

	for (;;) {
		for (unsigned i = 0; unfinished() && i < plan.sockets; i++)
			lane_fill(&lanes[i]);
		int got = epoll_wait(epoll, events, 64, 20);
		for (int i = 0; i < got; i++) {
			struct lane *lane = events[i].data.ptr;
			if (events[i].events & EPOLLOUT)
				lane_flush(lane);
			if (events[i].events & ~(uint32_t)EPOLLOUT)
				(plan.tcp ? lane_read_tcp : lane_read_udp)(lane);
		}
		uint64_t now_ms = oracle_now_ms();
		if (seen.right + seen.wrong != answered)
			progress_ms = now_ms;
		answered = seen.right + seen.wrong;
		if (now_ms - progress_ms > (unfinished() ? plan.timeout_ms : LINGER_MS))
			return;
	}
}

static void
usage(void)
{
	fprintf(stderr, "usage: dload udp|tcp ADDRESS PORT [--questions N] [--window W] [--sockets C] "
	                "[--timeout-ms T] [--prefix TEXT] [--opt]\n");
	exit(2);
}

static void
target_read(const char *address, const char *port)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)&plan.to;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&plan.to;

	if (inet_pton(AF_INET, address, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)atoi(port));
		plan.to_bytes = sizeof(*in4);
	} else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(port));
		plan.to_bytes = sizeof(*in6);
	} else
		usage();
}

static void
options_read(int argc, char **argv)
{
	if (argc < 4)
		usage();
	plan.tcp = strcmp(argv[1], "tcp") == 0;
	target_read(argv[2], argv[3]);
	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "--opt") == 0) {
			plan.opt = true;
			continue;
		}
		if (i + 1 == argc)
			usage();
		const char *name = argv[i], *value = argv[++i];
		unsigned number = (unsigned)strtoul(value, NULL, 10);
		if (strcmp(name, "--questions") == 0)
			plan.questions = number;
		else if (strcmp(name, "--window") == 0)
			plan.window = number;
		else if (strcmp(name, "--sockets") == 0)
			plan.sockets = number;
		else if (strcmp(name, "--timeout-ms") == 0)
			plan.timeout_ms = number;
		else if (strcmp(name, "--prefix") == 0)
			plan.prefix = value;
		else
			usage();
	}
	if (plan.sockets == 0 || plan.window < plan.sockets || plan.window / plan.sockets > IDS / 2)
		usage();
}

int
main(int argc, char **argv)
{
	options_read(argc, argv);
	struct lane *lanes = calloc(plan.sockets, sizeof(*lanes));
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!lanes || epoll < 0)
		fail("dload");
	for (unsigned i = 0; i < plan.sockets; i++)
		lane_open(&lanes[i], i);
	uint64_t start_ms = oracle_now_ms();
	run(lanes);
	for (unsigned i = 0; i < plan.sockets; i++)
		lane_close(&lanes[i]);
	free(lanes);
	unsigned lost = seen.asked - seen.right - seen.wrong + (plan.questions - seen.asked);
	printf("{\"asked\":%u,\"right\":%u,\"wrong\":%u,\"wrong_rcode\":%u,\"lost\":%u,\"duplicate\":%u,"
	       "\"stranger\":%u,"
	       "\"errors\":%u,\"ms\":%llu}\n",
	        seen.asked, seen.right, seen.wrong, seen.wrong_rcode, lost, seen.duplicate, seen.stranger,
	        seen.errors, (unsigned long long)(oracle_now_ms() - start_ms));
	bool clean = !lost && !seen.wrong && !seen.duplicate && !seen.stranger && !seen.errors;
	return clean ? 0 : 1;
}
