/*
 * Any text as a zone: what comes out are records with sound names and no more bytes than a record has, and no
 * file is opened.
 */
#include "base/must.h"
#include "dns/name.h"
#include "dns/zone.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
look_at_record(void *arg, const struct zone_record *record)
{
	size_t *lines = arg;
	must(record->owner_bytes > 0 && record->owner_bytes <= NAME_BYTES);
	must(name_plain_bytes(record->owner, record->owner_bytes, 0) == record->owner_bytes);
	must(record->rdata_bytes <= UINT16_MAX);
	must(record->line <= *lines);
	/* for a sanitizer: all of it is there */
	unsigned sum = 0;
	for (size_t i = 0; i < record->rdata_bytes; i++)
		sum += record->rdata[i];
	must(sum <= 255u * record->rdata_bytes);
}

static void
look_at_error(void *arg, unsigned long line, const char *why)
{
	size_t *lines = arg;
	must(line <= *lines && why != NULL && why[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of exactly its size, so that a sanitizer sees one byte more */
	char *text = malloc(size > 0 ? size : 1);
	size_t lines = 1;
	if (size > 0)
		memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	/* the scanner ends the last line itself, and counts that */
	lines++;
	(void)!zone_parse(text, size, NULL, 300, look_at_record, look_at_error, &lines);
	(void)!zone_parse(text, size, "rpz.example.", 300, look_at_record, look_at_error, &lines);
	free(text);
	return 0;
}
