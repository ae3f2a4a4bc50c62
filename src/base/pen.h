/*
 * Writes text into a room of fixed size, quickly: for lines that are written for every question, where
 * printf() would cost more than the answer. What does not fit is left out, and said by pen_is_full().
 */
#ifndef DOTWARD_BASE_PEN_H
#define DOTWARD_BASE_PEN_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pen {
	char *at, *end;
	bool full;
};

static inline struct pen
pen_on(char *room, size_t bytes)
{
	return (struct pen){.at = room, .end = room + bytes};
}

static inline void
pen_bytes(struct pen *p, const void *bytes, size_t count)
{
	if ((size_t)(p->end - p->at) < count) {
		p->full = true;
		return;
	}
	memcpy(p->at, bytes, count);
	p->at += count;
}

/* A literal: its length is known to the compiler. */
#define pen_word(p, literal) pen_bytes((p), "" literal, sizeof literal - 1)

static inline void
pen_text(struct pen *p, const char *text)
{
	pen_bytes(p, text, strlen(text));
}

/* In decimal, with zeroes in front up to so many digits. */
void pen_number(struct pen *p, uint64_t number, unsigned digits);
/* Thousandths, as a number with three digits behind the point. */
void pen_thousandths(struct pen *p, uint64_t thousandths);
/* The address without a port, as addr_host_text() has it. */
void pen_host(struct pen *p, const struct addr *a);
/*
 * Bytes of strangers: control bytes, quotes, backslashes and bytes above 126 become \ddd, as by log_quote();
 * in a string of JSON the backslash is doubled, so that it stands for itself.
 */
void pen_quoted(struct pen *p, const void *bytes, size_t count, bool json);

/* "2026-11-21T11:20:03.123Z"; what is written once a second is kept in between. */
struct pen_clock {
	uint64_t second;
	char text[24];
};
enum { PEN_TIME_BYTES = 24 };
void pen_time(struct pen *p, struct pen_clock *clock, uint64_t wall_us);

#endif
