/*
 * hosts(5), as lists of names that shall lead nowhere use it. A line says nothing about what is below its
 * names. Lines with an address that leads somewhere are somebody's own hosts, and not ours to block.
 */
#include "query/list_inside.h"

#include "dns/name.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

/* What the files of real machines have in them, and what no list means to block. */
static const char *const usual[] = {
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost6",
        "localhost4.localdomain4",
        "localhost6.localdomain6",
        "local",
        "broadcasthost",
        "ip6-localhost",
        "ip6-loopback",
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-allhosts",
};

static bool
is_usual(struct list_text word)
{
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (word.bytes == strlen(usual[i]) && strncasecmp(word.at, usual[i], word.bytes) == 0)
			return true;
	return false;
}

static bool
leads_nowhere(struct list_text address)
{
	char copy[INET6_ADDRSTRLEN];
	struct in6_addr six;
	struct in_addr four;
	if (list_is(address, "0.0.0.0") || list_is(address, "127.0.0.1"))
		return true;
	if (address.bytes >= sizeof copy)
		return false;
	memcpy(copy, address.at, address.bytes);
	copy[address.bytes] = '\0';
	if (inet_pton(AF_INET, copy, &four) == 1)
		return four.s_addr == 0 || ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, copy, &six) == 1 &&
	       (IN6_IS_ADDR_UNSPECIFIED(&six) || IN6_IS_ADDR_LOOPBACK(&six));
}

static bool
say_word(struct list_reader *reader, struct list_text word, enum list_line *line)
{
	uint8_t name[NAME_BYTES];
	if (is_usual(word) || list_is_address(word))
		return true;
	size_t bytes = list_domain(word, name);
	if (bytes == 0)
		return false;
	list_say(reader, name, bytes, LISTS_BLOCK, LISTS_EXACT);
	*line = LIST_USED;
	return true;
}

enum list_line
list_hosts_line(struct list_reader *reader, struct list_text line)
{
	if (*line.at == '#' || *line.at == ';' || *line.at == '!' || list_begins(line, "//"))
		return LIST_BLANK;
	struct list_text rest = list_uncomment(line, false);
	struct list_text address = list_word(&rest);
	if (!list_is_address(address))
		return list_bad(reader, "no address in front: a hosts file has \"0.0.0.0 name\"");
	if (rest.bytes == 0)
		return list_bad(reader, "an address without a name");
	if (!leads_nowhere(address))
		return LIST_SKIPPED;
	enum list_line was = LIST_SKIPPED;
	while (rest.bytes > 0) {
		struct list_text word = list_word(&rest);
		if (*word.at == '#')
			break;
		if (!say_word(reader, word, &was))
			return list_bad(reader, "not a name of a host");
	}
	return was;
}
