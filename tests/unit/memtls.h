/*
 * One end of a TLS connection over memory, with GnuTLS itself.
 */
#ifndef DOTWARD_TESTS_MEMTLS_H
#define DOTWARD_TESTS_MEMTLS_H

#include "base/buffer.h"
#include "certs.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define MEMTLS_13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define MEMTLS_12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"

struct memtls {
	gnutls_session_t session;
	gnutls_datum_t ticket_key;
	struct buffer in, out;
	bool in_ended;
};

static inline ssize_t
memtls_pull(gnutls_transport_ptr_t pointer, void *out, size_t room)
{
	struct memtls *end = pointer;
	size_t take = buffer_held(&end->in) < room ? buffer_held(&end->in) : room;
	if (take == 0 && !end->in_ended) {
		gnutls_transport_set_errno(end->session, EAGAIN);
		return -1;
	}
	if (take > 0) {
		memcpy(out, buffer_front(&end->in), take);
		buffer_taken(&end->in, take);
	}
	return (ssize_t)take;
}

static inline int
memtls_pull_timeout(gnutls_transport_ptr_t pointer, unsigned ms)
{
	(void)pointer;
	(void)ms;
	return 1;
}

static inline void
memtls_put(struct buffer *to, const void *bytes, size_t count)
{
	uint8_t *room = buffer_reserve(to, count);
	assert_non_null(room);
	if (count > 0)
		memcpy(room, bytes, count);
	buffer_added(to, count);
}

static inline ssize_t
memtls_push(gnutls_transport_ptr_t pointer, const void *bytes, size_t count)
{
	struct memtls *end = pointer;
	memtls_put(&end->out, bytes, count);
	return (ssize_t)count;
}

/* flags: GNUTLS_SERVER or GNUTLS_CLIENT; a server gives tickets. */
static inline void
memtls_begin(struct memtls *end, unsigned flags, const char *priority, gnutls_certificate_credentials_t with)
{
	*end = (struct memtls){0};
	certs_must(gnutls_init(&end->session, flags | GNUTLS_NONBLOCK));
	certs_must(gnutls_priority_set_direct(end->session, priority, NULL));
	certs_must(gnutls_credentials_set(end->session, GNUTLS_CRD_CERTIFICATE, with));
	if (flags & GNUTLS_SERVER) {
		certs_must(gnutls_session_ticket_key_generate(&end->ticket_key));
		certs_must(gnutls_session_ticket_enable_server(end->session, &end->ticket_key));
	}
	gnutls_transport_set_ptr(end->session, end);
	gnutls_transport_set_pull_function(end->session, memtls_pull);
	gnutls_transport_set_pull_timeout_function(end->session, memtls_pull_timeout);
	gnutls_transport_set_push_function(end->session, memtls_push);
}

static inline void
memtls_end(struct memtls *end)
{
	gnutls_deinit(end->session);
	gnutls_free(end->ticket_key.data);
	buffer_free(&end->in);
	buffer_free(&end->out);
}

/* Moves all that one end has written to where the other reads. */
static inline void
memtls_move(struct buffer *from, struct buffer *to)
{
	memtls_put(to, buffer_front(from), buffer_held(from));
	buffer_taken(from, buffer_held(from));
}

#endif
