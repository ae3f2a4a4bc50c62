/*
 * An alias of our own that leads to a name which is not: the client asked for the one, what is asked
 * elsewhere is the other, and the answer is put together of both.
 */
#ifndef DOTWARD_QUERY_ALIAS_H
#define DOTWARD_QUERY_ALIAS_H

#include "dns/names.h"
#include "dns/wire.h"

struct alias;

/* The table outlives it. NULL when there is none; alias_free() takes that. */
struct alias *alias_new(const struct names *table);
void alias_free(struct alias *alias);

/* Room for a message that is joined, to be changed at will before. */
uint8_t *alias_copy(struct alias *alias, const struct wire_answer *answer);
/*
 * Fills *out, good until the next call: the answer to `asked`, which is the name of an alias in the table.
 * Its beginning is what the table says, and behind it comes what the message has, the one that alias_copy()
 * made of `answer`. Nobody vouches for the whole (AD).
 */
void alias_join(struct alias *alias, const struct wire_question *asked, const struct wire_answer *answer,
        struct wire_answer *out);

#endif
