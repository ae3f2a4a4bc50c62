/*
 * The text of a list, in the formats that people have, into rules. Line by line and in one pass; a line that
 * makes no sense is reported and skipped, and so are over-long ones and those with a NUL in them.
 *
 *   plain    one domain in a line; it and what is below it. "*.name" and ".name" mean the same. Comments
 * begin with "#", ";", "//" or "!" (behind a name only "#" and ";", after a blank). hosts    as hosts(5): an
 * address and names. Only the names themselves, and only where the address says nowhere: 0.0.0.0,
 * 127.0.0.0/8, :: and ::1. localhost and its like are skipped. adblock  "||name^": it and what is below it.
 * "||*.name^": only what is below. "@@" in front: an exception.
 *            "$important". "name" and "0.0.0.0 name" are the name alone, as AdGuard has it. What is not about
 *            whole names (paths, cosmetic rules, other options, regular expressions) is skipped, and is no
 * bad line. rpz      a zone of response policies, with its QNAME triggers and actions; other triggers are
 * skipped.
 *
 * Letters beyond ASCII are UTF-8 and become A-labels. Upper case, a dot at the end, CR LF and a byte order
 * mark make no difference.
 */
#ifndef DOTWARD_QUERY_LIST_READ_H
#define DOTWARD_QUERY_LIST_READ_H

#include "query/list_words.h"

/*
 * The format that most of the first 100 lines speak for which are neither blank nor comments. For adblock:
 * one that begins with "||", "@@" or "[Adblock" or has a "^", "##" or "#@#" in it. For hosts: an address and
 * another word. For rpz: "$TTL", "$ORIGIN", or something behind a word "IN", "CNAME" or "SOA" that is not the
 * first. All others speak for plain, which also wins when as many speak for something else.
 */
enum list_format list_recognise(const char *text, size_t bytes);

/*
 * Reads all of it; LIST_AUTO: as what list_recognise() finds. `text` needs no NUL at its end. 0; -ENOMEM, and
 * then some rules are missing.
 */
int list_read(const char *text, size_t bytes, enum list_format format, const struct list_taker *taker,
        struct list_tally *tally);

/* More than a tenth of the lines that count is bad, or it was cut: the file is not what it was taken for. */
bool list_spoilt(const struct list_tally *tally);

/* "plain" …; "auto". */
const char *list_format_name(enum list_format format);

#endif
