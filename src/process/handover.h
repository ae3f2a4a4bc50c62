/*
 * Giving an open descriptor to a process that may not open files itself: the master opens the log anew after
 * a rotation, or has lists of names read anew, and hands that to each worker; or what a scribe writes to.
 */
#ifndef DOTWARD_PROCESS_HANDOVER_H
#define DOTWARD_PROCESS_HANDOVER_H

#include <stdint.h>

enum handover_kind { HANDOVER_LOG, HANDOVER_LISTS, HANDOVER_CRAFT, HANDOVER_KINDS };

/* What comes with a descriptor. Plain data, zeroed where it means nothing. */
struct handover_note {
	uint32_t kind; /* enum handover_kind */
	uint32_t unused;
	uint64_t bytes;  /* LISTS: of the memory */
	uint64_t number; /* LISTS: which they are */
};

/* Two ends, close-on-exec and not waiting; what is given at one is taken at the other. 0 or -errno. */
int handover_open(int ends[2]) __attribute__((warn_unused_result));
/* Gives a copy. 0, or -errno: -EAGAIN when what was given before has not been taken. */
int handover_give(int end, const struct handover_note *note, int fd) __attribute__((warn_unused_result));
/*
 * Takes what was given, when the end is readable: a descriptor (close-on-exec) that the caller owns; *note
 * says of what. -EAGAIN: nothing there; -EPIPE: the other end is closed.
 */
int handover_take(int end, struct handover_note *note) __attribute__((warn_unused_result));

#endif
