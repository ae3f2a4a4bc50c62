/*
 *    data       length, bytes
 *    control    0, length, type, fields; a field is number, length, bytes      all of them 32 bits, big
 * endian
 */
#include "dnstap/fstrm.h"

#include <string.h>

enum { FSTRM_FIELD_CONTENT = 1, FSTRM_FRAME_MOST = 1 << 20 };

static const char content[] = "protobuf:dnstap.Dnstap";
enum { CONTENT_BYTES = sizeof content - 1 };

void
fstrm_length(uint8_t out[FSTRM_LENGTH_BYTES], size_t bytes)
{
	for (unsigned i = 0; i < FSTRM_LENGTH_BYTES; i++)
		out[i] = (uint8_t)(bytes >> (24 - 8 * i));
}

static uint32_t
get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

size_t
fstrm_write(enum fstrm_control control, uint8_t out[FSTRM_HANDSHAKE_BYTES])
{
	bool says = control == FSTRM_READY || control == FSTRM_ACCEPT || control == FSTRM_START;
	size_t bytes = says ? 12 + CONTENT_BYTES : 4;
	fstrm_length(out, 0);
	fstrm_length(out + 4, bytes);
	fstrm_length(out + 8, control);
	if (says) {
		fstrm_length(out + 12, FSTRM_FIELD_CONTENT);
		fstrm_length(out + 16, CONTENT_BYTES);
		memcpy(out + 20, content, CONTENT_BYTES);
	}
	return 8 + bytes;
}

/* Does one of these fields name our content, or none any? False as well if they are not whole. */
static bool
names_ours(const uint8_t *at, const uint8_t *end)
{
	bool any = false, ours = false;
	while (at < end) {
		if (end - at < 8 || get32(at + 4) > (uint32_t)(end - at - 8))
			return false;
		uint32_t bytes = get32(at + 4);
		if (get32(at) == FSTRM_FIELD_CONTENT) {
			any = true;
			ours |= bytes == CONTENT_BYTES && memcmp(at + 8, content, CONTENT_BYTES) == 0;
		}
		at += 8 + bytes;
	}
	return ours || !any;
}

int
fstrm_read(const uint8_t *bytes, size_t count, enum fstrm_control *control, bool *fits)
{
	if (count < 8)
		return 0;
	uint32_t length = get32(bytes + 4);
	if (get32(bytes) != 0 || length < 4 || length > FSTRM_CONTROL_MOST)
		return -1;
	if (count < 8 + length)
		return 0;
	uint32_t type = get32(bytes + 8);
	if (type < FSTRM_ACCEPT || type > FSTRM_FINISH)
		return -1;
	*control = (enum fstrm_control)type;
	*fits = names_ours(bytes + 12, bytes + 8 + length);
	return (int)(8 + length);
}

/* --- the end of what is there ----------------------------------------------------------------------------
 */

/* Another byte before a frame's contents; true when they begin behind it. */
static bool
take_head(struct fstrm_walk *w, uint8_t byte)
{
	w->head[w->head_bytes++] = byte;
	w->at++;
	if (w->head_bytes < FSTRM_LENGTH_BYTES)
		return false;
	uint32_t length = get32(w->head);
	if (length != 0) {
		w->bad = length > FSTRM_FRAME_MOST;
		w->left = length;
		w->stop = false;
		return true;
	}
	if (w->head_bytes < FSTRM_STOP_BYTES)
		return false;
	length = get32(w->head + 4);
	w->bad = length < 4 || length > FSTRM_CONTROL_MOST;
	w->left = length - 4;
	w->stop = get32(w->head + 8) == FSTRM_STOP;
	return true;
}

static void
frame_is_whole(struct fstrm_walk *w)
{
	w->head_bytes = 0;
	if (!w->stop)
		w->whole = w->at;
}

bool
fstrm_walk(struct fstrm_walk *w, const uint8_t *bytes, size_t count)
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
