/*
 * Frame Streams, what dnstap messages travel in: frames with their length before them, and control frames,
 * which begin with a length of 0. Both ways (a socket) it begins with a handshake: READY there, ACCEPT back,
 * START; and ends with STOP, FINISH. One way (a file) with START and STOP alone. Bytes in, bytes out; control
 * frames are allocated on the way, so this is not for the path of a question.
 *
 * Of libfstrm only these are used. Its writers block, on a socket that nobody reads for ever, or have threads
 * (fstrm_iothr), which a scribe that is sealed and wakes by signals has not; and for going on with a file it
 * has nothing.
 */
#ifndef DOTWARD_DNSTAP_FRAMES_H
#define DOTWARD_DNSTAP_FRAMES_H

#include <fstrm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAMES_LENGTH_BYTES = 4,
	FRAMES_CONTROL_MOST = FSTRM_CONTROL_FRAME_LENGTH_MAX, /* without what is before it */
	FRAMES_HANDSHAKE_BYTES = FRAMES_CONTROL_MOST + 2 * FRAMES_LENGTH_BYTES,
	FRAMES_STOP_BYTES = 12,
};

/* Writes the length before a frame. */
void frames_length(uint8_t out[FRAMES_LENGTH_BYTES], size_t bytes);
/* A whole control frame of ours; READY, ACCEPT and START say what is in the frames. How many bytes. */
size_t frames_write(fstrm_control_type type, uint8_t out[FRAMES_HANDSHAKE_BYTES]);

/*
 * What a stranger says in a handshake, which is no data: takes one control frame apart. *fits: it is for
 * frames of our kind, or does not say. Its bytes; 0: there is more to come; -1: it is no control frame.
 */
int frames_read(const uint8_t *bytes, size_t count, fstrm_control_type *type, bool *fits);

/* A walk over a stream that was written before, to find its end. Zeroed at first. */
struct frames_walk {
	uint64_t at;    /* bytes seen */
	uint64_t whole; /* where the last frame ends that is whole and no STOP */
	uint64_t left;  /* of the frame */
	uint8_t head[FRAMES_STOP_BYTES];
	unsigned head_bytes;
	bool stop, bad;
};

/* False: this is no stream, and nothing behind `whole` is to be believed. */
bool frames_walk(struct frames_walk *walk, const uint8_t *bytes, size_t count);

#endif
