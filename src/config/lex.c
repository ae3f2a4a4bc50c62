/*
 * From bytes to tokens. Knows how libconfig spells numbers, strings and comments, and nothing of which may
 * follow which (that is syntax.c). A token that cannot be right is complained about here, with the form that
 * would be, and then passed on as the string or number it was probably meant to be, so that reading can go
 * on.
 */
#include "config/lex.h"

#include "base/must.h"
#include "config/items.h"
#include "config/slurp.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

/* One text being read. */
struct cursor {
	struct lex *lex;
	const char *at, *end;
	const char *origin;
	unsigned line;             /* 0: the text has one place */
	const struct place *place; /* that place */
	const struct cursor *includer;
	dev_t device; /* which file it is, whatever its name */
	ino_t inode;
};

static void lex_include(struct cursor *c);

static struct place
cursor_place(struct cursor *c)
{
	return c->line == 0 ? *c->place : complain_place(c->lex->complaints, c->origin, c->line);
}

static void
token_add(struct cursor *c, enum lex_kind kind, const char *start, size_t length)
{
	struct lex *lex = c->lex;
	if (lex->count == lex->room) {
		lex->room = lex->room ? lex->room * 2 : 256;
		lex->tokens = reallocarray(lex->tokens, lex->room, sizeof *lex->tokens);
		must(lex->tokens != NULL);
	}
	lex->tokens[lex->count++] = (struct lex_token){kind, start, length, cursor_place(c)};
}

static const char *
text_keep(struct lex *lex, char *text)
{
	lex->texts = reallocarray(lex->texts, lex->text_count + 1, sizeof *lex->texts);
	must(lex->texts != NULL);
	lex->texts[lex->text_count++] = text;
	return text;
}

const char *
lex_subject(const struct lex *lex, size_t index, const char *bytes, size_t count, char out[LEX_SUBJECT_BYTES])
{
	char shown[LEX_SUBJECT_BYTES / 2];
	const struct lex_token *t = lex->tokens;
	complain_show(shown, sizeof shown, bytes, count);
	bool value = index >= 2 && (lex_is_mark(&t[index - 1], '=') || lex_is_mark(&t[index - 1], ':')) &&
	             t[index - 2].kind == LEX_WORD;
	if (value)
		snprintf(out, LEX_SUBJECT_BYTES, "%.*s = %s",
		        t[index - 2].length > 48 ? 48 : (int)t[index - 2].length, t[index - 2].start, shown);
	else
		snprintf(out, LEX_SUBJECT_BYTES, "%s", shown);
	return out;
}

/* Complains about the bytes at the cursor. */
__attribute__((format(printf, 3, 4))) static void
lex_complain(struct cursor *c, size_t count, const char *format, ...)
{
	char subject[LEX_SUBJECT_BYTES];
	struct why why;
	struct place place = cursor_place(c);
	va_list args;
	va_start(args, format);
	vsnprintf(why.text, sizeof why.text, format, args);
	va_end(args);
	lex_subject(c->lex, c->lex->count, c->at, count, subject);
	complain(c->lex->complaints, &place, count > 0 ? subject : NULL, "%s", why.text);
}

/* What follows cannot be told apart from what was swallowed; to complain about it would be an echo. */
static void
tear(struct cursor *c)
{
	if (c->lex->torn == 0)
		c->lex->torn = c->lex->count + 1;
}

static void
skip_to_line_end(struct cursor *c)
{
	const char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
	c->at = newline ? newline : c->end;
}

static void
skip_long_comment(struct cursor *c)
{
	const char *close = memmem(c->at + 2, (size_t)(c->end - c->at - 2), "*/", 2);
	if (close == NULL) {
		lex_complain(c, 2, "this comment is never closed; end it with */");
		tear(c);
		c->at = c->end;
		return;
	}
	for (; c->at < close; c->at++)
		if (*c->at == '\n' && c->line != 0)
			c->line++;
	c->at = close + 2;
}

static bool
begins_comment(const char *at, const char *end)
{
	return *at == '#' || (*at == '/' && end - at > 1 && (at[1] == '/' || at[1] == '*'));
}

static void
skip_comment(struct cursor *c)
{
	if (*c->at == '/' && c->at[1] == '*')
		skip_long_comment(c);
	else
		skip_to_line_end(c);
}

/* A zero byte would end the string for everyone who reads it, without a word. */
static void
check_string(struct cursor *c, size_t length)
{
	if (memchr(c->at, '\0', length) != NULL)
		lex_complain(c, length, "a string cannot contain a zero byte");
	for (size_t i = 0; i + 3 < length; i++) {
		if (c->at[i] != '\\')
			continue;
		if (tolower((unsigned char)c->at[i + 1]) == 'x' && c->at[i + 2] == '0' && c->at[i + 3] == '0')
			lex_complain(c, length, "a string cannot contain a zero byte");
		i++;
	}
}

static void
take_string(struct cursor *c)
{
	const char *at = c->at + 1;
	while (at < c->end && *at != '"' && *at != '\n')
		at += *at == '\\' && at + 1 < c->end && at[1] != '\n' ? 2 : 1;
	if (at >= c->end || *at == '\n') {
		lex_complain(
		        c, (size_t)(at - c->at), "this string is not closed on its line; end it with \"");
		tear(c);
		token_add(c, LEX_STRING, "\"\"", 2);
		c->at = at;
		return;
	}
	size_t length = (size_t)(at + 1 - c->at);
	check_string(c, length);
	if (memchr(c->at, '\0', length) != NULL)
		token_add(c, LEX_STRING, "\"\"", 2);
	else
		token_add(c, LEX_STRING, c->at, length);
	c->at = at + 1;
}

static size_t
count_of(const char *at, size_t length, const char *set)
{
	size_t count = 0;
	while (count < length && at[count] != '\0' && strchr(set, at[count]) != NULL)
		count++;
	return count;
}

/* Whether [-+]DIGITS or 0xDIGITS, with nothing, L or LL behind. */
static bool
is_whole(const char *at, size_t length)
{
	size_t lead = 0, digits;
	if (length > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
		lead = 2;
		digits = count_of(at + lead, length - lead, "0123456789abcdefABCDEF");
	} else {
		lead = at[0] == '-' || at[0] == '+';
		digits = count_of(at + lead, length - lead, "0123456789");
	}
	size_t tail = length - lead - digits;
	return digits > 0 && tail <= 2 && count_of(at + lead + digits, tail, "L") == tail;
}

static bool
is_float(const char *at, size_t length)
{
	const char *end = at + length;
	bool sign = *at == '-' || *at == '+';
	at += sign;
	size_t whole = count_of(at, (size_t)(end - at), "0123456789"), part = 0;
	at += whole;
	bool dot = at < end && *at == '.';
	if (dot) {
		at++;
		part = count_of(at, (size_t)(end - at), "0123456789");
		at += part;
	}
	if (whole + part == 0)
		return false;
	/* 1e5 without a sign is not a number to libconfig 1.5 */
	if (at == end || (!dot && !sign))
		return at == end && dot;
	if (*at != 'e' && *at != 'E')
		return false;
	at++;
	at += at < end && (*at == '-' || *at == '+');
	size_t power = count_of(at, (size_t)(end - at), "0123456789");
	return power > 0 && at + power == end;
}

/* libconfig takes hexadecimal digits modulo 2^64, in silence. */
static void
check_hexadecimal(struct cursor *c, size_t length)
{
	enum { DIGITS_OF_63_BITS = 15 };
	if (length < 3 || (c->at[1] != 'x' && c->at[1] != 'X'))
		return;
	size_t zeros = count_of(c->at + 2, length - 2, "0");
	if (count_of(c->at + 2 + zeros, length - 2 - zeros, "0123456789abcdefABCDEF") > DIGITS_OF_63_BITS)
		lex_complain(c, length, "this number is too large for any key");
}

static void
complain_number(struct cursor *c, size_t length)
{
	size_t digits = count_of(c->at, length, "0123456789");
	size_t letters = 0;
	while (digits + letters < length && isalpha((unsigned char)c->at[digits + letters]))
		letters++;
	if (digits > 0 && letters > 0 && digits + letters == length)
		lex_complain(c, length, "no number; write %.*s without a unit, which the key has in its name",
		        (int)(digits < 20 ? digits : 20), c->at);
	else
		lex_complain(c, length, "no number; if it is a text, write it in double quotes");
}

static void
take_number(struct cursor *c)
{
	const char *at = c->at;
	/* the marks of addresses belong to it: a bare 10.0.0.0/8 or 2620:fe::fe is to be complained about as
	 * a whole */
	while (at < c->end && (isalnum((unsigned char)*at) || (*at != '\0' && strchr("+-._/:@%", *at))) &&
	        !begins_comment(at, c->end))
		at++;
	size_t length = (size_t)(at - c->at);
	if (is_whole(c->at, length)) {
		check_hexadecimal(c, length);
		token_add(c, LEX_NUMBER, c->at, length);
	} else if (is_float(c->at, length)) {
		token_add(c, LEX_FLOAT, c->at, length);
	} else {
		complain_number(c, length);
		token_add(c, LEX_NUMBER, "0", 1);
	}
	c->at = at;
}

static void
take_word(struct cursor *c)
{
	const char *at = c->at;
	while (at < c->end && (isalnum((unsigned char)*at) || (*at != '\0' && strchr("-_*.", *at))))
		at++;
	token_add(c, LEX_WORD, c->at, (size_t)(at - c->at));
	c->at = at;
}

/* How much to pass over, so that a text in strange quotes makes one complaint and not one a word. */
static size_t
stray_extent(const struct cursor *c)
{
	const char *line_end = memchr(c->at, '\n', (size_t)(c->end - c->at));
	size_t left = (size_t)((line_end ? line_end : c->end) - c->at), length = 1;
	const char *close = NULL;
	if (*c->at == '\'' && (close = memchr(c->at + 1, '\'', left - 1)) != NULL)
		return (size_t)(close + 1 - c->at);
	if (left > 3 && memcmp(c->at, "\xe2\x80", 2) == 0 &&
	        (close = memmem(c->at + 3, left - 3, "\xe2\x80", 2)))
		length = (size_t)(close + 2 - c->at);
	while (length < left && c->at[length] != '\0' && strchr(" \t\r,;)]}", c->at[length]) == NULL)
		length++;
	return length;
}

static bool
wants_value(const struct lex *lex)
{
	const struct lex_token *last = lex->count > 0 ? &lex->tokens[lex->count - 1] : NULL;
	return last != NULL && last->kind == LEX_MARK && strchr("=:[(,", *last->start) != NULL;
}

static void
take_stray(struct cursor *c)
{
	size_t length = stray_extent(c);
	if (*c->at == '\'' || (length > 2 && memcmp(c->at, "\xe2\x80", 2) == 0))
		lex_complain(c, length, "write strings in plain double quotes, \"like this\"");
	else if (*c->at == '@')
		lex_complain(c, length, "only @include \"FILE\" begins so, outside of strings and comments");
	else
		lex_complain(c, length, "this means nothing here; strings are written in double quotes");
	if (wants_value(c->lex))
		token_add(c, LEX_STRING, "\"\"", 2);
	c->at += length;
}

static void
take_token(struct cursor *c)
{
	unsigned char first = (unsigned char)*c->at;
	if (first == '"') {
		take_string(c);
	} else if (isdigit(first) || first == '-' || first == '+' || first == '.') {
		take_number(c);
	} else if (isalpha(first) || first == '*' || first == '_') {
		take_word(c);
	} else if (first != '\0' && strchr("=:;,{}[]()", first) != NULL) {
		token_add(c, LEX_MARK, c->at++, 1);
	} else {
		take_stray(c);
	}
}

static bool
at_include(const struct cursor *c)
{
	static const char word[] = "@include";
	return c->line != 0 && c->end - c->at >= (ptrdiff_t)sizeof word &&
	       memcmp(c->at, word, sizeof word - 1) == 0;
}

static void
lex_bytes(struct cursor *c)
{
	while (c->at < c->end) {
		if (*c->at == '\n') {
			c->line += c->line != 0;
			c->at++;
		} else if (strchr(" \t\r\f", *c->at) != NULL && *c->at != '\0') {
			c->at++;
		} else if (begins_comment(c->at, c->end)) {
			skip_comment(c);
		} else if (at_include(c)) {
			lex_include(c);
		} else {
			take_token(c);
		}
	}
}

static void
lex_opened(struct lex *lex, const char *name, const struct slurp *file, const struct cursor *includer)
{
	struct cursor c = {.lex = lex, .origin = name, .line = 1, .includer = includer};
	lex->bytes += file->count;
	c.at = text_keep(lex, file->text);
	c.end = c.at + file->count;
	c.device = file->device;
	c.inode = file->inode;
	/* editors of other systems write a byte order mark; libconfig takes it for an error */
	if (file->count >= 3 && memcmp(c.at, "\xef\xbb\xbf", 3) == 0)
		c.at += 3;
	lex_bytes(&c);
}

void
lex_file(struct lex *lex, const char *name)
{
	struct slurp file;
	const char *why = slurp_file(&file, name, true, LEX_MAX_BYTES - lex->bytes);
	const char *kept = text_keep(lex, must_copy(name));
	if (why == NULL) {
		lex_opened(lex, kept, &file, NULL);
		return;
	}
	struct place place = complain_place(lex->complaints, kept, 0);
	complain(lex->complaints, &place, NULL,
	        "cannot be read: %s; name another file, or give --upstream ADDR#NAME and no file", why);
}

void
lex_text(struct lex *lex, const struct place *place, const char *text)
{
	struct cursor c = {.lex = lex, .place = place, .origin = place->origin};
	c.at = text_keep(lex, must_copy(text));
	c.end = c.at + strlen(c.at);
	lex_bytes(&c);
}

/* "extra.conf" in /etc/dotward/dotward.conf is /etc/dotward/extra.conf. */
static char *
include_name(const char *origin, const char *name, size_t length)
{
	const char *slash = strrchr(origin, '/');
	size_t folder = slash && name[0] != '/' ? (size_t)(slash + 1 - origin) : 0;
	char *path = must_alloc(folder + length + 1, 1);
	memcpy(path, origin, folder);
	memcpy(path + folder, name, length);
	return path;
}

static const char *
why_not_include(const struct cursor *c, const struct slurp *file)
{
	unsigned depth = 0;
	for (; c != NULL; c = c->includer, depth++)
		if (c->device == file->device && c->inode == file->inode)
			return "it is being read already; a file cannot include itself";
	return depth > LEX_MAX_INCLUDES ? "includes are nested too deep" : NULL;
}

static void
include_open(struct cursor *c, const char *name)
{
	struct slurp file;
	const char *why = slurp_file(&file, name, false, LEX_MAX_BYTES - c->lex->bytes);
	if (why == NULL && (why = why_not_include(c, &file)) != NULL)
		free(file.text);
	if (why == NULL)
		lex_opened(c->lex, name, &file, c);
	else
		lex_complain(c, 0, "cannot include \"%s\": %s", name, why);
}

static void
lex_include(struct cursor *c)
{
	const char *quote = c->at + strlen("@include");
	while (quote < c->end && (*quote == ' ' || *quote == '\t'))
		quote++;
	const char *line_end = memchr(c->at, '\n', (size_t)(c->end - c->at));
	line_end = line_end ? line_end : c->end;
	const char *close =
	        quote + 1 < line_end ? memchr(quote + 1, '"', (size_t)(line_end - quote - 1)) : NULL;
	if (close == NULL || *quote != '"' || close == quote + 1) {
		lex_complain(c, (size_t)(line_end - c->at), "write @include \"FILE\"");
		c->at = line_end;
		return;
	}
	char *name = include_name(c->origin, quote + 1, (size_t)(close - quote - 1));
	include_open(c, text_keep(c->lex, name));
	c->at = close + 1;
}

void
lex_free(struct lex *lex)
{
	for (size_t i = 0; i < lex->text_count; i++)
		free(lex->texts[i]);
	free(lex->texts);
	free(lex->tokens);
	*lex = (struct lex){0};
}

bool
lex_is_mark(const struct lex_token *token, char mark)
{
	return token->kind == LEX_MARK && *token->start == mark;
}

bool
lex_is_word(const struct lex_token *token, const char *word)
{
	return token->kind == LEX_WORD && token->length == strlen(word) &&
	       strncasecmp(token->start, word, token->length) == 0;
}

char *
lex_rewrite(const struct lex *lex, size_t **line_tokens, size_t *line_count)
{
	char *text = NULL;
	size_t bytes = 0, line = 1;
	FILE *out = open_memstream(&text, &bytes);
	must(out != NULL);
	size_t *tokens = must_alloc(lex->count + 2, sizeof *tokens);
	for (size_t i = 0; i < lex->count; i++) {
		const struct lex_token *t = &lex->tokens[i];
		/* libconfig notes the line only after it has looked one token ahead, so what ends a value
		 * shares its line */
		bool joins = t->kind == LEX_MARK && strchr("=:;,}])", *t->start) != NULL;
		if (!joins)
			tokens[++line] = i;
		bool widen = t->kind == LEX_NUMBER && t->start[t->length - 1] != 'L';
		fprintf(out, "%s%.*s%s", joins ? " " : "\n", (int)t->length, t->start, widen ? "L" : "");
	}
	must(fclose(out) == 0);
	*line_tokens = tokens;
	*line_count = line + 1;
	return text;
}
