/*
 * rawdns: a client that says exactly what a test tells it to, and shows exactly what comes back.
 *
 *   rawdns udp|tcp ADDRESS PORT [--OPTION VALUE]... MESSAGE...
 *   rawdns port                       prints a port free on loopback for UDP and TCP, IPv4 and IPv6
 *   rawdns control PORT WORD...       says the words to a faultup's control port and prints its answer
 *
 * A MESSAGE is bytes in hexadecimal ("hex:0001..."), or a question: NAME[,TYPE][,KEY=VALUE]... with the keys
 *   id, flags (second word of the header), qd (QDCOUNT), opcode, class, an (ANCOUNT without a record), cut
 * (bytes to leave off) edns (version of an OPT), size (its UDP size), do, opt=CODE:HEX (an option), opts=N
 * (so many OPT records), tail=HEX (behind all) Over TCP each message gets its length in front, unless it is
 * "raw:HEX".
 *
 *   --count N       answers to wait for (default: as many as messages)
 *   --wait-ms T     how long, at most (default 3000); times PATIENCE of the environment, as all limits of the
 * tests
 *   --repeat N      all messages so many times over, ids counting on
 *   --chop N        TCP: segments of N bytes, each sent on its own
 *   --pause-ms T    between two segments, or two messages
 *   --half-close    TCP: nothing more will be said
 *   --read-after-ms T   do not read before
 *   --until-close   wait for the server to close, whatever comes
 *   --from ADDRESS  own address
 *   --before HEX    a header: by TCP first of all, by UDP in front of each message
 *   --receive-buffer N   SO_RCVBUF
 *
 * One line for each answer: ms=, id=, rcode=, flags, counts, name, size, least and largest TTL, the text of a
 * TXT record that stands first, a sum over all that a cache must not change (every byte of the records but
 * TTLs and OPT), what its OPT says, and right=yes when it holds the computed address; then "closed ms=N" or
 * "reset ms=N" when the server ended the connection, "timeout" when less came than was waited for. Exit
 * status 0 when all that was waited for came.
 */
#include "oracle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGES = 64, STREAM_BYTES = 8 << 20 };

static struct {
	bool tcp, half_close, until_close;
	unsigned count, wait_ms, repeat, chop, pause_ms, read_after_ms, receive_buffer;
	const char *from, *before;
	const char *messages[MESSAGES];
	size_t message_count;
} plan = {.wait_ms = 3000, .repeat = 1};

static uint64_t start_ms;
static uint8_t *stream; /* TCP: all that is to be said */
static size_t stream_bytes;

static void
fail(const char *what)
{
	fprintf(stderr, "rawdns: %s: %s\n", what, strerror(errno));
	exit(2);
}

static size_t
hex_read(uint8_t *out, const char *text)
{
	size_t bytes = 0;
	unsigned byte;

	for (; sscanf(text, "%2x", &byte) == 1 && text[0] && text[1]; text += 2)
		out[bytes++] = (uint8_t)byte;
	return bytes;
}

/* A question as it is described; the defaults make a plain one. */
struct sketch {
	char name[512], options[2048], tail[2048];
	unsigned type, class, id, flags, opcode, qd, an, cut, edns, size, dnssec_ok, opts;
	bool has_opt;
};

static bool
sketch_option(struct sketch *sketch, const char *key, const char *value)
{
	const struct {
		const char *key;
		unsigned *number;
		bool opt;
	} numbers[] = {{"id", &sketch->id, false}, {"flags", &sketch->flags, false},
	        {"opcode", &sketch->opcode, false}, {"qd", &sketch->qd, false}, {"an", &sketch->an, false},
	        {"class", &sketch->class, false}, {"cut", &sketch->cut, false}, {"edns", &sketch->edns, true},
	        {"size", &sketch->size, true}, {"do", &sketch->dnssec_ok, true},
	        {"opts", &sketch->opts, true}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		if (strcmp(key, numbers[i].key) != 0)
			continue;
		*numbers[i].number = (unsigned)strtoul(value, NULL, 0);
		sketch->has_opt |= numbers[i].opt;
		return true;
	}
	return false;
}

static void
sketch_key(struct sketch *sketch, char *item)
{
	char *value = strchr(item, '=');

	if (!value) {
		sketch->type = oracle_type(item);
		return;
	}
	*value++ = '\0';
	if (sketch_option(sketch, item, value))
		return;
	if (strcmp(item, "tail") == 0)
		snprintf(sketch->tail, sizeof(sketch->tail), "%s", value);
	else if (strcmp(item, "opt") == 0) {
		size_t used = strlen(sketch->options);
		snprintf(sketch->options + used, sizeof(sketch->options) - used, "%s ", value);
		sketch->has_opt = true;
	} else {
		fprintf(stderr, "rawdns: %s: no such key\n", item);
		exit(2);
	}
}

static struct sketch
sketch_read(const char *text, unsigned number)
{
	struct sketch sketch = {.type = ORACLE_TYPE_A,
	        .class = 1,
	        .id = 0x1000 + number,
	        .flags = 0x0100,
	        .qd = 1,
	        .size = 1232,
	        .opts = 1};
	char copy[4096], *rest = copy;

	snprintf(copy, sizeof(copy), "%s", text);
	snprintf(sketch.name, sizeof(sketch.name), "%s", strsep(&rest, ","));
	while (rest)
		sketch_key(&sketch, strsep(&rest, ","));
	return sketch;
}

static uint8_t *
opt_write(uint8_t *at, const struct sketch *sketch)
{
	char options[sizeof(sketch->options)], *rest = options, *item;

	*at++ = 0;
	at = oracle_put16(oracle_put16(at, ORACLE_TYPE_OPT), sketch->size);
	*at++ = 0;
	*at++ = (uint8_t)sketch->edns;
	at = oracle_put16(at, sketch->dnssec_ok ? 0x8000 : 0);
	uint8_t *length = at;
	at += 2;
	memcpy(options, sketch->options, sizeof(options));
	while ((item = strsep(&rest, " ")) && *item) {
		char *hex = strchr(item, ':');
		size_t bytes = hex ? hex_read(at + 4, hex + 1) : 0;
		oracle_put16(oracle_put16(at, (unsigned)strtoul(item, NULL, 10)), (unsigned)bytes);
		at += 4 + bytes;
	}
	oracle_put16(length, (unsigned)(at - length) - 2);
	return at;
}

static size_t
message_write(uint8_t *out, const char *text, unsigned number)
{
	if (strncmp(text, "hex:", 4) == 0 || strncmp(text, "raw:", 4) == 0)
		return hex_read(out, text + 4);
	struct sketch sketch = sketch_read(text, number);
	unsigned opts = sketch.has_opt ? sketch.opts : 0;
	uint8_t *at = oracle_put16(oracle_put16(out, sketch.id), sketch.flags | sketch.opcode << 11);
	at = oracle_put16(oracle_put16(at, sketch.qd), sketch.an);
	at = oracle_put16(oracle_put16(at, 0), opts);
	for (unsigned i = 0; i < sketch.qd; i++) {
		at += oracle_name(at, sketch.name);
		at = oracle_put16(oracle_put16(at, sketch.type), sketch.class);
	}
	for (; opts > 0; opts--)
		at = opt_write(at, &sketch);
	at += hex_read(at, sketch.tail);
	return (size_t)(at - out) - sketch.cut;
}

static void
option_show(unsigned code, const uint8_t *data, size_t bytes)
{
	if (code == 15 && bytes >= 2) {
		printf(" ede=%u ede_text=\"%.*s\"", oracle_get16(data), (int)bytes - 2,
		        (const char *)data + 2);
		return;
	}
	printf(" option%u=", code);
	for (size_t i = 0; i < bytes; i++)
		printf("%02x", data[i]);
}

static void
opt_show(const uint8_t *msg, size_t bytes, size_t at)
{
	size_t end = at + 10 + oracle_get16(msg + at + 8);

	printf(" opt=yes size=%u version=%u do=%u xrcode=%u", oracle_get16(msg + at + 2), msg[at + 5],
	        msg[at + 6] >> 7, msg[at + 4] << 4 | (msg[3] & 0x0f));
	for (at += 10; end <= bytes && at + 4 <= end; at += 4u + oracle_get16(msg + at + 2))
		option_show(oracle_get16(msg + at), msg + at + 4, oracle_get16(msg + at + 2));
}

/* What is said about all records together; OPT is not one of them. */
struct digest {
	uint32_t sum, ttl_least, ttl_most;
};

/* FNV-1a */
static void
sum_add(struct digest *digest, const uint8_t *from, const uint8_t *end)
{
	for (; from < end; from++)
		digest->sum = (digest->sum ^ *from) * 16777619u;
}

/* A record, from its owner name to its end; its type stands at `fixed`. */
static void
record_digest(struct digest *digest, const uint8_t *owner, const uint8_t *fixed, const uint8_t *end)
{
	uint32_t ttl = (uint32_t)oracle_get16(fixed + 4) << 16 | oracle_get16(fixed + 6);

	sum_add(digest, owner, fixed + 4);
	sum_add(digest, fixed + 8, end);
	digest->ttl_least = ttl < digest->ttl_least ? ttl : digest->ttl_least;
	digest->ttl_most = ttl > digest->ttl_most ? ttl : digest->ttl_most;
}

static void
text_show(const uint8_t *fixed, const uint8_t *end)
{
	if (oracle_get16(fixed) == ORACLE_TYPE_TXT && fixed + 11 <= end && fixed + 11 + fixed[10] <= end)
		printf(" text=\"%.*s\"", fixed[10], (const char *)fixed + 11);
}

/* Walks all records to find OPT; says so when they do not fill the message exactly. */
static void
records_show(const uint8_t *msg, size_t bytes, size_t at)
{
	struct digest digest = {.sum = 2166136261u, .ttl_least = UINT32_MAX};
	unsigned all = 0u + oracle_get16(msg + 6) + oracle_get16(msg + 8) + oracle_get16(msg + 10);
	unsigned records = all;

	for (; records > 0; records--) {
		size_t owner = oracle_skip_name(msg, bytes, at), fixed = at + owner;
		size_t end = owner && fixed + 10 <= bytes ? fixed + 10 + oracle_get16(msg + fixed + 8) : 0;
		if (end == 0 || end > bytes)
			break;
		if (oracle_get16(msg + fixed) == ORACLE_TYPE_OPT)
			opt_show(msg, bytes, fixed);
		else
			record_digest(&digest, msg + at, msg + fixed, msg + end);
		if (records == all)
			text_show(msg + fixed, msg + end);
		at = end;
	}
	printf(" whole=%s", records == 0 && at == bytes ? "yes" : "no");
	if (digest.ttl_least <= digest.ttl_most)
		printf(" ttl=%u-%u sum=%08x", digest.ttl_least, digest.ttl_most, digest.sum);
}

static void
name_show(const uint8_t *name)
{
	printf(" name=");
	for (; *name; name += *name + 1)
		printf("%.*s.", *name, (const char *)name + 1);
}

static void
answer_show(const uint8_t *msg, size_t bytes)
{
	static const char *const flags[] = {"qr", "aa", "tc", "rd", "ra", "ad", "cd"};
	static const unsigned bits[] = {0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010};

	printf("answer ms=%llu bytes=%zu", (unsigned long long)(oracle_now_ms() - start_ms), bytes);
	if (bytes < ORACLE_HEADER_BYTES) {
		printf(" short\n");
		return;
	}
	printf(" id=%#06x rcode=%u opcode=%u flags=", oracle_get16(msg), msg[3] & 0x0f, msg[2] >> 3 & 0x0f);
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (oracle_get16(msg + 2) & bits[i])
			printf("%s,", flags[i]);
	printf(" qd=%u an=%u ns=%u ar=%u", oracle_get16(msg + 4), oracle_get16(msg + 6),
	        oracle_get16(msg + 8), oracle_get16(msg + 10));
	size_t at = ORACLE_HEADER_BYTES;
	size_t name_bytes = oracle_get16(msg + 4) == 1 ? oracle_skip_name(msg, bytes, at) : 0;
	if (name_bytes) {
		name_show(msg + at);
		printf(" type=%u right=%s", oracle_get16(msg + at + name_bytes),
		        oracle_holds(msg, bytes, msg + at, name_bytes) ? "yes" : "no");
		at += name_bytes + 4;
	}
	records_show(msg, bytes, at);
	printf("\n");
}

static void
pause_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	nanosleep(&t, NULL);
}

static int
socket_to(const char *address, const char *port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in own = {.sin_family = AF_INET};
	bool six = strchr(address, ':');
	int on = 1, fd = socket(six ? AF_INET6 : AF_INET, plan.tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	inet_pton(six ? AF_INET6 : AF_INET, address, six ? (void *)&in6.sin6_addr : (void *)&in4.sin_addr);
	if (plan.receive_buffer)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &plan.receive_buffer, sizeof(plan.receive_buffer));
	if (plan.from && inet_pton(AF_INET, plan.from, &own.sin_addr) == 1 &&
	        bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		fail("bind");
	if (connect(fd, six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in4,
	            six ? sizeof(in6) : sizeof(in4)) < 0)
		fail("connect");
	if (plan.tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
say_datagrams(int fd)
{
	uint8_t msg[ORACLE_MESSAGE_BYTES];

	for (unsigned i = 0; i < plan.repeat * plan.message_count; i++) {
		size_t head = plan.before ? hex_read(msg, plan.before) : 0;
		size_t bytes = head + message_write(msg + head, plan.messages[i % plan.message_count], i);
		if (send(fd, msg, bytes, 0) < 0)
			fail("send");
		if (plan.pause_ms)
			pause_ms(plan.pause_ms);
	}
}

static void
stream_write(void)
{
	stream = malloc(STREAM_BYTES);
	if (!stream)
		fail("malloc");
	if (plan.before)
		stream_bytes = hex_read(stream, plan.before);
	for (unsigned i = 0; i < plan.repeat * plan.message_count; i++) {
		const char *text = plan.messages[i % plan.message_count];
		size_t head = strncmp(text, "raw:", 4) == 0 ? 0 : 2;
		size_t bytes = message_write(stream + stream_bytes + head, text, i);
		if (head)
			oracle_put16(stream + stream_bytes, (unsigned)bytes);
		stream_bytes += head + bytes;
		if (stream_bytes > STREAM_BYTES - 2 * ORACLE_MESSAGE_BYTES)
			break;
	}
}

/* A server that cut us off is what some tests want to see: what cannot be said is not an error. */
static void
say_stream(int fd)
{
	stream_write();
	for (size_t at = 0; at < stream_bytes;) {
		size_t part = stream_bytes - at;
		if (plan.chop && part > plan.chop)
			part = plan.chop;
		/* without reading, a full window means the server stopped reading too: that is enough said */
		ssize_t sent =
		        send(fd, stream + at, part, MSG_NOSIGNAL | (plan.read_after_ms ? MSG_DONTWAIT : 0));
		if (sent < 0)
			break;
		at += (size_t)sent;
		if (plan.pause_ms)
			pause_ms(plan.pause_ms);
	}
	if (plan.half_close)
		shutdown(fd, SHUT_WR);
}

/* Answers heard in what came over TCP so far; the rest stays. */
static unsigned
frames_show(uint8_t *in, size_t *in_bytes)
{
	unsigned heard = 0;
	size_t at = 0;

	while (*in_bytes - at >= 2 && *in_bytes - at - 2 >= oracle_get16(in + at)) {
		answer_show(in + at + 2, oracle_get16(in + at));
		at += 2u + oracle_get16(in + at);
		heard++;
	}
	memmove(in, in + at, *in_bytes - at);
	*in_bytes -= at;
	return heard;
}

/* True when all that was waited for came. */
static bool
hear(int fd)
{
	static uint8_t in[2 * ORACLE_MESSAGE_BYTES];
	uint64_t until_ms = oracle_now_ms() + plan.wait_ms;
	unsigned heard = 0;
	size_t in_bytes = 0;

	while (plan.until_close || heard < plan.count) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		uint64_t now_ms = oracle_now_ms();
		if (now_ms >= until_ms || poll(&wait, 1, (int)(until_ms - now_ms)) == 0) {
			printf("timeout heard=%u\n", heard);
			return false;
		}
		ssize_t got = recv(fd, in + in_bytes, sizeof(in) - in_bytes, 0);
		unsigned long long ms = oracle_now_ms() - start_ms;
		if (got < 0 || (got == 0 && plan.tcp)) {
			printf("%s ms=%llu heard=%u\n", got < 0 ? "reset" : "closed", ms, heard);
			return plan.until_close;
		}
		if (plan.tcp) {
			in_bytes += (size_t)got;
			heard += frames_show(in, &in_bytes);
		} else {
			answer_show(in, (size_t)got);
			heard++;
		}
	}
	return true;
}

static bool
port_is_free(unsigned port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	bool is_free = true;

	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		/* the wildcard of IPv6 takes IPv4 along */
		int no = 0, fd = socket(AF_INET6, type, 0);
		bool six = fd >= 0 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) == 0;
		if (!six)
			fd = socket(AF_INET, type, 0);
		is_free = is_free && bind(fd, six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in4,
		                             six ? sizeof(in6) : sizeof(in4)) == 0;
		close(fd);
	}
	return is_free;
}

/* Below the kernel's ephemeral range, so that no outgoing connection takes the port before its server does.
 */
static int
port_print(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	srandom((unsigned)(t.tv_nsec ^ t.tv_sec << 8 ^ getpid() << 16));
	for (int tries = 0; tries < 1000; tries++) {
		unsigned port = 10240 + (unsigned)random() % (32768 - 10240);
		if (!port_is_free(port))
			continue;
		printf("%u\n", port);
		return 0;
	}
	return 1;
}

static void
wait_stretch(void)
{
	const char *patience = getenv("PATIENCE");

	if (patience && atoi(patience) > 1)
		plan.wait_ms *= (unsigned)atoi(patience);
}

/* One datagram there and one back. */
static int
control_say(const char *port, char **words)
{
	char text[512] = "";
	static char answer[ORACLE_MESSAGE_BYTES];
	int fd = socket_to("127.0.0.1", port);
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (; *words; words++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used, "%s%s", used ? " " : "", *words);
	}
	if (send(fd, text, strlen(text), 0) < 0 || poll(&wait, 1, (int)plan.wait_ms) <= 0)
		return 1;
	ssize_t got = recv(fd, answer, sizeof(answer), 0);
	if (got < 0)
		return 1;
	fwrite(answer, 1, (size_t)got, stdout);
	return 0;
}

static void
option_read(const char *name, const char *value)
{
	const struct {
		const char *name;
		unsigned *number;
	} numbers[] = {{"--count", &plan.count}, {"--wait-ms", &plan.wait_ms}, {"--repeat", &plan.repeat},
	        {"--chop", &plan.chop}, {"--pause-ms", &plan.pause_ms},
	        {"--read-after-ms", &plan.read_after_ms}, {"--receive-buffer", &plan.receive_buffer}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (strcmp(name, numbers[i].name) == 0) {
			*numbers[i].number = (unsigned)strtoul(value, NULL, 10);
			return;
		}
	if (strcmp(name, "--before") == 0) {
		plan.before = value;
		return;
	}
	if (strcmp(name, "--from") != 0) {
		fprintf(stderr, "rawdns: %s: no such option\n", name);
		exit(2);
	}
	plan.from = value;
}

static void
options_read(int argc, char **argv)
{
	bool counted = false;

	for (int i = 4; i < argc; i++) {
		if (strcmp(argv[i], "--half-close") == 0)
			plan.half_close = true;
		else if (strcmp(argv[i], "--until-close") == 0)
			plan.until_close = true;
		else if (strncmp(argv[i], "--", 2) == 0 && i + 1 < argc) {
			counted |= strcmp(argv[i], "--count") == 0;
			option_read(argv[i], argv[i + 1]);
			i++;
		} else if (plan.message_count < MESSAGES)
			plan.messages[plan.message_count++] = argv[i];
	}
	if (!counted)
		plan.count = (unsigned)plan.message_count * plan.repeat;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "port") == 0)
		return port_print();
	if (argc >= 3 && strcmp(argv[1], "control") == 0)
		return control_say(argv[2], argv + 3);
	if (argc < 4) {
		fprintf(stderr, "usage: rawdns udp|tcp ADDRESS PORT [--OPTION VALUE]... MESSAGE...\n");
		return 2;
	}
	/* who waits for a line must not wait for the end */
	setvbuf(stdout, NULL, _IOLBF, 0);
	plan.tcp = strcmp(argv[1], "tcp") == 0;
	options_read(argc, argv);
	wait_stretch();
	int fd = socket_to(argv[2], argv[3]);
	start_ms = oracle_now_ms();
	if (plan.tcp)
		say_stream(fd);
	else
		say_datagrams(fd);
	if (plan.read_after_ms)
		pause_ms(plan.read_after_ms);
	bool all = hear(fd);
	fflush(stdout);
	close(fd);
	return all ? 0 : 1;
}
