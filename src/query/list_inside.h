/*
 * What the readers of list formats share.
 */
#ifndef DOTWARD_QUERY_LIST_INSIDE_H
#define DOTWARD_QUERY_LIST_INSIDE_H

#include "query/list_words.h"

#include <string.h>

/* A piece of a line. */
struct list_text {
	const char *at;
	size_t bytes;
};

/* What a line was. */
enum list_line {
	LIST_BLANK, /* or a comment */
	LIST_USED,
	LIST_SKIPPED, /* not ours */
	LIST_BAD,
};

struct list_reader {
	const struct list_taker *taker;
	struct list_tally *tally;
	const char *why; /* of the line that is BAD */
};

/* One line without its end, with no blanks around it and at least one byte, none of them NUL. */
typedef enum list_line list_line_fn(struct list_reader *reader, struct list_text line);
list_line_fn list_plain_line, list_hosts_line, list_adblock_line;
/* The whole text, as a record may be spread over lines. 0 or -ENOMEM. */
int list_rpz(struct list_reader *reader, struct list_text text);

enum list_line list_bad(struct list_reader *reader, const char *why);
/* Hands a rule without records to the taker. */
void list_say(
        struct list_reader *reader, const uint8_t *name, size_t bytes, enum lists_deed deed, unsigned scope);

/*
 * The wire form of a domain: letters, digits, '-' and '_', or UTF-8; with or without the last dot; its last
 * label not all digits, as that of an address is. The length; 0: it is none.
 */
size_t list_domain(struct list_text text, uint8_t *out);
/* An address of either family, perhaps with a zone. */
bool list_is_address(struct list_text text);

static inline bool
list_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static inline struct list_text
list_trim(struct list_text text)
{
	while (text.bytes > 0 && list_is_blank(*text.at)) {
		text.at++;
		text.bytes--;
	}
	while (text.bytes > 0 && list_is_blank(text.at[text.bytes - 1]))
		text.bytes--;
	return text;
}

/* Takes the first `count` bytes off. */
static inline struct list_text
list_behind(struct list_text text, size_t count)
{
	return (struct list_text){.at = text.at + count, .bytes = text.bytes - count};
}

/* Takes the first word off a text that begins with one, and the blanks behind it. */
static inline struct list_text
list_word(struct list_text *text)
{
	struct list_text word = *text;
	word.bytes = 0;
	while (word.bytes < text->bytes && !list_is_blank(text->at[word.bytes]))
		word.bytes++;
	*text = list_trim(list_behind(*text, word.bytes));
	return word;
}

static inline bool
list_is(struct list_text text, const char *what)
{
	return text.bytes == strlen(what) && memcmp(text.at, what, text.bytes) == 0;
}

static inline bool
list_begins(struct list_text text, const char *what)
{
	size_t bytes = strlen(what);
	return text.bytes >= bytes && memcmp(text.at, what, bytes) == 0;
}

static inline bool
list_has(struct list_text text, const char *what)
{
	return memmem(text.at, text.bytes, what, strlen(what)) != NULL;
}

/* Cuts a comment off, which begins with '#' or ';' (`;` only where `semicolon`) after a blank. */
static inline struct list_text
list_uncomment(struct list_text line, bool semicolon)
{
	for (size_t i = 1; i < line.bytes; i++)
		if (list_is_blank(line.at[i - 1]) && (line.at[i] == '#' || (semicolon && line.at[i] == ';')))
			return list_trim((struct list_text){.at = line.at, .bytes = i});
	return line;
}

#endif
