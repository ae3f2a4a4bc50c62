/*
 * More kinds of text that mean something (config/items.h): those of the names that are answered here.
 */
#ifndef DOTWARD_CONFIG_ITEMS_NAMES_H
#define DOTWARD_CONFIG_ITEMS_NAMES_H

#include "config/items.h"

extern const struct item item_record; /* struct config_record */
extern const struct item item_type;   /* uint16_t: a type of records */

/* "" or a file that can be read. */
bool item_check_hosts(const char *text, struct why *why);

#endif
