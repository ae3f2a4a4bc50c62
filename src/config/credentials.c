/*
 * Read anew whenever it is needed, so that a changed file counts from the next reload on, and no copy lies
 * about meanwhile.
 */
#include "config/credentials.h"

#include "config/slurp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CREDENTIALS_FILE_BYTES = 4096 };

/* The first line, without what ends it; NULL with what is wrong. */
static const char *
judge(const char *text, size_t count, size_t *length)
{
	const char *end = memchr(text, '\n', count);
	*length = end != NULL ? (size_t)(end - text) : count;
	if (*length > 0 && text[*length - 1] == '\r')
		(*length)--;
	if (*length == 0)
		return "its first line is empty; put the secret there";
	if (*length >= CREDENTIALS_BYTES)
		return "its first line is longer than 256 characters; make it shorter";
	for (size_t i = 0; i < *length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return "its first line has blanks or letters beyond ASCII; use letters, digits and "
			       "signs";
	return NULL;
}

bool
credentials_read(
        const char *path, char secret[CREDENTIALS_BYTES], bool *exposed, char why[CREDENTIALS_WHY_BYTES])
{
	struct slurp slurp;
	struct stat facts;
	size_t length = 0;
	const char *wrong = slurp_file(&slurp, path, false, CREDENTIALS_FILE_BYTES);
	*exposed = stat(path, &facts) == 0 && (facts.st_mode & S_IRWXO) != 0;
	memset(secret, 0, CREDENTIALS_BYTES);
	if (wrong == NULL) {
		wrong = judge(slurp.text, slurp.count, &length);
		if (wrong == NULL)
			memcpy(secret, slurp.text, length);
		explicit_bzero(slurp.text, slurp.count);
		free(slurp.text);
	}
	if (wrong != NULL)
		snprintf(why, CREDENTIALS_WHY_BYTES, "%s", wrong);
	return wrong == NULL;
}
