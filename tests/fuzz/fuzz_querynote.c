/*
 * Any bytes as a worker's note: there is no line, or one that is whole, with nothing in it but what can be
 * printed. A worker in a bad way may leave anything, and whoever asks chooses the names. The first byte says
 * which form.
 */
#include "base/must.h"
#include "query/queryline.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
line_check(const char *line, size_t bytes, size_t stamp, bool json)
{
	must(bytes > 60 && bytes <= QUERYLINE_BYTES && line[bytes - 1] == '\n' && stamp < bytes);
	for (size_t i = 0; i + 1 < bytes; i++)
		must(line[i] >= ' ' && line[i] <= '~');
	if (json)
		must(stamp == 0 && line[0] == '{' && line[bytes - 2] == '}');
	else
		must(memcmp(line + stamp, "worker ", 7) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char target[] = "file:/dev/null", line[QUERYLINE_BYTES];
	static char name[] = "ads \"x\"";
	static struct config_list list = {.name = name};
	static const struct config_lists lists = {.block = &list, .block_count = 1};
	struct config config = {.log = {.queries_target = target}, .lists = lists};
	size_t stamp;
	if (size == 0)
		return 0;
	config.log.json = (data[0] & 1) != 0;
	config.log.anonymise = (data[0] & 2) != 0;
	struct queryline *form = queryline_new(&config);
	size_t bytes = queryline_write(form, data + 1, size - 1, line, &stamp);
	if (bytes > 0)
		line_check(line, bytes, stamp, config.log.json);
	queryline_free(form);
	return 0;
}
