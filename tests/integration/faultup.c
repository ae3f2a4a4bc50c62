/*
 * faultup: the scripted upstream of the integration tests. Options, sockets, loop, control port.
 *
 *   faultup --cert FILE --key FILE [--SETTING[=VALUE]]...
 *
 * Listens on loopback, prints "port=N control=M" when it serves. The control port (UDP) takes "stat",
 * "reset", "close" (all connections), "forget" (tickets) and "set NAME VALUE"; each is answered with one line
 * of JSON, what was seen so far. SIGUSR1 prints the same on stdout. It ends by itself after a quarter of an
 * hour, so that no failed test leaves it behind.
 */
#include "faultup.h"
#include "oracle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIFE_SECONDS = 900, JSON_BYTES = 2048 };

struct settings settings = {
        .address = "127.0.0.1", .labels = 1, .ttl = ORACLE_TTL, .soa = 1, .soa_ttl = 60, .soa_minimum = 60};
struct stats stats;

/* One row per setting: a number or a text. */
static const struct {
	const char *name;
	unsigned *number;
	char *text;
} rows[] = {
        {"address", NULL, settings.address},
        {"cert", NULL, settings.cert},
        {"key", NULL, settings.key},
        {"client-ca", NULL, settings.client_ca},
        {"tls", NULL, settings.tls},
        {"mode", NULL, settings.mode},
        {"port", &settings.port, NULL},
        {"labels", &settings.labels, NULL},
        {"delay-ms", &settings.delay_ms, NULL},
        {"jitter-ms", &settings.jitter_ms, NULL},
        {"ttl", &settings.ttl, NULL},
        {"serial", &settings.serial, NULL},
        {"soa", &settings.soa, NULL},
        {"soa-ttl", &settings.soa_ttl, NULL},
        {"soa-minimum", &settings.soa_minimum, NULL},
        {"ad", &settings.ad, NULL},
        {"reverse", &settings.reverse, NULL},
        {"join", &settings.join, NULL},
        {"trickle", &settings.trickle, NULL},
        {"keepalive", &settings.keepalive, NULL},
        {"idle-close-ms", &settings.idle_close_ms, NULL},
        {"close-after", &settings.close_after, NULL},
        {"deaf-after", &settings.deaf_after, NULL},
        {"mode-percent", &settings.mode_percent, NULL},
        {"no-tickets", &settings.no_tickets, NULL},
        {"session-ids", &settings.session_ids, NULL},
        {"early-data", &settings.early_data, NULL},
        {"early-refuse", &settings.early_refuse, NULL},
        {"early-break", &settings.early_break, NULL},
        {"silent-after", &settings.silent_after, NULL},
        {"abrupt", &settings.abrupt, NULL},
        {"hole", &settings.hole, NULL},
        {"mute-accept", &settings.mute_accept, NULL},
        {"mute", &settings.mute, NULL},
        {"reset", &settings.reset, NULL},
        {"reset-after-handshake", &settings.reset_after_handshake, NULL},
        {"alert", &settings.alert, NULL},
        {"handshake-delay-ms", &settings.handshake_delay_ms, NULL},
        {"faulty-connections", &settings.faulty_connections, NULL},
};

static bool
setting_put(const char *name, size_t name_bytes, const char *value)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strlen(rows[i].name) != name_bytes || strncmp(rows[i].name, name, name_bytes) != 0)
			continue;
		if (rows[i].number)
			*rows[i].number = (unsigned)strtoul(value, NULL, 10);
		else
			snprintf(rows[i].text, TEXT_BYTES, "%s", value);
		return true;
	}
	return false;
}

/* --name, --name=value or --name value (a value does not begin with a dash) */
static void
options_read(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + 2, *equals = strchr(argv[i], '=');
		const char *value = equals ? equals + 1 : "1";
		size_t bytes = equals ? (size_t)(equals - name) : strlen(name);
		if (!equals && i + 1 < argc && argv[i + 1][0] != '-')
			value = argv[++i];
		if (strncmp(name - 2, "--", 2) != 0 || !setting_put(name, bytes, value)) {
			fprintf(stderr, "faultup: %s: no such setting\n", name - 2);
			exit(2);
		}
	}
}

static int
stats_print(char out[JSON_BYTES])
{
	return snprintf(out, JSON_BYTES,
	        "{\"connections\":%u,\"open\":%u,\"max_open\":%u,\"handshakes\":%u,\"handshake_failures\":%u,"
	        "\"resumed\":%u,\"tls12\":%u,\"tls13\":%u,\"alpn_dot\":%u,\"queries\":%u,\"answers\":%u,"
	        "\"offered\":%u,\"offered_again\":%u,\"early_offered\":%u,\"early\":%u,\"showed\":%u,"
	        "\"records\":%u,"
	        "\"max_outstanding\":%u,\"max_in_record\":%u,\"padded\":%u,\"unpadded\":%u,\"opt\":%u,"
	        "\"keepalive\":%u,"
	        "\"subnet\":%u,\"dnssec_ok\":%u,\"cookie\":%u,\"recursion\":%u,\"checking_disabled\":%u,"
	        "\"plaintext\":%u,\"sni\":\"%s\",\"peer\":\"%s\",\"last_name\":"
	        "\"%s\"}\n",
	        stats.connections, stats.open, stats.max_open, stats.handshakes, stats.handshake_failures,
	        stats.resumed, stats.tls12, stats.tls13, stats.alpn_dot, stats.queries, stats.answers,
	        stats.offered, stats.offered_again, stats.early_offered, stats.early, stats.showed,
	        stats.records, stats.max_outstanding, stats.max_in_record, stats.padded, stats.unpadded,
	        stats.opt, stats.keepalive, stats.subnet, stats.dnssec_ok, stats.cookie, stats.recursion,
	        stats.checking_disabled, stats.plaintext, stats.sni, stats.peer, stats.last_name);
}

/* Counting starts anew; what is open stays open and keeps its number. */
static void
stats_reset(void)
{
	struct stats fresh = {.connections = stats.open, .open = stats.open, .max_open = stats.open};

	stats = fresh;
}

static void
control_command(char *text)
{
	text[strcspn(text, "\r\n")] = '\0';
	if (strcmp(text, "reset") == 0)
		stats_reset();
	else if (strcmp(text, "close") == 0)
		conn_close_all();
	else if (strcmp(text, "forget") == 0)
		conn_forget_tickets();
	else if (strncmp(text, "set ", 4) == 0) {
		char *name = text + 4, *space = strchr(name, ' ');
		setting_put(name, space ? (size_t)(space - name) : strlen(name), space ? space + 1 : "");
	}
}

static void
control_read(int fd)
{
	char text[512], json[JSON_BYTES];
	struct sockaddr_storage from;
	socklen_t from_bytes = sizeof(from);
	ssize_t got = recvfrom(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&from, &from_bytes);

	if (got < 0)
		return;
	text[got] = '\0';
	control_command(text);
	int bytes = stats_print(json);
	if (sendto(fd, json, (size_t)bytes, 0, (struct sockaddr *)&from, from_bytes) < 0)
		perror("faultup: control");
}

/* A datagram to the TLS port is a question in clear text. */
static void
plaintext_read(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		stats.plaintext++;
}

static int
socket_bound(const char *address, unsigned port, int type)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	bool six = strchr(address, ':');
	struct sockaddr *any = six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in4;
	int on = 1, fd = socket(any->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 ||
	        inet_pton(any->sa_family, address, six ? (void *)&in6.sin6_addr : (void *)&in4.sin_addr) != 1)
		return -1;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, any, six ? sizeof(in6) : sizeof(in4)) < 0 ||
	        (type == SOCK_STREAM && listen(fd, 1024) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static unsigned
socket_port(int fd)
{
	struct sockaddr_in6 name = {0};
	socklen_t bytes = sizeof(name);

	/* the port lies at the same place in both families */
	return getsockname(fd, (struct sockaddr *)&name, &bytes) == 0 ? ntohs(name.sin6_port) : 0;
}

static int signals, listener, datagrams, control;

/* With no room for anybody to wait in, the kernel drops the first packets of all others, as a network does
 * that leads nowhere. */
static void
dig_hole(void)
{
	struct sockaddr_storage name;
	socklen_t bytes = sizeof(name);

	if (listen(listener, 0) < 0 || getsockname(listener, (struct sockaddr *)&name, &bytes) < 0)
		exit(2);
	for (int i = 0; i < 3; i++) {
		int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&name, bytes) < 0 && errno != EINPROGRESS)
			exit(2);
	}
}

/* The TLS port and the same port over UDP, so that clear text would be seen there. */
static void
sockets_open(void)
{
	unsigned wanted = settings.port;

	for (int tries = 0; tries < 50; tries++) {
		listener = socket_bound(settings.address, wanted, SOCK_STREAM);
		settings.port = listener < 0 ? 0 : socket_port(listener);
		datagrams = listener < 0 ? -1 : socket_bound(settings.address, settings.port, SOCK_DGRAM);
		if (datagrams >= 0 || wanted)
			break;
		close(listener);
	}
	control = socket_bound("127.0.0.1", 0, SOCK_DGRAM);
	if (listener < 0 || datagrams < 0 || control < 0) {
		fprintf(stderr, "faultup: cannot listen on %s@%u\n", settings.address, wanted);
		exit(2);
	}
	if (settings.hole)
		dig_hole();
}

static void
signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	alarm(LIFE_SECONDS);
}

/* False: to end. */
static bool
signals_read(void)
{
	struct signalfd_siginfo info;
	char json[JSON_BYTES];

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo != SIGUSR1)
		return false;
	stats_print(json);
	fputs(json, stdout);
	fflush(stdout);
	return true;
}

static int
epoll_with_all(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int *const fds[] = {&signals, &listener, &datagrams, &control};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = fds[i]};
		if (fds[i] != &listener || !settings.hole)
			epoll_ctl(epoll, EPOLL_CTL_ADD, *fds[i], &event);
	}
	return epoll;
}

/* False: to end. */
static bool
event_handle(const struct epoll_event *event)
{
	if (event->data.ptr == &signals)
		return signals_read();
	if (event->data.ptr == &listener)
		conn_accept(listener);
	else if (event->data.ptr == &datagrams)
		plaintext_read(datagrams);
	else if (event->data.ptr == &control)
		control_read(control);
	else
		conn_event(event->data.ptr, event->events);
	return true;
}

/* True when there was one: it waits for a flush. */
static bool
later_deliver(uint64_t now_ms)
{
	unsigned number;
	struct answer answer;
	bool any = false;

	for (; later_take(now_ms, &number, &answer); any = true)
		conn_deliver(number, answer);
	return any;
}

/* The control socket may close connections: one event a round keeps no stale pointer to any of them. */
static void
loop(int epoll)
{
	struct epoll_event event;
	uint64_t ticked_ms = 0;

	for (;;) {
		uint64_t now_ms = oracle_now_ms();
		int wait = later_wait(now_ms);
		if (wait < 0 || wait > 20)
			wait = 20;
		int got = epoll_wait(epoll, &event, 1, wait);
		if (got == 1 && !event_handle(&event))
			return;
		now_ms = oracle_now_ms();
		if (later_deliver(now_ms) || now_ms != ticked_ms)
			conn_tick(now_ms);
		ticked_ms = now_ms;
	}
}

int
main(int argc, char **argv)
{
	options_read(argc, argv);
	signals_open();
	sockets_open();
	int epoll = epoll_with_all();
	conn_setup(epoll);
	printf("port=%u control=%u\n", settings.port, socket_port(control));
	fflush(stdout);
	loop(epoll);
	return 0;
}
