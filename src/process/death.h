/*
 * How a process died: as a text, and whether it was its own doing.
 */
#ifndef DOTWARD_PROCESS_DEATH_H
#define DOTWARD_PROCESS_DEATH_H

#include "base/lastwords.h"

#include <stdbool.h>

enum { DEATH_BYTES = 100, DEATH_WORDS_BYTES = LASTWORDS_BYTES * 2 + 16 };

/* "signal=11 (Segmentation fault)", "signal=31 (Bad system call) call=execve" or "exit=1"; `call`: the one it
 * died of, if so. */
void death_text(int status, int call, char out[DEATH_BYTES]);
/* Did it die of itself, so that the question in hand may be the cause? SIGKILL is somebody else's doing,
 * unless we sent it to one that hung (`aborted`). */
bool death_is_crash(int status, bool aborted);

/* What it said last, for the log: " words=\"...\"" or ""; and the place is clean for the successor. */
void death_take_words(struct lastwords *words, char out[DEATH_WORDS_BYTES]);

#endif
