/*
 * A small DNS-over-TLS server in the same process and on the same loop as the code under test. It answers
 * nothing of itself: the test says what happens when a message comes.
 */
#ifndef DOTWARD_TESTS_DOTSERVER_H
#define DOTWARD_TESTS_DOTSERVER_H

#include "base/addr.h"
#include "base/buffer.h"
#include "certs.h"

#include <errno.h>
#include <ev.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

enum { DOT_CONNS = 32, DOT_FILLERS = 3, DOT_EARLY_BYTES = 4096 };

/* TLS 1.3 early data. */
enum dot_early {
	DOT_EARLY_NONE,
	DOT_EARLY_TAKES,
	DOT_EARLY_REFUSES, /* tickets allow it all the same */
};

enum dot_close {
	DOT_BYE,   /* close_notify, then the end of the stream */
	DOT_CUT,   /* the end of the stream */
	DOT_RESET, /* RST */
};

struct dot_server;

struct dot_conn {
	struct dot_server *server; /* NULL: free */
	gnutls_session_t session;
	ev_io io;
	struct buffer in;
	bool shaken;
	unsigned messages; /* that came on it */
};

typedef void dot_message_fn(struct dot_server *, struct dot_conn *, uint8_t *msg, size_t bytes);

struct dot_server {
	struct ev_loop *loop;
	ev_io accept;
	struct addr address;
	gnutls_certificate_credentials_t shown;
	gnutls_datum_t ticket_key;
	const char *priority;
	dot_message_fn *message;
	void *arg;
	struct dot_conn conns[DOT_CONNS];
	unsigned accepted, open; /* connections, so far and now */
	unsigned shaken;         /* handshakes completed */
	enum dot_early early;
	gnutls_anti_replay_t early_guard;
	unsigned unheard;        /* connections on which it was deaf to what came */
	unsigned early_bytes;    /* read as early data */
	bool deaf;               /* accepts, and says nothing */
	int filler[DOT_FILLERS]; /* connections of ours that leave no room for others */
	bool hole;
	bool corked; /* what is sent leaves only with dot_uncork() */
};

static inline void
dot_close(struct dot_conn *c, enum dot_close how)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	if (how == DOT_BYE)
		gnutls_bye(c->session, GNUTLS_SHUT_WR);
	if (how == DOT_RESET)
		setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	ev_io_stop(c->server->loop, &c->io);
	close(c->io.fd);
	gnutls_deinit(c->session);
	buffer_free(&c->in);
	c->server->open--;
	c->server = NULL;
}

/* Closes them all. */
static inline void
dot_close_all(struct dot_server *s, enum dot_close how)
{
	for (unsigned i = 0; i < DOT_CONNS; i++)
		if (s->conns[i].server != NULL)
			dot_close(&s->conns[i], how);
}

static inline void
dot_cork(const struct dot_conn *c, int on)
{
	setsockopt(c->io.fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/* Sends bytes as they are, in one record. */
static inline void
dot_send_raw(struct dot_conn *c, const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	gnutls_record_cork(c->session);
	while (count > 0) {
		ssize_t sent = gnutls_record_send(c->session, at, count < 16000 ? count : 16000);
		if (sent <= 0)
			fail_msg("server cannot send: %s", gnutls_strerror((int)sent));
		at += sent;
		count -= (size_t)sent;
	}
	assert_true(gnutls_record_uncork(c->session, GNUTLS_RECORD_WAIT) >= 0);
}

/* Sends a message with its length before it. */
static inline void
dot_send(struct dot_conn *c, const uint8_t *msg, size_t bytes)
{
	static uint8_t framed[2 + 65535];
	framed[0] = (uint8_t)(bytes >> 8);
	framed[1] = (uint8_t)bytes;
	memcpy(framed + 2, msg, bytes);
	dot_send_raw(c, framed, bytes + 2);
}

static inline void
dot_messages(struct dot_conn *c)
{
	while (c->server != NULL && buffer_held(&c->in) >= 2) {
		uint8_t *front = buffer_front(&c->in);
		size_t bytes = (size_t)front[0] << 8 | front[1];
		if (buffer_held(&c->in) < 2 + bytes)
			return;
		uint8_t *msg = malloc(bytes + 1);
		memcpy(msg, front + 2, bytes);
		buffer_taken(&c->in, 2 + bytes);
		c->messages++;
		c->server->message(c->server, c, msg, bytes);
		free(msg);
	}
}

/* What came as early data is a part of what comes, once the handshake is done. */
static inline void
dot_early(struct dot_conn *c)
{
	ssize_t got = 1;
	while (got > 0) {
		uint8_t *to = buffer_reserve(&c->in, 16384);
		got = gnutls_record_recv_early_data(c->session, to, 16384);
		if (got <= 0)
			return;
		buffer_added(&c->in, (size_t)got);
		c->server->early_bytes += (unsigned)got;
	}
}

static inline int
dot_early_seen(void *arg, time_t expires, const gnutls_datum_t *key, const gnutls_datum_t *data)
{
	const struct dot_server *s = arg;
	(void)expires;
	(void)key;
	(void)data;
	return s->early == DOT_EARLY_REFUSES ? GNUTLS_E_DB_ENTRY_EXISTS : 0;
}

static inline void
dot_early_begin(struct dot_server *s, struct dot_conn *c)
{
	if (s->early == DOT_EARLY_NONE)
		return;
	if (s->early_guard == NULL) {
		certs_must(gnutls_anti_replay_init(&s->early_guard));
		gnutls_anti_replay_set_add_function(s->early_guard, dot_early_seen);
		gnutls_anti_replay_set_ptr(s->early_guard, s);
	}
	gnutls_anti_replay_enable(c->session, s->early_guard);
	certs_must(gnutls_record_set_max_early_data_size(c->session, DOT_EARLY_BYTES));
}

static inline void
dot_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct dot_conn *c = io->data;
	(void)loop;
	(void)events;
	if (c->server->deaf) {
		char end;
		if (recv(io->fd, &end, 1, MSG_PEEK) == 0) {
			dot_close(c, DOT_CUT);
			return;
		}
		ev_io_stop(loop, io);
		c->server->unheard++;
		return;
	}
	if (!c->shaken) {
		int result = gnutls_handshake(c->session);
		if (result < 0 && !gnutls_error_is_fatal(result))
			return;
		if (result < 0) {
			dot_close(c, DOT_CUT);
			return;
		}
		c->shaken = true;
		c->server->shaken++;
		dot_early(c);
		dot_messages(c);
		if (c->server == NULL)
			return;
	}
	for (;;) {
		uint8_t *to = buffer_reserve(&c->in, 16384);
		ssize_t got = gnutls_record_recv(c->session, to, 16384);
		if (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED)
			return;
		if (got <= 0) {
			dot_close(c, DOT_CUT);
			return;
		}
		buffer_added(&c->in, (size_t)got);
		dot_messages(c);
		if (c->server == NULL)
			return;
	}
}

static inline void
dot_acceptable(struct ev_loop *loop, ev_io *io, int events)
{
	struct dot_server *s = io->data;
	struct dot_conn *c = s->conns;
	(void)events;
	int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), room = 1 << 20;
	if (fd < 0)
		return;
	while (c->server != NULL)
		c++;
	assert_true(c < s->conns + DOT_CONNS);
	*c = (struct dot_conn){.server = s};
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	certs_must(gnutls_init(
	        &c->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
	                             (s->early != DOT_EARLY_NONE ? GNUTLS_ENABLE_EARLY_DATA : 0)));
	certs_must(gnutls_priority_set_direct(c->session, s->priority, NULL));
	certs_must(gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, s->shown));
	certs_must(gnutls_session_ticket_enable_server(c->session, &s->ticket_key));
	dot_early_begin(s, c);
	gnutls_transport_set_int(c->session, fd);
	ev_io_init(&c->io, dot_readable, fd, EV_READ);
	c->io.data = c;
	ev_io_start(loop, &c->io);
	s->accepted++;
	s->open++;
	if (s->corked)
		dot_cork(c, 1);
}

static inline void
dot_begin_at(const char *address, struct dot_server *s, struct ev_loop *loop, const struct cert *shows,
        dot_message_fn *message)
{
	*s = (struct dot_server){.loop = loop, .message = message, .priority = "NORMAL"};
	s->shown = cert_credentials(shows);
	certs_must(gnutls_session_ticket_key_generate(&s->ticket_key));
	assert_int_equal(addr_parse(&s->address, address, 1), 0);
	addr_set_port(&s->address, 0);
	int fd = socket(s->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t bytes = sizeof s->address;
	assert_int_equal(bind(fd, &s->address.any, addr_bytes(&s->address)), 0);
	assert_int_equal(getsockname(fd, &s->address.any, &bytes), 0);
	assert_int_equal(listen(fd, 64), 0);
	ev_io_init(&s->accept, dot_acceptable, fd, EV_READ);
	s->accept.data = s;
	ev_io_start(loop, &s->accept);
}

static inline void
dot_begin(struct dot_server *s, struct ev_loop *loop, const struct cert *shows, dot_message_fn *message)
{
	dot_begin_at("127.0.0.1", s, loop, shows, message);
}

/* Nobody listens there any more; connections stay. */
static inline void
dot_stop_listening(struct dot_server *s)
{
	if (!ev_is_active(&s->accept))
		return;
	ev_io_stop(s->loop, &s->accept);
	close(s->accept.fd);
}

/* From now on the kernel drops the first packet of every connection, as a network does that leads nowhere. */
static inline void
dot_swallow(struct dot_server *s)
{
	ev_io_stop(s->loop, &s->accept);
	assert_int_equal(listen(s->accept.fd, 0), 0);
	s->hole = true;
	for (int i = 0; i < DOT_FILLERS; i++) {
		s->filler[i] =
		        socket(s->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(s->filler[i] >= 0);
		if (connect(s->filler[i], &s->address.any, addr_bytes(&s->address)) < 0)
			assert_int_equal(errno, EINPROGRESS);
	}
}

/* It leads here again; what was dropped is gone. */
static inline void
dot_breathe(struct dot_server *s)
{
	int fd;
	if (!s->hole)
		return;
	s->hole = false;
	for (int i = 0; i < DOT_FILLERS; i++)
		close(s->filler[i]);
	while ((fd = accept4(s->accept.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
	assert_int_equal(listen(s->accept.fd, 64), 0);
	ev_io_start(s->loop, &s->accept);
}

static inline void
dot_end(struct dot_server *s)
{
	dot_breathe(s);
	dot_close_all(s, DOT_CUT);
	dot_stop_listening(s);
	gnutls_certificate_free_credentials(s->shown);
	gnutls_free(s->ticket_key.data);
	if (s->early_guard != NULL)
		gnutls_anti_replay_deinit(s->early_guard);
}

#endif
