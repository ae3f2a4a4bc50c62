/*
 * Which of the administrator's lists hold a name: a table of hashes in one block of memory that is built once
 * (lists_build.h), sealed, and read by all workers. It holds no pointers, so that it can lie anywhere; it is
 * never changed, so that nothing needs a lock; looking up allocates nothing.
 *
 * The names themselves are not in it. 96 bits of a keyed hash stand for each, the key being random and of
 * this table, so that whoever writes a list cannot make names collide: a name that is on no list is taken for
 * one that is with a chance of n / 2^96 for each of its suffixes, 7e-23 in a table of 5 million names.
 *
 * What decides when several rules match:
 *   1. An allow list that holds the name; of several, the first in the order of the configuration.
 *   2. The first list in the order of the configuration whose own rules come to a verdict. Inside a list:
 *      - an exception (adblock's "@@") takes all of that list's rules off the name, however long they are,
 *        but those marked "important", which only an important exception takes off;
 *      - else the rule that matches most of the name, RPZ's passthru being one of them.
 *   3. Nothing, and then `exempt` says whether a list would have spoken but for an exception of its own.
 */
#ifndef DOTWARD_QUERY_LISTS_H
#define DOTWARD_QUERY_LISTS_H

#include "query/list_words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lists;

/*
 * The table that begins at `memory` (aligned to 64 bytes), which stays the caller's and must stay as it is.
 * NULL when it is none: of another version or another size than `bytes`, or its parts do not fit in it.
 * Whatever else it holds, nothing here reads outside of it.
 */
const struct lists *lists_at(const void *memory, size_t bytes);

unsigned lists_count(const struct lists *lists);
const struct lists_list *lists_list(const struct lists *lists, unsigned list);
/* The list of this name and role; -1: none. */
int lists_called(const struct lists *lists, const char *label, enum lists_role role);
/* Different names in all, and the memory of the whole table. */
uint64_t lists_names(const struct lists *lists);
size_t lists_bytes(const struct lists *lists);

/*
 * What the lists say of `name`, uncompressed in wire form and in any case. `which` has bit i set for each
 * list i that counts. True: *out says which rule decides. False: none; *exempt (may be NULL) is then the list
 * whose exception or passthru spared the name, or -1.
 */
bool lists_find(const struct lists *lists, uint64_t which, const uint8_t *name, size_t bytes,
        struct lists_hit *out, int *exempt);

/* The next record of a DATA hit. *cursor is 0 at first. False: no more. */
bool lists_record(
        const struct lists *lists, const struct lists_hit *hit, size_t *cursor, struct lists_record *out);

#endif
