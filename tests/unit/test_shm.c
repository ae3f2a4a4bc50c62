/*
 * Shared memory: zeroed, in cache lines, and truly shared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "forked.h"
#include "shared/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

static void
footprints(void **state)
{
	(void)state;
	assert_int_equal(shm_footprint(0), 0);
	assert_int_equal(shm_footprint(1), 64);
	assert_int_equal(shm_footprint(64), 64);
	assert_int_equal(shm_footprint(65), 128);
}

static void
pieces_are_zeroed_aligned_and_apart(void **state)
{
	static const size_t sizes[] = {1, 64, 65, 1000, 3};
	size_t total = 0;
	(void)state;
	for (size_t i = 0; i < 5; i++)
		total += shm_footprint(sizes[i]);
	struct shm *shm = shm_new(total);
	assert_non_null(shm);
	uint8_t *end = NULL;
	for (size_t i = 0; i < 5; i++) {
		uint8_t *piece = shm_carve(shm, sizes[i]);
		assert_int_equal((uintptr_t)piece % 64, 0);
		assert_true(piece >= end);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(piece[j], 0);
		memset(piece, 0xff, sizes[i]);
		end = piece + sizes[i];
	}
	shm_free(shm);
}

static int
write_down(void *arg)
{
	memcpy(arg, "from the child", 15);
	return 0;
}

static void
children_write_into_it(void **state)
{
	(void)state;
	struct shm *shm = shm_new(64);
	char *words = shm_carve(shm, 64);
	struct forked result = forked_run(write_down, words);
	assert_true(forked_succeeded(&result));
	assert_string_equal(words, "from the child");
	shm_free(shm);
}

static int
carve_more(void *arg)
{
	shm_carve(arg, 1);
	return 0;
}

static void
more_than_there_is_aborts(void **state)
{
	(void)state;
	struct shm *shm = shm_new(128);
	shm_carve(shm, 65);
	struct forked result = forked_run(carve_more, shm);
	assert_true(forked_aborted(&result));
	shm_free(shm);
}

/* The limit on file sizes stands for a machine that is full. */
static int
ask_beyond_the_limit(void *arg)
{
	struct rlimit small = {65536, 65536};
	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	struct shm *fits = shm_new(65536);
	errno = 0;
	bool refused = shm_new(1 << 20) == NULL && errno == EFBIG;
	bool all = fits != NULL && refused;
	shm_free(fits);
	return all ? 0 : 1;
}

static void
too_much_is_told_at_start(void **state)
{
	(void)state;
	struct forked result = forked_run(ask_beyond_the_limit, NULL);
	assert_true(forked_succeeded(&result));
	shm_free(NULL);
}

static void
adopted_by_another(void **state)
{
	(void)state;
	struct shm *shm = shm_new(4096);
	strcpy(shm_carve(shm, 64), "from the first");
	assert_true(fcntl(shm_descriptor(shm), F_GETFD) & FD_CLOEXEC);
	struct shm *again = shm_adopt(dup(shm_descriptor(shm)), 4096);
	assert_non_null(again);
	assert_ptr_not_equal(shm_start(again), shm_start(shm));
	assert_string_equal(shm_start(again), "from the first");
	shm_free(shm);
	assert_string_equal(shm_carve(again, 64), "from the first"); /* what is there stays there */
	shm_free(again);
}

/* Not even a longer one: a mapping beyond the end of a file kills who touches it. */
static void
adopted_in_its_own_size_only(void **state)
{
	static const size_t sizes[] = {4095, 4097, 64, 8192};
	(void)state;
	struct shm *shm = shm_new(4096);
	for (size_t i = 0; i < 4; i++) {
		int fd = dup(shm_descriptor(shm));
		errno = 0;
		assert_null(shm_adopt(fd, sizes[i]));
		assert_int_equal(errno, EINVAL);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	}
	assert_null(shm_adopt(-1, 4096));
	shm_free(shm);
}

static int
fill_and_end(void *arg)
{
	const int *fd = arg;
	char *at = shm_draft(*fd, 10000);
	if (at == NULL || at[9999] != 0)
		return 1;
	strcpy(at + 9990, "the end");
	return 0;
}

static void
sealed_memory_is_only_read(void **state)
{
	(void)state;
	int fd = shm_blank();
	assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	struct forked result = forked_run(fill_and_end, &fd);
	assert_true(forked_succeeded(&result));
	assert_int_equal(shm_seal(fd), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 20000), -1);
	assert_null(shm_draft(fd, 10000));
	const char *view = shm_view(fd, 10000);
	assert_non_null(view);
	close(fd);
	assert_string_equal(view + 9990, "the end");
	shm_unview(view, 10000);
}

/* Who could still write would do so behind the back of all readers. */
static void
what_is_still_written_is_not_sealed(void **state)
{
	(void)state;
	int fd = shm_blank();
	void *at = shm_draft(fd, 4096);
	assert_non_null(at);
	assert_int_equal(shm_seal(fd), -EBUSY);
	shm_unview(at, 4096);
	assert_int_equal(shm_seal(fd), 0);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(footprints),
	        cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
	        cmocka_unit_test(children_write_into_it),
	        cmocka_unit_test(more_than_there_is_aborts),
	        cmocka_unit_test(too_much_is_told_at_start),
	        cmocka_unit_test(adopted_by_another),
	        cmocka_unit_test(adopted_in_its_own_size_only),
	        cmocka_unit_test(sealed_memory_is_only_read),
	        cmocka_unit_test(what_is_still_written_is_not_sealed),
	};
	return cmocka_run_group_tests_name("shm", tests, NULL, NULL);
}
