/*
 * dpace: asks over UDP at a steady pace, whatever comes back, and tells which questions had no answer in
 * time.
 *
 *   dpace ADDRESS PORT [--qps N] [--seconds S] [--sockets C] [--deadline-ms T] [--slow-ms M] [--prefix TEXT]
 *         [--kill PID] [--every-ms E] [--signal N] [--seed N] [--from ADDRESS] [--names N]
 *
 * An open loop, as clients are: a server that stands still for a second is asked as many questions in that
 * second as in any other. Nothing is asked twice, unless there are --names N: then each question is for one
 * of these, the name of rank k with a probability in proportion to 1 / k. A question without its right answer
 * after T milliseconds is lost, even if an answer came later. With M, every second question asks the scripted
 * upstream for an answer after M milliseconds, so that questions are in flight at any time.
 *
 * With --kill a random child of process PID gets the signal every E milliseconds. How long such a death is
 * felt is the time from the kill until the last of the other questions sent within FELT_US around it was
 * answered: those of the dead worker's share cannot be answered before its successor serves.
 *
 * One line of JSON on stdout; exit status 0 if nothing was lost or wrong. `drops` counts answers that arrived
 * while this program's own receive buffer was full: if it is not 0, the machine was too slow for the
 * measurement.
 */
#include "../bench/random.h"
#include "oracle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	IDS = 65536,
	SOCKETS = 64,
	QUERY_BYTES = ORACLE_HEADER_BYTES + ORACLE_NAME_BYTES + 4,
	KILLS = 20000,
	CHILDREN = 256,
	FELT_US = 2000,
	BURST = 256, /* questions in a row without a look at the answers */
	NONE = -1,
};

struct question {
	uint64_t sent_us;
	uint64_t answered_us; /* 0: not yet */
};

static struct {
	unsigned names; /* 0: as many as there are questions */
	unsigned qps, seconds, sockets, deadline_ms, slow_ms, every_ms, signal, kill, seed;
	const char *prefix;
	struct sockaddr_storage to, from; /* from: AF_UNSPEC, as the machine will */
	socklen_t to_bytes, from_bytes;
} plan = {.qps = 1000,
        .seconds = 5,
        .sockets = 8,
        .deadline_ms = 2000,
        .every_ms = 500,
        .signal = SIGKILL,
        .seed = 1,
        .prefix = "pace"};

static struct {
	unsigned right, wrong, wrong_rcode, duplicate, stranger, errors, unsent, drops;
} seen;

static struct question *questions;
static unsigned total, asked;
static struct pollfd fds[SOCKETS];
static int32_t *by_id[SOCKETS];
static uint16_t next_id[SOCKETS];
static uint64_t kills_us[KILLS];
static unsigned kill_count;

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

/* Asked in a way that makes the scripted upstream take its time. */
static bool
is_slow(unsigned number)
{
	return plan.slow_ms && number % 2;
}

/* The rank of the name of this question: logarithms are spread evenly. */
static unsigned
named(unsigned number)
{
	if (plan.names == 0)
		return number;
	double unit = (double)(random_mix(number + ((uint64_t)plan.seed << 32)) >> 11) * 0x1p-53;
	return (unsigned)exp(unit * log(plan.names));
}

static size_t
question_name(uint8_t out[ORACLE_NAME_BYTES], unsigned number)
{
	char text[160];

	number = named(number);

	if (is_slow(number))
		snprintf(text, sizeof text, "slow-%u.q%u.%s.test", plan.slow_ms, number, plan.prefix);
	else
		snprintf(text, sizeof text, "q%u.%s.test", number, plan.prefix);
	return oracle_name(out, text);
}

static void
question_send(unsigned number)
{
	uint8_t query[QUERY_BYTES], *at = query;
	unsigned lane = number % plan.sockets;
	uint16_t id = next_id[lane]++;

	at = oracle_put16(oracle_put16(at, id), 0x0100);
	at = oracle_put16(oracle_put16(at, 1), 0);
	at = oracle_put16(oracle_put16(at, 0), 0);
	at += question_name(at, number);
	at = oracle_put16(oracle_put16(at, ORACLE_TYPE_A), ORACLE_CLASS_IN);
	by_id[lane][id] = (int32_t)number;
	questions[number].sent_us = now_us();
	/* An error of an earlier datagram is reported by the next call, which then has sent nothing. */
	for (int tries = 0; tries < 2; tries++)
		if (send(fds[lane].fd, query, (size_t)(at - query), 0) >= 0)
			return;
	seen.unsent++;
}

static void
answer_take(unsigned lane, const uint8_t *msg, size_t bytes)
{
	uint8_t name[ORACLE_NAME_BYTES];
	int32_t number = bytes < ORACLE_HEADER_BYTES ? NONE : by_id[lane][oracle_get16(msg)];

	if (number == NONE) {
		seen.stranger++;
		return;
	}
	struct question *q = &questions[number];
	size_t name_bytes = question_name(name, (unsigned)number);
	if (!oracle_holds(msg, bytes, name, name_bytes)) {
		seen.wrong++;
		seen.wrong_rcode = msg[3] & 0x0f;
		return;
	}
	if (q->answered_us) {
		seen.duplicate++;
		return;
	}
	seen.right++;
	q->answered_us = now_us();
}

static void
answers_read(unsigned lane)
{
	uint8_t msg[4096];
	ssize_t got;

	while ((got = recv(fds[lane].fd, msg, sizeof msg, MSG_DONTWAIT)) >= 0)
		answer_take(lane, msg, (size_t)got);
	if (errno != EAGAIN)
		seen.errors++;
}

static void
answers_wait(uint64_t wait_us)
{
	struct timespec wait = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};

	if (ppoll(fds, plan.sockets, &wait, NULL) <= 0)
		return;
	for (unsigned i = 0; i < plan.sockets; i++)
		if (fds[i].revents)
			answers_read(i);
}

/* A random child of the process named. */
static void
kill_one(void)
{
	char path[64];
	int pids[CHILDREN], count = 0;

	snprintf(path, sizeof path, "/proc/%u/task/%u/children", plan.kill, plan.kill);
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	while (count < CHILDREN && fscanf(file, "%d", &pids[count]) == 1)
		count++;
	fclose(file);
	if (count == 0 || kill_count == KILLS)
		return;
	kills_us[kill_count++] = now_us();
	kill(pids[rand() % count], (int)plan.signal);
}

static void
run(void)
{
	uint64_t start_us = now_us(), end_us = start_us + plan.seconds * 1000000ULL;
	uint64_t kill_us = plan.kill ? start_us + plan.every_ms * 1000ULL : UINT64_MAX;

	for (uint64_t now; (now = now_us()) < end_us + plan.deadline_ms * 1000ULL;) {
		uint64_t due = now >= end_us ? total : (now - start_us) * plan.qps / 1000000;
		for (int burst = 0; asked < due && burst < BURST; burst++)
			question_send(asked++);
		/* The last ones are left in peace, but not the successors of the last. */
		if (now >= kill_us && now < end_us) {
			kill_one();
			kill_us += plan.every_ms * 1000ULL;
		}
		answers_wait(asked < due ? 0 : 500);
		if (asked == total && seen.right == total)
			return;
	}
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* By when had all been answered that were sent around this moment? They are found by bisection, as they were
 * sent in the order of their numbers. */
static uint64_t
felt_us(uint64_t kill_us)
{
	unsigned low = 0, high = asked;
	uint64_t last_us = kill_us;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (questions[middle].sent_us < kill_us - FELT_US)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < asked && questions[low].sent_us <= kill_us + FELT_US; low++)
		if (!is_slow(low) && questions[low].answered_us > last_us)
			last_us = questions[low].answered_us;
	return last_us - kill_us;
}

static unsigned
lost_count(uint64_t *latencies)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < asked; i++) {
		const struct question *q = &questions[i];
		latencies[i] = q->answered_us ? q->answered_us - q->sent_us : UINT64_MAX;
		lost += latencies[i] > plan.deadline_ms * 1000ULL;
	}
	return lost;
}

static double
ms(uint64_t us)
{
	return us == UINT64_MAX ? -1. : (double)us / 1000.;
}

/* From the first question to the last right answer. */
static uint64_t
span_us(void)
{
	uint64_t last_us = questions[0].sent_us;

	for (unsigned i = 0; i < asked; i++)
		if (questions[i].answered_us > last_us)
			last_us = questions[i].answered_us;
	return last_us - questions[0].sent_us;
}

static int
report(void)
{
	uint64_t *latencies = calloc(asked + 1, sizeof *latencies);
	uint64_t felt[KILLS + 1] = {0};

	if (!latencies)
		fail("calloc");
	unsigned lost = lost_count(latencies);
	qsort(latencies, asked, sizeof *latencies, compare);
	for (unsigned i = 0; i < kill_count; i++)
		felt[i] = felt_us(kills_us[i]);
	qsort(felt, kill_count, sizeof *felt, compare);
	printf("{\"asked\":%u,\"right\":%u,\"wrong\":%u,\"wrong_rcode\":%u,\"lost\":%u,\"duplicate\":%u,"
	       "\"stranger\":%u,\"errors\":%u,\"unsent\":%u,\"drops\":%u,\"kills\":%u,\"felt_median_ms\":%."
	       "1f,"
	       "\"felt_max_ms\":%.1f,\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"max_ms\":%.1f,\"span_ms\":%.1f}\n",
	        asked, seen.right, seen.wrong, seen.wrong_rcode, lost, seen.duplicate, seen.stranger,
	        seen.errors, seen.unsent, seen.drops, kill_count, ms(felt[kill_count / 2]),
	        ms(kill_count ? felt[kill_count - 1] : 0), ms(latencies[asked / 2]),
	        ms(latencies[(uint64_t)asked * 99 / 100]), ms(asked ? latencies[asked - 1] : 0),
	        ms(span_us()));
	free(latencies);
	return lost || seen.wrong || seen.stranger || seen.unsent ? 1 : 0;
}

static void
sockets_open(void)
{
	int big = 8 << 20;

	for (unsigned i = 0; i < plan.sockets; i++) {
		int fd = socket(plan.to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (plan.from_bytes > 0 && bind(fd, (struct sockaddr *)&plan.from, plan.from_bytes) < 0)
			fail("bind");
		if (fd < 0 || connect(fd, (struct sockaddr *)&plan.to, plan.to_bytes) < 0)
			fail("connect");
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof big) < 0)
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
		fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
		by_id[i] = malloc(IDS * sizeof *by_id[i]);
		if (!by_id[i])
			fail("malloc");
		for (size_t id = 0; id < IDS; id++)
			by_id[i][id] = NONE;
	}
}

static void
drops_count(void)
{
	for (unsigned i = 0; i < plan.sockets; i++) {
		uint32_t memory[SK_MEMINFO_VARS] = {0};
		socklen_t bytes = sizeof memory;
		if (getsockopt(fds[i].fd, SOL_SOCKET, SO_MEMINFO, memory, &bytes) == 0)
			seen.drops += memory[SK_MEMINFO_DROPS];
	}
}

static void
usage(void)
{
	fprintf(stderr,
	        "usage: dpace ADDRESS PORT [--qps N] [--seconds S] [--sockets C] [--deadline-ms T] "
	        "[--slow-ms M] [--prefix TEXT] [--kill PID] [--every-ms E] [--signal N] [--seed N] [--from "
	        "ADDRESS] [--names N]\n");
	exit(2);
}

static void
address_read(struct sockaddr_storage *out, socklen_t *bytes, const char *address, const char *port)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	if (inet_pton(AF_INET, address, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)atoi(port));
		*bytes = sizeof *in4;
	} else if (inet_pton(AF_INET6, address, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)atoi(port));
		*bytes = sizeof *in6;
	} else
		usage();
}

static void
option_read(const char *name, const char *value)
{
	const struct {
		const char *name;
		unsigned *number;
	} rows[] = {
	        {"--qps", &plan.qps},
	        {"--seconds", &plan.seconds},
	        {"--names", &plan.names},
	        {"--sockets", &plan.sockets},
	        {"--deadline-ms", &plan.deadline_ms},
	        {"--slow-ms", &plan.slow_ms},
	        {"--kill", &plan.kill},
	        {"--every-ms", &plan.every_ms},
	        {"--signal", &plan.signal},
	        {"--seed", &plan.seed},
	};

	if (strcmp(name, "--prefix") == 0) {
		plan.prefix = value;
		return;
	}
	if (strcmp(name, "--from") == 0) {
		address_read(&plan.from, &plan.from_bytes, value, "0");
		return;
	}
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(name, rows[i].name) != 0)
			continue;
		*rows[i].number = (unsigned)strtoul(value, NULL, 10);
		return;
	}
	usage();
}

int
main(int argc, char **argv)
{
	if (argc < 3 || argc % 2 == 0)
		usage();
	address_read(&plan.to, &plan.to_bytes, argv[1], argv[2]);
	for (int i = 3; i < argc; i += 2)
		option_read(argv[i], argv[i + 1]);
	/* An id must not come round before its question's time is up. */
	if (plan.sockets == 0 || plan.sockets > SOCKETS || plan.every_ms == 0 ||
	        (uint64_t)plan.qps * plan.deadline_ms / 1000 / plan.sockets >= IDS)
		usage();
	srand(plan.seed);
	total = plan.qps * plan.seconds;
	questions = calloc(total + 1, sizeof *questions);
	if (!questions)
		fail("calloc");
	sockets_open();
	run();
	drops_count();
	return report();
}
