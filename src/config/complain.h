/*
 * What is wrong with the configuration, collected so that all of it is said in one run and in reading order.
 *
 * A complaint names the place and the remedy ("dotward.conf:41: forward.timeout_ms = 400000: at most 60000")
 * and makes the configuration unusable; a remark has the same form and does not.
 */
#ifndef DOTWARD_CONFIG_COMPLAIN_H
#define DOTWARD_CONFIG_COMPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Where something was written. `origin` is borrowed: a file name, "--listen", "DOTWARD_LISTEN". */
struct place {
	const char *origin; /* NULL: the configuration as a whole */
	unsigned line;      /* 0: the origin has no lines */
	size_t order;       /* of reading; complaints are printed in it */
};

/* Zeroed: none yet. */
struct complaints {
	struct complaint *items;
	size_t count, room;
	size_t errors;
	size_t places; /* handed out so far */
};

/* The next place in reading order. */
struct place complain_place(struct complaints *list, const char *origin, unsigned line);
/* `subject` is what it is about ("forward.timeout_ms = 400000"), NULL when the place says all. */
void complain(struct complaints *list, const struct place *place, const char *subject, const char *format,
        ...) __attribute__((format(printf, 4, 5)));
void complain_remark(struct complaints *list, const struct place *place, const char *subject,
        const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Copies what the user wrote for a subject: control bytes as \xHH, cut with "..." where the room ends. */
const char *complain_show(char *out, size_t room, const char *bytes, size_t count);
void complain_print(struct complaints *list, FILE *out);
void complain_free(struct complaints *list);

/* How many letters must be changed, added, left out or exchanged with their neighbour to make `b` of `a`. */
size_t complain_distance(const char *a, const char *b);
/* Whether `typed` is near enough to `known` to be a slip of the pen. */
bool complain_is_near(const char *typed, const char *known);

#endif
