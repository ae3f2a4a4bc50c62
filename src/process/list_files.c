/*
 * A stamp is made of what the kernel says of each file: device, inode, size, and when it was last changed, in
 * itself and in what is known of it; and of the format it is to be read in. A file that is written while we
 * read gets another time by that, and is read again at the next occasion.
 */
#include "process/list_files.h"

#include "base/must.h"
#include "config/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { READ_LEAST_BYTES = 1 << 16 };

/* --- which
 * ---------------------------------------------------------------------------------------------------
 */

static bool
ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), wanted = strlen(end);
	return length > wanted && strcmp(name + length - wanted, end) == 0;
}

/* Names that somebody has put there to be read. */
static int
is_meant(const struct dirent *entry)
{
	static const char *const leftovers[] = {"~", ".bak", ".orig", ".swp"};
	const char *name = entry->d_name;
	if (*name == '.' || (*name == '#' && ends_with(name, "#")))
		return 0;
	for (size_t i = 0; i < sizeof leftovers / sizeof *leftovers; i++)
		if (ends_with(name, leftovers[i]))
			return 0;
	return 1;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* --- opening
 * -------------------------------------------------------------------------------------------------
 */

static void
stamp(struct list_files *fs, size_t list, const void *bytes, size_t count)
{
	fs->stamps[list] = XXH3_64bits_withSeed(bytes, count, fs->stamps[list]);
}

static void
stamp_file(struct list_files *fs, size_t list, const char *path, const struct stat *st)
{
	const uint64_t facts[] = {(uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
	        (uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec,
	        (uint64_t)st->st_ctim.tv_nsec};
	stamp(fs, list, path, strlen(path));
	stamp(fs, list, facts, sizeof facts);
}

/* Takes the descriptor over, and the path. */
static int
add(struct list_files *fs, size_t list, char *path, int fd, const struct stat *st)
{
	if (fs->count == LIST_FILES_MOST) {
		close(fd);
		free(path);
		return -EMFILE;
	}
	stamp_file(fs, list, path, st);
	fs->files[fs->count++] = (struct list_file){.list = list, .path = path, .fd = fd};
	return 0;
}

static char *
path_in(const char *folder, const char *name)
{
	char *path;
	must(asprintf(&path, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name) > 0);
	return path;
}

/* One in a folder: what is no regular file is passed over. A name that has gone since it was read is none. */
static int
open_member(struct list_files *fs, size_t list, const char *folder, const char *name)
{
	struct stat st;
	char *path = path_in(folder, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int failed = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;
	if (failed == 0 && S_ISREG(st.st_mode))
		return add(fs, list, path, fd, &st);
	if (fd >= 0)
		close(fd);
	free(path);
	return failed == -ENOENT || failed == -ENXIO ? 0 : failed;
}

static int
open_folder(struct list_files *fs, size_t list, const char *folder, char why[LIST_FILES_WHY_BYTES])
{
	struct dirent **names;
	int count = scandir(folder, &names, is_meant, by_name), failed = count < 0 ? -errno : 0;
	for (int i = 0; i < count; i++) {
		if (failed == 0 && (failed = open_member(fs, list, folder, names[i]->d_name)) < 0)
			snprintf(why, LIST_FILES_WHY_BYTES, "%.150s/%.150s: %s", folder, names[i]->d_name,
			        strerror(-failed));
		free(names[i]);
	}
	if (count < 0)
		snprintf(why, LIST_FILES_WHY_BYTES, "%.300s: %s", folder, strerror(-failed));
	else
		free(names);
	return failed;
}

static int
open_list(
        struct list_files *fs, size_t list, const struct config_list *config, char why[LIST_FILES_WHY_BYTES])
{
	struct stat st;
	int fd = open(config->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), failed = 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		failed = -errno;
	stamp(fs, list, &config->format, sizeof config->format);
	if (failed == 0 && S_ISREG(st.st_mode)) {
		failed = add(fs, list, must_copy(config->file), fd, &st);
	} else {
		if (fd >= 0)
			close(fd);
		if (failed == 0 && S_ISDIR(st.st_mode))
			return open_folder(fs, list, config->file, why);
		failed = failed == 0 ? -EINVAL : failed;
	}
	if (failed < 0)
		snprintf(why, LIST_FILES_WHY_BYTES, "%.300s: %s", config->file, strerror(-failed));
	return failed;
}

int
list_files_open(struct list_files *out, const struct config *config, char why[LIST_FILES_WHY_BYTES])
{
	*out = (struct list_files){.files = must_alloc(LIST_FILES_MOST, sizeof *out->files)};
	for (size_t i = 0; i < config_lists_count(config); i++) {
		int failed = open_list(out, i, config_lists_at(config, i), why);
		if (failed < 0) {
			list_files_close(out);
			return failed;
		}
		out->stamps[i] <<= 1;
	}
	return 0;
}

void
list_files_close(struct list_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		close(files->files[i].fd);
		free(files->files[i].path);
	}
	free(files->files);
	*files = (struct list_files){0};
}

/* --- reading
 * -------------------------------------------------------------------------------------------------
 */

/* To the end, wherever that is by now. */
char *
list_file_read(const struct list_file *file, size_t *bytes)
{
	struct stat st;
	size_t room = READ_LEAST_BYTES;
	if (fstat(file->fd, &st) == 0 && (size_t)st.st_size >= room)
		room = (size_t)st.st_size + 1;
	char *text = malloc(room);
	*bytes = 0;
	while (text != NULL) {
		ssize_t got = read(file->fd, text + *bytes, room - *bytes);
		if (got == 0)
			return text;
		if (got < 0) {
			int error = errno;
			free(text);
			errno = error;
			return NULL;
		}
		*bytes += (size_t)got;
		if (*bytes < room)
			continue;
		char *more = realloc(text, room *= 2);
		if (more == NULL)
			free(text);
		text = more;
	}
	return NULL;
}
