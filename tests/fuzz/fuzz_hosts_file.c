/*
 * Any text as a hosts file: each line is told of or refused, never both, and what is told are addresses and
 * sound names.
 */
#include "base/must.h"
#include "config/hosts_file.h"
#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	unsigned long lines, last_told, last_refused;
};

static void
look_at_entry(void *arg, const struct hosts_entry *entry)
{
	struct seen *seen = arg;
	must(entry->line >= seen->last_told && entry->line > seen->last_refused &&
	        entry->line <= seen->lines);
	must(entry->address_bytes == 4 || entry->address_bytes == 16);
	must(entry->name_bytes > 1 &&
	        name_plain_bytes(entry->name, entry->name_bytes, 0) == entry->name_bytes);
	seen->last_told = entry->line;
}

static void
look_at_error(void *arg, unsigned long line, const char *why)
{
	struct seen *seen = arg;
	must(line > seen->last_told && line > seen->last_refused && line <= seen->lines && why[0] != '\0');
	seen->last_refused = line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of exactly its size, so that a sanitizer sees one byte more */
	char *text = malloc(size > 0 ? size : 1);
	struct seen seen = {.lines = 1};
	if (size > 0)
		memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
		seen.lines += data[i] == '\n';
	hosts_file_parse(text, size, look_at_entry, look_at_error, &seen);
	free(text);
	return 0;
}
