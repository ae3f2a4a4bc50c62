/*
 * Writes the part of dotward.conf(5) that is about single keys, in mdoc, from the table that the parser reads
 * by. A program of the build: it is run on the machine that builds, and what it wrote is in the release
 * archive, so that nobody who builds for another machine needs to run it.
 *
 * Keys outside all groups come first, then each group and each list with what is in it, as in the table.
 */
#include "config/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { REFERENCE_BYTES = 1024 };

/* Bytes that roff would take for something else. */
static void
put_byte(char byte)
{
	switch (byte) {
	case '\\':
		fputs("\\e", stdout);
		break;
	case '-':
		fputs("\\-", stdout);
		break;
	case '~':
		fputs("\\(ti", stdout);
		break;
	case '^':
		fputs("\\(ha", stdout);
		break;
	case '`':
		fputs("\\(ga", stdout);
		break;
	default:
		putchar(byte);
	}
}

/* A sentence ends where the next one begins with a capital or a quote, behind a word: not in "30 s. " nor
 * "2.5". */
static bool
ends_sentence(const char *text, size_t at)
{
	return at > 1 && text[at] == '.' && text[at + 1] == ' ' &&
	       (isupper((unsigned char)text[at + 2]) || isdigit((unsigned char)text[at + 2]) ||
	               text[at + 2] == '"');
}

/* Whether the word at `text` is a name that must not be torn apart: forward.timeout_ms, "ADDRESS@PORT". */
static bool
is_name(const char *text)
{
	return strcspn(text, "_@#[]/\"") < strcspn(text, " ");
}

/* Filled text, a sentence a line, as mdoc wants it. Line feeds of the table are blanks here. */
static void
put_text(const char *help)
{
	char text[REFERENCE_BYTES * 2];
	bool fresh = true;
	snprintf(text, sizeof text, "%s", help);
	for (char *at = text; (at = strchr(at, '\n')) != NULL;)
		*at = ' ';
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (fresh && (text[i] == '.' || text[i] == '\''))
			fputs("\\&", stdout);
		if ((fresh || text[i - 1] == ' ') && is_name(text + i))
			fputs("\\%", stdout);
		fresh = false;
		put_byte(text[i]);
		if (ends_sentence(text, i)) {
			putchar('\n');
			fresh = true;
			i++;
		}
	}
	putchar('\n');
}

static bool
is_simple(const struct key *key)
{
	return key->type != KEY_GROUP && key->type != KEY_LIST;
}

static bool
is_outermost(const struct key *key)
{
	return strpbrk(key->path, ".[") == NULL;
}

/* What stands between the "=" and the ";": "a whole number, 1 to 16". */
static void
put_expected(const struct key *key)
{
	char expected[REFERENCE_BYTES];
	keys_expected(key, expected, sizeof expected);
	if (key->type == KEY_ITEM)
		snprintf(expected, sizeof expected, "%s in double quotes", key->item->what);
	if (key->type == KEY_ITEMS)
		snprintf(expected, sizeof expected, "an array of texts, each %s", key->item->what);
	*expected = (char)toupper((unsigned char)*expected);
	strncat(expected, ".", sizeof expected - strlen(expected) - 1);
	put_text(expected);
}

static void
put_default(const struct key *key)
{
	char fallback[REFERENCE_BYTES];
	keys_default(key, fallback, sizeof fallback);
	if (key->needed && key->instead != NULL)
		printf("Needed, unless\n.Ic %s\nis given.\n", key->instead);
	else if (key->needed)
		puts("Needed.");
	else if (*fallback != '\0') {
		fputs("Default: ", stdout);
		for (const char *at = fallback; *at != '\0'; at++)
			put_byte(*at);
		puts(".");
	}
	if (key->together != NULL)
		printf("Goes with\n.Ic %s .\n", key->together);
	if (key->example != NULL) {
		fputs("Example: ", stdout);
		for (const char *at = key->example; *at != '\0'; at++)
			put_byte(*at);
		puts(".");
	}
}

static void
put_key(const struct key *key)
{
	printf(".It Ic %s\n", key->path);
	put_text(key->help);
	if (is_simple(key)) {
		puts(".br");
		put_expected(key);
		put_default(key);
	} else {
		puts(key->type == KEY_LIST ? "A list of groups." : "A group.");
	}
}

static void
open_list(void)
{
	puts(".Bl -tag -width Ds");
}

static void
put_outermost(void)
{
	puts(".Ss Keys outside all groups");
	open_list();
	for (size_t i = 0; i < keys_count; i++)
		if (is_outermost(&keys[i]) && is_simple(&keys[i]))
			put_key(&keys[i]);
	puts(".El");
}

/* Whether the key lies in this group or list, at any depth. */
static bool
is_inside(const struct key *key, const struct key *group)
{
	size_t bytes = strlen(group->path);
	return strncmp(key->path, group->path, bytes) == 0 &&
	       (key->path[bytes] == '.' || key->path[bytes] == '[');
}

static void
put_group(const struct key *group)
{
	printf(".Ss %s\n", group->path);
	put_text(group->help);
	puts(group->type == KEY_LIST ? "A list of groups:" : "A group:");
	printf(group->type == KEY_LIST ? ".Dl %s = \\&( { ... }, { ... } );\n" : ".Dl %s: { ... };\n",
	        group->path);
	open_list();
	for (size_t i = 0; i < keys_count; i++)
		if (is_inside(&keys[i], group))
			put_key(&keys[i]);
	puts(".El");
}

int
main(void)
{
	puts(".\\\" Written by man/reference.c from src/config/keys.c: change it there.");
	put_outermost();
	for (size_t i = 0; i < keys_count; i++)
		if (is_outermost(&keys[i]) && !is_simple(&keys[i]))
			put_group(&keys[i]);
	return ferror(stdout) || fflush(stdout) != 0;
}
