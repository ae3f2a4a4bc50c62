/*
 * What can be asked of a master about its lists of names.
 */
#ifndef DOTWARD_PROCESS_LIST_VERBS_H
#define DOTWARD_PROCESS_LIST_VERBS_H

#include "process/control.h"

/* Runs of rows of the table of verbs; `arg` is a struct verbs_master. */
void list_verbs_list(void *arg, struct control_call *call);
void list_verbs_reload(void *arg, struct control_call *call);

#endif
