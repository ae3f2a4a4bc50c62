/*
 * Configurations from texts, for tests: each is a file dotward.conf in a folder of its own, which is the
 * current one, so that complaints begin with "dotward.conf:".
 */
#ifndef DOTWARD_TESTS_LOADING_H
#define DOTWARD_TESTS_LOADING_H

#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UPSTREAM     "upstreams = ( { addresses = [ \"9.9.9.9\" ]; } );\n"

/* For `sandbox` of a configuration that processes are to be born with: valgrind can install no filters. */
static inline const char *
loading_sandbox(void)
{
	return getenv("VALGRIND") == NULL ? "true" : "false";
}

/* A text and all that is said about it. */
struct loading_row {
	const char *text;
	const char *said;
};

static char loading_folder[64];
static char *loading_source; /* the folder of the source tree, for files that are shipped */

static inline int
loading_begin(void **state)
{
	(void)state;
	const char *source = getenv("srcdir");
	loading_source = realpath(source ? source : ".", NULL);
	snprintf(loading_folder, sizeof loading_folder, "/tmp/dotward-test.XXXXXX");
	return loading_source && mkdtemp(loading_folder) && chdir(loading_folder) == 0 ? 0 : -1;
}

static inline int
loading_end(void **state)
{
	(void)state;
	free(loading_source);
	unlink("dotward.conf");
	unlink("extra.conf");
	unlink("more.conf");
	return chdir("/") == 0 && rmdir(loading_folder) == 0 ? 0 : -1;
}

static inline void
loading_write(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

/* Loads from all sources; *said, which the caller frees, is what was complained about and remarked. */
static inline struct config *
loading_sources(const struct config_sources *sources, char **said)
{
	size_t bytes = 0;
	FILE *out = open_memstream(said, &bytes);
	assert_non_null(out);
	struct config *config = config_load(sources, out);
	assert_int_equal(fclose(out), 0);
	return config;
}

static inline struct config *
loading_text(const char *text, char **said)
{
	loading_write("dotward.conf", text);
	return loading_sources(&(struct config_sources){.file = "dotward.conf"}, said);
}

/* Loads what must be in order, without a word about it. */
static inline struct config *
loading_good(const char *text)
{
	char *said;
	struct config *config = loading_text(text, &said);
	assert_string_equal(said, "");
	assert_non_null(config);
	free(said);
	return config;
}

/* What config_print() makes of it; the caller frees. */
static inline char *
loading_print(const struct config *config)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	assert_non_null(out);
	config_print(config, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* Each text, with `before` in front of it, is refused with just these words. */
static inline void
loading_refuses(const char *before, const struct loading_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char text[4096], *said;
		snprintf(text, sizeof text, "%s%s\n", before, rows[i].text);
		struct config *config = loading_text(text, &said);
		if (config != NULL)
			print_error("accepted: %s\n", rows[i].text);
		assert_null(config);
		assert_string_equal(said, rows[i].said);
		free(said);
	}
}

#endif
