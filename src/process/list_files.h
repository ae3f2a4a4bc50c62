/*
 * The files that a configuration's lists of names are in, opened side by side while they may be opened, and
 * which they are, so that what has not changed need not be read again.
 */
#ifndef DOTWARD_PROCESS_LIST_FILES_H
#define DOTWARD_PROCESS_LIST_FILES_H

#include "config/config.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LIST_FILES_MOST = 4096, LIST_FILES_WHY_BYTES = 400 };

struct list_file {
	size_t list; /* whose */
	char *path;
	int fd;
};

struct list_files {
	struct list_file *files; /* in the order of the lists; of a folder in the order of their names */
	size_t count;
	uint64_t stamps[CONFIG_LISTS_MOST]; /* of each list: another number when it is to be read again. The
	                                       lowest bit is 0 */
};

/*
 * Opens all. A folder means the regular files in it but for those that begin with a dot and editors' backups.
 * 0, or -errno with a line in `why`; then nothing is open.
 */
int list_files_open(struct list_files *out, const struct config *config, char why[LIST_FILES_WHY_BYTES])
        __attribute__((warn_unused_result));
void list_files_close(struct list_files *files);
/* Reads all of a file into memory that the caller frees. NULL with errno. */
char *list_file_read(const struct list_file *file, size_t *bytes);

#endif
