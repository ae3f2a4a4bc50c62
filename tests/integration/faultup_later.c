/*
 * Answers that wait for their time: a binary heap by due time.
 *
 * Equal times go first in, first out, or the other way round when answers are to come in reverse.
 */
#include "faultup.h"

#include <stdlib.h>

struct later {
	uint64_t due_ms;
	uint64_t sequence;
	unsigned conn_number;
	struct answer answer;
};

static struct later *heap;
static size_t count, room;
static uint64_t sequence;

static bool
sooner(const struct later *a, const struct later *b)
{
	if (a->due_ms != b->due_ms)
		return a->due_ms < b->due_ms;
	return settings.reverse ? a->sequence > b->sequence : a->sequence < b->sequence;
}

static void
swap(size_t a, size_t b)
{
	struct later keep = heap[a];

	heap[a] = heap[b];
	heap[b] = keep;
}

void
later_add(unsigned conn_number, struct answer answer, uint64_t due_ms)
{
	if (count == room) {
		room = room ? room * 2 : 1024;
		heap = realloc(heap, room * sizeof(*heap));
		if (!heap)
			abort();
	}
	heap[count] = (struct later){due_ms, sequence++, conn_number, answer};
	for (size_t i = count++; i > 0 && sooner(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(i, (i - 1) / 2);
}

static void
sink(size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++)
			if (sooner(&heap[child], &heap[least]))
				least = child;
		if (least == i)
			return;
		swap(i, least);
		i = least;
	}
}

bool
later_take(uint64_t now_ms, unsigned *conn_number, struct answer *answer)
{
	if (count == 0 || heap[0].due_ms > now_ms)
		return false;
	*conn_number = heap[0].conn_number;
	*answer = heap[0].answer;
	heap[0] = heap[--count];
	sink(0);
	return true;
}

int
later_wait(uint64_t now_ms)
{
	if (count == 0)
		return -1;
	return heap[0].due_ms <= now_ms ? 0 : (int)(heap[0].due_ms - now_ms);
}
