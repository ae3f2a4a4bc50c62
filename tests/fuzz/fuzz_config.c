/*
 * Any text as a configuration, with overrides in front of it: lines that begin with "-o PATH=VALUE".
 *
 * Reading must end in a configuration or in at least one complaint, and what is printed of a configuration
 * must read without a word and print the same again.
 */
#include "base/must.h"
#include "config/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { OVERRIDES_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file without a place on the disk, written anew for each input. */
struct file {
	int fd;
	char name[32];
};

static void
file_write(struct file *file, const void *bytes, size_t count)
{
	if (file->name[0] == '\0') {
		file->fd = memfd_create("config", MFD_CLOEXEC);
		must(file->fd >= 0);
		snprintf(file->name, sizeof file->name, "/proc/self/fd/%d", file->fd);
	}
	must(ftruncate(file->fd, 0) == 0);
	must(pwrite(file->fd, bytes, count, 0) == (ssize_t)count);
}

static char *
print(const struct config *config)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	must(out != NULL);
	config_print(config, out);
	must(fclose(out) == 0);
	return text;
}

/* Reads it back; nothing may be said about what we wrote ourselves. */
static void
check_round_trip(const struct config *config)
{
	static struct file file;
	char *first = print(config), *said = NULL;
	size_t bytes = 0;
	FILE *complaints = open_memstream(&said, &bytes);
	must(complaints != NULL);
	file_write(&file, first, strlen(first));
	struct config *again = config_load(&(struct config_sources){.file = file.name}, complaints);
	must(fclose(complaints) == 0);
	must(again != NULL && bytes == 0);
	char *second = print(again);
	must(strcmp(first, second) == 0);
	struct config *copy = config_copy(again);
	config_free(again);
	free(second);
	second = print(copy);
	must(strcmp(first, second) == 0);
	config_free(copy);
	free(first);
	free(second);
	free(said);
}

/* Cuts the lines of overrides off the front of the text. Returns what is left. */
static char *
take_overrides(char *text, struct config_override *overrides, size_t *count)
{
	*count = 0;
	while (*count < OVERRIDES_MAX && strncmp(text, "-o ", 3) == 0) {
		char *end = strchr(text, '\n'), *equals = strchr(text, '=');
		if (end == NULL || equals == NULL || equals > end)
			break;
		*end = *equals = '\0';
		overrides[(*count)++] = (struct config_override){"-o", text + 3, equals + 1};
		text = end + 1;
	}
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct file file;
	struct config_override overrides[OVERRIDES_MAX];
	struct config_sources sources = {.overrides = overrides};
	char *text = must_alloc(size + 1, 1), *said = NULL;
	size_t bytes = 0;
	if (size > 0)
		memcpy(text, data, size);
	char *rest = take_overrides(text, overrides, &sources.override_count);
	file_write(&file, rest, size - (size_t)(rest - text));
	sources.file = file.name;
	FILE *complaints = open_memstream(&said, &bytes);
	must(complaints != NULL);
	struct config *config = config_load(&sources, complaints);
	must(fclose(complaints) == 0);
	if (config != NULL)
		check_round_trip(config);
	else
		must(bytes > 0 && said[bytes - 1] == '\n');
	config_free(config);
	free(said);
	free(text);
	return 0;
}
