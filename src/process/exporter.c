/*
 * libmicrohttpd without threads and without sockets of its own to listen at: connections are accepted here,
 * where it is known who may connect, how many there are, and who of them must go when there is no room.
 *
 *    poll ─► accept ─► may connect? ─► room? ─► the library ─► web_answer() ─► the library ─► poll
 *                                        └─ else whoever has asked nothing for longest goes
 *
 * What a client can make it hold is bounded: the head of a request by EXPORTER_REQUEST_BYTES, answers by one
 * for each connection, all together by RLIMIT_DATA.
 */
#include "process/exporter.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "process/fds.h"
#include "process/past.h"
#include "process/signals.h"
#include "process/spending.h"
#include "shared/roster.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST_SOCKETS = 17, TICK_MS = 500, BURST = 16, PAST_EACH_MS = 1000 };

/* A client, as long as it is connected. */
struct guest {
	int fd;              /* -1: this place is free */
	struct addr address; /* AF_UNSPEC: by the unix socket */
	uint64_t since_ms;   /* it connected, or its last request was answered */
};

struct exporter {
	const struct exporter_setup *setup;
	struct MHD_Daemon *http;
	struct guest guests[EXPORTER_CONNECTIONS];
	unsigned guest_count;
	struct spending spending;
	int signal_fd;
	bool draining;
	uint64_t drain_ms; /* until when */
	uint64_t past_ms;  /* when the past was last written down */
};

static const struct config_metrics *
config_of(const struct exporter *e)
{
	return &e->setup->sources.config->metrics;
}

/* --- guests */

static struct guest *
guest_find(struct exporter *e, int fd)
{
	for (unsigned i = 0; i < EXPORTER_CONNECTIONS; i++)
		if (e->guests[i].fd == fd)
			return &e->guests[i];
	return NULL;
}

static unsigned
count_of(const struct exporter *e, const struct addr *address)
{
	unsigned count = 0;
	for (unsigned i = 0; i < EXPORTER_CONNECTIONS; i++)
		count += e->guests[i].fd >= 0 && e->guests[i].address.any.sa_family != AF_UNSPEC &&
		         addr_same_host(&e->guests[i].address, address);
	return count;
}

/* The library hears of it by the end of the connection, and clears the place. */
static void
send_away_oldest(struct exporter *e)
{
	struct guest *oldest = NULL;
	for (unsigned i = 0; i < EXPORTER_CONNECTIONS; i++)
		if (e->guests[i].fd >= 0 && (oldest == NULL || e->guests[i].since_ms < oldest->since_ms))
			oldest = &e->guests[i];
	if (oldest != NULL)
		shutdown(oldest->fd, SHUT_RDWR);
}

static void
send_away_overdue(struct exporter *e, uint64_t now_ms, uint64_t limit_ms)
{
	for (unsigned i = 0; i < EXPORTER_CONNECTIONS; i++)
		if (e->guests[i].fd >= 0 && now_ms >= e->guests[i].since_ms + limit_ms)
			shutdown(e->guests[i].fd, SHUT_RDWR);
}

static void
on_connection(void *arg, struct MHD_Connection *connection, void **context,
        enum MHD_ConnectionNotificationCode code)
{
	struct exporter *e = arg;
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct guest *guest = guest_find(e, info->connect_fd);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = guest;
	} else if (*context != NULL) {
		guest = *context;
		guest->fd = -1;
		e->guest_count--;
	}
}

static void
on_completed(
        void *arg, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	(void)arg;
	(void)request;
	(void)code;
	if (info != NULL && info->socket_context != NULL)
		((struct guest *)info->socket_context)->since_ms = clock_now_ms();
}

/* --- one request */

static void
add_header(struct MHD_Response *response, const char *name, const char *value)
{
	MHD_add_response_header(response, name, value);
}

static struct MHD_Response *
dress(struct web_reply *reply, bool last)
{
	enum MHD_ResponseMemoryMode mode =
	        reply->made != NULL ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT;
	struct MHD_Response *response =
	        MHD_create_response_from_buffer(reply->bytes, (void *)(uintptr_t)reply->body, mode);
	if (response == NULL) {
		free(reply->made);
		return NULL;
	}
	add_header(response, "Content-Type", reply->type);
	add_header(response, "Content-Security-Policy", reply->policy);
	add_header(response, "Cache-Control", "no-store");
	add_header(response, "X-Content-Type-Options", "nosniff");
	add_header(response, "X-Frame-Options", "DENY");
	add_header(response, "Referrer-Policy", "no-referrer");
	add_header(response, "Cross-Origin-Resource-Policy", "same-origin");
	if (reply->extra[0] != NULL)
		add_header(response, reply->extra[0], reply->extra[1]);
	if (last)
		add_header(response, "Connection", "close");
	return response;
}

static const char *
value_of(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static bool
is_local(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	const struct guest *guest = info != NULL ? info->socket_context : NULL;
	return guest != NULL && guest->address.any.sa_family == AF_UNSPEC;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
        const char *version, const char *upload, size_t *upload_bytes, void **request)
{
	struct exporter *e = arg;
	struct web_reply reply;
	const char *length = value_of(connection, "Content-Length");
	(void)version;
	(void)upload;
	bool has_body = *upload_bytes > 0 || value_of(connection, "Transfer-Encoding") != NULL ||
	                (length != NULL && strcmp(length, "0") != 0);
	bool plain = !has_body && (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
	/* The library calls twice; to answer at the first call means not to listen to a body. */
	if (plain && *request == NULL) {
		*request = e;
		return MHD_YES;
	}
	web_answer(&reply,
	        &(struct web_request){.method = method,
	                .path = path,
	                .authorization = value_of(connection, "Authorization"),
	                .trusted = is_local(connection),
	                .has_body = has_body},
	        &e->setup->secrets, &e->setup->sources);
	struct MHD_Response *response = dress(&reply, e->draining || has_body);
	if (response == NULL)
		return MHD_NO;
	enum MHD_Result result = MHD_queue_response(connection, reply.status, response);
	MHD_destroy_response(response);
	return result;
}

/* --- connections */

static bool
may_connect(const struct exporter *e, const struct addr *address)
{
	const struct config_metrics *config = config_of(e);
	if (address->any.sa_family == AF_UNSPEC)
		return true;
	for (size_t i = 0; i < config->allow_count; i++)
		if (addr_net_holds(&config->allow[i], address))
			return count_of(e, address) < EXPORTER_PER_ADDRESS;
	return false;
}

/* False: nobody is waiting. */
static bool
accept_one(struct exporter *e, int listener, uint64_t now_ms)
{
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct addr address;
	} peer = {.any = {.sa_family = AF_UNSPEC}};
	socklen_t bytes = sizeof peer;
	struct addr address = {.any = {.sa_family = AF_UNSPEC}};
	int fd = accept4(listener, &peer.any, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return errno == EINTR || errno == ECONNABORTED;
	if (addr_is_ip(&peer.address))
		address = peer.address;
	struct guest *guest = guest_find(e, -1);
	if (guest == NULL || !may_connect(e, &address)) {
		close(fd);
		return true;
	}
	*guest = (struct guest){.fd = fd, .address = address, .since_ms = now_ms};
	e->guest_count++;
	/* When it refuses, it has closed the descriptor. */
	if (MHD_add_connection(e->http, fd, &peer.any, bytes) != MHD_YES && guest->fd == fd) {
		guest->fd = -1;
		e->guest_count--;
	}
	return true;
}

static void
accept_all(struct exporter *e, int listener, uint64_t now_ms)
{
	for (unsigned i = 0; i < BURST; i++) {
		/* The one that waits is let in when the one that goes is gone. */
		if (e->guest_count == EXPORTER_CONNECTIONS) {
			send_away_oldest(e);
			return;
		}
		if (!accept_one(e, listener, now_ms))
			return;
	}
}

/* --- the process */

static void
on_terminate(void *arg)
{
	struct exporter *e = arg;
	e->drain_ms = clock_now_ms() + EXPORTER_DRAIN_MS;
	e->draining = true;
}

static const struct signals_handler handlers[] = {{SIGTERM, on_terminate}};

static int
wait_ms(const struct exporter *e)
{
	MHD_UNSIGNED_LONG_LONG library_ms;
	if (MHD_get_timeout(e->http, &library_ms) == MHD_YES && library_ms < TICK_MS)
		return (int)library_ms;
	return TICK_MS;
}

static void
turn(struct exporter *e)
{
	const struct exporter_setup *setup = e->setup;
	size_t count = e->draining ? 0 : web_sockets_count(setup->sockets);
	struct pollfd fds[2 + MOST_SOCKETS] = {{.fd = e->signal_fd, .events = POLLIN},
	        {.fd = MHD_get_daemon_info(e->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN}};
	for (size_t i = 0; i < count; i++)
		fds[2 + i] =
		        (struct pollfd){.fd = web_sockets_descriptor(setup->sockets, i), .events = POLLIN};
	bool polled = poll(fds, 2 + count, wait_ms(e)) >= 0;
	uint64_t now_ms = clock_now_ms();
	spending_tell(&e->spending, now_ms);
	if (now_ms >= e->past_ms + PAST_EACH_MS) {
		past_note(setup->sources.world, clock_boot_ms());
		e->past_ms = now_ms;
	}
	signals_heed(e->signal_fd, handlers, 1, e);
	MHD_run(e->http);
	for (size_t i = 0; polled && i < count; i++)
		if (fds[2 + i].revents != 0)
			accept_all(e, fds[2 + i].fd, now_ms);
	send_away_overdue(e, now_ms, e->draining ? 100 : EXPORTER_IDLE_MS);
}

static void
serve(struct exporter *e)
{
	while (!e->draining)
		turn(e);
	while (e->guest_count > 0 && clock_now_ms() < e->drain_ms)
		turn(e);
}

static bool
put_together(struct exporter *e)
{
	struct roster_process *of_us = &e->setup->sources.world->roster->helpers[ROSTER_EXPORTER];
	spending_open(&e->spending, &of_us->cpu_us, &of_us->memory_bytes, &of_us->beat_ms);
	e->signal_fd = signals_watch(handlers, 1);
	e->http = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, e,
	        MHD_OPTION_NOTIFY_CONNECTION, on_connection, e, MHD_OPTION_NOTIFY_COMPLETED, on_completed, e,
	        MHD_OPTION_CONNECTION_LIMIT, (unsigned)EXPORTER_CONNECTIONS,
	        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)EXPORTER_REQUEST_BYTES,
	        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)EXPORTER_IDLE_MS / 1000, MHD_OPTION_END);
	return e->http != NULL && e->signal_fd >= 0;
}

static void
keep_descriptors(const struct exporter_setup *setup)
{
	int own[MOST_SOCKETS];
	size_t count = web_sockets_count(setup->sockets);
	must(count <= MOST_SOCKETS);
	for (size_t i = 0; i < count; i++)
		own[i] = web_sockets_descriptor(setup->sockets, i);
	fds_keep(own, count);
}

static bool
give_up_rights(const struct exporter_setup *setup, char why[SANDBOX_WHY_BYTES])
{
	if (sandbox_enter_worker(&setup->user, setup->master, why) < 0)
		return false;
	if (sandbox_limit_memory(EXPORTER_MEMORY_BYTES) < 0)
		log_warn("the exporter's memory cannot be limited why=\"%s\"", strerror(errno));
	/* Whoever looks waits for those who serve. */
	setpriority(PRIO_PROCESS, 0, 5);
	return true;
}

static bool
shut(const struct exporter_setup *setup, char why[SANDBOX_WHY_BYTES])
{
	if (!setup->sources.config->sandbox)
		return true;
	sandbox_on_violation(&setup->words->call);
	return sandbox_ward(NULL, why) >= 0 && sandbox_seal(SANDBOX_EXPORTER, why) >= 0;
}

int
exporter_run(const struct exporter_setup *setup)
{
	char why[SANDBOX_WHY_BYTES] = "";
	struct exporter e = {.setup = setup};
	log_set_role("exporter");
	prctl(PR_SET_NAME, "dotward-exporter"); /* cut to 15 bytes; in ps and top, and no worker */
	lastwords_open(setup->words);
	for (unsigned i = 0; i < EXPORTER_CONNECTIONS; i++)
		e.guests[i].fd = -1;
	keep_descriptors(setup);
	if (!give_up_rights(setup, why)) {
		log_error("exporter cannot start: %s", why);
		return EXIT_FAILURE;
	}
	if (!put_together(&e)) {
		log_error("exporter cannot start: no memory or descriptors");
		return EXIT_FAILURE;
	}
	if (!shut(setup, why)) {
		log_error("exporter cannot start: %s", why);
		return EXIT_FAILURE;
	}
	serve(&e);
	MHD_stop_daemon(e.http);
	close(e.signal_fd);
	return EXIT_SUCCESS;
}
