/*
 * Lists of names from texts, in sealed memory, as a loader leaves them.
 */
#ifndef DOTWARD_TESTS_SHELVES_H
#define DOTWARD_TESTS_SHELVES_H

#include "query/list_read.h"
#include "query/lists_build.h"
#include "query/shelf.h"
#include "shared/shm.h"

#include <string.h>

struct shelf_text {
	const char *label;
	enum lists_role role;
	enum list_format format;
	const char *text;
};

struct shelf_taking {
	struct lists_build *build;
	unsigned list;
};

static inline void
shelves_rule(void *arg, const struct list_rule *rule)
{
	struct shelf_taking *to = arg;
	lists_build_add(to->build, to->list, rule);
}

static inline void
shelves_bad(void *arg, unsigned long line, const char *why)
{
	(void)arg;
	fail_msg("line %lu: %s", line, why);
}

/* Not sealed yet, with no mapping to write through. */
static inline int
shelves_memory(const struct shelf_text *texts, size_t count)
{
	struct lists_build *build = lists_build_new(NULL);
	assert_non_null(build);
	for (size_t i = 0; i < count; i++) {
		struct shelf_taking to = {build, lists_build_list(build, texts[i].label, texts[i].role)};
		const struct list_taker taker = {.arg = &to, .rule = shelves_rule, .bad = shelves_bad};
		struct list_tally tally;
		assert_int_equal(
		        list_read(texts[i].text, strlen(texts[i].text), texts[i].format, &taker, &tally), 0);
	}
	size_t bytes = lists_build_measure(build);
	int fd = shm_blank();
	assert_true(bytes > 0 && fd >= 0);
	void *at = shm_draft(fd, bytes);
	assert_non_null(at);
	lists_build_write(build, at);
	shm_unview(at, bytes);
	lists_build_free(build);
	return fd;
}

static inline struct shelf *
shelves_make(const struct shelf_text *texts, size_t count, uint64_t number)
{
	int fd = shelves_memory(texts, count);
	assert_int_equal(shm_seal(fd), 0);
	struct shelf *shelf = shelf_adopt(fd, number);
	assert_non_null(shelf);
	return shelf;
}

#endif
