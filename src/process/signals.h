/*
 * Signals as something that can be polled: they wait until somebody looks.
 */
#ifndef DOTWARD_PROCESS_SIGNALS_H
#define DOTWARD_PROCESS_SIGNALS_H

#include <stddef.h>

struct signals_handler {
	int signal;
	void (*handle)(void *arg);
};

/* Blocks these signals, and ignores SIGPIPE. A descriptor that is readable when one has come; -1 with errno.
 */
int signals_watch(const struct signals_handler *handlers, size_t count) __attribute__((warn_unused_result));
/* Has each that has come handled. */
void signals_heed(int fd, const struct signals_handler *handlers, size_t count, void *arg);

#endif
