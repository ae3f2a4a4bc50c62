/*
 * Words of a row are compared one by one with those of the request; nothing is copied or cut apart.
 */
#include "process/usage.h"

#include <stdio.h>
#include <string.h>

static unsigned
count_words(const char *text, bool optional)
{
	unsigned count = 0;
	while (*(text += strspn(text, " ")) != '\0') {
		count += optional || *text != '[';
		text += strcspn(text, " ");
	}
	return count;
}

/* How many of the words are the beginning of this name. */
static unsigned
words_shared(const char *name, char *const *words, unsigned word_count)
{
	unsigned shared = 0;
	for (; shared < word_count && *(name += strspn(name, " ")) != '\0'; shared++) {
		size_t length = strcspn(name, " ");
		if (strlen(words[shared]) != length || memcmp(words[shared], name, length) != 0)
			break;
		name += length;
	}
	return shared;
}

const struct control_verb *
usage_find(const struct control_verb *verbs, size_t verb_count, char *const *words, unsigned word_count,
        unsigned *name_words)
{
	const struct control_verb *found = NULL;
	*name_words = 0;
	for (size_t i = 0; i < verb_count; i++) {
		unsigned count = count_words(verbs[i].name, true);
		if (count <= *name_words || words_shared(verbs[i].name, words, word_count) < count)
			continue;
		found = &verbs[i];
		*name_words = count;
	}
	if (found == NULL || word_count - *name_words < count_words(found->words, false) ||
	        word_count - *name_words > count_words(found->words, true))
		return NULL;
	return found;
}

bool
usage_text(const struct control_verb *verbs, size_t verb_count, char *const *words, unsigned word_count,
        char out[USAGE_BYTES])
{
	unsigned most = 1;
	size_t used = 0;
	for (size_t i = 0; i < verb_count; i++) {
		unsigned shared = words_shared(verbs[i].name, words, word_count);
		most = shared > most ? shared : most;
	}
	for (size_t i = 0; i < verb_count && used < USAGE_BYTES; i++)
		if (words_shared(verbs[i].name, words, word_count) >= most)
			used += (size_t)snprintf(out + used, USAGE_BYTES - used, "%s%s%s%s",
			        used == 0 ? "usage: " : "\n       ", verbs[i].name,
			        *verbs[i].words != '\0' ? " " : "", verbs[i].words);
	return used > 0;
}
