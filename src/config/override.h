/*
 * The environment and the command line: settings that stand alone, and short forms of the two lists.
 */
#ifndef DOTWARD_CONFIG_OVERRIDE_H
#define DOTWARD_CONFIG_OVERRIDE_H

#include "config/draft.h"

void override_from_environment(struct draft *draft, char *const *environment);
/* Those of one source: what they say of a list adds up and replaces what earlier sources said. */
void override_apply(struct draft *draft, const struct config_override *overrides, size_t count);

#endif
