/*
 * How a process died: as a text, and whether it was its own doing.
 */
#ifndef DOTWARD_PROCESS_DEATH_H
#define DOTWARD_PROCESS_DEATH_H

#include <stdbool.h>

enum { DEATH_BYTES = 100 };

/* "signal=11 (Segmentation fault)", "signal=31 (Bad system call) call=execve" or "exit=1"; `call`: the one it
 * died of, if so. */
void death_text(int status, int call, char out[DEATH_BYTES]);
/* Did it die of itself, so that the question in hand may be the cause? SIGKILL is somebody else's doing,
 * unless we sent it to one that hung (`aborted`). */
bool death_is_crash(int status, bool aborted);

#endif
