/*
 * dtalk: many TCP clients, each asking one question after the other, for as long as told.
 *
 *   dtalk ADDRESS PORT [--clients C] [--seconds S] [--pause-ms P] [--deadline-ms T] [--prefix TEXT]
 *
 * A client asks, waits for the answer, pauses P milliseconds, asks again. When the server closes the
 * connection the client opens another and goes on there; a question that was under way is asked again, once
 * more counted as `crossed`: TCP cannot tell a server that closes of a question that is on its way (RFC 7766
 * §6.2.4). What a server must never do: reset a connection (`reset`), close within a message (`cut`), refuse
 * a new connection (`refused`), or leave a question unanswered for T milliseconds (`lost`).
 *
 * One line of JSON on stdout; exit status 0 if none of the four was seen and no answer was wrong.
 */
#include "oracle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 1000, MESSAGE_BYTES = 2048, QUERY_BYTES = 2 + ORACLE_HEADER_BYTES + ORACLE_NAME_BYTES + 4 };

struct client {
	int fd;
	unsigned number;   /* of its question */
	bool waiting;      /* the question is under way */
	uint64_t since_ms; /* when it was first asked */
	uint64_t next_ms;  /* when the next one is due */
	uint8_t in[MESSAGE_BYTES];
	size_t in_bytes;
};

static struct {
	unsigned clients, seconds, pause_ms, deadline_ms;
	const char *prefix;
	struct sockaddr_storage to;
	socklen_t to_bytes;
} plan = {.clients = 50, .seconds = 5, .pause_ms = 5, .deadline_ms = 5000, .prefix = "talk"};

static struct {
	unsigned asked, right, wrong, lost, closed, crossed, reset, cut, refused;
	uint64_t max_ms;
} seen;

static struct client clients[CLIENTS];
static struct pollfd fds[CLIENTS];

static size_t
question_name(uint8_t out[ORACLE_NAME_BYTES], unsigned number)
{
	char text[128];

	snprintf(text, sizeof text, "q%u.%s.test", number, plan.prefix);
	return oracle_name(out, text);
}

static void
client_open(struct client *c)
{
	int on = 1;

	c->in_bytes = 0;
	c->fd = socket(plan.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&plan.to, plan.to_bytes) < 0) {
		seen.refused++;
		if (c->fd >= 0)
			close(c->fd);
		c->fd = -1;
		return;
	}
	setsockopt(c->fd, SOL_TCP, TCP_NODELAY, &on, sizeof on);
}

static void
client_send(struct client *c)
{
	uint8_t query[QUERY_BYTES], *at = query + 2;

	at = oracle_put16(oracle_put16(at, c->number & 0xffff), 0x0100);
	at = oracle_put16(oracle_put16(at, 1), 0);
	at = oracle_put16(oracle_put16(at, 0), 0);
	at += question_name(at, c->number);
	at = oracle_put16(oracle_put16(at, ORACLE_TYPE_A), ORACLE_CLASS_IN);
	oracle_put16(query, (unsigned)(at - query - 2));
	/* What fails here is seen when it is read. */
	ssize_t ignored = send(c->fd, query, (size_t)(at - query), MSG_NOSIGNAL);
	(void)ignored;
}

static void
client_ask(struct client *c, uint64_t now_ms)
{
	c->number = seen.asked++;
	c->waiting = true;
	c->since_ms = now_ms;
	client_send(c);
}

static void
client_done(struct client *c, uint64_t now_ms)
{
	uint64_t took_ms = now_ms - c->since_ms;

	if (took_ms > seen.max_ms)
		seen.max_ms = took_ms;
	c->waiting = false;
	c->next_ms = now_ms + plan.pause_ms;
}

/* The server has closed, in one way or another. */
static void
client_again(struct client *c, bool was_reset)
{
	seen.reset += was_reset;
	seen.cut += !was_reset && c->in_bytes > 0;
	seen.closed += !was_reset && c->in_bytes == 0;
	seen.crossed += c->waiting;
	close(c->fd);
	client_open(c);
	if (c->fd >= 0 && c->waiting)
		client_send(c);
}

static void
client_read(struct client *c, uint64_t now_ms)
{
	uint8_t name[ORACLE_NAME_BYTES];
	ssize_t got = recv(c->fd, c->in + c->in_bytes, sizeof c->in - c->in_bytes, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		client_again(c, got < 0);
		return;
	}
	c->in_bytes += (size_t)got;
	if (c->in_bytes < 2 || c->in_bytes < 2u + oracle_get16(c->in))
		return;
	size_t bytes = oracle_get16(c->in);
	bool right = c->waiting && c->in_bytes == 2 + bytes &&
	             oracle_holds(c->in + 2, bytes, name, question_name(name, c->number));
	seen.right += right;
	seen.wrong += !right;
	c->in_bytes = 0;
	client_done(c, now_ms);
}

static void
client_turn(struct client *c, bool readable, bool asking)
{
	uint64_t now_ms = oracle_now_ms();

	if (c->fd < 0)
		client_open(c);
	else if (readable)
		client_read(c, now_ms);
	if (c->fd >= 0 && c->waiting && now_ms - c->since_ms > plan.deadline_ms) {
		seen.lost++;
		client_done(c, now_ms);
	}
	if (c->fd >= 0 && !c->waiting && asking && now_ms >= c->next_ms)
		client_ask(c, now_ms);
}

static unsigned
waiting_count(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < plan.clients; i++)
		count += clients[i].waiting;
	return count;
}

static void
run(void)
{
	uint64_t end_ms = oracle_now_ms() + plan.seconds * 1000ULL;

	for (unsigned i = 0; i < plan.clients; i++)
		client_open(&clients[i]);
	for (;;) {
		bool asking = oracle_now_ms() < end_ms;
		if (!asking && waiting_count() == 0)
			return;
		for (unsigned i = 0; i < plan.clients; i++)
			fds[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
		if (poll(fds, plan.clients, 1) < 0)
			return;
		for (unsigned i = 0; i < plan.clients; i++)
			client_turn(&clients[i], fds[i].revents != 0, asking);
	}
}

static void
usage(void)
{
	fprintf(stderr,
	        "usage: dtalk ADDRESS PORT [--clients C] [--seconds S] [--pause-ms P] [--deadline-ms T] "
	        "[--prefix TEXT]\n");
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
		plan.to_bytes = sizeof *in4;
	} else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(port));
		plan.to_bytes = sizeof *in6;
	} else
		usage();
}

static void
option_read(const char *name, const char *value)
{
	unsigned number = (unsigned)strtoul(value, NULL, 10);

	if (strcmp(name, "--clients") == 0)
		plan.clients = number;
	else if (strcmp(name, "--seconds") == 0)
		plan.seconds = number;
	else if (strcmp(name, "--pause-ms") == 0)
		plan.pause_ms = number;
	else if (strcmp(name, "--deadline-ms") == 0)
		plan.deadline_ms = number;
	else if (strcmp(name, "--prefix") == 0)
		plan.prefix = value;
	else
		usage();
}

int
main(int argc, char **argv)
{
	if (argc < 3 || argc % 2 == 0)
		usage();
	target_read(argv[1], argv[2]);
	for (int i = 3; i < argc; i += 2)
		option_read(argv[i], argv[i + 1]);
	if (plan.clients > CLIENTS)
		usage();
	run();
	printf("{\"asked\":%u,\"right\":%u,\"wrong\":%u,\"lost\":%u,\"closed\":%u,\"crossed\":%u,\"reset\":%"
	       "u,"
	       "\"cut\":%u,\"refused\":%u,\"max_ms\":%llu}\n",
	        seen.asked, seen.right, seen.wrong, seen.lost, seen.closed, seen.crossed, seen.reset,
	        seen.cut, seen.refused, (unsigned long long)seen.max_ms);
	return seen.wrong || seen.lost || seen.reset || seen.cut || seen.refused ? 1 : 0;
}
