/*
 * The text of a list, in the formats that people have, into rules. Line by line and in one pass; a line that
 * makes no sense is reported and skipped, and so are over-long ones and those with a NUL in them.
 *
 *   plain    one domain in a line; it and what is below it. "*.name" and ".name" mean only what is below.
 *            Comments begin with "#", ";" or "//" (behind a name only "#" and ";" after a blank).
 *   hosts    as hosts(5): an address and names. Only the names themselves, and only where the address says
 *            nowhere: 0.0.0.0, 127.0.0.0/8, :: and ::1. localhost and its like are skipped.
 *   adblock  "||name^": it and what is below it. "@@||name^": an exception. "$important". "name" or
 *            "0.0.0.0 name" as AdGuard has it are understood too. What is not about whole names (paths, cosmetic
 *            rules, other options, regular expressions) is skipped, and is no bad line.
 *   rpz      a zone of response policies, with its QNAME triggers and actions.
 */
#ifndef DOTWARD_QUERY_LIST_READ_H
#define DOTWARD_QUERY_LIST_READ_H

#include "query/lists.h"

enum list_format { LIST_AUTO, LIST_PLAIN, LIST_HOSTS, LIST_ADBLOCK, LIST_RPZ };

struct list_rule {
	const uint8_t *name; /* wire form, any case */
	size_t bytes;
	enum lists_deed deed;
	unsigned scope; /* bits of enum lists_scope */
	struct lists_record record; /* DATA; one of possibly several */
};

struct list_taker {
	void *arg;
	void (*rule)(void *arg, const struct list_rule *rule); /* good during the call */
	/* The line, from 1, and why: a text of ours, nothing of the file's. */
	void (*bad)(void *arg, unsigned long line, const char *why);
};

struct list_tally {
	enum list_format format; /* the one it was read as */
	unsigned long lines;     /* all of them; the three kinds below leave out blanks and comments */
	unsigned long used;      /* gave a rule */
	unsigned long skipped;   /* understood, and not ours */
	unsigned long bad;
};

/*
 * The format that the text is in, from its first lines that are not blank: "[Adblock", or a line that begins
 * with "||" or "@@" or has a "!" in front: adblock. "$TTL", "$ORIGIN", or a SOA: rpz. A line whose first word is
 * an address and that has a second one: hosts. Else plain.
 */
enum list_format list_recognise(const char *text, size_t bytes);

/* Reads all of it; LIST_AUTO: as what list_recognise() finds. `text` needs no NUL at its end. */
void list_read(const char *text, size_t bytes, enum list_format format, const struct list_taker *taker,
        struct list_tally *tally);

/* More than a tenth of the lines that count is bad: the file is not what it was taken for. */
bool list_spoilt(const struct list_tally *tally);

/* "plain" …; "auto". */
const char *list_format_name(enum list_format format);

#endif
