/*
 * The text of a configuration as tokens, each with its place; files named by @include are read in.
 *
 * libconfig reads the tokens, not the file. That is how the places stay exact, includes follow the folder of
 * the file that has them, and nothing is lost unseen: libconfig 1.5 by itself takes 99999999999 for
 * 1215752191 and cuts a string at \x00.
 */
#ifndef DOTWARD_CONFIG_LEX_H
#define DOTWARD_CONFIG_LEX_H

#include "config/complain.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	LEX_MAX_BYTES = 256 * 1024, /* of one source with all that it includes */
	LEX_MAX_INCLUDES = 8,       /* deep */
	LEX_SUBJECT_BYTES = 160
};

enum lex_kind {
	LEX_WORD,   /* a key, or true, false */
	LEX_NUMBER, /* whole, decimal or 0x..., with or without L */
	LEX_FLOAT,
	LEX_STRING, /* with its quotes and escapes */
	LEX_MARK    /* one of = : ; , { } [ ] ( ) */
};

struct lex_token {
	enum lex_kind kind;
	const char *start; /* not terminated */
	size_t length;
	struct place place;
};

/* Zeroed but for `complaints`: nothing read yet. Owns the texts that tokens and places point into. */
struct lex {
	struct complaints *complaints;
	struct lex_token *tokens;
	size_t count, room;
	char **texts;
	size_t text_count;
	size_t bytes;
	size_t torn; /* 1 + the index of the first token that may have lost what belongs behind it; 0: none */
};

/* Reads a file. What is wrong with it is complained about; the tokens that could be made are there. */
void lex_file(struct lex *lex, const char *name);
/* Reads a text that is no file, all of it at one place; @include is not possible in it. */
void lex_text(struct lex *lex, const struct place *place, const char *text);
void lex_free(struct lex *lex);

/* How a complaint about the token at `index` names it: "workers = 5s" where it is a value, else "5s". */
const char *lex_subject(
        const struct lex *lex, size_t index, const char *bytes, size_t count, char out[LEX_SUBJECT_BYTES]);
bool lex_is_mark(const struct lex_token *token, char mark);
bool lex_is_word(const struct lex_token *token, const char *word);
/* The tokens as a text for libconfig. Every token that can begin a setting or a value is on a line of its
 * own, and line_tokens[line] is its index; all whole numbers are 64 bits wide. Both are the caller's to free.
 */
char *lex_rewrite(const struct lex *lex, size_t **line_tokens, size_t *line_count);

#endif
