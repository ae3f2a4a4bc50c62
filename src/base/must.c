/*
 * The end of a process whose books do not add up.
 */
#include "base/must.h"

#include "base/lastwords.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void
must_fail(const char *claim, const char *file, int line)
{
	char words[LASTWORDS_BYTES];
	snprintf(words, sizeof words, "assertion failed: %s at %s:%d", claim, file, line);
	lastwords_say(words);
	log_write(LOG_LEVEL_ERROR, "assertion failed claim=\"%s\" at=%s:%d", claim, file, line);
	abort();
}

void *
must_alloc(size_t count, size_t bytes)
{
	void *room = calloc(count ? count : 1, bytes ? bytes : 1);
	must(room != NULL);
	return room;
}

char *
must_copy(const char *text)
{
	char *copy = strdup(text);
	must(copy != NULL);
	return copy;
}
