/*
 * Line by line, word by word. A line is looked through before anything is said of it, so that a wrong one is
 * skipped as a whole.
 */
#include "config/hosts_file.h"

#include "dns/name.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_BYTES = 256 };

struct line {
	const char *at, *end;
	unsigned long number;
};

/* The next word of the line, its length in *bytes. NULL: none. */
static const char *
next_word(struct line *line, size_t *bytes)
{
	while (line->at < line->end && isspace((unsigned char)*line->at))
		line->at++;
	const char *word = line->at;
	while (line->at < line->end && !isspace((unsigned char)*line->at))
		line->at++;
	*bytes = (size_t)(line->at - word);
	return *bytes > 0 ? word : NULL;
}

/* NULL, or why it is none. */
static const char *
read_address(const char *word, size_t bytes, struct hosts_entry *out)
{
	char text[INET6_ADDRSTRLEN + 1];
	if (memchr(word, '%', bytes) != NULL)
		return "an address that is good on one interface only cannot be an answer";
	if (bytes >= sizeof text || memchr(word, '\0', bytes) != NULL)
		return "no address at its beginning";
	memcpy(text, word, bytes);
	text[bytes] = '\0';
	if (inet_pton(AF_INET, text, out->address) == 1)
		out->address_bytes = 4;
	else if (inet_pton(AF_INET6, text, out->address) == 1)
		out->address_bytes = 16;
	else
		return "no address at its beginning";
	return NULL;
}

static const char *
read_name(const char *word, size_t bytes, uint8_t name[NAME_BYTES], size_t *name_bytes)
{
	char text[WORD_BYTES];
	if (bytes >= sizeof text)
		return "a name that is too long";
	for (size_t i = 0; i < bytes; i++) {
		if ((unsigned char)word[i] >= 0x80)
			return "a name that is not in its ASCII form (xn--...)";
		if (!isalnum((unsigned char)word[i]) && strchr("-_.", word[i]) == NULL)
			return "a name with other characters than letters, digits, hyphens and dots";
		if (word[i] == '\0')
			return "a name with a null byte in it";
	}
	memcpy(text, word, bytes);
	text[bytes] = '\0';
	*name_bytes = name_from_text(text, name);
	return *name_bytes > 1 ? NULL : "a name that is none";
}

/* NULL: it is in order. *names is how many it has. */
static const char *
check_line(struct line line, struct hosts_entry *entry, size_t *names)
{
	uint8_t name[NAME_BYTES];
	size_t bytes, name_bytes;
	const char *word = next_word(&line, &bytes);
	const char *why = word != NULL ? read_address(word, bytes, entry) : NULL;
	*names = 0;
	if (word == NULL)
		return NULL;
	while (why == NULL && (word = next_word(&line, &bytes)) != NULL) {
		why = read_name(word, bytes, name, &name_bytes);
		++*names;
	}
	return why == NULL && *names == 0 ? "no name behind the address" : why;
}

static void
tell_line(struct line line, struct hosts_entry *entry, hosts_entry_fn *tell, void *arg)
{
	uint8_t name[NAME_BYTES];
	size_t bytes;
	const char *word = next_word(&line, &bytes); /* the address */
	entry->name = name;
	entry->line = line.number;
	while ((word = next_word(&line, &bytes)) != NULL)
		if (read_name(word, bytes, name, &entry->name_bytes) == NULL)
			tell(arg, entry);
}

void
hosts_file_parse(const char *text, size_t bytes, hosts_entry_fn *entry, hosts_error_fn *error, void *arg)
{
	const char *at = text, *end = text + bytes;
	for (unsigned long number = 1; at < end; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline != NULL ? newline : end;
		const char *comment = memchr(at, '#', (size_t)(line_end - at));
		struct line line = {at, comment != NULL ? comment : line_end, number};
		struct hosts_entry one;
		size_t names;
		const char *why = check_line(line, &one, &names);
		if (why != NULL && error != NULL)
			error(arg, number, why);
		else if (why == NULL && names > 0)
			tell_line(line, &one, entry, arg);
		at = line_end + (newline != NULL);
	}
}
