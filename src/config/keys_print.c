/*
 * The table of keys as lines, for whoever completes command lines or writes configurations by program.
 */
#include "config/keys.h"

static const char *
kind(const struct key *key)
{
	static const char *const kinds[] = {
	        [KEY_GROUP] = "group",
	        [KEY_LIST] = "list",
	        [KEY_NUMBER] = "number",
	        [KEY_PORT] = "number",
	        [KEY_BOOL] = "boolean",
	        [KEY_WORD] = "word",
	        [KEY_FLAGS] = "words",
	        [KEY_TEXT] = "text",
	        [KEY_ITEM] = "text",
	        [KEY_ITEMS] = "texts",
	};
	return kinds[key->type];
}

static void
print_values(const struct key *key, FILE *out)
{
	if (key->type == KEY_BOOL)
		fputs("true false", out);
	for (size_t i = 0; key->words != NULL && key->words[i] != NULL; i++)
		fprintf(out, "%s%s", i > 0 ? " " : "", key->words[i]);
}

void
keys_print(FILE *out)
{
	char fallback[256];
	for (size_t i = 0; i < keys_count; i++) {
		fprintf(out, "%s\t%s\t", keys[i].path, kind(&keys[i]));
		print_values(&keys[i], out);
		fprintf(out, "\t%s\n", keys_default(&keys[i], fallback, sizeof fallback));
	}
}
