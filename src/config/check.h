/*
 * What only the whole configuration shows: things given twice, sums, values that contradict each other.
 */
#ifndef DOTWARD_CONFIG_CHECK_H
#define DOTWARD_CONFIG_CHECK_H

#include "config/draft.h"

enum { CHECK_MAX_LISTENS = 64, CHECK_MAX_ADDRESSES = 64, CHECK_MAX_BOOTSTRAP = 8 };

void check_draft(struct draft *draft);

#endif
