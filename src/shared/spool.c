/*
 * Positions count bytes since the beginning and never go back; the place in the ring is their remainder.
 *
 *      tail            head
 *   ....|length record |length record ...|....      lengths and positions are multiples of 8
 *
 * A record is in one piece: where it does not fit before the end of the ring, a length of SPOOL_SKIP says so,
 * and it begins anew at the start. The head moves with one store, after the record is there.
 */
#include "shared/spool.h"

#include "base/must.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { SPOOL_HEAD_BYTES = 8, SPOOL_ALIGN = 8 };

#define SPOOL_SKIP UINT64_MAX

struct spool {
	_Alignas(64) _Atomic uint64_t head; /* the writer's */
	_Atomic uint64_t full;              /* records it had no room for */
	_Alignas(64) _Atomic uint64_t tail; /* the reader's */
	_Atomic uint64_t spoilt;            /* times that what it found made no sense */
	_Alignas(64) uint8_t ring[SPOOL_BYTES];
};

size_t
spool_bytes(void)
{
	return sizeof(struct spool);
}

static uint64_t
round_up(uint64_t bytes)
{
	return (bytes + SPOOL_ALIGN - 1) / SPOOL_ALIGN * SPOOL_ALIGN;
}

static uint8_t *
place(struct spool *spool, uint64_t position)
{
	return spool->ring + position % SPOOL_BYTES;
}

static uint64_t
left_to_end(uint64_t position)
{
	return SPOOL_BYTES - position % SPOOL_BYTES;
}

static void
count_one(_Atomic uint64_t *word)
{
	atomic_store_explicit(
	        word, atomic_load_explicit(word, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Can these two be? */
static bool
are_sound(uint64_t head, uint64_t tail)
{
	return head % SPOOL_ALIGN == 0 && tail % SPOOL_ALIGN == 0 && head - tail <= SPOOL_BYTES;
}

static uint64_t
look(const _Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

/* --- writing ---------------------------------------------------------------------------------------------
 */

void
spool_write_begin(struct spool_writer *w, struct spool *spool)
{
	uint64_t head = look(&spool->head), tail = look(&spool->tail);
	if (!are_sound(head, tail)) {
		head = round_up(head);
		tail = head; /* the reader finds out for itself */
		atomic_store_explicit(&spool->head, head, memory_order_release);
	}
	*w = (struct spool_writer){.spool = spool, .head = head, .tail = tail, .end = head};
}

static bool
has_room(struct spool_writer *w, uint64_t until)
{
	if (until - w->tail <= SPOOL_BYTES)
		return true;
	uint64_t tail = look(&w->spool->tail);
	if (are_sound(w->head, tail))
		w->tail = tail;
	return until - w->tail <= SPOOL_BYTES;
}

void *
spool_reserve(struct spool_writer *w, size_t most)
{
	must(most <= SPOOL_RECORD_MOST);
	uint64_t need = SPOOL_HEAD_BYTES + round_up(most), at = w->head;
	if (left_to_end(at) < need)
		at += left_to_end(at);
	if (!has_room(w, at + need)) {
		count_one(&w->spool->full);
		return NULL;
	}
	w->end = at;
	return place(w->spool, at) + SPOOL_HEAD_BYTES;
}

static void
write_length(struct spool *spool, uint64_t position, uint64_t length)
{
	memcpy(place(spool, position), &length, sizeof length);
}

void
spool_commit(struct spool_writer *w, size_t bytes)
{
	if (w->end != w->head)
		write_length(w->spool, w->head, SPOOL_SKIP);
	write_length(w->spool, w->end, bytes);
	w->head = w->end + SPOOL_HEAD_BYTES + round_up(bytes);
	atomic_store_explicit(&w->spool->head, w->head, memory_order_release);
}

/* --- reading ---------------------------------------------------------------------------------------------
 */

void
spool_read_begin(struct spool_reader *r, struct spool *spool)
{
	*r = (struct spool_reader){.spool = spool, .at = look(&spool->tail)};
}

/* Who wrote this cannot be believed: all that is there is passed over. */
static const void *
give_up(struct spool_reader *r, uint64_t head)
{
	count_one(&r->spool->spoilt);
	r->at = head / SPOOL_ALIGN * SPOOL_ALIGN;
	return NULL;
}

const void *
spool_next(struct spool_reader *r, size_t *bytes)
{
	uint64_t head = look(&r->spool->head), length;
	if (head == r->at)
		return NULL;
	if (!are_sound(head, r->at))
		return give_up(r, head);
	memcpy(&length, place(r->spool, r->at), sizeof length);
	if (length == SPOOL_SKIP) {
		r->at += left_to_end(r->at);
		if (r->at == head || !are_sound(head, r->at))
			return give_up(r, head);
		memcpy(&length, place(r->spool, r->at), sizeof length);
	}
	if (length > SPOOL_RECORD_MOST || SPOOL_HEAD_BYTES + round_up(length) > left_to_end(r->at) ||
	        SPOOL_HEAD_BYTES + round_up(length) > head - r->at)
		return give_up(r, head);
	const uint8_t *record = place(r->spool, r->at) + SPOOL_HEAD_BYTES;
	r->at += SPOOL_HEAD_BYTES + round_up(length);
	*bytes = (size_t)length;
	return record;
}

void
spool_release(struct spool_reader *r)
{
	atomic_store_explicit(&r->spool->tail, r->at, memory_order_release);
}

uint64_t
spool_lost(const struct spool *spool)
{
	return look(&spool->full) + look(&spool->spoilt);
}
