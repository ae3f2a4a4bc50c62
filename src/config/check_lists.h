/*
 * What is wrong with the lists of names: too many, without a file, or of one name.
 */
#ifndef DOTWARD_CONFIG_CHECK_LISTS_H
#define DOTWARD_CONFIG_CHECK_LISTS_H

#include "config/draft.h"

/* The lists have their names already. */
void check_lists(struct draft *draft);

#endif
