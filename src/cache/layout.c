/*
 * How the bytes are shared out: 9 % for the index, 2 % to remember who was here, and the rest for answers.
 *
 * Few segments would make eviction coarse, many make it slow to find the oldest; and one must hold an answer
 * of 64 KB, in a cache that is large enough to afford it.
 */
#include "cache/layout.h"

#include <stddef.h>

enum {
	LAYOUT_LINE_BYTES = 64,
	LAYOUT_PLACE_BYTES =
	        100, /* of the whole for each place in the index; of smaller entries it is full first */
	LAYOUT_PLACES_PER_CLAIM = 32,
	LAYOUT_FEW_SEGMENTS = 128,
	LAYOUT_MANY_SEGMENTS = 4096,
	LAYOUT_SEGMENT_SHIFT = 17, /* 128 KiB: holds any answer */
	LAYOUT_LEAST_SEGMENTS = 16,
	LAYOUT_MOST_SHIFT = 38, /* a place has 35 bits in a word of the index, in units of 8 bytes */
};

static uint64_t
lines(uint64_t bytes)
{
	return (bytes + LAYOUT_LINE_BYTES - 1) / LAYOUT_LINE_BYTES * LAYOUT_LINE_BYTES;
}

static unsigned
shift_for(uint64_t bytes)
{
	unsigned shift = 0;
	while (shift < LAYOUT_SEGMENT_SHIFT && bytes >> (shift + 1) >= LAYOUT_FEW_SEGMENTS)
		shift++;
	while (bytes >> shift > LAYOUT_MANY_SEGMENTS)
		shift++;
	return shift;
}

bool
layout_make(uint64_t bytes, struct layout *out)
{
	uint64_t places = bytes / LAYOUT_PLACE_BYTES;
	*out = (struct layout){
	        .bytes = bytes,
	        .buckets = places / LAYOUT_BUCKET_WORDS,
	        .ghosts = places / (LAYOUT_GHOST_MARKS + 1),
	        .claims = places / LAYOUT_PLACES_PER_CLAIM,
	        .segment_shift = shift_for(bytes),
	};
	if (out->buckets == 0 || out->ghosts == 0 || out->claims == 0 ||
	        bytes > (uint64_t)1 << LAYOUT_MOST_SHIFT)
		return false;
	uint64_t most = bytes >> out->segment_shift;
	out->states = lines(sizeof(struct layout_header));
	out->used = out->states + lines(most * sizeof(_Atomic uint64_t));
	out->index = out->used + lines(most * sizeof(_Atomic uint32_t));
	out->ghosts_at = out->index + out->buckets * LAYOUT_LINE_BYTES;
	out->claims_at = out->ghosts_at + out->ghosts * LAYOUT_LINE_BYTES;
	out->data = out->claims_at + lines(out->claims * sizeof(_Atomic uint64_t));
	if (out->data >= bytes)
		return false;
	out->segments = (bytes - out->data) >> out->segment_shift;
	return out->segments >= LAYOUT_LEAST_SEGMENTS;
}
