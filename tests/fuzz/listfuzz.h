/*
 * Any text as a list of one format: what comes out are rules with sound names, lines that there are, and a
 * tally that adds up; and a table of these rules finds each of the names again.
 */
#ifndef DOTWARD_TESTS_LISTFUZZ_H
#define DOTWARD_TESTS_LISTFUZZ_H

#include "base/must.h"
#include "dns/name.h"
#include "query/list_read.h"
#include "query/lists.h"
#include "query/lists_build.h"

#include <stdlib.h>
#include <string.h>

enum { LISTFUZZ_NAMES = 64 };

struct listfuzz {
	struct lists_build *build;
	unsigned long lines, bad, unsupported, rules;
	struct {
		uint8_t name[NAME_BYTES];
		size_t bytes;
		unsigned scope;
	} first[LISTFUZZ_NAMES];
};

static inline void
listfuzz_rule(void *arg, const struct list_rule *rule)
{
	struct listfuzz *f = arg;
	must(rule->bytes > 0 && rule->bytes <= NAME_BYTES);
	must(name_plain_bytes(rule->name, rule->bytes, 0) == rule->bytes);
	must(rule->deed < LISTS_DEEDS && rule->scope > 0 && rule->scope <= LISTS_WHOLE);
	if (f->rules < LISTFUZZ_NAMES) {
		memcpy(f->first[f->rules].name, rule->name, rule->bytes);
		f->first[f->rules].bytes = rule->bytes;
		f->first[f->rules].scope = rule->scope;
	}
	f->rules++;
	lists_build_add(f->build, 0, rule);
}

static inline void
listfuzz_bad(void *arg, unsigned long line, const char *why)
{
	struct listfuzz *f = arg;
	must(line > 0 && line <= f->lines && why != NULL && *why != '\0');
	f->bad++;
}

static inline void
listfuzz_unsupported(void *arg, unsigned long line, const char *why)
{
	struct listfuzz *f = arg;
	must(line > 0 && line <= f->lines && why != NULL && *why != '\0');
	f->unsupported++;
}

/* As all of its rules are in an allow list, whatever they are, each must be found. */
static inline void
listfuzz_find(const struct listfuzz *f, const struct lists *lists)
{
	for (unsigned long i = 0; i < f->rules && i < LISTFUZZ_NAMES; i++) {
		struct lists_hit hit;
		uint8_t below[NAME_BYTES + 2] = {1, 'x'};
		size_t bytes = f->first[i].bytes;
		memcpy(below + 2, f->first[i].name, bytes);
		must((f->first[i].scope & LISTS_EXACT) == 0 ||
		        lists_find(lists, 1, f->first[i].name, bytes, &hit, NULL));
		if (bytes + 2 > NAME_BYTES)
			continue;
		must((f->first[i].scope & LISTS_BELOW) == 0 ||
		        lists_find(lists, 1, below, bytes + 2, &hit, NULL));
	}
}

static inline void
listfuzz_table(struct listfuzz *f)
{
	size_t bytes = lists_build_measure(f->build);
	must(bytes > 0);
	void *memory = aligned_alloc(64, bytes);
	must(memory != NULL);
	memset(memory, 0, bytes);
	lists_build_write(f->build, memory);
	const struct lists *lists = lists_at(memory, bytes);
	must(lists != NULL && lists_names(lists) <= f->rules);
	listfuzz_find(f, lists);
	free(memory);
}

static inline int
listfuzz(const uint8_t *data, size_t size, enum list_format format)
{
	static struct listfuzz f;
	const struct list_taker taker = {
	        .arg = &f, .rule = listfuzz_rule, .bad = listfuzz_bad, .unsupported = listfuzz_unsupported};
	/* of exactly its size, so that a sanitizer sees one byte more */
	char *text = malloc(size > 0 ? size : 1);
	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	f.rules = f.bad = f.unsupported = 0;
	f.lines = 1;
	for (size_t i = 0; i < size; i++)
		f.lines += data[i] == '\n';
	f.build = lists_build_new(NULL);
	must(f.build != NULL);
	lists_build_list(f.build, "fuzz", LISTS_ALLOW_LIST);
	struct list_tally tally;
	must(list_read(text, size, format, &taker, &tally) == 0);
	must(tally.format == format && tally.lines <= f.lines && tally.bad == f.bad);
	must(tally.used <= f.rules && tally.skipped >= f.unsupported);
	(void)list_spoilt(&tally);
	must(list_recognise(text, size) != LIST_AUTO);
	listfuzz_table(&f);
	lists_build_free(f.build);
	free(text);
	return 0;
}

#endif
