/*
 * Checks of the keys of metrics against each other, and of the files that they name.
 */
#ifndef DOTWARD_CONFIG_CHECK_METRICS_H
#define DOTWARD_CONFIG_CHECK_METRICS_H

#include "config/draft.h"

void check_metrics(struct draft *draft);

#endif
