/*
 * DNS messages over a byte stream: TCP or TLS, two bytes of length before each (RFC 1035 section 4.2.2, RFC
 * 7766, RFC 7858).
 *
 * What is sent is queued, and leaves in one piece before the loop sleeps: many messages share a TLS record
 * and a system call. Reads take a large block. All streams of a process live in one room, which holds what
 * they share.
 */
#ifndef DOTWARD_NET_STREAM_H
#define DOTWARD_NET_STREAM_H

#include "base/addr.h"
#include "net/tls.h"

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_room;
struct stream;

enum stream_end {
	STREAM_EOF,  /* the peer has sent its last byte, in order; a plain stream can still be written to */
	STREAM_LOST, /* anything else; why says what */
	STREAM_UNVERIFIED, /* TLS: the certificate is not the right one */
};

/*
 * None is called from inside stream_connect(), stream_adopt() or stream_send(), and none after stream_close()
 * or stream_finish(). Each may close its stream.
 */
struct stream_events {
	/* TCP is connected, TLS begins; NULL if nobody wants to know. */
	void (*connected)(void *arg);
	/* Connected, and for TLS verified: what was queued goes out now. For an adopted stream, if it speaks
	 * TLS; and NULL if nobody wants to know. */
	void (*opened)(void *arg);
	/* One message; it lies in a buffer of ours and may be changed, until this returns. */
	void (*message)(void *arg, uint8_t *msg, size_t bytes);
	/* At most once with STREAM_EOF, and after that at most once with another; with another the stream is
	 * gone when this returns, and closing it from inside does no harm. */
	void (*ended)(void *arg, enum stream_end end, const char *why);
	/* Some of what was queued has left; NULL if nobody wants to know. */
	void (*sent)(void *arg);
};

struct stream_room *stream_room_new(struct ev_loop *loop);
/* All streams must be closed or finishing; what those have left is sent if the kernel takes it at once. */
void stream_room_free(struct stream_room *room);

/* Connects, without waiting; with a profile, speaks TLS. NULL with errno when it failed at once. Queued bytes
 * are bounded by `limit_bytes`. */
struct stream *stream_connect(struct stream_room *room, const struct addr *to,
        const struct tls_profile *profile, const struct stream_events *events, void *arg, size_t limit_bytes);
/* The same from this local address; NULL or AF_UNSPEC: from any. */
struct stream *stream_connect_from(struct stream_room *room, const struct addr *from, const struct addr *to,
        const struct tls_profile *profile, const struct stream_events *events, void *arg, size_t limit_bytes);
/* Takes over an accepted TCP connection (closed with the stream). NULL when memory is out: the descriptor is
 * closed then too. */
struct stream *stream_adopt(
        struct stream_room *room, int fd, const struct stream_events *events, void *arg, size_t limit_bytes);
/* The same for a client who is to speak TLS; nothing is taken from it in clear text. How long the handshake
 * may take is the caller's business. */
struct stream *stream_adopt_tls(struct stream_room *room, int fd, const struct tls_server *server,
        const struct stream_events *events, void *arg, size_t limit_bytes);
/* Has the peer sent anything that was not read yet? */
bool stream_is_ahead(const struct stream *stream);
/* Our own address, while it is not closed; false: the kernel has chosen none yet. */
bool stream_local(const struct stream *stream, struct addr *out);
/* The socket under it, to ask it things. */
int stream_descriptor(const struct stream *stream);

/*
 * Room for a message of up to `bytes` (at most 65535), to be written in place and sent with stream_commit().
 * NULL when the queue is full or the stream has failed.
 */
uint8_t *stream_reserve(struct stream *stream, size_t bytes);
void stream_commit(struct stream *stream, size_t bytes);
/* Bytes that are queued and not yet with the kernel. */
size_t stream_unsent(const struct stream *stream);
/* Has the peer said more than was delivered so far? As far as can be told: while a message is with its taker,
 * the answer is yes. With TLS, it may turn out to be nothing. */
bool stream_has_more(const struct stream *stream);
/* Stops reading, or goes on; what has been read already is kept. */
void stream_pause(struct stream *stream, bool pause);

/* Orderly end: what is queued leaves (for at most two seconds), then the connection closes. Nulls the
 * caller's pointer. */
void stream_finish(struct stream **stream);
/* Ends at once; with reset, the peer gets a TCP RST and what is queued is thrown away. Nulls the caller's
 * pointer. */
void stream_close(struct stream **stream);
void stream_reset(struct stream **stream);

/*
 * What is queued when TCP is connected may go as early data, as far as early_cut() and the session's ticket
 * let it; what the peer does not read there leaves in the usual way, and nothing is read twice. Of use before
 * TCP is connected.
 */
void stream_allow_early(struct stream *stream);
enum stream_early {
	STREAM_NOT_EARLY,    /* nothing went that way */
	STREAM_EARLY_SENT,   /* some did, and the handshake was not done: not yet, or it failed */
	STREAM_EARLY_TAKEN,  /* and the peer has read it */
	STREAM_EARLY_REFUSED /* and it has not */
};
enum stream_early stream_early(const struct stream *stream);

/* Its session, for those who look more closely; NULL for plain TCP. Valid until the loop sleeps after the
 * stream's end. */
struct tls *stream_tls(const struct stream *stream);
/* The TLS version for the log, or "". */
const char *stream_tls_version(const struct stream *stream);
/* Under profile "opportunistic": why the peer could not be verified, or "". */
const char *stream_tls_doubt(const struct stream *stream);
/* The dates of the peer's certificates did not count, as the clock is wrong. */
bool stream_tls_undated(const struct stream *stream);
/* The TLS session was resumed from a ticket. */
bool stream_tls_resumed(const struct stream *stream);

#endif
