/*
 * Recursive descent over the tokens, one function per rule of the grammar:
 *
 *	settings  =  { name ( "=" | ":" ) value [ ";" | "," ] }
 *	value     =  scalar | "[" scalar, ... "]" | "(" value, ... ")" | "{" settings "}"
 *
 * A slip that leaves the structure clear (a bare word, a comma too many or too few, a name given twice) is
 *complained about and read as what was meant; after any other the rest would only be echoes, and reading
 *stops.
 */
#include "config/syntax.h"

#include "base/must.h"
#include "config/items.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct syntax {
	const struct lex *lex;
	size_t at;
	unsigned depth;
	const struct lex_token **names; /* of all groups that are open, the innermost last */
	size_t name_count, name_room;
	bool sound; /* no complaint yet */
};

static bool take_value(struct syntax *s);

static const struct lex_token *
peek(const struct syntax *s)
{
	return s->at < s->lex->count ? &s->lex->tokens[s->at] : NULL;
}

static bool
peek_mark(const struct syntax *s, char mark)
{
	return peek(s) != NULL && lex_is_mark(peek(s), mark);
}

static bool
take_mark(struct syntax *s, char mark)
{
	bool there = peek_mark(s, mark);
	s->at += there;
	return there;
}

__attribute__((format(printf, 3, 4))) static void
syntax_complain(struct syntax *s, const struct lex_token *token, const char *format, ...)
{
	char subject[LEX_SUBJECT_BYTES];
	struct why why;
	va_list args;
	s->sound = false;
	if (s->lex->torn != 0 && s->at + 1 >= s->lex->torn)
		return;
	va_start(args, format);
	vsnprintf(why.text, sizeof why.text, format, args);
	va_end(args);
	lex_subject(s->lex, (size_t)(token - s->lex->tokens), token->start, token->length, subject);
	complain(s->lex->complaints, &token->place, subject, "%s", why.text);
}

/* Complains that the token at hand is none that may stand here; the caller gives up. */
static bool
lost(struct syntax *s, const char *expected)
{
	if (peek(s) != NULL)
		syntax_complain(s, peek(s), "%s expected here", expected);
	else if (s->lex->count > 0)
		syntax_complain(s, &s->lex->tokens[s->lex->count - 1],
		        "the text ends behind this; %s expected", expected);
	s->sound = false;
	return false;
}

static void
complain_bare_word(struct syntax *s, const struct lex_token *word)
{
	static const char *const yes_or_no[] = {"yes", "no", "on", "off"};
	for (size_t i = 0; i < sizeof yes_or_no / sizeof *yes_or_no; i++)
		if (lex_is_word(word, yes_or_no[i])) {
			syntax_complain(s, word, "write %s", i % 2 ? "false" : "true");
			return;
		}
	syntax_complain(
	        s, word, "a text is written in double quotes: \"%.*s\"", (int)word->length, word->start);
}

static bool
take_strings(struct syntax *s, bool in_array)
{
	s->at++;
	while (peek(s) != NULL && peek(s)->kind == LEX_STRING) {
		if (in_array)
			syntax_complain(s, peek(s), "a comma is missing before this");
		s->at++;
	}
	return true;
}

static bool
take_scalar(struct syntax *s, bool in_array)
{
	const struct lex_token *t = peek(s);
	if (t == NULL || t->kind == LEX_MARK)
		return lost(s, "a value");
	if (t->kind == LEX_STRING)
		return take_strings(s, in_array);
	if (t->kind == LEX_WORD && !lex_is_word(t, "true") && !lex_is_word(t, "false"))
		complain_bare_word(s, t);
	s->at++;
	return true;
}

static bool
deeper(struct syntax *s)
{
	if (++s->depth <= SYNTAX_MAX_DEPTH)
		return true;
	syntax_complain(s, peek(s), "nested too deep");
	return false;
}

/* The end of what `open` began. */
static bool
take_close(struct syntax *s, const struct lex_token *open, char mark)
{
	s->depth--;
	if (take_mark(s, mark))
		return true;
	char why[80];
	snprintf(why, sizeof why,
	        open->place.line ? "\"%c\", to close the \"%c\" of line %u," : "\"%c\", to close the \"%c\",",
	        mark, *open->start, open->place.line);
	return lost(s, why);
}

static bool
at_close(const struct syntax *s)
{
	return peek_mark(s, ']') || peek_mark(s, ')') || peek_mark(s, '}');
}

/* After an element: true when another follows. */
static bool
another(struct syntax *s)
{
	const struct lex_token *comma = peek(s);
	if (take_mark(s, ',')) {
		if (!at_close(s))
			return true;
		syntax_complain(s, comma, "no comma behind the last element");
		return false;
	}
	const struct lex_token *next = peek(s);
	bool begins = next != NULL && (next->kind != LEX_MARK || strchr("{([", *next->start) != NULL);
	if (begins)
		syntax_complain(s, next, "a comma is missing before this");
	return begins;
}

enum array_of { OF_TEXT, OF_NUMBERS, OF_FLOATS, OF_BOOLEANS };

static enum array_of
kind_of(const struct lex_token *t)
{
	return t->kind == LEX_STRING   ? OF_TEXT
	       : t->kind == LEX_NUMBER ? OF_NUMBERS
	       : t->kind == LEX_FLOAT  ? OF_FLOATS
	                               : OF_BOOLEANS;
}

static bool
take_array(struct syntax *s)
{
	const struct lex_token *open = peek(s), *first = NULL;
	if (!deeper(s))
		return false;
	s->at++;
	if (!at_close(s)) {
		do {
			const struct lex_token *element = peek(s);
			if (element != NULL && element->kind == LEX_MARK && strchr("{([", *element->start)) {
				syntax_complain(s, element,
				        "[ ] holds plain values only; lists of others are written ( )");
				return false;
			}
			if (!take_scalar(s, true))
				return false;
			first = first ? first : element;
			if (kind_of(element) != kind_of(first) && element->kind != LEX_WORD)
				syntax_complain(s, element, "all elements of [ ] must be of one kind");
		} while (another(s));
	}
	return take_close(s, open, ']');
}

static bool
take_list(struct syntax *s)
{
	const struct lex_token *open = peek(s);
	if (!deeper(s))
		return false;
	s->at++;
	if (!at_close(s)) {
		do {
			if (!take_value(s))
				return false;
		} while (another(s));
	}
	return take_close(s, open, ')');
}

static bool
same_name(const struct lex_token *a, const struct lex_token *b)
{
	return a->length == b->length && memcmp(a->start, b->start, a->length) == 0;
}

static void
check_name(struct syntax *s, const struct lex_token *name)
{
	const char *dot = memchr(name->start, '.', name->length);
	if (dot != NULL)
		syntax_complain(s, name, "no dots in a name; write %.*s: { %.*s = ...; };",
		        (int)(dot - name->start), name->start,
		        (int)(name->length - (size_t)(dot + 1 - name->start)), dot + 1);
	else if (*name->start == '_')
		syntax_complain(s, name, "no name begins so");
}

static void
complain_twice(struct syntax *s, const struct lex_token *name, const struct place *first)
{
	if (first->line == 0)
		syntax_complain(s, name, "given twice");
	else if (first->origin == name->place.origin)
		syntax_complain(s, name, "given twice, first in line %u; leave one out", first->line);
	else
		syntax_complain(
		        s, name, "given twice, first in %s:%u; leave one out", first->origin, first->line);
}

/* Notes the name; `base` is where those of its group begin. */
static void
note_name(struct syntax *s, const struct lex_token *name, size_t base)
{
	check_name(s, name);
	for (size_t i = base; i < s->name_count; i++)
		if (same_name(s->names[i], name)) {
			complain_twice(s, name, &s->names[i]->place);
			return;
		}
	if (s->name_count == s->name_room) {
		s->name_room = s->name_room ? s->name_room * 2 : 64;
		s->names = reallocarray(s->names, s->name_room, sizeof *s->names);
		must(s->names != NULL);
	}
	s->names[s->name_count++] = name;
}

static void
take_end_of_setting(struct syntax *s)
{
	if (!take_mark(s, ';'))
		take_mark(s, ',');
}

/* A name without = is followed by its value, or the value was forgotten. */
static bool
take_unassigned(struct syntax *s, const struct lex_token *name)
{
	const struct lex_token *next = peek(s);
	bool group = peek_mark(s, '{'),
	     value = next != NULL && next->kind != LEX_MARK && next->kind != LEX_WORD;
	syntax_complain(s, name, group ? "write %.*s: {" : "no value; write %.*s = VALUE;", (int)name->length,
	        name->start);
	if ((group || value) && !take_value(s))
		return false;
	take_end_of_setting(s);
	return true;
}

static bool
take_setting(struct syntax *s, size_t base)
{
	const struct lex_token *name = peek(s);
	if (name->kind != LEX_WORD)
		return lost(s, s->depth ? "a name or the closing \"}\"" : "a name");
	note_name(s, name, base);
	s->at++;
	if (!take_mark(s, '=') && !take_mark(s, ':'))
		return take_unassigned(s, name);
	if (peek_mark(s, ';') || peek_mark(s, '}'))
		syntax_complain(s, name, "no value; write %.*s = VALUE;", (int)name->length, name->start);
	else if (!take_value(s))
		return false;
	take_end_of_setting(s);
	return true;
}

static bool
take_settings(struct syntax *s)
{
	size_t base = s->name_count;
	bool well = true;
	while (well && peek(s) != NULL && !at_close(s))
		well = take_setting(s, base);
	s->name_count = base;
	return well;
}

static bool
take_group(struct syntax *s)
{
	const struct lex_token *open = peek(s);
	if (!deeper(s))
		return false;
	s->at++;
	return take_settings(s) && take_close(s, open, '}');
}

static bool
take_value(struct syntax *s)
{
	if (peek_mark(s, '['))
		return take_array(s);
	if (peek_mark(s, '('))
		return take_list(s);
	if (peek_mark(s, '{'))
		return take_group(s);
	return take_scalar(s, false);
}

static bool
finish(struct syntax *s, const char *expected)
{
	if (at_close(s))
		syntax_complain(s, peek(s), "closes nothing that is open");
	else if (peek(s) != NULL)
		lost(s, expected);
	free(s->names);
	return s->sound;
}

bool
syntax_check(const struct lex *lex)
{
	struct syntax s = {.lex = lex, .sound = true};
	if (take_settings(&s))
		return finish(&s, "a name");
	free(s.names);
	return false;
}

bool
syntax_check_value(const struct lex *lex)
{
	struct syntax s = {.lex = lex, .sound = true};
	if (lex->count > 0 && take_value(&s))
		return finish(&s, "the end of the value");
	free(s.names);
	return false;
}
