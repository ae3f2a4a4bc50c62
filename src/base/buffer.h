/*
 * Bytes that come in at one end and leave at the other.
 *
 * The room grows when it must and is kept, so that a busy buffer stops allocating; buffer_shrink() gives a
 * large one back.
 */
#ifndef DOTWARD_BASE_BUFFER_H
#define DOTWARD_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: an empty buffer. */
struct buffer {
	uint8_t *bytes;
	size_t room;
	size_t start, end; /* what is held: bytes[start .. end) */
};

void buffer_free(struct buffer *b);
/* Room for `count` bytes behind what is held; NULL when memory is out. They count once buffer_added() says
 * so. */
uint8_t *buffer_reserve(struct buffer *b, size_t count) __attribute__((warn_unused_result));
void buffer_added(struct buffer *b, size_t count);
/* Takes `count` bytes off the front. */
void buffer_taken(struct buffer *b, size_t count);
/* Gives the memory back when nothing is held and there is more of it than `keep`. */
void buffer_shrink(struct buffer *b, size_t keep);

static inline size_t
buffer_held(const struct buffer *b)
{
	return b->end - b->start;
}

/* The first byte held; NULL, perhaps, when nothing is. */
static inline uint8_t *
buffer_front(const struct buffer *b)
{
	return b->bytes != NULL ? b->bytes + b->start : NULL; /* C11 forbids to add even 0 to NULL */
}

#endif
