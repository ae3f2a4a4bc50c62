/*
 * A block list to measure with, on standard output.
 *
 * usage: listnames [-n names] [-s seed] [-f plain|hosts|adblock|rpz] [-b from]
 *
 * The names with the numbers from `from` (0) on. The same for the same arguments, everywhere.
 */
#include "listmake.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct form {
	const char *name, *head, *line;
};

static const struct form forms[] = {
        {"plain", "", "%s\n"},
        {"hosts", "127.0.0.1 localhost\n", "0.0.0.0 %s\n"},
        {"adblock", "[Adblock Plus]\n", "||%s^\n"},
        {"rpz", "$TTL 60\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n",
                "%1$s CNAME .\n*.%1$s CNAME .\n"},
};

static const struct form *
form_of(const char *name)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (strcmp(forms[i].name, name) == 0)
			return &forms[i];
	fprintf(stderr, "listnames: no such format: %s\n", name);
	exit(2);
}

static void
print_line(const struct form *form, const char *name)
{
	/* the formats are ours, and all alike */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	printf(form->line, name);
#pragma GCC diagnostic pop
}

int
main(int argc, char **argv)
{
	unsigned long names = 1000000, from = 0;
	unsigned long long seed = 6;
	const struct form *form = &forms[0];
	for (int c; (c = getopt(argc, argv, "n:s:f:b:")) != -1;)
		switch (c) {
		case 'n':
			names = strtoul(optarg, NULL, 10);
			break;
		case 's':
			seed = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			form = form_of(optarg);
			break;
		case 'b':
			from = strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	if (names + from > LISTMAKE_NAMES) {
		fprintf(stderr, "listnames: there are %d names in all\n", LISTMAKE_NAMES);
		return 2;
	}
	fputs(form->head, stdout);
	for (unsigned long i = from; i < from + names; i++) {
		char name[LISTMAKE_TEXT_BYTES];
		listmake_name(name, (uint32_t)i, seed);
		print_line(form, name);
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
