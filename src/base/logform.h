/*
 * The forms of a line of the log: what it says and who says it, as text for people, as JSON for machines, and
 * as fields for the journal of systemd. Pure: time and words go in, bytes come out.
 */
#ifndef DOTWARD_BASE_LOGFORM_H
#define DOTWARD_BASE_LOGFORM_H

#include <stddef.h>
#include <time.h>

/* A line before it has a form. The text is of one line. */
struct logform {
	struct timespec now; /* of the wall clock */
	const char *level;   /* "notice" */
	int priority;        /* the same for syslog: 5 */
	const char *role;    /* "worker 1" */
	const char *text;
};

/* "2026-11-21T11:20:03.123Z"; how long it is. */
size_t logform_stamp(const struct timespec *when, char *out, size_t room);
/* "2026-11-21T11:20:03.123Z notice worker 1: TEXT", cut at `room`; the bytes before the NUL. */
size_t logform_text(const struct logform *form, char *out, size_t room);

/*
 * One object, valid JSON whatever the text holds: time, level, role, slot (of a worker, and if the line names
 * no other), event, its pairs as members in their order, and detail, the words that stand between or behind
 * them. A value that looks like a number is one; "41s" and "41ms" are numbers of a member that has its unit
 * in its name (uptime_s). What finds no room is left out, and "cut":true says so. `room` is at least 512.
 */
size_t logform_json(const struct logform *form, char *out, size_t room);

/*
 * The journal's own protocol, one datagram: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, and what logform_json() has
 * as DOTWARD_ROLE, DOTWARD_EVENT and so on. `message` is what journalctl shows.
 */
size_t logform_journal(const struct logform *form, const char *message, char *out, size_t room);

#endif
