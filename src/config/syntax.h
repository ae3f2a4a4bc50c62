/*
 * Whether the tokens are a configuration in libconfig's grammar, and if not, what was probably meant.
 *
 * libconfig would say "syntax error" and the line of the token behind the mistake, once.
 */
#ifndef DOTWARD_CONFIG_SYNTAX_H
#define DOTWARD_CONFIG_SYNTAX_H

#include "config/lex.h"

#include <stdbool.h>

enum { SYNTAX_MAX_DEPTH = 16 }; /* of groups, lists and arrays */

/* Complains about every mistake until the structure is lost; true when there was none. */
bool syntax_check(const struct lex *lex);
/* The same for tokens that must be one value: 5, "x", [ ... ], ( ... ), { ... }. */
bool syntax_check_value(const struct lex *lex);

#endif
