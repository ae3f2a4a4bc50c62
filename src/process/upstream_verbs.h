/*
 * The verbs about upstreams: "upstreams" tells what the workers know of each address, "upstreams --probe"
 * asks each of them anew. Both are answered by a child of the master (process/aside.h).
 */
#ifndef DOTWARD_PROCESS_UPSTREAM_VERBS_H
#define DOTWARD_PROCESS_UPSTREAM_VERBS_H

#include "process/control.h"

/* For the table of verbs; `arg` is a struct verbs_master. */
void upstream_verbs_list(void *arg, struct control_call *call);
void upstream_verbs_probe(void *arg, struct control_call *call);

#endif
