/*
 * Any text as a line of the log: as JSON it is one valid object on one line, in whatever room there is; as
 * fields of the journal, each ends where it says. Strangers' words come into lines.
 */
#include "base/json.h"
#include "base/logform.h"
#include "base/must.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
skip_string(const char *at)
{
	must(*at == '"');
	for (at++; *at != '"';) {
		size_t bytes = json_utf8_bytes(at);
		must(bytes > 0 && (unsigned char)*at >= 0x20);
		if (*at != '\\') {
			at += bytes;
		} else if (at[1] == 'u') {
			must(strspn(at + 2, "0123456789abcdefABCDEF") >= 4);
			at += 6;
		} else {
			must(at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL);
			at += 2;
		}
	}
	return at + 1;
}

static const char *
skip_number(const char *at)
{
	at += *at == '-';
	size_t digits = strspn(at, "0123456789");
	must(digits > 0 && (at[0] != '0' || digits == 1));
	at += digits;
	if (*at != '.')
		return at;
	digits = strspn(at + 1, "0123456789");
	must(digits > 0);
	return at + 1 + digits;
}

/* An object of strings, numbers and true. */
static void
object_check(const char *text, size_t bytes)
{
	const char *at = text;
	must(strlen(text) == bytes && *at == '{');
	do {
		at = skip_string(at + 1);
		must(*at++ == ':');
		at = *at == '"' ? skip_string(at) : strncmp(at, "true", 4) == 0 ? at + 4 : skip_number(at);
	} while (*at == ',');
	must(at[0] == '}' && at[1] == '\0');
}

static void
fields_check(const char *at, const char *end)
{
	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		must(line != NULL && line > at);
		if (memchr(at, '=', (size_t)(line - at)) == NULL) {
			uint64_t length = 0;
			must(end - line > 9);
			for (int i = 8; i >= 1; i--)
				length = length << 8 | (unsigned char)line[i];
			must(length < (uint64_t)(end - line - 9));
			line += 9 + length;
			must(*line == '\n');
		}
		at = line + 1;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[4000], out[4096], datagram[8192];
	size_t bytes = size < sizeof text ? size : sizeof text - 1;
	for (size_t i = 0; i < bytes; i++)
		text[i] = (char)(data[i] < ' ' || data[i] == 0x7f ? ' ' : data[i]);
	text[bytes] = '\0';
	const struct logform form = {.level = "info", .priority = 6, .role = "worker 1", .text = text};
	for (size_t room = 512; room <= sizeof out; room *= 2) {
		size_t used = logform_json(&form, out, room);
		must(used < room);
		object_check(out, used);
	}
	size_t used = logform_journal(&form, "m", datagram, sizeof datagram);
	must(used <= sizeof datagram);
	fields_check(datagram, datagram + used);
	return 0;
}
