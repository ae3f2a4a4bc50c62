/*
 * Giving an open descriptor to a process that may not open files itself: the master opens the log anew after
 * a rotation and hands it to each worker.
 */
#ifndef DOTWARD_PROCESS_HANDOVER_H
#define DOTWARD_PROCESS_HANDOVER_H

/* Two ends, close-on-exec and not waiting; what is given at one is taken at the other. 0 or -errno. */
int handover_open(int ends[2]) __attribute__((warn_unused_result));
/* Gives a copy. 0, or -errno: -EAGAIN when what was given before has not been taken. */
int handover_give(int end, int fd) __attribute__((warn_unused_result));
/*
 * Takes what was given, when the end is readable: a descriptor (close-on-exec) that the caller owns.
 * -EAGAIN: nothing there; -EPIPE: the other end is closed.
 */
int handover_take(int end) __attribute__((warn_unused_result));

#endif
