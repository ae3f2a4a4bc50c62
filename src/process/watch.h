/*
 * The verb "watch": what happens, as it happens (shared/events.h), until whoever watches goes away.
 */
#ifndef DOTWARD_PROCESS_WATCH_H
#define DOTWARD_PROCESS_WATCH_H

#include "process/control.h"
#include "shared/events.h"

#include <stdio.h>

/* A row of the table of verbs; `arg` is a struct verbs_master. */
void watch_verb(void *arg, struct control_call *call);

/* One event as a line for people, or an object of JSON on a line. */
void watch_print(const struct event *event, bool json, FILE *out);
/* So many could not be shown. */
void watch_print_missed(uint64_t missed, bool json, FILE *out);

#endif
