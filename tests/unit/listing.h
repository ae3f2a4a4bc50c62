/*
 * What a reader of lists makes of a text, as a line of words, so that a table can hold it.
 *
 *   +name  it and what is below     =name  it alone     -name  what is below
 *   in front of that: "!" important, "@" exception; RPZ's "nx", "nodata", "pass", "drop", "tcp", "data1/60"
 *   bad3   line 3 is bad            no3    line 3 says what cannot be done          skip2  two were skipped
 */
#ifndef DOTWARD_TESTS_LISTING_H
#define DOTWARD_TESTS_LISTING_H

#include "dns/name.h"
#include "query/list_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	char said[4096];
	char why[256]; /* of the last bad line or one that cannot be done */
	struct list_tally tally;
};

__attribute__((format(printf, 2, 3))) static inline void
listing_note(struct listing *l, const char *format, ...)
{
	size_t used = strlen(l->said);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(l->said + used, sizeof l->said - used, format, arguments);
	va_end(arguments);
}

static inline void
listing_rule(void *arg, const struct list_rule *rule)
{
	static const char *const deeds[] = {[LISTS_BLOCK] = "",
	        [LISTS_BLOCK_IMPORTANT] = "!",
	        [LISTS_EXCEPT] = "@",
	        [LISTS_EXCEPT_IMPORTANT] = "@!",
	        [LISTS_PASSTHRU] = "pass",
	        [LISTS_NXDOMAIN] = "nx",
	        [LISTS_NODATA] = "nodata",
	        [LISTS_DROP] = "drop",
	        [LISTS_TCP_ONLY] = "tcp",
	        [LISTS_DATA] = "data"};
	struct listing *l = arg;
	char text[NAME_TEXT_BYTES];
	assert_int_equal(name_plain_bytes(rule->name, rule->bytes, 0), rule->bytes);
	assert_in_range(rule->scope, 1, LISTS_WHOLE);
	listing_note(l, "%s%s", *l->said != '\0' ? " " : "", deeds[rule->deed]);
	if (rule->deed == LISTS_DATA)
		listing_note(l, "%u/%u", rule->record.type, rule->record.ttl_s);
	listing_note(l, "%c%s", "?=-+"[rule->scope], name_text(rule->name, rule->bytes, text));
}

static inline void
listing_bad(void *arg, unsigned long line, const char *why)
{
	struct listing *l = arg;
	listing_note(l, "%sbad%lu", *l->said != '\0' ? " " : "", line);
	snprintf(l->why, sizeof l->why, "%s", why);
}

static inline void
listing_unsupported(void *arg, unsigned long line, const char *why)
{
	struct listing *l = arg;
	listing_note(l, "%sno%lu", *l->said != '\0' ? " " : "", line);
	snprintf(l->why, sizeof l->why, "%s", why);
}

static inline void
listing_read_bytes(struct listing *l, const char *text, size_t bytes, enum list_format format)
{
	const struct list_taker taker = {
	        .arg = l, .rule = listing_rule, .bad = listing_bad, .unsupported = listing_unsupported};
	l->said[0] = l->why[0] = '\0';
	char *exact = malloc(bytes > 0 ? bytes : 1); /* a sanitizer sees one byte more */
	assert_non_null(exact);
	memcpy(exact, text, bytes);
	assert_int_equal(list_read(exact, bytes, format, &taker, &l->tally), 0);
	free(exact);
	if (l->tally.skipped > 0)
		listing_note(l, "%sskip%lu", *l->said != '\0' ? " " : "", l->tally.skipped);
}

static inline const char *
listing_read(struct listing *l, const char *text, enum list_format format)
{
	listing_read_bytes(l, text, strlen(text), format);
	return l->said;
}

struct listing_row {
	const char *text, *said;
};

static inline void
listing_try(const struct listing_row *rows, size_t count, enum list_format format)
{
	static struct listing l;
	for (size_t i = 0; i < count; i++)
		if (strcmp(listing_read(&l, rows[i].text, format), rows[i].said) != 0)
			fail_msg("%s\n  gave: %s\n  not:  %s\n  (%s)", rows[i].text, l.said, rows[i].said,
			        l.why);
}

#endif
