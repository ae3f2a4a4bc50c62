/*
 * The verbs about the cache: "cache stats", "cache lookup", "cache dump", "cache flush". Each is answered by
 * a child of the master (process/aside.h).
 */
#ifndef DOTWARD_PROCESS_CACHE_VERBS_H
#define DOTWARD_PROCESS_CACHE_VERBS_H

#include "process/control.h"

/* For the table of verbs; `arg` is a struct verbs_master. */
typedef void cache_verb_fn(void *arg, struct control_call *call);
cache_verb_fn cache_verbs_stats, cache_verbs_lookup, cache_verbs_dump;
cache_verb_fn cache_verbs_flush, cache_verbs_flush_subtree, cache_verbs_flush_all;

#endif
