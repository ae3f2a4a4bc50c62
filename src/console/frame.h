/*
 * One picture of `dotwardctl top`: lines of ASCII made of two snapshots, for a screen of some size. Plain
 * data in, text out; nothing here knows a terminal.
 */
#ifndef DOTWARD_CONSOLE_FRAME_H
#define DOTWARD_CONSOLE_FRAME_H

#include "console/snapshot.h"

enum frame_style {
	FRAME_PLAIN,
	FRAME_STRONG, /* what the picture is about */
	FRAME_TITLE,  /* over a table */
	FRAME_WORRY,  /* somebody should look at it */
	FRAME_FAINT   /* how to go on */
};

enum { FRAME_LINE_BYTES = 256, FRAME_LINES = 256 };

struct frame_line {
	enum frame_style style;
	char text[FRAME_LINE_BYTES];
};

struct frame {
	unsigned columns, rows; /* of the screen; rows 0: as many as it takes */
	unsigned count;
	struct frame_line lines[FRAME_LINES];
};

/*
 * columns and rows are set by the caller. `before` is an earlier snapshot of the same dotward, for what is
 * per second; NULL: none yet. Tables that do not fit are cut, and say how much is missing.
 */
void frame_compose(struct frame *frame, const struct snapshot *before, const struct snapshot *now);

/* A line under the picture; the last one when there is no room. */
void frame_say(struct frame *frame, enum frame_style style, const char *text);

#endif
