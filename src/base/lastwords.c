/*
 * The place for last words. Before one is given, words go to a place of our own that nobody reads.
 */
#include "base/lastwords.h"

#include <stddef.h>
#include <stdio.h>

static struct lastwords nowhere;
struct lastwords *lastwords_place = &nowhere;

void
lastwords_open(struct lastwords *place)
{
	lastwords_place = place != NULL ? place : &nowhere;
}

void
lastwords_say(const char *text)
{
	snprintf(lastwords_place->text, sizeof lastwords_place->text, "%s", text);
}
