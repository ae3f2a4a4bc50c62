/*
 * Each event has a number, which says its place; its stamp is the number plus one, set last. A writer that is
 * overtaken by a whole lap may leave a place whose text is of two lines: the words are printable and end all
 * the same, and its stamp fits only one of them.
 */
#include "shared/events.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct place {
	_Atomic uint64_t stamp; /* of what is in it; 0: it is being written, or nothing */
	struct event event;
};

struct events {
	_Atomic uint64_t next; /* number of the event after the newest */
	uint64_t unused[7];    /* a cache line of its own */
	struct place places[EVENTS_KEPT];
};
static_assert(sizeof(struct place) == 504, "shared with other binaries");

size_t
events_bytes(void)
{
	return sizeof(struct events);
}

void
events_put(struct events *events, uint64_t wall_ms, enum log_level level, const char *role, const char *text)
{
	uint64_t number = atomic_fetch_add_explicit(&events->next, 1, memory_order_relaxed);
	struct place *p = &events->places[number % EVENTS_KEPT];
	atomic_store_explicit(&p->stamp, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	p->event.wall_ms = wall_ms;
	p->event.level = level;
	snprintf(p->event.role, sizeof p->event.role, "%s", role != NULL ? role : "");
	snprintf(p->event.text, sizeof p->event.text, "%s", text);
	atomic_store_explicit(&p->stamp, number + 1, memory_order_release);
}

struct events_reader
events_read(const struct events *events, unsigned before)
{
	uint64_t end = atomic_load_explicit(&events->next, memory_order_acquire);
	uint64_t most = before < EVENTS_KEPT / 2 ? before : EVENTS_KEPT / 2;
	return (struct events_reader){.next = end > most ? end - most : 0};
}

/* Bytes that a dead or hostile process left are no text. */
static void
make_printable(char *text, size_t room)
{
	text[room - 1] = '\0';
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '?';
}

static bool
copy(const struct place *p, uint64_t number, struct event *out)
{
	if (atomic_load_explicit(&p->stamp, memory_order_acquire) != number + 1)
		return false;
	*out = p->event;
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&p->stamp, memory_order_relaxed) != number + 1)
		return false;
	make_printable(out->role, sizeof out->role);
	make_printable(out->text, sizeof out->text);
	if (out->level > LOG_LEVEL_DEBUG)
		out->level = LOG_LEVEL_DEBUG;
	return true;
}

enum events_found
events_next(const struct events *events, struct events_reader *reader, struct event *out, uint64_t *missed)
{
	uint64_t end = atomic_load_explicit(&events->next, memory_order_acquire);
	if (reader->next >= end)
		return EVENTS_NONE;
	if (end - reader->next > EVENTS_KEPT) {
		*missed = end - reader->next - EVENTS_KEPT;
		reader->next = end - EVENTS_KEPT;
		reader->doubted = false;
		return EVENTS_MISSED;
	}
	bool whole = copy(&events->places[reader->next % EVENTS_KEPT], reader->next, out);
	if (!whole && !reader->doubted) {
		reader->doubted = true;
		return EVENTS_NONE;
	}
	reader->doubted = false;
	reader->next++;
	*missed = 1;
	return whole ? EVENTS_ONE : EVENTS_MISSED;
}
