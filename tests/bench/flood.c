/*
 * flood: asks one question over UDP again and again, as somebody does who forges addresses, and counts the
 * bytes that its victim would get.
 *
 *   flood ADDRESS PORT NAME TYPE [--qps N] [--seconds S] [--from ADDRESS] [--size BYTES]
 *
 * TYPE is a number. "%u" in NAME becomes another number in each question. The questions have an OPT with DO
 * and announce room for BYTES (4096); 0: no OPT. Bytes are those of DNS messages; the headers of UDP and IP
 * are the same both ways. One line of JSON on stdout.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEADER_BYTES = 12, QUERY_BYTES = 512, NAME_TEXT_BYTES = 200, BURST = 64, LINGER_US = 300000 };

static struct {
	const char *name, *from;
	unsigned type, qps, seconds, size;
} plan = {.qps = 1000, .seconds = 5, .size = 4096};

static struct {
	uint64_t asked, bytes_in, answers, bytes_out, largest, truncated;
} seen;

static int fd;

static void
fail(const char *what)
{
	perror(what);
	exit(2);
}

static uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint8_t *
put16(uint8_t *at, unsigned value)
{
	*at++ = (uint8_t)(value >> 8);
	*at++ = (uint8_t)value;
	return at;
}

/* The name with its number, as labels. */
static uint8_t *
put_name(uint8_t *at, unsigned number)
{
	char text[NAME_TEXT_BYTES + 16];
	const char *mark = strstr(plan.name, "%u");

	if (mark)
		snprintf(text, sizeof text, "%.*s%u%s", (int)(mark - plan.name), plan.name, number, mark + 2);
	else
		snprintf(text, sizeof text, "%s", plan.name);
	for (char *label = strtok(text, "."); label; label = strtok(NULL, ".")) {
		size_t bytes = strlen(label);
		*at++ = (uint8_t)bytes;
		memcpy(at, label, bytes);
		at += bytes;
	}
	*at++ = 0;
	return at;
}

static void
question_send(unsigned number)
{
	uint8_t query[QUERY_BYTES] = {0}, *at = query;

	at = put16(at, number);
	at = put16(at, 0x0100);
	put16(query + 4, 1);
	put16(query + 10, plan.size > 0);
	at = put16(put16(put_name(query + HEADER_BYTES, number), plan.type), 1);
	if (plan.size > 0) {
		*at++ = 0;
		at = put16(put16(at, 41), plan.size);
		at = put16(put16(at, 0), 0x8000);
		at = put16(at, 0);
	}
	if (send(fd, query, (size_t)(at - query), 0) < 0)
		return;
	seen.asked++;
	seen.bytes_in += (uint64_t)(at - query);
}

static void
answers_read(void)
{
	uint8_t msg[65536];
	ssize_t got;

	while ((got = recv(fd, msg, sizeof msg, MSG_DONTWAIT)) >= HEADER_BYTES) {
		seen.answers++;
		seen.bytes_out += (uint64_t)got;
		seen.truncated += (msg[2] & 2) != 0;
		if ((uint64_t)got > seen.largest)
			seen.largest = (uint64_t)got;
	}
}

static void
run(void)
{
	uint64_t start_us = now_us(), end_us = start_us + plan.seconds * UINT64_C(1000000);
	unsigned sent = 0;

	for (uint64_t now; (now = now_us()) < end_us + LINGER_US;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint64_t due = (now < end_us ? now - start_us : end_us - start_us) * plan.qps / 1000000;
		for (int burst = 0; sent < due && burst < BURST; burst++)
			question_send(sent++);
		poll(&wait, 1, sent < due ? 0 : 1);
		answers_read();
	}
}

static void
address_read(struct sockaddr_in *out, const char *text, const char *port)
{
	*out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	if (inet_pton(AF_INET, text, &out->sin_addr) != 1)
		fail(text);
}

static void
socket_open(const char *address, const char *port)
{
	struct sockaddr_in to, from;
	int big = 8 << 20;

	address_read(&to, address, port);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	if (plan.from) {
		address_read(&from, plan.from, "0");
		if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
			fail("bind");
	}
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		fail("connect");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
}

static void
usage(void)
{
	fprintf(stderr,
	        "usage: flood ADDRESS PORT NAME TYPE [--qps N] [--seconds S] [--from ADDRESS] [--size "
	        "BYTES]\n");
	exit(2);
}

static void
option_read(const char *name, const char *value)
{
	if (strcmp(name, "--qps") == 0)
		plan.qps = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "--seconds") == 0)
		plan.seconds = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "--size") == 0)
		plan.size = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "--from") == 0)
		plan.from = value;
	else
		usage();
}

int
main(int argc, char **argv)
{
	if (argc < 5 || argc % 2 == 0)
		usage();
	plan.name = argv[3];
	plan.type = (unsigned)strtoul(argv[4], NULL, 10);
	for (int i = 5; i < argc; i += 2)
		option_read(argv[i], argv[i + 1]);
	if (strlen(plan.name) > NAME_TEXT_BYTES)
		usage();
	socket_open(argv[1], argv[2]);
	run();
	printf("{\"asked\":%llu,\"bytes_in\":%llu,\"answers\":%llu,\"bytes_out\":%llu,\"largest\":%llu,"
	       "\"truncated\":%llu}\n",
	        (unsigned long long)seen.asked, (unsigned long long)seen.bytes_in,
	        (unsigned long long)seen.answers, (unsigned long long)seen.bytes_out,
	        (unsigned long long)seen.largest, (unsigned long long)seen.truncated);
	return 0;
}
