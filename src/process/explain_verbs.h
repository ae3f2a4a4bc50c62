/*
 * The verb "explain": what would become of a question, and why. Answered by a child of the master
 * (process/aside.h), as it reads the cache.
 */
#ifndef DOTWARD_PROCESS_EXPLAIN_VERBS_H
#define DOTWARD_PROCESS_EXPLAIN_VERBS_H

#include "process/control.h"

/* For the table of verbs; `arg` is a struct verbs_master. */
void explain_verb(void *arg, struct control_call *call);

#endif
