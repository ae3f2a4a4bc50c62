/*
 * One domain in a line. "name", "*.name" and ".name" all mean the name and what is below it: the lists that
 * write the stars (of hagezi, of oisd) mean it so, and a name that is missing from a block list is the worse
 * mistake.
 */
#include "query/list_inside.h"

#include "dns/name.h"

enum list_line
list_plain_line(struct list_reader *reader, struct list_text line)
{
	uint8_t name[NAME_BYTES];

	if (*line.at == '#' || *line.at == ';' || *line.at == '!' || list_begins(line, "//"))
		return LIST_BLANK;
	struct list_text rest = list_uncomment(line, true);
	struct list_text word = list_word(&rest);
	if (rest.bytes > 0)
		return list_bad(reader, "more than one word: a plain list has one domain in a line");
	if (list_begins(word, "*."))
		word = list_behind(word, 2);
	else if (list_begins(word, "."))
		word = list_behind(word, 1);
	if (list_is_address(word))
		return list_bad(reader, "an address, not a domain");
	size_t bytes = list_domain(word, name);
	if (bytes == 0)
		return list_bad(reader, "not a domain");
	list_say(reader, name, bytes, LISTS_BLOCK, LISTS_WHOLE);
	return LIST_USED;
}
