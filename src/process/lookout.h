/*
 * The master's eye on what is around the machine: another network, and sleep. Either raises the epoch
 * (shared/epoch.h), and the workers are to be told.
 */
#ifndef DOTWARD_PROCESS_LOOKOUT_H
#define DOTWARD_PROCESS_LOOKOUT_H

#include "shared/epoch.h"

#include <poll.h>
#include <stdbool.h>

struct lookout;

enum { LOOKOUT_FDS = 2 };

/* Never fails: what cannot be watched is said in the log and gone without. The epoch outlives it. */
struct lookout *lookout_open(struct epoch *epoch);
void lookout_close(struct lookout *lookout);
/* In a process just forked: closes its descriptors. */
void lookout_leave(const struct lookout *lookout);
void lookout_poll(const struct lookout *lookout, struct pollfd fds[LOOKOUT_FDS]);
/* When lookout_heed() has something to do of itself. */
uint64_t lookout_due_ms(const struct lookout *lookout);
/* True when the epoch is another than when this was last called, whoever raised it: tell the workers. */
bool lookout_heed(struct lookout *lookout, uint64_t now_ms);

#endif
