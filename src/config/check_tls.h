/*
 * What is wrong with listeners that speak TLS: what they need and do not have, and what others have and do
 * not need.
 */
#ifndef DOTWARD_CONFIG_CHECK_TLS_H
#define DOTWARD_CONFIG_CHECK_TLS_H

#include "config/draft.h"

void check_tls(struct draft *draft);

#endif
