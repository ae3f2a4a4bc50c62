/*
 * The craft of the scribe that hands dnstap messages on (scribe.h): to a reader behind a local socket, or
 * into a file.
 *
 * A reader that goes away is looked for again, with growing pauses; one that does not read is left. What
 * comes meanwhile waits in the spools for as long as there is room, and is lost then, and counted.
 *
 * A file is a whole stream at every instant that matters: whole frames are appended, a STOP comes when nobody
 * writes to it any more, and whoever goes on with it takes that away again, and what a killed one left half
 * written.
 */
#ifndef DOTWARD_PROCESS_TAPSTER_H
#define DOTWARD_PROCESS_TAPSTER_H

#include "process/scribe.h"

extern const struct scribe_craft tapster_craft;

/* --- the two of them, for tapster.c */

struct tapster_frames {
	const struct iovec *parts; /* two for each frame: its length, and itself */
	unsigned count;            /* of frames */
};

struct tapster_line; /* to a reader */
struct tapster_line *tapster_line_new(const char *socket) __attribute__((returns_nonnull));
/* Says goodbye to the reader. */
void tapster_line_free(struct tapster_line *line);
/* How many frames were lost. May wait for some seconds. */
unsigned tapster_line_send(struct tapster_line *line, const struct tapster_frames *frames);

struct tapster_file;
/* In the master: a descriptor for it; or -errno with a line in `why`. */
int tapster_file_open(const char *path, char why[SCRIBE_WHY_BYTES]) __attribute__((warn_unused_result));
struct tapster_file *tapster_file_new(int fd) __attribute__((returns_nonnull));
void tapster_file_free(struct tapster_file *file);
/* It goes on with this one, unless it is the same file. */
void tapster_file_adopt(struct tapster_file *file, int fd);
unsigned tapster_file_append(struct tapster_file *file, const struct tapster_frames *frames);

#endif
