/*
 * What is answered here because of the name or the type that is asked for: names of our own (records, hosts
 * file, local zones), special names, types that are filtered, ANY.
 *
 * Each of these looks at a question and says whether it is the one to answer it; then *out is the answer,
 * good until the next call. Nothing is counted or remembered, nothing allocated. Classes other than IN are
 * nobody's.
 */
#ifndef DOTWARD_QUERY_OWN_H
#define DOTWARD_QUERY_OWN_H

#include "config/config.h"
#include "dns/wire.h"

struct own;

/* The configuration outlives it. */
struct own *own_new(const struct config *config) __attribute__((returns_nonnull));
/* NULL is allowed. */
void own_free(struct own *own);

/* An alias (CNAME) is followed from name to name as long as they are ours. Where it leads to one that is not,
 * the answer ends with the alias, and *alias is the name to ask for, of *alias_bytes; else these are 0. */
bool own_record(struct own *own, const struct wire_question *question, struct wire_answer *out,
        const uint8_t **alias, size_t *alias_bytes);
bool own_special(struct own *own, const struct wire_question *question, struct wire_answer *out);
bool own_filter(struct own *own, const struct wire_question *question, struct wire_answer *out);
bool own_any(struct own *own, const struct wire_question *question, struct wire_answer *out);

#endif
