/*
 * Sealed tables and who holds them: what could still change is no shelf, and the last holder lets go of the
 * memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "shelves.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct shelf_text texts[] = {
        {"ads", LISTS_BLOCK_LIST, LIST_PLAIN, "ads.example\n"},
        {"fine", LISTS_ALLOW_LIST, LIST_PLAIN, "good.ads.example\n"},
};

static bool
holds(const struct shelf *shelf, const char *name, size_t bytes)
{
	struct lists_hit hit;
	return lists_find(shelf_lists(shelf), UINT64_MAX, (const uint8_t *)name, bytes, &hit, NULL);
}
#define HOLDS(shelf, name) holds(shelf, name, sizeof(name))

/* How many mappings of sealed memory this process has. */
static unsigned
mappings(void)
{
	char line[512];
	unsigned count = 0;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		count += strstr(line, "memfd:dotward-sealed") != NULL;
	if (maps != NULL)
		fclose(maps);
	return count;
}

static void
it_goes_with_the_last_holder(void **state)
{
	(void)state;
	struct shelf *shelf = shelves_make(texts, 2, 7);
	int fd = shelf_descriptor(shelf);
	assert_int_equal(mappings(), 1);
	assert_int_equal(shelf_number(shelf), 7);
	assert_int_equal(lists_count(shelf_lists(shelf)), 2);
	assert_true(HOLDS(shelf, "\x03www\x03"
	                         "ads\x07"
	                         "example"));
	assert_ptr_equal(shelf_hold(shelf), shelf);
	shelf_drop(shelf);
	assert_true(HOLDS(shelf, "\x03"
	                         "ads\x07"
	                         "example"));
	shelf_drop(shelf);
	assert_int_equal(mappings(), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void
nobody_is_an_empty_shelf(void **state)
{
	(void)state;
	assert_null(shelf_hold(NULL));
	shelf_drop(NULL);
	shelf_keep_only(NULL);
	assert_null(shelf_lists(NULL));
	assert_int_equal(shelf_descriptor(NULL), -1);
	assert_int_equal(shelf_bytes(NULL), 0);
	assert_int_equal(shelf_number(NULL), 0);
}

/* As a worker takes one: with the size that it is told, and without the descriptor afterwards. */
static void
it_is_taken_by_its_size(void **state)
{
	(void)state;
	struct shelf *shelf = shelves_make(texts, 2, 1);
	struct shelf *again = shelf_open(dup(shelf_descriptor(shelf)), shelf_bytes(shelf), 2);
	assert_non_null(again);
	shelf_close_descriptor(again);
	assert_int_equal(shelf_descriptor(again), -1);
	assert_true(HOLDS(again, "\x03"
	                         "ads\x07"
	                         "example"));
	int fd = dup(shelf_descriptor(shelf));
	assert_null(shelf_open(fd, shelf_bytes(shelf) - 64, 3));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_null(shelf_open(dup(shelf_descriptor(shelf)), 0, 3));
	assert_null(shelf_open(-1, 64, 3));
	shelf_drop(shelf);
	shelf_drop(again);
	assert_int_equal(mappings(), 0);
}

static void
what_is_not_sealed_is_refused(void **state)
{
	(void)state;
	int fd = shelves_memory(texts, 2);
	assert_null(shelf_adopt(fd, 1));
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fd = shelves_memory(texts, 2);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_null(shelf_adopt(fd, 1));
	assert_null(shelf_adopt(open("/dev/null", O_RDONLY), 1));
	assert_null(shelf_adopt(-1, 1));
}

static void
what_is_no_table_is_refused(void **state)
{
	(void)state;
	int fd = shm_blank();
	assert_int_equal(pwrite(fd, "not a table of lists, but a text", 32, 0), 32);
	assert_int_equal(shm_seal(fd), 0);
	assert_null(shelf_adopt(fd, 1));
	fd = shm_blank();
	assert_int_equal(shm_seal(fd), 0);
	assert_null(shelf_adopt(fd, 1));
	assert_int_equal(mappings(), 0);
}

/* In the child, which has the parent's mappings until it lets go of them. */
static int
keep_one(void *arg)
{
	struct shelf **two = arg;
	int fd = shelf_descriptor(two[1]);
	if (mappings() != 2)
		return 1;
	shelf_keep_only(two[1]);
	if (mappings() != 1 || fcntl(fd, F_GETFD) >= 0 ||
	        !HOLDS(two[1], "\x03"
	                       "ads\x07"
	                       "example"))
		return 2;
	shelf_drop(two[1]); /* once, however many the parent has */
	return mappings() == 0 ? 0 : 3;
}

static void
a_child_keeps_one(void **state)
{
	(void)state;
	struct shelf *two[2] = {shelves_make(texts, 2, 1), shelves_make(texts, 2, 2)};
	shelf_hold(two[1]);
	struct forked child = forked_run(keep_one, two);
	assert_int_equal(child.status, 0);
	shelf_drop(two[0]);
	shelf_drop(two[1]);
	shelf_drop(two[1]);
	assert_int_equal(mappings(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(it_goes_with_the_last_holder),
	        cmocka_unit_test(nobody_is_an_empty_shelf),
	        cmocka_unit_test(it_is_taken_by_its_size),
	        cmocka_unit_test(what_is_not_sealed_is_refused),
	        cmocka_unit_test(what_is_no_table_is_refused),
	        cmocka_unit_test(a_child_keeps_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
