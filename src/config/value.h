/*
 * Values in their fields: checked on the way in, with a reason when refused; the row of the table says what
 * is where.
 *
 * A key without a field is checked all the same.
 */
#ifndef DOTWARD_CONFIG_VALUE_H
#define DOTWARD_CONFIG_VALUE_H

#include "config/keys.h"

#include <stdio.h>

/* `object` is the struct that the row's offset counts from. */
bool value_set_number(const struct key *key, void *object, long long number, struct why *why);
void value_set_bool(const struct key *key, void *object, bool on);
/* For KEY_TEXT, KEY_WORD and KEY_ITEM. */
bool value_set_text(const struct key *key, void *object, const char *text, struct why *why);
/* For KEY_ITEMS and KEY_FLAGS: empties the field and makes room for `room` elements, which are then added. */
void value_clear(const struct key *key, void *object, size_t room);
bool value_add(const struct key *key, void *object, const char *text, struct why *why);
/* Of KEY_ITEMS, KEY_FLAGS and KEY_LIST. */
size_t value_count(const struct key *key, const void *object);
/* Sets all keys of `parent` ("", "upstreams[]"), and of the groups in it, to their defaults. */
void value_set_defaults(const char *parent, void *object);
/* Gives the object, which is a copy of another one to the byte, what the fields of `parent` hold as its own.
 */
void value_part(const char *parent, void *object);
/* Frees what the fields of `parent` hold. */
void value_free(const char *parent, void *object);
/* Writes the value as libconfig reads it. Not for groups and lists. */
void value_write(const struct key *key, const void *object, FILE *out);
/* Writes a text in quotes, with escapes where libconfig needs them. */
void value_quote(const char *text, FILE *out);

#endif
