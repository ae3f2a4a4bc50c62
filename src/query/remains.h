/*
 * What a process that died at any instant has left of a question, in the memory of its slot.
 */
#ifndef DOTWARD_QUERY_REMAINS_H
#define DOTWARD_QUERY_REMAINS_H

#include "query/inside.h"

/* Is every length in it one that it may have, and every name whole? `aliases`: there are aliases of our own,
 * so it may be for one. Nothing is said of who asked, or when. */
bool remains_are_sound(const struct query *q, bool aliases);

#endif
