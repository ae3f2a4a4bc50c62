/*
 * One TLS connection of the scripted upstream, and what may go wrong with it.
 *
 *   NEW ──first bytes──► HANDSHAKE ──► SERVING ──► DYING (answers out, then close)
 *    └─ MUTE: open and never heard again
 *
 * A connection is known to the outside by its number, so that an answer that waits for its time never meets a
 * stranger.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4() */
#endif
#include "faultup.h"
#include "oracle.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 1024, READ_BYTES = 16384, IN_BYTES = 2 + ORACLE_MESSAGE_BYTES + READ_BYTES };

enum state { STATE_NEW, STATE_HANDSHAKE, STATE_SERVING, STATE_DYING, STATE_MUTE };

struct conn {
	int fd;
	enum state state;
	unsigned number;
	unsigned outstanding, answers;
	bool faulty;
	bool reset_at_end;
	gnutls_session_t tls;
	uint64_t last_ms, born_ms;
	uint8_t *in, *out;
	size_t in_bytes, out_bytes, out_sent, out_room;
	size_t resume; /* what gnutls_record_send() has taken but not yet sent */
};

static int epoll;
static gnutls_certificate_credentials_t credentials;
static gnutls_datum_t ticket_key;
static struct conn *conns[CONNECTIONS];

static void
watch(const struct conn *conn, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = (void *)(uintptr_t)conn};

	epoll_ctl(epoll, operation, conn->fd, &event);
}

static void
conn_free(struct conn *conn)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (conn->reset_at_end)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	else if (!settings.abrupt && conn->state >= STATE_SERVING && conn->tls)
		gnutls_bye(conn->tls, GNUTLS_SHUT_WR);
	close(conn->fd);
	if (conn->tls)
		gnutls_deinit(conn->tls);
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (conns[i] == conn)
			conns[i] = NULL;
	free(conn->in);
	free(conn->out);
	free(conn);
	stats.open--;
}

static void
conn_reset(struct conn *conn)
{
	conn->reset_at_end = true;
	conn_free(conn);
}

static void
tls_begin(struct conn *conn)
{
	static const char *const all = "NORMAL";
	static const char *const only_12 = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
	static const char *const only_13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
	static const gnutls_datum_t dot = {(unsigned char *)(uintptr_t) "dot", 3};
	const char *priority = all;

	if (strcmp(settings.tls, "1.2") == 0)
		priority = only_12;
	else if (strcmp(settings.tls, "1.3") == 0)
		priority = only_13;
	if (gnutls_init(&conn->tls,
	            GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | ticket_early_flags()) < 0)
		abort();
	gnutls_priority_set_direct(conn->tls, priority, NULL);
	gnutls_credentials_set(conn->tls, GNUTLS_CRD_CERTIFICATE, credentials);
	gnutls_alpn_set_protocols(conn->tls, &dot, 1, 0);
	if (!settings.no_tickets)
		gnutls_session_ticket_enable_server(conn->tls, &ticket_key);
	if (settings.session_ids)
		ticket_ids_begin(conn->tls);
	ticket_early_begin(conn->tls);
	ticket_watch(conn->tls);
	if (settings.client_ca[0]) {
		gnutls_certificate_server_set_request(conn->tls, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(conn->tls, NULL, 0);
	}
	gnutls_transport_set_int(conn->tls, conn->fd);
	gnutls_handshake_set_timeout(conn->tls, 0);
}

void
conn_setup(int epoll_fd)
{
	epoll = epoll_fd;
	if (gnutls_certificate_allocate_credentials(&credentials) < 0)
		abort();
	int error = gnutls_certificate_set_x509_key_file(
	        credentials, settings.cert, settings.key, GNUTLS_X509_FMT_PEM);
	if (error < 0) {
		fprintf(stderr, "faultup: %s, %s: %s\n", settings.cert, settings.key, gnutls_strerror(error));
		exit(2);
	}
	if (settings.client_ca[0] && gnutls_certificate_set_x509_trust_file(
	                                     credentials, settings.client_ca, GNUTLS_X509_FMT_PEM) < 1)
		abort();
	if (gnutls_session_ticket_key_generate(&ticket_key) < 0)
		abort();
}

void
conn_forget_tickets(void)
{
	gnutls_free(ticket_key.data);
	if (gnutls_session_ticket_key_generate(&ticket_key) < 0)
		abort();
}

static struct conn *
conn_new(int fd)
{
	size_t slot = 0;

	while (slot < CONNECTIONS && conns[slot])
		slot++;
	if (slot == CONNECTIONS)
		return NULL;
	struct conn *conn = calloc(1, sizeof(*conn));
	if (!conn || !(conn->in = malloc(IN_BYTES)))
		abort();
	conn->fd = fd;
	conn->number = ++stats.connections;
	conn->born_ms = conn->last_ms = oracle_now_ms();
	conn->faulty = settings.faulty_connections == 0 || conn->number <= settings.faulty_connections;
	conns[slot] = conn;
	stats.open++;
	if (stats.open > stats.max_open)
		stats.max_open = stats.open;
	return conn;
}

void
conn_accept(int listen_fd)
{
	int fd, on = 1;
	struct sockaddr_storage from;
	socklen_t from_bytes = sizeof(from);

	while ((fd = accept4(listen_fd, (struct sockaddr *)&from, &from_bytes,
	                SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		getnameinfo((struct sockaddr *)&from, from_bytes, stats.peer, sizeof(stats.peer), NULL, 0,
		        NI_NUMERICHOST);
		from_bytes = sizeof(from);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		struct conn *conn = conn_new(fd);
		if (!conn) {
			close(fd);
			continue;
		}
		if (conn->faulty && settings.reset) {
			conn_reset(conn);
			continue;
		}
		if (conn->faulty && settings.mute_accept)
			conn->state = STATE_MUTE;
		watch(conn, EPOLL_CTL_ADD, conn->state == STATE_MUTE ? EPOLLRDHUP : EPOLLIN);
	}
}

/* Bytes of the next record to send: an answer with its length, everything, or one byte. */
static size_t
record_bytes(const struct conn *conn)
{
	size_t left = conn->out_bytes - conn->out_sent, bytes = left;
	const uint8_t *at = conn->out + conn->out_sent;

	if (settings.trickle)
		return 1;
	if (!settings.join && left >= 2 && 2u + oracle_get16(at) < left)
		bytes = 2u + oracle_get16(at);
	return bytes < 16384 ? bytes : 16384;
}

/* False when the connection is gone. */
static bool
conn_flush(struct conn *conn)
{
	while (conn->out_sent < conn->out_bytes) {
		size_t bytes = conn->resume ? conn->resume : record_bytes(conn);
		ssize_t sent = conn->resume
		                       ? gnutls_record_send(conn->tls, NULL, 0)
		                       : gnutls_record_send(conn->tls, conn->out + conn->out_sent, bytes);
		conn->resume = sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED ? bytes : 0;
		if (conn->resume) {
			watch(conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			return true;
		}
		if (sent < 0) {
			conn_free(conn);
			return false;
		}
		conn->out_sent += (size_t)sent;
	}
	conn->out_bytes = conn->out_sent = 0;
	watch(conn, EPOLL_CTL_MOD, EPOLLIN);
	if (conn->faulty && settings.deaf_after && conn->answers >= settings.deaf_after) {
		conn->state = STATE_MUTE;
		watch(conn, EPOLL_CTL_MOD, EPOLLRDHUP);
		return true;
	}
	if (conn->state != STATE_DYING)
		return true;
	conn_free(conn);
	return false;
}

static void
out_append(struct conn *conn, const uint8_t *bytes, size_t count)
{
	if (conn->out_bytes + count > conn->out_room) {
		conn->out_room = (conn->out_bytes + count) * 2;
		conn->out = realloc(conn->out, conn->out_room);
		if (!conn->out)
			abort();
	}
	memcpy(conn->out + conn->out_bytes, bytes, count);
	conn->out_bytes += count;
}

static void
out_answer(struct conn *conn, const struct answer *answer)
{
	uint8_t length[2];

	oracle_put16(length, (unsigned)answer->bytes);
	if (answer->cut == CUT_NONE || answer->cut == CUT_IN_ANSWER || answer->cut == CUT_IN_LENGTH)
		out_append(conn, length, answer->cut == CUT_IN_LENGTH ? 1 : 2);
	if (answer->cut == CUT_NONE || answer->cut == CUT_IN_ANSWER)
		out_append(
		        conn, answer->msg, answer->cut == CUT_IN_ANSWER ? answer->bytes / 2 : answer->bytes);
	if (answer->cut != CUT_NONE)
		conn->state = STATE_DYING;
	conn->reset_at_end = answer->cut == CUT_RESET;
}

/* Puts an answer into the buffer; conn_flush() sends it. */
static void
conn_answer(struct conn *conn, struct answer *answer)
{
	bool silent = conn->faulty && settings.silent_after && conn->answers >= settings.silent_after;

	conn->outstanding -= conn->outstanding > 0;
	conn->last_ms = oracle_now_ms();
	if (conn->state == STATE_SERVING && !silent) {
		for (int i = 0; i < 1 + answer->twice; i++)
			out_answer(conn, answer);
		stats.answers++;
		conn->answers++;
		if (conn->faulty && settings.close_after && conn->answers >= settings.close_after)
			conn->state = STATE_DYING;
	}
	free(answer->msg);
	answer->msg = NULL;
}

static struct conn *
conn_numbered(unsigned number)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (conns[i] && conns[i]->number == number)
			return conns[i];
	return NULL;
}

void
conn_deliver(unsigned conn_number, struct answer answer)
{
	struct conn *conn = conn_numbered(conn_number);

	if (conn)
		conn_answer(conn, &answer);
	else
		free(answer.msg);
}

static void
question_take(struct conn *conn, const uint8_t *query, size_t bytes)
{
	struct answer answer = answer_build(query, bytes, conn->faulty);
	unsigned delay = settings.delay_ms + answer.delay_ms;

	if (++conn->outstanding > stats.max_outstanding)
		stats.max_outstanding = conn->outstanding;
	if (answer.stall) {
		free(answer.msg);
		return;
	}
	if (settings.jitter_ms)
		delay += (unsigned)random() % (settings.jitter_ms + 1);
	/* Out of order needs company: wait for what else may come with it. */
	if (settings.reverse)
		delay += 10;
	if (delay)
		later_add(conn->number, answer, oracle_now_ms() + delay);
	else
		conn_answer(conn, &answer);
}

static void
questions_take(struct conn *conn, unsigned in_record)
{
	size_t at = 0;

	while (conn->in_bytes - at >= 2) {
		size_t bytes = oracle_get16(conn->in + at);
		if (conn->in_bytes - at - 2 < bytes)
			break;
		question_take(conn, conn->in + at + 2, bytes);
		at += 2 + bytes;
		in_record++;
	}
	memmove(conn->in, conn->in + at, conn->in_bytes - at);
	conn->in_bytes -= at;
	if (in_record > stats.max_in_record)
		stats.max_in_record = in_record;
}

static void
conn_read(struct conn *conn)
{
	ssize_t got;

	do {
		got = gnutls_record_recv(conn->tls, conn->in + conn->in_bytes, READ_BYTES);
		if (got > 0) {
			conn->last_ms = oracle_now_ms();
			conn->in_bytes += (size_t)got;
			stats.records++;
			questions_take(conn, 0);
		}
	} while (got > 0 || got == GNUTLS_E_INTERRUPTED);
	if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_REHANDSHAKE)
		conn_flush(conn);
	else if (conn->out_sent < conn->out_bytes && got == 0 && conn->state == STATE_SERVING) {
		conn->state = STATE_DYING;
		conn_flush(conn);
	} else
		conn_free(conn);
}

static void
handshake_count(struct conn *conn)
{
	gnutls_datum_t protocol;
	size_t bytes = sizeof(stats.sni);
	unsigned type;

	unsigned certificates = 0;

	stats.handshakes++;
	stats.showed += gnutls_certificate_get_peers(conn->tls, &certificates) != NULL && certificates > 0;
	stats.resumed += gnutls_session_is_resumed(conn->tls) != 0;
	stats.tls12 += gnutls_protocol_get_version(conn->tls) == GNUTLS_TLS1_2;
	stats.tls13 += gnutls_protocol_get_version(conn->tls) == GNUTLS_TLS1_3;
	if (gnutls_alpn_get_selected_protocol(conn->tls, &protocol) == 0 && protocol.size == 3)
		stats.alpn_dot++;
	if (gnutls_server_name_get(conn->tls, stats.sni, &bytes, &type, 0) < 0)
		stats.sni[0] = '\0';
}

static unsigned
questions_waiting(const struct conn *conn)
{
	unsigned count = 0;
	size_t at = 0;

	while (conn->in_bytes - at >= 2 && conn->in_bytes - at - 2 >= oracle_get16(conn->in + at)) {
		at += 2u + oracle_get16(conn->in + at);
		count++;
	}
	return count;
}

/* Early data, as it comes; it is answered once the handshake is done, as GnuTLS can say nothing before. */
static void
early_read(struct conn *conn)
{
	unsigned before = questions_waiting(conn);
	ssize_t got = 1;

	while (got > 0 && conn->in_bytes + READ_BYTES <= IN_BYTES) {
		got = gnutls_record_recv_early_data(conn->tls, conn->in + conn->in_bytes, READ_BYTES);
		if (got > 0)
			conn->in_bytes += (size_t)got;
	}
	stats.early += questions_waiting(conn) - before;
}

static void
conn_handshake(struct conn *conn)
{
	int error = gnutls_handshake(conn->tls);

	early_read(conn);
	if (error == GNUTLS_E_AGAIN || error == GNUTLS_E_INTERRUPTED) {
		watch(conn, EPOLL_CTL_MOD,
		        gnutls_record_get_direction(conn->tls) ? EPOLLIN | EPOLLOUT : EPOLLIN);
		return;
	}
	if (error < 0) {
		if (!gnutls_error_is_fatal(error))
			return;
		stats.handshake_failures++;
		gnutls_alert_send_appropriate(conn->tls, error);
		conn_free(conn);
		return;
	}
	handshake_count(conn);
	conn->state = STATE_SERVING;
	watch(conn, EPOLL_CTL_MOD, EPOLLIN);
	questions_take(conn, 0);
	if (conn->faulty && settings.reset_after_handshake)
		conn_reset(conn);
	else if (conn->faulty && settings.mute) {
		conn->state = STATE_MUTE;
		watch(conn, EPOLL_CTL_MOD, EPOLLRDHUP);
	} else
		conn_read(conn);
}

/* The first bytes decide: TLS begins with a handshake record (22). Anything else came in clear text. */
static void
conn_first(struct conn *conn)
{
	uint8_t first;
	ssize_t got = recv(conn->fd, &first, 1, MSG_PEEK);

	if (got <= 0 || first != 22) {
		stats.plaintext += got > 0;
		conn_free(conn);
		return;
	}
	if (settings.handshake_delay_ms) {
		watch(conn, EPOLL_CTL_MOD, 0);
		if (oracle_now_ms() - conn->born_ms < settings.handshake_delay_ms)
			return;
	}
	tls_begin(conn);
	conn->state = STATE_HANDSHAKE;
	if (conn->faulty && settings.alert) {
		gnutls_alert_send(conn->tls, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE);
		stats.handshake_failures++;
		conn_free(conn);
		return;
	}
	conn_handshake(conn);
}

void
conn_event(struct conn *conn, uint32_t events)
{
	switch (conn->state) {
	case STATE_NEW:
		conn_first(conn);
		return;
	case STATE_HANDSHAKE:
		conn_handshake(conn);
		return;
	case STATE_MUTE:
		conn_free(conn);
		return;
	case STATE_SERVING:
	case STATE_DYING:
		if ((events & EPOLLOUT) && !conn_flush(conn))
			return;
		if (events & ~(uint32_t)EPOLLOUT)
			conn_read(conn);
		return;
	}
}

void
conn_tick(uint64_t now_ms)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct conn *conn = conns[i];
		if (!conn)
			continue;
		if (conn->state == STATE_NEW && settings.handshake_delay_ms && now_ms != conn->born_ms) {
			if (now_ms - conn->born_ms >= settings.handshake_delay_ms)
				conn_first(conn);
			continue;
		}
		bool ready = conn->state == STATE_SERVING || conn->state == STATE_DYING;
		if (ready && !conn->resume && (conn->out_bytes || conn->state == STATE_DYING) &&
		        !conn_flush(conn))
			continue;
		if (settings.idle_close_ms && conn->state == STATE_SERVING && conn->outstanding == 0 &&
		        now_ms - conn->last_ms >= settings.idle_close_ms)
			conn_free(conn);
	}
}

void
conn_close_all(void)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (conns[i])
			conn_free(conns[i]);
}
