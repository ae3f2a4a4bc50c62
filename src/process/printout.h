/*
 * The answer to a request, printed before it is given: a stream that ends in memory.
 */
#ifndef DOTWARD_PROCESS_PRINTOUT_H
#define DOTWARD_PROCESS_PRINTOUT_H

#include "process/control.h"

#include <stdio.h>

struct printout {
	struct control_call *call;
	FILE *out;
	char *text;
	size_t bytes;
};

/* The stream to print to, until printout_end(). NULL: memory is out, and the call is answered with that. */
FILE *printout_begin(struct printout *p, struct control_call *call) __attribute__((warn_unused_result));
/* Answers the call with what was printed. */
void printout_end(struct printout *p);

#endif
