/*
 * One pass from left to right. A pair is a word that begins with a key and "="; its value ends with the word,
 * or, if it begins with a quote, with the next quote that ends a word. The mark that a sentence puts behind a
 * value ("pid=812: it is killed") is not the value's.
 */
#include "base/logline.h"

#include "base/must.h"

#include <string.h>

static bool
is_key_byte(char byte, bool first)
{
	return (byte >= 'a' && byte <= 'z') || (!first && ((byte >= '0' && byte <= '9') || byte == '_'));
}

/* Bytes of the key that `text` begins with; 0: it is no pair. */
static size_t
key_bytes(const char *text)
{
	size_t bytes = 0;
	while (is_key_byte(text[bytes], bytes == 0))
		bytes++;
	return text[bytes] == '=' ? bytes : 0;
}

static bool
ends_word(const char *at)
{
	return *at == ' ' || *at == '\0';
}

static bool
is_mark(char byte)
{
	return byte == ':' || byte == ',' || byte == ';';
}

/* The quote that closes what begins at `text`; NULL: there is none. */
static const char *
closing_quote(const char *text)
{
	for (const char *at = strchr(text, '"'); at != NULL; at = strchr(at + 1, '"'))
		if (ends_word(at + 1) || (is_mark(at[1]) && ends_word(at + 2)))
			return at;
	return NULL;
}

static const char *
word_end(const char *text)
{
	return text + strcspn(text, " ");
}

/* An IPv6 address may end with "::". */
static size_t
without_mark(const char *text, size_t bytes)
{
	bool mark = bytes > 1 && is_mark(text[bytes - 1]) && !is_mark(text[bytes - 2]);
	return mark ? bytes - 1 : bytes;
}

/* Names that every line has, whatever it says. */
static bool
is_reserved(const struct logline_run *key)
{
	static const char *const words[] = {"time", "level", "role", "event", "detail", "cut"};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (logline_is(key, words[i]))
			return true;
	return false;
}

static bool
is_taken(const struct logline *line, const struct logline_run *key)
{
	for (unsigned i = 0; i < line->pair_count; i++)
		if (line->pairs[i].key.bytes == key->bytes &&
		        memcmp(line->pairs[i].key.text, key->text, key->bytes) == 0)
			return true;
	return false;
}

/* Where the pair at `text` ends; NULL: it is none, or one too many. */
static const char *
take_pair(struct logline *line, const char *text)
{
	struct logline_pair pair = {.key = {text, key_bytes(text)}};
	if (pair.key.bytes == 0 || line->pair_count == LOGLINE_PAIRS || is_reserved(&pair.key) ||
	        is_taken(line, &pair.key))
		return NULL;
	const char *value = text + pair.key.bytes + 1, *quote = NULL, *end = word_end(value);
	if (*value == '"') {
		quote = closing_quote(value + 1);
		if (quote == NULL)
			return NULL;
		end = word_end(quote);
	}
	pair.quoted = quote != NULL;
	pair.value.text = value + pair.quoted;
	pair.value.bytes =
	        pair.quoted ? (size_t)(quote - pair.value.text) : without_mark(value, (size_t)(end - value));
	line->pairs[line->pair_count++] = pair;
	return end;
}

/* A word joins the run before it if nothing is between them; when there is no room for another run, with all
 * that is. */
static void
take_word(struct logline *line, const char *word, const char *end, bool joins)
{
	if (line->run_count == LOGLINE_RUNS || (joins && line->run_count > 0)) {
		struct logline_run *last = &line->runs[line->run_count - 1];
		last->bytes = (size_t)(end - last->text);
	} else {
		line->runs[line->run_count++] = (struct logline_run){word, (size_t)(end - word)};
	}
}

void
logline_split(struct logline *line, const char *text)
{
	bool joins = false;
	line->pair_count = line->run_count = 0;
	while (*(text += strspn(text, " ")) != '\0') {
		const char *end = take_pair(line, text);
		if (end == NULL) {
			end = word_end(text);
			take_word(line, text, end, joins);
			joins = true;
		} else {
			joins = false;
		}
		text = end;
	}
}

bool
logline_is(const struct logline_run *run, const char *word)
{
	return strlen(word) == run->bytes && memcmp(run->text, word, run->bytes) == 0;
}

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* The byte that is escaped here, or -1. */
static int
escaped(const char *at, const char *end)
{
	if (end - at < 4 || at[0] != '\\' || !is_digit(at[1]) || !is_digit(at[2]) || !is_digit(at[3]))
		return -1;
	int number = (at[1] - '0') * 100 + (at[2] - '0') * 10 + (at[3] - '0');
	return number <= 255 ? number : -1;
}

size_t
logline_value(const struct logline_pair *pair, char *out, size_t room)
{
	size_t used = 0;
	const char *at = pair->value.text, *end = at + pair->value.bytes;
	must(room > 0);
	while (at < end && used + 1 < room) {
		int byte = pair->quoted ? escaped(at, end) : -1;
		out[used++] = byte >= 0 ? (char)byte : *at;
		at += byte >= 0 ? 4 : 1;
	}
	out[used] = '\0';
	return used;
}

static bool
is_text_by_nature(const struct logline_run *key)
{
	static const char *const words[] = {"name", "client", "upstream", "address", "addresses", "host",
	        "list", "listen", "file", "binary", "group", "type", "identity"};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (logline_is(key, words[i]))
			return true;
	return false;
}

/* Bytes of the number that JSON would take (no leading zeros, no exponent); 0: none. So many digits are not
 * rounded by a reader that has doubles only. */
static size_t
number_bytes(const struct logline_run *value)
{
	enum { MOST_DIGITS = 15 };
	size_t at = value->bytes > 0 && value->text[0] == '-', first = at;
	while (at < value->bytes && is_digit(value->text[at]))
		at++;
	if (at == first || at - first > MOST_DIGITS || (value->text[first] == '0' && at > first + 1))
		return 0;
	if (at + 1 < value->bytes && value->text[at] == '.' && is_digit(value->text[at + 1]))
		for (at++; at < value->bytes && is_digit(value->text[at]);)
			at++;
	return at;
}

enum logline_kind
logline_kind(const struct logline_pair *pair)
{
	size_t number = pair->quoted || is_text_by_nature(&pair->key) ? 0 : number_bytes(&pair->value);
	if (number == 0)
		return LOGLINE_TEXT;
	const struct logline_run unit = {pair->value.text + number, pair->value.bytes - number};
	return unit.bytes == 0           ? LOGLINE_NUMBER
	       : logline_is(&unit, "ms") ? LOGLINE_MS
	       : logline_is(&unit, "s")  ? LOGLINE_S
	                                 : LOGLINE_TEXT;
}
