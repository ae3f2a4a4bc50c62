/*
 * What does not fit into memory is no answer: a stream that failed is told as such, and never in part.
 */
#include "process/printout.h"

#include <stdlib.h>

static void
fail(struct control_call *call)
{
	control_say(call, CONTROL_FAILED, "out of memory");
}

FILE *
printout_begin(struct printout *p, struct control_call *call)
{
	*p = (struct printout){.call = call};
	p->out = open_memstream(&p->text, &p->bytes);
	if (p->out == NULL)
		fail(call);
	return p->out;
}

void
printout_end(struct printout *p)
{
	if (fclose(p->out) == 0)
		control_answer(p->call, CONTROL_DONE, p->text);
	else
		fail(p->call);
	free(p->text);
}
