/*
 * Lines, what they are counted as, and which format a text is in. What a line means is a matter of its
 * format, in a file of its own. Nothing is copied, but names with letters beyond ASCII.
 */
#include "query/list_read.h"

#include "dns/idn.h"
#include "query/list_inside.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum {
	LINE_BYTES = 64 * 1024, /* longer than any line that anybody wrote */
	VOTERS = 100,           /* lines that say which format it is */
	LABEL_BYTES = 63,
};

struct list_format_row {
	const char *name;
	list_line_fn *line; /* NULL: the text as a whole */
};

static const struct list_format_row formats[] = {
        [LIST_AUTO] = {"auto", NULL},
        [LIST_PLAIN] = {"plain", list_plain_line},
        [LIST_HOSTS] = {"hosts", list_hosts_line},
        [LIST_ADBLOCK] = {"adblock", list_adblock_line},
        [LIST_RPZ] = {"rpz", NULL},
};

const char *
list_format_name(enum list_format format)
{
	return formats[format].name;
}

/* --- Words ------------------------------------------------------------------------------------------------
 */
enum list_line
list_bad(struct list_reader *reader, const char *why)
{
	reader->why = why;
	return LIST_BAD;
}

void
list_say(struct list_reader *reader, const uint8_t *name, size_t bytes, enum lists_deed deed, unsigned scope)
{
	reader->taker->rule(reader->taker->arg,
	        &(const struct list_rule){.name = name, .bytes = bytes, .deed = deed, .scope = scope});
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(uint8_t c)
{
	uint8_t low = c | 0x20;
	return (low >= 'a' && low <= 'z') || is_digit(c) || c == '-' || c == '_';
}

static bool
has_beyond_ascii(struct list_text text)
{
	for (size_t i = 0; i < text.bytes; i++)
		if ((uint8_t)text.at[i] >= 0x80)
			return true;
	return false;
}

/* One label and its dot; how far it reaches in the text, or 0. */
static size_t
read_label(struct list_text text, uint8_t *out, bool *digits)
{
	size_t i = 0;
	*digits = true;
	for (; i < text.bytes && text.at[i] != '.'; i++) {
		uint8_t c = (uint8_t)text.at[i];
		if (i == LABEL_BYTES || !is_letter(c))
			return 0;
		*digits &= is_digit(c);
		out[1 + i] = c;
	}
	out[0] = (uint8_t)i;
	return i > 0 ? i + (i < text.bytes) : 0;
}

static size_t
read_ascii(struct list_text text, uint8_t *out)
{
	size_t used = 0;
	bool digits = true;
	while (text.bytes > 0) {
		uint8_t label[1 + LABEL_BYTES];
		size_t taken = read_label(text, label, &digits);
		if (taken == 0 || used + 1 + label[0] > NAME_BYTES - 1)
			return 0;
		memcpy(out + used, label, 1u + label[0]);
		used += 1u + label[0];
		text = list_behind(text, taken);
	}
	out[used] = 0;
	return digits ? 0 : used + 1;
}

/* What came of other letters must keep to the same rules. */
static bool
is_domain(const uint8_t *name)
{
	bool digits = true;
	for (; *name != 0; name += *name + 1u) {
		digits = true;
		for (unsigned i = 1; i <= *name; i++) {
			if (!is_letter(name[i]))
				return false;
			digits &= is_digit(name[i]);
		}
	}
	return !digits;
}

size_t
list_domain(struct list_text text, uint8_t *out)
{
	if (!has_beyond_ascii(text))
		return read_ascii(text, out);
	size_t bytes = idn_name(text.at, text.bytes, out);
	return bytes > 1 && is_domain(out) ? bytes : 0;
}

bool
list_is_address(struct list_text text)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t address[16];
	const char *zone = memchr(text.at, '%', text.bytes);
	size_t bytes = zone != NULL ? (size_t)(zone - text.at) : text.bytes;
	if (bytes == 0 || bytes >= sizeof copy)
		return false;
	memcpy(copy, text.at, bytes);
	copy[bytes] = '\0';
	return inet_pton(AF_INET, copy, address) == 1 || inet_pton(AF_INET6, copy, address) == 1;
}

/* --- Lines ------------------------------------------------------------------------------------------------
 */
/* The next line, without its end; false: there is none. */
static bool
next_line(struct list_text *text, struct list_text *line)
{
	if (text->bytes == 0)
		return false;
	const char *end = memchr(text->at, '\n', text->bytes);
	line->at = text->at;
	line->bytes = end != NULL ? (size_t)(end - text->at) : text->bytes;
	*text = list_behind(*text, line->bytes + (end != NULL));
	return true;
}

static struct list_text
without_mark(struct list_text text)
{
	return list_begins(text, "\xef\xbb\xbf") ? list_behind(text, 3) : text;
}

static enum list_line
read_line(struct list_reader *reader, list_line_fn *read, struct list_text line)
{
	if (line.bytes > LINE_BYTES)
		return list_bad(reader, "longer than 65536 bytes");
	if (memchr(line.at, '\0', line.bytes) != NULL)
		return list_bad(reader, "a NUL byte in it: not a text file, or not in UTF-8");
	line = list_trim(line);
	return line.bytes > 0 ? read(reader, line) : LIST_BLANK;
}

static void
read_lines(struct list_reader *reader, list_line_fn *read, struct list_text text)
{
	struct list_tally *tally = reader->tally;
	struct list_text line;
	while (next_line(&text, &line)) {
		tally->lines++;
		enum list_line was = read_line(reader, read, line);
		tally->used += was == LIST_USED;
		tally->skipped += was == LIST_SKIPPED;
		tally->bad += was == LIST_BAD;
		if (was == LIST_BAD)
			reader->taker->bad(reader->taker->arg, tally->lines, reader->why);
	}
}

int
list_read(const char *text, size_t bytes, enum list_format format, const struct list_taker *taker,
        struct list_tally *tally)
{
	*tally = (struct list_tally){.format = format};
	if (format == LIST_AUTO)
		tally->format = list_recognise(text, bytes);
	struct list_reader reader = {.taker = taker, .tally = tally};
	struct list_text all = without_mark((struct list_text){.at = text, .bytes = bytes});
	if (formats[tally->format].line != NULL)
		read_lines(&reader, formats[tally->format].line, all);
	else
		return list_rpz(&reader, all);
	return 0;
}

bool
list_spoilt(const struct list_tally *tally)
{
	return tally->cut || tally->bad * 10 > tally->bad + tally->used + tally->skipped;
}

/* --- Formats ----------------------------------------------------------------------------------------------
 */
static bool
is_word(struct list_text word, const char *what)
{
	return word.bytes == strlen(what) && strncasecmp(word.at, what, word.bytes) == 0;
}

static bool
looks_like_rpz(struct list_text line)
{
	struct list_text rest = line;
	struct list_text first = list_word(&rest);
	if (is_word(first, "$TTL") || is_word(first, "$ORIGIN"))
		return true;
	while (rest.bytes > 0) {
		struct list_text word = list_word(&rest);
		if (rest.bytes > 0 && (is_word(word, "IN") || is_word(word, "CNAME") || is_word(word, "SOA")))
			return true;
	}
	return false;
}

static bool
looks_like_adblock(struct list_text line)
{
	return list_begins(line, "||") || list_begins(line, "@@") || list_begins(line, "[Adblock") ||
	       list_begins(line, "[adblock") || list_has(line, "##") || list_has(line, "#@#") ||
	       memchr(line.at, '^', line.bytes) != NULL;
}

static enum list_format
vote(struct list_text line)
{
	if (looks_like_adblock(line))
		return LIST_ADBLOCK;
	if (*line.at == '#' || *line.at == ';' || *line.at == '!' || list_begins(line, "//"))
		return LIST_AUTO;
	struct list_text rest = line;
	if (list_is_address(list_word(&rest)) && rest.bytes > 0)
		return LIST_HOSTS;
	return looks_like_rpz(line) ? LIST_RPZ : LIST_PLAIN;
}

enum list_format
list_recognise(const char *text, size_t bytes)
{
	unsigned votes[LIST_RPZ + 1] = {0}, voters = 0;
	struct list_text rest = without_mark((struct list_text){.at = text, .bytes = bytes}), line;
	while (voters < VOTERS && next_line(&rest, &line)) {
		line = list_trim(line);
		if (line.bytes == 0 || line.bytes > LINE_BYTES)
			continue;
		enum list_format format = vote(line);
		voters += format != LIST_AUTO;
		votes[format]++;
	}
	votes[LIST_AUTO] = 0;
	enum list_format most = LIST_PLAIN;
	for (enum list_format f = LIST_HOSTS; f <= LIST_RPZ; f++)
		most = votes[f] > votes[most] ? f : most;
	return most;
}
