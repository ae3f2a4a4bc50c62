/*
 * Puts a table of lists.h together, from the rules of lists that were read (list_read.h) and from lists of
 * the table before, which need not be read again.
 *
 * Memory while building: 16 bytes for each rule, and the records of RPZ. When there is not enough, the
 * builder remembers that and lists_build_measure() says so.
 */
#ifndef DOTWARD_QUERY_LISTS_BUILD_H
#define DOTWARD_QUERY_LISTS_BUILD_H

#include "query/list_read.h"
#include "query/lists.h"

struct lists_build;

/*
 * `before` is the table whose lists lists_build_keep() may take over, or NULL: the new one then has the same
 * key. It must live as long as the builder. NULL with errno: no memory, no random numbers.
 */
struct lists_build *lists_build_new(const struct lists *before) __attribute__((warn_unused_result));
void lists_build_free(struct lists_build *build);

/* The next list, in the order of the configuration; a name that is too long is cut. Returns its number;
 * asking for more than LISTS_MAX is a bug of ours. */
unsigned lists_build_list(struct lists_build *build, const char *label, enum lists_role role);
/* What lists_list() will tell of it, to be filled in; `names`, `label` and `role` are the builder's. Good
 * until the builder goes. */
struct lists_list *lists_build_about(struct lists_build *build, unsigned list);

/* A rule that was said before does no harm, and is counted once. */
void lists_build_add(struct lists_build *build, unsigned list, const struct list_rule *rule);
/* All that list `from` of the table before holds, with what was told about it, but its label and role. */
void lists_build_keep(struct lists_build *build, unsigned list, unsigned from);

/* Where building stands, to go back there: a file may turn out bad at its end. */
struct lists_mark;
struct lists_mark *lists_build_mark(const struct lists_build *build) __attribute__((warn_unused_result));
/* Forgets every rule since the mark, when `back`; the mark is gone afterwards, and so are younger ones. NULL
 * is taken for "no memory". */
void lists_build_settle(struct lists_build *build, struct lists_mark **mark, bool back);

/* Ends the adding. How large the table becomes; 0: there was not enough memory. */
size_t lists_build_measure(struct lists_build *build);
/* Writes it into that many bytes, aligned to 64, all of them zero. */
void lists_build_write(const struct lists_build *build, void *memory);

#endif
