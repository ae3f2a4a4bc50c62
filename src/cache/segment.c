/*
 * There are at most a few thousand segments, and one is looked for once in hundreds of answers: walking all
 * states is cheaper than keeping lists that a kill could break.
 */
#include "cache/segment.h"

#include <stddef.h>

enum { SEGMENT_QUEUE_SHIFT = 2, SEGMENT_MEMBER_SHIFT = 3, SEGMENT_SEQUENCE_SHIFT = 27 };

#define SEGMENT_MEMBER_MASK 0xffffffu

static uint64_t
pack(enum segment_kind kind, enum segment_queue queue, uint32_t member, uint64_t sequence)
{
	return (uint64_t)kind | (uint64_t)queue << SEGMENT_QUEUE_SHIFT |
	       (uint64_t)(member & SEGMENT_MEMBER_MASK) << SEGMENT_MEMBER_SHIFT |
	       sequence << SEGMENT_SEQUENCE_SHIFT;
}

static struct segment_state
unpack(uint64_t word)
{
	return (struct segment_state){
	        .kind = (enum segment_kind)(word & 3),
	        .queue = (enum segment_queue)(word >> SEGMENT_QUEUE_SHIFT & 1),
	        .member = (uint32_t)(word >> SEGMENT_MEMBER_SHIFT) & SEGMENT_MEMBER_MASK,
	        .sequence = word >> SEGMENT_SEQUENCE_SHIFT,
	};
}

struct segment_state
segment_state(const struct segments *s, unsigned segment)
{
	return unpack(atomic_load_explicit(&s->states[segment], memory_order_acquire));
}

void
segment_count(const struct segments *s, struct segment_counts *out)
{
	*out = (struct segment_counts){0};
	for (unsigned i = 0; i < s->count; i++) {
		struct segment_state state =
		        unpack(atomic_load_explicit(&s->states[i], memory_order_relaxed));
		out->of[state.kind]++;
		if (state.kind != SEGMENT_FREE)
			out->queue[state.queue]++;
	}
}

static bool
change(const struct segments *s, unsigned segment, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong_explicit(
	        &s->states[segment], &from, to, memory_order_acq_rel, memory_order_relaxed);
}

int
segment_claim(const struct segments *s, enum segment_queue queue, uint32_t member)
{
	for (unsigned i = 0; i < s->count; i++) {
		uint64_t word = atomic_load_explicit(&s->states[i], memory_order_relaxed);
		if (unpack(word).kind != SEGMENT_FREE)
			continue;
		uint64_t sequence = atomic_fetch_add_explicit(s->next_sequence, 1, memory_order_relaxed) + 1;
		if (!change(s, i, word, pack(SEGMENT_OPEN, queue, member, sequence)))
			continue;
		atomic_store_explicit(&s->used[i], 0, memory_order_release);
		return (int)i;
	}
	return SEGMENT_NONE;
}

static int
oldest(const struct segments *s, enum segment_queue queue, uint64_t *word)
{
	int found = SEGMENT_NONE;
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < s->count; i++) {
		uint64_t now = atomic_load_explicit(&s->states[i], memory_order_relaxed);
		struct segment_state state = unpack(now);
		if (state.kind != SEGMENT_SEALED || state.queue != queue || state.sequence >= least)
			continue;
		found = (int)i;
		least = state.sequence;
		*word = now;
	}
	return found;
}

int
segment_leave(const struct segments *s, enum segment_queue queue, uint32_t member)
{
	uint64_t word = 0;
	int i;
	while ((i = oldest(s, queue, &word)) != SEGMENT_NONE)
		if (change(s, (unsigned)i, word, pack(SEGMENT_LEAVING, queue, member, unpack(word).sequence)))
			return i;
	return SEGMENT_NONE;
}

void
segment_seal(const struct segments *s, unsigned segment, uint32_t member)
{
	uint64_t word = atomic_load_explicit(&s->states[segment], memory_order_relaxed);
	struct segment_state state = unpack(word);
	if ((state.kind == SEGMENT_OPEN || state.kind == SEGMENT_LEAVING) && state.member == member)
		change(s, segment, word, pack(SEGMENT_SEALED, state.queue, 0, state.sequence));
}

void
segment_free(const struct segments *s, unsigned segment, uint32_t member)
{
	uint64_t word = atomic_load_explicit(&s->states[segment], memory_order_relaxed);
	struct segment_state state = unpack(word);
	if (state.kind == SEGMENT_LEAVING && state.member == member)
		change(s, segment, word, pack(SEGMENT_FREE, SEGMENT_NEW, 0, state.sequence));
}

void
segment_sweep(const struct segments *s, bool (*lives)(void *arg, uint32_t member), void *arg)
{
	for (unsigned i = 0; i < s->count; i++) {
		uint64_t word = atomic_load_explicit(&s->states[i], memory_order_relaxed);
		struct segment_state state = unpack(word);
		if ((state.kind == SEGMENT_OPEN || state.kind == SEGMENT_LEAVING) &&
		        !lives(arg, state.member))
			change(s, i, word, pack(SEGMENT_SEALED, state.queue, 0, state.sequence));
	}
}

void
segment_free_sealed(const struct segments *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		uint64_t word = atomic_load_explicit(&s->states[i], memory_order_relaxed);
		struct segment_state state = unpack(word);
		if (state.kind == SEGMENT_SEALED)
			change(s, i, word, pack(SEGMENT_FREE, SEGMENT_NEW, 0, state.sequence));
	}
}

const uint8_t *
segment_at(const struct segments *s, uint64_t place, uint64_t *room)
{
	uint64_t bytes = (uint64_t)1 << s->shift;
	if (place >> s->shift >= s->count)
		return NULL;
	*room = bytes - (place & (bytes - 1));
	return s->data + place;
}
