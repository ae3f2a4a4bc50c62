/*
 * What outlives generations and binaries: adopted when it is the same to the byte, else made anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/log.h"
#include "shared/world.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world *world;

static int
start(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	world = world_open(-1);
	return world ? 0 : -1;
}

static int
stop(void **state)
{
	(void)state;
	world_close(world);
	return 0;
}

/* As it comes through exec: another descriptor of the same memory. */
static int
handed_over(void)
{
	int fd = dup(world_descriptor(world));
	assert_true(fd >= 0);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
begins_empty(void **state)
{
	(void)state;
	assert_int_equal(*world->generation, 0);
	for (unsigned i = 0; i < STATS_COUNT; i++)
		assert_int_equal(atomic_load(&world->retired->counters[i]), 0);
	assert_int_equal(atomic_load(&world->quarantine->used), 0);
	assert_true(fcntl(world_descriptor(world), F_GETFD) & FD_CLOEXEC);
	struct world *other = world_open(-1);
	assert_non_null(other);
	assert_true(other->seed != world->seed); /* once in 2^64 runs this fails */
	world_close(other);
	world_close(NULL);
}

static void
survives_a_change_of_binaries(void **state)
{
	(void)state;
	*world->generation = 41;
	stats_add(world->retired, STATS_queries, 1ull << 40);
	quarantine_note(world->quarantine, 7, 1000);
	quarantine_note(world->quarantine, 7, 1001);
	const struct health_identity upstream = {.key = 3, .name = "u", .address = "a"};
	struct health *health = health_open(world->health, &upstream, 1000);
	health_answered(health, 7000, false, 1000);
	health_close(health);
	struct world *next = world_open(handed_over());
	assert_non_null(next);
	struct health_view view;
	assert_true(health_find(next->health, 3, &view, 1000));
	assert_int_equal(view.latency_us, 7000);
	assert_int_equal(*next->generation, 41);
	assert_true(next->seed == world->seed);
	assert_true(atomic_load(&next->retired->counters[STATS_queries]) == 1ull << 40);
	assert_true(quarantine_holds(next->quarantine, 7, 2000));
	/* It is the same memory, not a copy: the old one's last counters are not lost. */
	stats_one(world->retired, STATS_answered);
	assert_int_equal(atomic_load(&next->retired->counters[STATS_answered]), 1);
	uint64_t seed = next->seed;
	struct world *after = world_open(dup(world_descriptor(next)));
	world_close(next);
	assert_int_equal(*after->generation, 41);
	assert_true(after->seed == seed);
	world_close(after);
}

static void
assert_made_anew(int fd)
{
	struct world *next = world_open(fd);
	assert_non_null(next);
	assert_int_equal(*next->generation, 0);
	assert_int_equal(atomic_load(&next->retired->counters[STATS_queries]), 0);
	assert_true(next->seed != world->seed);
	assert_true(next->seed != 0);
	*next->generation = 1;
	assert_int_equal(*world->generation, 41);
	world_close(next);
	assert_false(is_open(fd));
}

static void
other_sizes_are_refused(void **state)
{
	struct stat st;
	(void)state;
	*world->generation = 41;
	stats_one(world->retired, STATS_queries);
	assert_int_equal(fstat(world_descriptor(world), &st), 0);
	const off_t sizes[] = {0, 1, st.st_size - 1, st.st_size + 1, st.st_size - 64, st.st_size + 4096};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		/* The beginning is the same: it is the size alone that tells. */
		char bytes[64];
		int fd = memfd_create("test", MFD_CLOEXEC);
		assert_int_equal(pread(world_descriptor(world), bytes, sizeof bytes, 0), sizeof bytes);
		assert_int_equal(pwrite(fd, bytes, sizeof bytes, 0), sizeof bytes);
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		assert_made_anew(fd);
	}
}

static void
other_headers_are_refused(void **state)
{
	struct stat st;
	(void)state;
	*world->generation = 41;
	stats_one(world->retired, STATS_queries);
	assert_int_equal(fstat(world_descriptor(world), &st), 0);
	/* 16 bytes of magic and four numbers. */
	for (off_t at = 0; at < 48; at++) {
		static uint8_t bytes[1 << 21];
		assert_true((size_t)st.st_size <= sizeof bytes);
		assert_int_equal(pread(world_descriptor(world), bytes, (size_t)st.st_size, 0), st.st_size);
		bytes[at] ^= 1;
		int fd = memfd_create("test", MFD_CLOEXEC);
		assert_int_equal(write(fd, bytes, (size_t)st.st_size), st.st_size);
		assert_made_anew(fd);
	}
}

static void
tickets_go_along(void **state)
{
	static const struct ticket_identity identity = {{1, 2}};
	static uint8_t out[TICKET_BYTES];
	(void)state;
	assert_true(tickets_put(world->tickets, &identity, 0, "ticket", 6, 1000));
	struct world *next = world_open(handed_over());
	assert_int_equal(tickets_claim(next->tickets, &identity, out, 2000, NULL), 6);
	assert_memory_equal(out, "ticket", 6);
	assert_int_equal(tickets_claim(world->tickets, &identity, out, 2000, NULL), 0);
	world_close(next);
}

static void
hits_go_along(void **state)
{
	const char *const names[] = {"ads"};
	(void)state;
	hits_begin(world->hits, names, 1);
	hits_one(world->hits, hits_row(world->hits, "ads"), 3);
	struct world *next = world_open(handed_over());
	assert_int_equal(hits_sum(next->hits, hits_row(next->hits, "ads")), 1);
	world_close(next);
}

/* The kernel's word for it: "dd" is do not dump. */
static void
no_core_dump_shows_it(void **state)
{
	char line[512];
	bool inside = false, hidden = false;
	uintptr_t from, to, at = (uintptr_t)world->tickets;
	(void)state;
	FILE *maps = fopen("/proc/self/smaps", "r");
	assert_non_null(maps);
	while (fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
			inside = from <= at && at < to;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			hidden = strstr(line, " dd") != NULL;
	}
	fclose(maps);
	assert_true(hidden);
}

static void
what_is_no_memory_is_refused(void **state)
{
	int ends[2];
	(void)state;
	*world->generation = 41;
	assert_int_equal(pipe(ends), 0);
	assert_made_anew(ends[0]);
	close(ends[1]);
	assert_made_anew(open("/dev/null", O_RDWR | O_CLOEXEC));
	assert_made_anew(12345); /* never opened */
}

#define STARTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        STARTED(begins_empty),
	        STARTED(survives_a_change_of_binaries),
	        STARTED(other_sizes_are_refused),
	        STARTED(other_headers_are_refused),
	        STARTED(tickets_go_along),
	        STARTED(hits_go_along),
	        STARTED(no_core_dump_shows_it),
	        STARTED(what_is_no_memory_is_refused),
	};
	return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
