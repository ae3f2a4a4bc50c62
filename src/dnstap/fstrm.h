/*
 * Frame Streams, what dnstap messages travel in: frames with their length before them, and control frames,
 * which begin with a length of 0. Both ways (a socket) it begins with a handshake: READY there, ACCEPT back,
 * START; and ends with STOP, FINISH. One way (a file) with START and STOP alone. Pure: bytes in, bytes out.
 */
#ifndef DOTWARD_DNSTAP_FSTRM_H
#define DOTWARD_DNSTAP_FSTRM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fstrm_control { FSTRM_ACCEPT = 1, FSTRM_START = 2, FSTRM_STOP = 3, FSTRM_READY = 4, FSTRM_FINISH = 5 };

enum {
	FSTRM_LENGTH_BYTES = 4,
	FSTRM_CONTROL_MOST = 512, /* of a control frame, without what is before it */
	FSTRM_HANDSHAKE_BYTES = FSTRM_CONTROL_MOST + 2 * FSTRM_LENGTH_BYTES,
	FSTRM_STOP_BYTES = 12,
};

/* Writes the length before a frame. */
void fstrm_length(uint8_t out[FSTRM_LENGTH_BYTES], size_t bytes);
/* A whole control frame of ours; READY, ACCEPT and START say what is in the frames. How many bytes. */
size_t fstrm_write(enum fstrm_control control, uint8_t out[FSTRM_HANDSHAKE_BYTES]);

/*
 * What a stranger says in a handshake, which is no data: takes one control frame apart. *fits: it is for
 * frames of our kind. Its bytes; 0: there is more to come; -1: it is no control frame.
 */
int fstrm_read(const uint8_t *bytes, size_t count, enum fstrm_control *control, bool *fits);

/* A walk over a stream that was written before, to find its end. Zeroed at first. */
struct fstrm_walk {
	uint64_t at;    /* bytes seen */
	uint64_t whole; /* where the last frame ends that is whole and no STOP */
	uint64_t left;  /* of the frame */
	uint8_t head[FSTRM_STOP_BYTES];
	unsigned head_bytes;
	bool stop, bad;
};

/* False: this is no stream, and nothing behind `whole` is to be believed. */
bool fstrm_walk(struct fstrm_walk *walk, const uint8_t *bytes, size_t count);

#endif
