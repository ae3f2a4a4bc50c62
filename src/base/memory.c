/*
 * From /proc/meminfo and, for this process's group and each one above it, memory.max less what
 * is used of it. In a container its own group is all that can be seen, and it is at the root.
 */
#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MEMORY_PATH_BYTES = 4096 };

/* The number behind `key` at the start of a line; `otherwise` when there is none. */
static uint64_t
number_in(const char *path, const char *key, uint64_t otherwise)
{
	unsigned long long number;
	char line[256];
	size_t length = strlen(key);
	FILE *in = fopen(path, "re");
	if (in == NULL)
		return otherwise;
	while (fgets(line, sizeof line, in) != NULL)
		if (strncmp(line, key, length) == 0 && sscanf(line + length, "%llu", &number) == 1) {
			otherwise = number;
			break;
		}
	fclose(in);
	return otherwise;
}

static uint64_t
lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
machine_spare(const char *root)
{
	char path[MEMORY_PATH_BYTES];
	snprintf(path, sizeof path, "%s/proc/meminfo", root);
	uint64_t kilobytes = number_in(path, "MemAvailable:", UINT64_MAX);
	return kilobytes > UINT64_MAX >> 10 ? UINT64_MAX : kilobytes << 10;
}

static uint64_t
group_number(const char *root, const char *group, const char *file, const char *key, uint64_t otherwise)
{
	char path[MEMORY_PATH_BYTES + 512];
	snprintf(path, sizeof path, "%s/sys/fs/cgroup%s/%s", root, group, file);
	return number_in(path, key, otherwise);
}

/* "max" is no number: no bound. Pages of files are counted as used, but are given back for the asking. */
static uint64_t
group_spare(const char *root, const char *group)
{
	uint64_t most = group_number(root, group, "memory.max", "", UINT64_MAX);
	if (most == UINT64_MAX)
		return most;
	uint64_t used = group_number(root, group, "memory.current", "", 0);
	uint64_t files = group_number(root, group, "memory.stat", "active_file ", 0) +
	                 group_number(root, group, "memory.stat", "inactive_file ", 0);
	used = used > files ? used - files : 0;
	return most > used ? most - used : 0;
}

/* The group of this process, as "/a/b" or "" for the root. False where there are no groups of version 2. */
static bool
find_group(const char *root, char out[MEMORY_PATH_BYTES])
{
	char path[MEMORY_PATH_BYTES];
	bool found = false;
	snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
	FILE *in = fopen(path, "re");
	while (in != NULL && !found && fgets(out, MEMORY_PATH_BYTES, in) != NULL)
		found = strncmp(out, "0::/", 4) == 0;
	if (in != NULL)
		fclose(in);
	if (!found)
		return false;
	memmove(out, out + 3, strlen(out + 3) + 1);
	size_t length = strcspn(out, "\n");
	while (length > 0 && out[length - 1] == '/')
		length--;
	out[length] = '\0';
	return true;
}

uint64_t
memory_spare_under(const char *root)
{
	char group[MEMORY_PATH_BYTES];
	uint64_t spare = machine_spare(root);
	if (!find_group(root, group))
		return spare;
	for (;;) {
		spare = lesser(spare, group_spare(root, group));
		char *last = strrchr(group, '/');
		if (last == NULL)
			return spare;
		*last = '\0';
	}
}

uint64_t
memory_spare(void)
{
	return memory_spare_under("");
}
