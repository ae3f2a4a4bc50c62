/*
 * `dotwardctl top`: a live view of a running dotward, asked for once in a while over the control socket.
 */
#ifndef DOTWARD_CONSOLE_TOP_H
#define DOTWARD_CONSOLE_TOP_H

#include "console/talk.h"

struct top_setup {
	const char *path; /* of the control socket */
	int patience_ms;  /* see struct talk */
	int every_ms;     /* between two looks */
	bool once;        /* one picture, as plain lines to standard output, of the time between two looks */
};

/* Until somebody wants it to end, or there is nothing to show from the beginning. What is wrong is said on
 * standard error. */
enum talk_end top_run(const struct top_setup *setup);

#endif
