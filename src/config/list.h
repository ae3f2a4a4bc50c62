/*
 * All lists of names that a configuration has, under one number each: block lists first, then allow lists.
 */
#ifndef DOTWARD_CONFIG_LIST_H
#define DOTWARD_CONFIG_LIST_H

#include "config/config.h"

static inline size_t
config_lists_count(const struct config *config)
{
	return config->lists.block_count + config->lists.allow_count;
}

/* `index` is below config_lists_count(). */
static inline const struct config_list *
config_lists_at(const struct config *config, size_t index)
{
	const struct config_lists *lists = &config->lists;
	return index < lists->block_count ? &lists->block[index] : &lists->allow[index - lists->block_count];
}

#endif
