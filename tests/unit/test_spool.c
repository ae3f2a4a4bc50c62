/*
 * A ring between two processes: nothing comes twice or in another order, what is lost is counted, and a
 * writer that is killed, or has gone mad, costs nothing but its own records.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/clock.h"
#include "forked.h"
#include "shared/bell.h"
#include "shared/spool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Plain, and each beginning with a number. */
struct note {
	uint64_t number;
	uint8_t bytes[2000];
};

struct shared {
	struct bell bell;
	_Atomic uint64_t written;
	_Alignas(64) uint8_t spool[];
};

static struct shared *shared;
static struct spool *spool;
static size_t shared_bytes;

static int
begin(void **state)
{
	(void)state;
	shared_bytes = sizeof *shared + spool_bytes();
	shared = mmap(NULL, shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	spool = (struct spool *)(void *)shared->spool;
	return shared == MAP_FAILED ? -1 : 0;
}

static int
end(void **state)
{
	(void)state;
	return munmap(shared, shared_bytes);
}

/* Its length and contents follow from its number. */
static size_t
length_of(uint64_t number)
{
	return 8 + number * 7919 % 2000;
}

static bool
put(struct spool_writer *w, uint64_t number)
{
	struct note *note = spool_reserve(w, sizeof *note);
	if (note == NULL)
		return false;
	note->number = number;
	memset(note->bytes, (int)(number % 251), length_of(number) - 8);
	spool_commit(w, length_of(number));
	return true;
}

static bool
is_right(const struct note *note, size_t bytes)
{
	if (bytes != length_of(note->number))
		return false;
	for (size_t i = 0; i < bytes - 8; i++)
		if (note->bytes[i] != note->number % 251)
			return false;
	return true;
}

static void
one_after_the_other(void **state)
{
	(void)state;
	struct spool_writer w;
	struct spool_reader r;
	size_t bytes;
	spool_write_begin(&w, spool);
	spool_read_begin(&r, spool);
	assert_null(spool_next(&r, &bytes));
	for (uint64_t n = 0; n < 20000; n++) {
		assert_true(put(&w, 2 * n));
		assert_true(put(&w, 2 * n + 1));
		for (unsigned i = 0; i < 2; i++) {
			const struct note *note = spool_next(&r, &bytes);
			assert_non_null(note);
			assert_int_equal(note->number, 2 * n + i);
			assert_true(is_right(note, bytes));
		}
		assert_null(spool_next(&r, &bytes));
		spool_release(&r);
	}
	assert_int_equal(spool_lost(spool), 0);
}

static void
a_full_ring_loses_the_new(void **state)
{
	(void)state;
	struct spool_writer w;
	struct spool_reader r;
	size_t bytes;
	uint64_t kept = 0, n = 0;
	spool_write_begin(&w, spool);
	while (put(&w, kept))
		kept++;
	for (unsigned i = 0; i < 9; i++)
		assert_false(put(&w, 1));
	assert_int_equal(spool_lost(spool), 10);
	assert_true(kept > SPOOL_BYTES / 2100);
	/* what was read and not released is still in the way */
	spool_read_begin(&r, spool);
	for (const struct note *note; (note = spool_next(&r, &bytes)) != NULL; n++)
		assert_int_equal(note->number, n);
	assert_int_equal(n, kept);
	assert_false(put(&w, 1));
	/* a reader that comes after one that died begins where that one had released */
	spool_read_begin(&r, spool);
	assert_int_equal(((const struct note *)spool_next(&r, &bytes))->number, 0);
	while (spool_next(&r, &bytes) != NULL)
		;
	spool_release(&r);
	assert_true(put(&w, 7));
	assert_int_equal(((const struct note *)spool_next(&r, &bytes))->number, 7);
}

static void
the_largest(void **state)
{
	(void)state;
	struct spool_writer w;
	struct spool_reader r;
	size_t bytes;
	spool_write_begin(&w, spool);
	spool_read_begin(&r, spool);
	for (unsigned i = 0; i < 50; i++) {
		uint8_t *record = spool_reserve(&w, SPOOL_RECORD_MOST);
		assert_non_null(record);
		memset(record, (int)i, SPOOL_RECORD_MOST);
		spool_commit(&w, SPOOL_RECORD_MOST - i % 9);
		const uint8_t *read = spool_next(&r, &bytes);
		assert_int_equal(bytes, SPOOL_RECORD_MOST - i % 9);
		assert_int_equal(read[0], i);
		assert_int_equal(read[bytes - 1], i);
		spool_release(&r);
	}
	/* nothing is committed that was not reserved, or not finished */
	assert_non_null(spool_reserve(&w, 100));
	assert_null(spool_next(&r, &bytes));
}

static int
write_on(void *arg)
{
	struct spool_writer w;
	uint64_t until_ms = clock_now_ms() + *(unsigned *)arg;
	spool_write_begin(&w, spool);
	for (uint64_t n = atomic_load(&shared->written); clock_now_ms() < until_ms;)
		if (put(&w, n)) {
			atomic_store(&shared->written, ++n);
			bell_ring(&shared->bell);
		}
	return 0;
}

/* Writers are killed at random, and each goes on where the one before it was: its last record may be there
 * without it knowing, and comes once more. */
static void
writers_that_are_killed(void **state)
{
	(void)state;
	struct spool_reader r;
	size_t bytes;
	uint64_t expected = 0, again = 0;
	unsigned forever = 60000;
	spool_read_begin(&r, spool);
	srandom(1);
	for (unsigned life = 0; life < 40; life++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(write_on(&forever));
		uint64_t until_us = clock_now_us() + 500 + (uint64_t)random() % 3000;
		const struct note *note;
		bool killed = false;
		while ((note = spool_next(&r, &bytes)) != NULL || !killed) {
			if (!killed && clock_now_us() > until_us) {
				kill(pid, SIGKILL);
				waitpid(pid, NULL, 0);
				killed = true;
			}
			if (note == NULL)
				continue;
			assert_true(is_right(note, bytes));
			again += note->number + 1 == expected;
			assert_true(note->number == expected || note->number + 1 == expected);
			expected = note->number + 1;
			spool_release(&r);
		}
	}
	assert_true(expected >= atomic_load(&shared->written));
	assert_true(again <= 40);
	assert_true(expected > 40);
}

/* Whatever lies in the ring, a reader stays in it, comes to an end, and reads on what is sound later. */
static void
writers_that_are_mad(void **state)
{
	(void)state;
	srandom(2);
	for (unsigned round = 0; round < 3000; round++) {
		struct spool_writer w;
		struct spool_reader r;
		size_t bytes;
		uint64_t *words = (uint64_t *)(void *)spool;
		spool_write_begin(&w, spool);
		spool_read_begin(&r, spool);
		for (uint64_t n = 0; n < 20; n++)
			put(&w, n);
		for (unsigned i = 0; i < 4; i++) {
			/* positions and counts, or what lies at the beginning of the ring */
			size_t at = random() % 2 ? (size_t)random() % 32 : (size_t)random() % 4000;
			words[at] = random() % 2 ? (uint64_t)random() << (random() % 33)
			                         : (uint64_t)random() % 64 * 8;
		}
		for (unsigned count = 0; spool_next(&r, &bytes) != NULL; count++) {
			assert_true(bytes <= SPOOL_RECORD_MOST);
			assert_true(count < SPOOL_BYTES / 8);
		}
		spool_release(&r);
		spool_write_begin(&w, spool);
		spool_read_begin(&r, spool);
		spool_next(&r, &bytes);
		spool_release(&r);
		if (put(&w, 5)) {
			const struct note *note = spool_next(&r, &bytes);
			assert_true(note == NULL || is_right(note, bytes));
		}
	}
}

static int
ring_late(void *arg)
{
	(void)arg;
	usleep(20000);
	atomic_store(&shared->written, 1);
	bell_ring(&shared->bell);
	return 0;
}

static void
the_bell(void **state)
{
	(void)state;
	/* Nobody sleeps: it costs nothing, and nothing is remembered. */
	bell_ring(&shared->bell);
	bell_lie_down(&shared->bell);
	uint64_t begun_ms = clock_now_ms();
	bell_sleep(&shared->bell, 30);
	assert_true(clock_now_ms() - begun_ms >= 29);
	bell_get_up(&shared->bell);
	/* Rung between lying down and sleeping: no sleep. */
	bell_lie_down(&shared->bell);
	bell_ring(&shared->bell);
	begun_ms = clock_now_ms();
	bell_sleep(&shared->bell, 60000);
	assert_true(clock_now_ms() - begun_ms < 30000);
	/* Rung by another process. */
	pid_t pid = fork();
	if (pid == 0)
		_exit(ring_late(NULL));
	begun_ms = clock_now_ms();
	while (atomic_load(&shared->written) == 0) {
		bell_lie_down(&shared->bell);
		if (atomic_load(&shared->written) == 0)
			bell_sleep(&shared->bell, 60000);
		bell_get_up(&shared->bell);
	}
	assert_true(clock_now_ms() - begun_ms < 30000);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* One writes as fast as it can, the other sleeps whenever there is nothing: no ring is missed, or this takes
 * a minute for each. */
static void
no_ring_is_missed(void **state)
{
	(void)state;
	enum { RECORDS = 3000 };
	struct spool_reader r;
	size_t bytes;
	spool_read_begin(&r, spool);
	pid_t pid = fork();
	if (pid == 0) {
		struct spool_writer w;
		spool_write_begin(&w, spool);
		for (uint64_t n = 0; n < RECORDS;)
			if (put(&w, n)) {
				n++;
				bell_ring(&shared->bell);
			}
		_exit(0);
	}
	uint64_t begun_ms = clock_now_ms();
	for (uint64_t n = 0; n < RECORDS;) {
		const struct note *note = spool_next(&r, &bytes);
		if (note == NULL) {
			bell_lie_down(&shared->bell);
			if ((note = spool_next(&r, &bytes)) == NULL)
				bell_sleep(&shared->bell, 60000);
			bell_get_up(&shared->bell);
		}
		if (note == NULL)
			continue;
		assert_int_equal(note->number, n++);
		spool_release(&r);
	}
	assert_true(clock_now_ms() - begun_ms < 50000);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	        TEST(one_after_the_other),
	        TEST(a_full_ring_loses_the_new),
	        TEST(the_largest),
	        TEST(writers_that_are_killed),
	        TEST(writers_that_are_mad),
	        TEST(the_bell),
	        TEST(no_ring_is_missed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
