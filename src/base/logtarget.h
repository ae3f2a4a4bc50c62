/*
 * Where the lines of the log go: standard error, a file, syslogd, or, when standard error leads to the
 * journal of systemd, the journal itself, which takes fields. One for a process, as the log is; use log.h.
 */
#ifndef DOTWARD_BASE_LOGTARGET_H
#define DOTWARD_BASE_LOGTARGET_H

#include "base/logform.h"

#include <stdbool.h>

/* "stderr", "syslog" or "file:PATH" (appended to, mode 0640). 0 or -errno; on failure the old one stays. */
int logtarget_open(const char *target) __attribute__((warn_unused_result));
int logtarget_reopen(void) __attribute__((warn_unused_result));
/* As log_adopt(), log_reconnect(), log_descriptor() and log_output(). */
void logtarget_adopt(int fd);
void logtarget_reconnect(void);
int logtarget_descriptor(void);
int logtarget_output(void);
void logtarget_close(void);
/* One line in one write, as JSON or as text. False: nobody took it, for who reads there is slow; nobody
 * waits. */
bool logtarget_put(const struct logform *form, bool json);

#endif
