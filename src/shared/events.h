/*
 * What has happened of late, for whoever watches: the lines of the log that a person needs (notice and
 * above), of all processes, in a ring in shared memory. Writers never wait, for readers or for each other; a
 * reader that is too slow, or an event whose writer died in the middle of it, is told as missed.
 */
#ifndef DOTWARD_SHARED_EVENTS_H
#define DOTWARD_SHARED_EVENTS_H

#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EVENTS_KEPT = 256, EVENT_ROLE_BYTES = 32, EVENT_TEXT_BYTES = 452 };

struct event {
	uint64_t wall_ms; /* since 1970 */
	uint32_t level;   /* enum log_level */
	char role[EVENT_ROLE_BYTES];
	char text[EVENT_TEXT_BYTES]; /* cut if it was longer */
};

struct events;

/* What a world has for them; zeroed memory is none yet. */
size_t events_bytes(void);
/* Keeps one; NULL role: none. Safe from any process at any time. */
void events_put(
        struct events *events, uint64_t wall_ms, enum log_level level, const char *role, const char *text);

/* Where somebody is in reading; plain data of his own. */
struct events_reader {
	uint64_t next;
	bool doubted; /* the next one was not whole when it was last looked at */
};

enum events_found { EVENTS_NONE, EVENTS_ONE, EVENTS_MISSED };

/* From now on; with up to `before` that are there already. */
struct events_reader events_read(const struct events *events, unsigned before);
/*
 * The next one into *out, NUL-terminated and printable; EVENTS_NONE: look again after a while (100 ms or
 * more, as one that is not whole by the second look is given up). EVENTS_MISSED: *missed of them are gone.
 */
enum events_found events_next(
        const struct events *events, struct events_reader *reader, struct event *out, uint64_t *missed);

#endif
