/*
 * The table of all keys: what the parser accepts, what -T prints, what the man page and etc/dotward.conf say.
 */
#ifndef DOTWARD_CONFIG_KEYS_H
#define DOTWARD_CONFIG_KEYS_H

#include "config/items.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum key_type {
	KEY_GROUP,  /* { } of other keys of the table; field, if any: a bool, whether it was said */
	KEY_LIST,   /* ( ) of groups; field: pointer to the structs */
	KEY_NUMBER, /* field: unsigned or uint16_t */
	KEY_PORT,   /* a number; field: struct addr, whose port it is */
	KEY_BOOL,   /* field: bool */
	KEY_WORD,   /* one of `words`; field: the index, an enum or a bool */
	KEY_FLAGS,  /* [ ] of `words`; field: one bool for each, in a row */
	KEY_TEXT,   /* field: char * */
	KEY_ITEM,   /* a text that `item` reads; field: the item */
	KEY_ITEMS   /* [ ] of such; field: pointer to the items */
};

enum { KEY_NO_FIELD = 0xffff, KEY_MAX_NAME = 48 };

struct key {
	const char *path; /* "forward.timeout_ms"; of what is in a list "listen[].address" */
	enum key_type type;
	size_t offset; /* of the field in struct config or the list's struct; KEY_NO_FIELD: none */
	size_t count_offset;
	size_t bytes; /* of the field; of a list, of one element */
	long min, max;
	bool or_zero; /* 0 is fine below min, too */
	bool needed;
	bool alone;           /* an array of one element may be written as that element */
	bool round;           /* an array that may be written as a list, too: ( "...", "..." ) */
	const char *instead;  /* what may be said in its place, and not beside it; NULL: nothing */
	const char *together; /* what must be said with it; NULL: nothing */
	const char *example;  /* of a key that another one needs, as it is written in a file */
	const char *fallback; /* the default as bare text, elements separated by spaces; NULL: none */
	const char *unit;
	const char *const *words; /* ends with NULL */
	const struct item *item;
	bool (*check)(const char *text, struct why *why);
	const char *help; /* lines separated by \n */
};

extern const struct key keys[];
extern const size_t keys_count;

/* By full path; NULL: none. */
const struct key *keys_find(const char *path);
/* The key called `name` in `parent` ("" for the outermost, "forward", "upstreams[]"). */
const struct key *keys_member(const char *parent, const char *name);
bool keys_is_member(const struct key *key, const char *parent);
/* The name behind the last dot. */
const char *keys_name(const struct key *key);
/* What a user may have meant: a path of the table, or NULL. */
const char *keys_suggest(const char *parent, const char *name);
/* What may be written for the key: "a whole number, 1 to 16". */
const char *keys_expected(const struct key *key, char *out, size_t room);
/* The same in short, for a comment: "10 to 60000 milliseconds"; empty where there is nothing to say. */
const char *keys_bounds(const struct key *key, char *out, size_t room);
/* The default as it is written in a file: 5000, "fastest", [ "10.0.0.0/8" ]. */
const char *keys_default(const struct key *key, char *out, size_t room);
/* A line for each key: path, kind, the words that it may be, its default; with tabs
 * between. */
void keys_print(FILE *out);

#endif
