/*
 * The verbs that tell all counters: for people, as JSON, for Prometheus.
 */
#ifndef DOTWARD_PROCESS_STATS_VERBS_H
#define DOTWARD_PROCESS_STATS_VERBS_H

#include "process/control.h"

/* `arg`: struct verbs_master. As JSON the overview (process/overview.h) is a member of what there is besides.
 */
void stats_verb(void *arg, struct control_call *call);
void stats_verb_prometheus(void *arg, struct control_call *call);

#endif
