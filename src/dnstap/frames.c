/*
 *    data       length, bytes
 *    control    0, length, type, fields      all of them 32 bits, big endian
 *
 * Control frames are libfstrm's. It takes them whole and to the byte, so how long one is to be is found here.
 */
#include "dnstap/frames.h"

#include "base/must.h"

#include <string.h>

enum { FRAMES_FRAME_MOST = 1 << 20 };

static const char content[] = "protobuf:dnstap.Dnstap";
enum { CONTENT_BYTES = sizeof content - 1 };

void
frames_length(uint8_t out[FRAMES_LENGTH_BYTES], size_t bytes)
{
	for (unsigned i = 0; i < FRAMES_LENGTH_BYTES; i++)
		out[i] = (uint8_t)(bytes >> (24 - 8 * i));
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool
says_content(fstrm_control_type type)
{
	return type != FSTRM_CONTROL_STOP && type != FSTRM_CONTROL_FINISH;
}

size_t
frames_write(fstrm_control_type type, uint8_t out[FRAMES_HANDSHAKE_BYTES])
{
	size_t bytes = FRAMES_HANDSHAKE_BYTES;
	struct fstrm_control *control = fstrm_control_init();
	fstrm_res done = fstrm_control_set_type(control, type);
	if (done == fstrm_res_success && says_content(type))
		done = fstrm_control_add_field_content_type(control, (const uint8_t *)content, CONTENT_BYTES);
	if (done == fstrm_res_success)
		done = fstrm_control_encode(control, out, &bytes, FSTRM_CONTROL_FLAG_WITH_HEADER);
	must(done == fstrm_res_success);
	fstrm_control_destroy(&control);
	return bytes;
}

static bool
decode(const uint8_t *bytes, size_t count, fstrm_control_type *type, bool *fits)
{
	struct fstrm_control *control = fstrm_control_init();
	fstrm_res done = fstrm_control_decode(control, bytes, count, FSTRM_CONTROL_FLAG_WITH_HEADER);
	if (done == fstrm_res_success)
		done = fstrm_control_get_type(control, type);
	if (done == fstrm_res_success)
		*fits = !says_content(*type) ||
		        fstrm_control_match_field_content_type(
		                control, (const uint8_t *)content, CONTENT_BYTES) == fstrm_res_success;
	fstrm_control_destroy(&control);
	return done == fstrm_res_success;
}

int
frames_read(const uint8_t *bytes, size_t count, fstrm_control_type *type, bool *fits)
{
	if (count < 8)
		return 0;
	uint32_t length = get32(bytes + 4);
	if (get32(bytes) != 0 || length > FRAMES_CONTROL_MOST)
		return -1;
	if (count < 8 + length)
		return 0;
	return decode(bytes, 8 + length, type, fits) ? (int)(8 + length) : -1;
}

/* --- the end of what is there ----------------------------------------------------------------------------
 */

/* Another byte before a frame's contents; true when they begin behind it. */
static bool
take_head(struct frames_walk *w, uint8_t byte)
{
	w->head[w->head_bytes++] = byte;
	w->at++;
	if (w->head_bytes < FRAMES_LENGTH_BYTES)
		return false;
	uint32_t length = get32(w->head);
	if (length != 0) {
		w->bad = length > FRAMES_FRAME_MOST;
		w->left = length;
		w->stop = false;
		return true;
	}
	if (w->head_bytes < FRAMES_STOP_BYTES)
		return false;
	length = get32(w->head + 4);
	w->bad = length < 4 || length > FRAMES_CONTROL_MOST;
	w->left = length - 4;
	w->stop = get32(w->head + 8) == FSTRM_CONTROL_STOP;
	return true;
}

static void
frame_is_whole(struct frames_walk *w)
{
	w->head_bytes = 0;
	if (!w->stop)
		w->whole = w->at;
}

bool
frames_walk(struct frames_walk *w, const uint8_t *bytes, size_t count)
{
	bool inside = w->left > 0;
	while (count > 0 && !w->bad) {
		if (!inside) {
			inside = take_head(w, *bytes);
			bytes++;
			count--;
		} else {
			size_t some = w->left < count ? (size_t)w->left : count;
			w->at += some;
			w->left -= some;
			bytes += some;
			count -= some;
		}
		if (inside && w->left == 0 && !w->bad) {
			frame_is_whole(w);
			inside = false;
		}
	}
	return !w->bad;
}
