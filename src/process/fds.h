/*
 * Which descriptors a process holds.
 */
#ifndef DOTWARD_PROCESS_FDS_H
#define DOTWARD_PROCESS_FDS_H

#include <stddef.h>

/*
 * Closes all descriptors but these. The list is sorted in place; -1 in it and the same one twice do no harm.
 * A libc that holds one of the others (a connection to syslogd) does not notice: see log_reconnect().
 */
void fds_close_but(int *keep, size_t count);
/* For a child that has to do with strangers: closes all but the standard three, the log's, and these (-1 does
 * no harm), and connects to syslogd anew if the log goes there. */
void fds_keep(const int *own, size_t count);

#endif
