/*
 * The part of the filter language of browsers that is about whole names:
 *
 *   ||name^          the name and what is below it     @@ in front: an exception
 *   ||*.name^        only what is below                $important behind: exceptions do not count
 *   |name^  name     the name alone, as AdGuard has it
 *   0.0.0.0 name     a line of a hosts file, likewise
 *
 * What else there is in such a list is about pages, and is passed over: cosmetic rules, paths, regular
 * expressions, patterns, and rules whose options a question cannot be measured by (third-party, domain=,
 * types of requests). To block a whole name for what was meant for a part of its pages would be wrong. A line
 * is bad only when it is made like one of ours and has no domain in it.
 */
#include "query/list_inside.h"

#include "dns/name.h"

#include <string.h>

/* What the front and the back of a rule say. */
struct rule {
	struct list_text name;
	bool exception, important;
	unsigned scope;
};

static bool
is_cosmetic(struct list_text line)
{
	static const char *const marks[] = {
	        "##", "#@#", "#?#", "#@?#", "#$#", "#@$#", "#%#", "#@%#", "$$", "$@$"};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (list_has(line, marks[i]))
			return true;
	return false;
}

/* Options that leave a rule about the whole name. False: there are others. */
static bool
take_options(struct rule *rule, struct list_text options)
{
	while (options.bytes > 0) {
		const char *comma = memchr(options.at, ',', options.bytes);
		struct list_text one = options;
		if (comma != NULL)
			one.bytes = (size_t)(comma - options.at);
		options = list_behind(options, one.bytes + (comma != NULL));
		one = list_trim(one);
		if (list_is(one, "important"))
			rule->important = true;
		else if (!list_is(one, "all") && !list_is(one, "document") && !list_is(one, "doc"))
			return false;
	}
	return true;
}

static void
strip_tail(struct list_text *text, char c)
{
	if (text->bytes > 0 && text->at[text->bytes - 1] == c)
		text->bytes--;
}

/* "||name^" and "|name^" without their front: is there just a name, and which of them does it mean? */
static bool
take_pattern(struct rule *rule, struct list_text text, unsigned scope)
{
	rule->scope = scope;
	strip_tail(&text, '|');
	bool ends = text.bytes > 0 && text.at[text.bytes - 1] == '^';
	strip_tail(&text, '^');
	if (scope == LISTS_WHOLE && list_begins(text, "*.")) {
		text = list_behind(text, 2);
		rule->scope = LISTS_BELOW;
	}
	rule->name = text;
	/* without an end it is the beginning of many names, unless it cannot well be */
	if (!ends && (memchr(text.at, '.', text.bytes) == NULL || text.at[text.bytes - 1] == '.'))
		return false;
	for (size_t i = 0; i < text.bytes; i++)
		if (strchr("/*^|:=?&%~$", text.at[i]) != NULL)
			return false;
	return true;
}

static enum list_line
say(struct list_reader *reader, const struct rule *rule)
{
	static const enum lists_deed deeds[2][2] = {
	        {LISTS_BLOCK, LISTS_BLOCK_IMPORTANT}, {LISTS_EXCEPT, LISTS_EXCEPT_IMPORTANT}};
	uint8_t name[NAME_BYTES];
	if (list_is_address(rule->name))
		return LIST_SKIPPED;
	size_t bytes = list_domain(rule->name, name);
	if (bytes == 0)
		return list_bad(reader, "not a domain between the || and the ^");
	list_say(reader, name, bytes, deeds[rule->exception][rule->important], rule->scope);
	return LIST_USED;
}

/* Without a front: a name alone, and anything else is a pattern. */
static enum list_line
bare_line(struct list_reader *reader, struct rule *rule, struct list_text text)
{
	uint8_t name[NAME_BYTES];
	struct list_text rest = text;
	struct list_text word = list_word(&rest);
	if (list_is_address(word) && rest.bytes > 0)
		return rule->exception ? LIST_SKIPPED : list_hosts_line(reader, text);
	if (rest.bytes > 0)
		return list_bad(reader, "neither a rule nor a domain");
	size_t bytes = memchr(word.at, '.', word.bytes) != NULL && word.at[word.bytes - 1] != '.' &&
	                               *word.at != '-' && *word.at != '_'
	                       ? list_domain(word, name)
	                       : 0;
	if (bytes == 0)
		return LIST_SKIPPED;
	rule->name = word;
	rule->scope = LISTS_EXACT;
	return say(reader, rule);
}

static enum list_line
rule_line(struct list_reader *reader, struct list_text line)
{
	struct rule rule = {.exception = list_begins(line, "@@")};
	struct list_text text = rule.exception ? list_behind(line, 2) : line;
	if (text.bytes == 0 || *text.at == '/')
		return LIST_SKIPPED;
	const char *dollar = memchr(text.at, '$', text.bytes);
	if (dollar != NULL) {
		size_t bytes = (size_t)(dollar - text.at);
		if (!take_options(&rule, list_behind(text, bytes + 1)))
			return LIST_SKIPPED;
		text.bytes = bytes;
	}
	if (list_begins(text, "||"))
		return take_pattern(&rule, list_behind(text, 2), LISTS_WHOLE) ? say(reader, &rule)
		                                                              : LIST_SKIPPED;
	if (list_begins(text, "|"))
		return take_pattern(&rule, list_behind(text, 1), LISTS_EXACT) ? say(reader, &rule)
		                                                              : LIST_SKIPPED;
	return text.bytes > 0 ? bare_line(reader, &rule, text) : LIST_SKIPPED;
}

enum list_line
list_adblock_line(struct list_reader *reader, struct list_text line)
{
	if (*line.at == '!' || *line.at == '[')
		return LIST_BLANK;
	if (is_cosmetic(line))
		return LIST_SKIPPED;
	if (*line.at == '#')
		return LIST_BLANK;
	return rule_line(reader, list_uncomment(line, false));
}
