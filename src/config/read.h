/*
 * From libconfig's tree to the draft: every setting is looked up in the table, its type and value are
 * checked, and what is in order is set.
 */
#ifndef DOTWARD_CONFIG_READ_H
#define DOTWARD_CONFIG_READ_H

#include "config/draft.h"
#include "config/lex.h"

/* The tokens must have passed syntax_check(). Later calls overrule earlier ones, lists as a whole. */
void read_tokens(struct draft *draft, const struct lex *lex);

#endif
