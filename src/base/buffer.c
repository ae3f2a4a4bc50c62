/*
 * A growing byte queue. Invariant: start <= end <= room, and an empty buffer starts at 0.
 */
#include "base/buffer.h"

#include "base/must.h"

#include <stdlib.h>
#include <string.h>

void
buffer_free(struct buffer *b)
{
	free(b->bytes);
	*b = (struct buffer){0};
}

static int
buffer_grow(struct buffer *b, size_t need)
{
	size_t room = b->room ? b->room : 512;
	while (room < need)
		room *= 2;
	uint8_t *bytes = realloc(b->bytes, room);
	if (bytes == NULL)
		return -1;
	b->bytes = bytes;
	b->room = room;
	return 0;
}

uint8_t *
buffer_reserve(struct buffer *b, size_t count)
{
	if (b->room - b->end >= count && b->bytes != NULL)
		return b->bytes + b->end;
	size_t held = buffer_held(b);
	if (b->start > 0) {
		memmove(b->bytes, b->bytes + b->start, held);
		b->start = 0;
		b->end = held;
	}
	if ((b->room - held < count || b->bytes == NULL) && buffer_grow(b, held + count) < 0)
		return NULL;
	return b->bytes + b->end;
}

void
buffer_added(struct buffer *b, size_t count)
{
	must(b->room - b->end >= count);
	b->end += count;
}

void
buffer_taken(struct buffer *b, size_t count)
{
	must(buffer_held(b) >= count);
	b->start += count;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void
buffer_shrink(struct buffer *b, size_t keep)
{
	if (buffer_held(b) == 0 && b->room > keep)
		buffer_free(b);
}
