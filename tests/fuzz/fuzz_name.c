/*
 * Any text as a domain name: what is read is a sound name, its text reads back the same, and nothing is
 * written behind it.
 */
#include "base/must.h"
#include "dns/name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* both of exactly the size they may have, so that a sanitizer sees one byte more */
	char *text = calloc(1, size + 1);
	uint8_t *name = malloc(NAME_BYTES), again[NAME_BYTES];
	char printed[NAME_TEXT_BYTES];

	if (size > 0)
		memcpy(text, data, size);
	size_t bytes = name_from_text(text, name);
	must(bytes <= NAME_BYTES);
	if (bytes > 0) {
		must(name_plain_bytes(name, bytes, 0) == bytes);
		must(name_from_text(name_text(name, bytes, printed), again) == bytes);
		must(memcmp(name, again, bytes) == 0);
	}
	free(text);
	free(name);
	return 0;
}
