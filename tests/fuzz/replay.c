/*
 * Stands in for libFuzzer where there is none: gives each file of the folders and files on the command line
 * to the fuzz target once, and speaks TAP. So every compiler and every `make check` tries the seeds, and what
 * a fuzzer once found stays a test for good. The name of an input is told before it is tried, as a crash
 * leaves no time to tell it after.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static int tried, failed;

static void
verdict(const char *path, int error)
{
	tried++;
	failed += error != 0;
	printf("%sok %d - %s%s%s\n", error ? "not " : "", tried, path, error ? ": " : "",
	        error ? strerror(error) : "");
	fflush(stdout);
}

/* The exact size on the heap, so that ASan and valgrind see a read behind the end. */
static int
read_whole(const char *path, uint8_t **bytes, size_t *count)
{
	struct stat st;
	FILE *file = fopen(path, "rb");
	int error = 0;

	if (!file)
		return errno;
	*bytes = NULL;
	if (fstat(fileno(file), &st) != 0) {
		error = errno;
	} else {
		*count = (size_t)st.st_size;
		*bytes = malloc(*count ? *count : 1);
		if (!*bytes || fread(*bytes, 1, *count, file) != *count)
			error = EIO;
	}
	fclose(file);
	if (error)
		free(*bytes);
	return error;
}

static void
try_file(const char *path)
{
	uint8_t *bytes = NULL;
	size_t count = 0;
	int error = read_whole(path, &bytes, &count);

	if (!error) {
		printf("# trying %s\n", path);
		fflush(stdout);
		LLVMFuzzerTestOneInput(bytes, count);
		free(bytes);
	}
	verdict(path, error);
}

static int
visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
try_folder(const char *path)
{
	struct dirent **entries;
	char file[PATH_MAX];
	int count = scandir(path, &entries, visible, alphasort);

	if (count < 0) {
		verdict(path, errno);
		return;
	}
	for (int i = 0; i < count; i++) {
		if (snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name) < (int)sizeof file)
			try_file(file);
		else
			verdict(path, ENAMETOOLONG);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			try_folder(argv[i]);
		else
			try_file(argv[i]);
	}
	printf("1..%d\n", tried);
	/* A folder without seeds tested nothing, and a test that tested nothing has not passed. */
	return failed || !tried;
}
