/*
 * A writer that remembers only what must be closed and whether a comma is due.
 */
#include "base/json.h"

#include "base/must.h"

#include <string.h>

size_t
json_utf8_bytes(const char *begin)
{
	const unsigned char *text = (const unsigned char *)begin;
	static const struct {
		unsigned char first, last, second_from, second_to, bytes;
	} forms[] = {
	        {0x01, 0x7f, 0, 0, 1},
	        {0xc2, 0xdf, 0x80, 0xbf, 2},
	        {0xe0, 0xe0, 0xa0, 0xbf, 3},
	        {0xe1, 0xec, 0x80, 0xbf, 3},
	        {0xed, 0xed, 0x80, 0x9f, 3},
	        {0xee, 0xef, 0x80, 0xbf, 3},
	        {0xf0, 0xf0, 0x90, 0xbf, 4},
	        {0xf1, 0xf3, 0x80, 0xbf, 4},
	        {0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		if (forms[i].bytes > 1 && (text[1] < forms[i].second_from || text[1] > forms[i].second_to))
			return 0;
		for (size_t at = 2; at < forms[i].bytes; at++)
			if ((text[at] & 0xc0) != 0x80)
				return 0;
		return forms[i].bytes;
	}
	return 0;
}

static void
put_quoted(FILE *out, const char *text)
{
	static const char named[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const unsigned char *at = (const unsigned char *)text;
	putc('"', out);
	while (*at != '\0') {
		size_t bytes = json_utf8_bytes((const char *)at);
		const char *name = strchr(named, *at);
		if (name != NULL)
			fprintf(out, "\\%c", letters[name - named]);
		else if (*at < 0x20 || *at == 0x7f)
			fprintf(out, "\\u%04x", *at);
		else if (bytes == 0)
			fputs("\\ufffd", out);
		else
			fwrite(at, 1, bytes, out);
		at += bytes > 0 ? bytes : 1;
	}
	putc('"', out);
}

static void
begin(struct json *j, const char *key)
{
	if (j->follows[j->depth])
		putc(',', j->out);
	j->follows[j->depth] = true;
	must((key != NULL) == (j->depth > 0 && j->closers[j->depth - 1] == '}'));
	if (key == NULL)
		return;
	put_quoted(j->out, key);
	putc(':', j->out);
}

static void
begin_nest(struct json *j, const char *key, char opener, char closer)
{
	begin(j, key);
	must(j->depth < JSON_MOST_DEPTH);
	putc(opener, j->out);
	j->closers[j->depth++] = closer;
	j->follows[j->depth] = false;
}

void
json_object(struct json *j, const char *key)
{
	begin_nest(j, key, '{', '}');
}

void
json_array(struct json *j, const char *key)
{
	begin_nest(j, key, '[', ']');
}

void
json_end(struct json *j)
{
	must(j->depth > 0);
	putc(j->closers[--j->depth], j->out);
	if (j->depth == 0)
		putc('\n', j->out);
}

void
json_text(struct json *j, const char *key, const char *text)
{
	begin(j, key);
	if (text == NULL)
		fputs("null", j->out);
	else
		put_quoted(j->out, text);
}

void
json_number(struct json *j, const char *key, uint64_t number)
{
	begin(j, key);
	fprintf(j->out, "%llu", (unsigned long long)number);
}

void
json_thousandths(struct json *j, const char *key, uint64_t thousandths)
{
	begin(j, key);
	fprintf(j->out, "%llu.%03llu", (unsigned long long)(thousandths / 1000),
	        (unsigned long long)(thousandths % 1000));
}

void
json_millionths(struct json *j, const char *key, uint64_t millionths)
{
	begin(j, key);
	fprintf(j->out, "%llu.%06llu", (unsigned long long)(millionths / 1000000),
	        (unsigned long long)(millionths % 1000000));
}

void
json_bool(struct json *j, const char *key, bool value)
{
	begin(j, key);
	fputs(value ? "true" : "false", j->out);
}

void
json_null(struct json *j, const char *key)
{
	json_text(j, key, NULL);
}
