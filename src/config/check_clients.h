/*
 * What is wrong with groups of clients: names given twice, networks in two of them, upstreams that do not
 * exist; and what is in order but will not do what its writer hopes: a network that may not ask.
 */
#ifndef DOTWARD_CONFIG_CHECK_CLIENTS_H
#define DOTWARD_CONFIG_CHECK_CLIENTS_H

#include "config/draft.h"

enum { CHECK_MAX_CLIENTS = 64 };

/* The upstreams have their names already, and those that are wrong with them have been complained about. */
void check_clients(struct draft *draft);

#endif
