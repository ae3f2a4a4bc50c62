/*
 * Which verb of a table the words of a request mean, and what would be right when they mean none. For both
 * ends of the control socket, so it needs nothing but the table.
 *
 * The name of a verb is one word or several ("cache flush --all"); of two that fit, the longer one is meant.
 * What must follow stands in its `words`, and in brackets what may: "NAME [TYPE]".
 */
#ifndef DOTWARD_PROCESS_USAGE_H
#define DOTWARD_PROCESS_USAGE_H

#include "process/control.h"

enum { USAGE_BYTES = 1024 };

/* The verb, and how many words are its name; NULL: there is none, or it takes more or fewer words. */
const struct control_verb *usage_find(const struct control_verb *verbs, size_t verb_count, char *const *words,
        unsigned word_count, unsigned *name_words);
/*
 * The verbs that begin as these words do, in lines like "usage: cache flush NAME [TYPE]" without the last
 * line feed. False: none does.
 */
bool usage_text(const struct control_verb *verbs, size_t verb_count, char *const *words, unsigned word_count,
        char out[USAGE_BYTES]);

#endif
