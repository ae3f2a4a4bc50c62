/*
 * The terminal of `dotwardctl top`: shows frames, hears keys, and is put back as it was in the end. One in a
 * process, as there is one terminal.
 */
#ifndef DOTWARD_CONSOLE_SCREEN_H
#define DOTWARD_CONSOLE_SCREEN_H

#include "console/frame.h"

/* False: standard input and output are no terminal that we can draw on, with the reason. */
bool screen_open(const char **why) __attribute__((warn_unused_result));
void screen_close(void);
/* What it has room for now. */
void screen_size(unsigned *columns, unsigned *rows);
void screen_show(const struct frame *frame);
/* Waits so long for a key; 0: none came, -1: there is no terminal any more. */
int screen_key(int wait_ms);

#endif
