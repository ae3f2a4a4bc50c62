/*
 * Sealed memory cannot change, so what lists_at() has found right stays right.
 */
#include "query/shelf.h"

#include "base/list.h"
#include "base/must.h"
#include "shared/shm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct shelf {
	struct list link; /* in `all` */
	const void *view;
	size_t bytes;
	const struct lists *lists;
	uint64_t number;
	int descriptor;
	unsigned holders;
};

/* File global: a child inherits the mappings of all, and each keeps its memory from being freed. */
static struct list all = {&all, &all};

struct shelf *
shelf_open(int descriptor, size_t bytes, uint64_t number)
{
	const void *view = bytes > 0 ? shm_view(descriptor, bytes) : NULL;
	const struct lists *lists = view != NULL ? lists_at(view, bytes) : NULL;
	if (lists == NULL) {
		if (view != NULL)
			shm_unview(view, bytes);
		close(descriptor);
		return NULL;
	}
	struct shelf *shelf = must_alloc(1, sizeof *shelf);
	*shelf = (struct shelf){.view = view,
	        .bytes = bytes,
	        .lists = lists,
	        .number = number,
	        .descriptor = descriptor,
	        .holders = 1};
	list_append(&all, &shelf->link);
	return shelf;
}

struct shelf *
shelf_adopt(int descriptor, uint64_t number)
{
	struct stat status;
	int seals = fcntl(descriptor, F_GET_SEALS), needed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	if (seals >= 0 && (seals & needed) == needed && fstat(descriptor, &status) == 0)
		return shelf_open(descriptor, (size_t)status.st_size, number);
	close(descriptor);
	return NULL;
}

struct shelf *
shelf_hold(struct shelf *shelf)
{
	if (shelf != NULL)
		shelf->holders++;
	return shelf;
}

static void
end(struct shelf *shelf)
{
	list_remove(&shelf->link);
	shm_unview(shelf->view, shelf->bytes);
	shelf_close_descriptor(shelf);
	free(shelf);
}

void
shelf_drop(struct shelf *shelf)
{
	if (shelf != NULL && --shelf->holders == 0)
		end(shelf);
}

void
shelf_keep_only(struct shelf *shelf)
{
	list_each_safe (at, after, &all) {
		struct shelf *other = list_entry(at, struct shelf, link);
		if (other != shelf)
			end(other);
	}
	shelf_close_descriptor(shelf);
	if (shelf != NULL)
		shelf->holders = 1;
}

void
shelf_close_descriptor(struct shelf *shelf)
{
	if (shelf == NULL || shelf->descriptor < 0)
		return;
	close(shelf->descriptor);
	shelf->descriptor = -1;
}

const struct lists *
shelf_lists(const struct shelf *shelf)
{
	return shelf != NULL ? shelf->lists : NULL;
}

int
shelf_descriptor(const struct shelf *shelf)
{
	return shelf != NULL ? shelf->descriptor : -1;
}

size_t
shelf_bytes(const struct shelf *shelf)
{
	return shelf != NULL ? shelf->bytes : 0;
}

uint64_t
shelf_number(const struct shelf *shelf)
{
	return shelf != NULL ? shelf->number : 0;
}
