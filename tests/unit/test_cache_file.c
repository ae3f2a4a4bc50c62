/*
 * A cache's answers in a file and back: what is kept, what is dropped, how it ages, and that a file with
 * anything wrong with it leaves the cache empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "answers.h"
#include "cache/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { HEADER = 48, HEAD = 24, SUM = 8, STALE_S = 1000, WHY = FILE_WHY_BYTES };

#define WALL_MS 1800000000000ull

static char folder[64], path[128];
static char why[WHY];
static struct cache *from, *to;
static struct file_terms terms;
static struct file_count count;

static int
start(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/dotward-file.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/cache", folder);
	terms = (struct file_terms){
	        .seed = ANSWERS_SEED, .boot_ms = ANSWERS_BOOT_MS, .wall_ms = WALL_MS, .stale_s = STALE_S};
	from = answers_cache(ANSWERS_BYTES);
	to = answers_cache(ANSWERS_BYTES);
	why[0] = '\0';
	return 0;
}

static int
stop(void **state)
{
	char draft[140];
	(void)state;
	cache_free(from);
	cache_free(to);
	snprintf(draft, sizeof draft, "%s.new", path);
	assert_int_equal(access(draft, F_OK), -1); /* nothing is left behind */
	unlink(path);
	return rmdir(folder);
}

static void
save(void)
{
	struct file_draft draft;
	if (file_draft_begin(&draft, path, why) < 0 || file_save(&draft, from, &terms, &count, why) < 0 ||
	        file_draft_replace(&draft, why) < 0)
		fail_msg("%s", why);
	file_draft_end(&draft);
}

static int
load(void)
{
	int fd = file_open(path, why);
	if (fd < 0)
		return fd;
	int failed = file_load(fd, to, &terms, &count, why);
	close(fd);
	return failed;
}

static size_t
slurp(uint8_t *out, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t got = read(fd, out, room);
	close(fd);
	assert_true(got > 0 && (size_t)got < room);
	return (size_t)got;
}

static void
spit(const uint8_t *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

/* Another sum, for a file whose content was changed on purpose. */
static void
seal(uint8_t *bytes, size_t size)
{
	XXH3_state_t *sum = XXH3_createState();
	XXH3_64bits_reset(sum);
	XXH3_64bits_update(sum, bytes + HEADER, size - HEADER - SUM);
	XXH3_64bits_update(sum, bytes, HEADER);
	uint64_t value = XXH3_64bits_digest(sum);
	XXH3_freeState(sum);
	for (size_t i = 0; i < SUM; i++)
		bytes[size - 1 - i] = (uint8_t)(value >> (8 * i));
}

/* --- there and back --- */

static void
what_is_saved_comes_back(void **state)
{
	struct answers_one put;
	struct cache_entry got;
	(void)state;
	answers_make(&put, 7, 300, 20000);
	put.query.flags |= WIRE_FLAG_CD;
	put.query.edns.dnssec_ok = true;
	put.query.view = 0xfedcba98;
	put.msg[3] |= 3; /* NXDOMAIN */
	put.answer.rcode = 3;
	put.answer.edns.ede_bytes = 5;
	memcpy(put.answer.edns.ede, "\0\17abc", 5);
	put.item.kind = CACHE_NEGATIVE;
	put.item.unasked = true;
	answers_put(from, &put);
	save();
	assert_int_equal(count.entries, 1);
	terms.wall_ms += 60000;
	terms.boot_ms = 35ull * 24 * 3600 * 1000; /* another boot */
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 1);
	assert_int_equal(count.old + count.unfit, 0);
	assert_false(count.clock_back);
	assert_true(answers_find(to, &put.query, &got));
	assert_int_equal(got.answer.bytes, put.answer.bytes);
	assert_memory_equal(got.answer.msg, put.msg, put.answer.bytes);
	assert_int_equal(got.answer.rcode, 3);
	assert_int_equal(got.answer.edns.ede_bytes, 5);
	assert_memory_equal(got.answer.edns.ede, "\0\17abc", 5);
	assert_int_equal(got.ttl_count, 1);
	assert_int_equal(got.ttls[0], put.ttls[0]);
	assert_int_equal(got.kind, CACHE_NEGATIVE);
	assert_true(got.dnssec_ok && got.checking_disabled && got.unasked);
	assert_true(got.view == 0xfedcba98);
	assert_int_equal(got.life_s, 300);
	assert_true(got.stored_ms == terms.boot_ms - 80000);
	/* and only under this key */
	assert_false(answers_has(to, 7, &got));
	put.query.view = 0;
	assert_false(answers_find(to, &put.query, &got));
}

static void
many_come_back(void **state)
{
	enum { MANY = 3000 };
	struct cache_entry got;
	(void)state;
	for (unsigned n = 0; n < MANY; n++)
		answers_add(from, n, 100 + n, n);
	save();
	assert_int_equal(count.entries, MANY);
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, MANY);
	for (unsigned n = 0; n < MANY; n++) {
		assert_true(answers_has(to, n, &got));
		assert_int_equal(got.life_s, 100 + n);
		assert_true(
		        got.stored_ms <= ANSWERS_BOOT_MS - n && got.stored_ms + 200 > ANSWERS_BOOT_MS - n);
	}
}

static void
the_largest_message_comes_back(void **state)
{
	static uint8_t msg[WIRE_MESSAGE_BYTES];
	struct answers_one put;
	struct cache_entry got;
	(void)state;
	cache_free(from);
	cache_free(to);
	from = answers_cache(64 << 20);
	to = answers_cache(64 << 20);
	for (unsigned n = 0; n < 20; n++) {
		answers_make(&put, n, 300, 0);
		memcpy(msg, put.msg, put.answer.bytes);
		size_t rdata = put.answer.bytes - 4, room = sizeof msg - rdata;
		msg[rdata - 9] = 99; /* a type that nobody looks into */
		msg[rdata - 2] = (uint8_t)(room >> 8);
		msg[rdata - 1] = (uint8_t)room;
		memset(msg + rdata, (int)n, room);
		put.answer.msg = msg;
		put.answer.bytes = sizeof msg;
		answers_put(from, &put);
	}
	save();
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 20);
	for (unsigned n = 0; n < 20; n++) {
		assert_true(answers_has(to, n, &got));
		assert_int_equal(got.answer.bytes, sizeof msg);
		assert_int_equal(got.answer.msg[sizeof msg - 1], n);
	}
}

static void
an_empty_cache_is_a_file_too(void **state)
{
	struct stat status;
	(void)state;
	save();
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, HEADER + SUM);
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 0);
}

static void
what_is_in_the_cache_already_and_younger_stays(void **state)
{
	struct cache_entry got;
	(void)state;
	answers_add(from, 1, 300, 50000);
	save();
	answers_add(to, 1, 200, 10000);
	assert_int_equal(load(), 0);
	assert_true(answers_has(to, 1, &got));
	assert_int_equal(got.life_s, 200);
}

/* --- age --- */

static void
what_is_of_no_use_is_not_saved(void **state)
{
	struct answers_one failure;
	(void)state;
	answers_add(from, 1, 300, (300 + STALE_S) * 1000);
	answers_add(from, 2, 300, (300 + STALE_S) * 1000 - 1000);
	answers_make(&failure, 3, 300, 0);
	failure.item.kind = CACHE_FAILURE;
	answers_put(from, &failure);
	save();
	assert_int_equal(count.entries, 1);
	assert_int_equal(count.old, 2);
}

static void
time_goes_on_while_nobody_runs(void **state)
{
	static const struct {
		uint64_t passed_s, loaded;
	} rows[] = {{0, 2}, {90, 2}, {1089, 2}, {1091, 1}, {1190, 1}, {1201, 0}, {100000000, 0}};
	struct cache_entry got;
	(void)state;
	answers_add(from, 1, 100, 10000);
	answers_add(from, 2, 200, 0);
	save();
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		cache_flush_all(to);
		terms.wall_ms = WALL_MS + rows[i].passed_s * 1000;
		assert_int_equal(load(), 0);
		assert_int_equal(count.entries, rows[i].loaded);
		assert_int_equal(count.old, 2 - rows[i].loaded);
		assert_int_equal(answers_count(to), rows[i].loaded);
		if (rows[i].loaded == 2) {
			assert_true(answers_has(to, 1, &got));
			assert_true(got.stored_ms == ANSWERS_BOOT_MS - 10000 - rows[i].passed_s * 1000);
		}
	}
}

/* Nobody knows how old they are: they may help out, and no more. */
static void
a_clock_that_went_back_makes_nothing_younger(void **state)
{
	struct cache_entry got;
	(void)state;
	answers_add(from, 1, 100, 10000);
	answers_add(from, 2, 100, 500000);
	save();
	terms.wall_ms = WALL_MS - 1;
	assert_int_equal(load(), 0);
	assert_true(count.clock_back);
	assert_int_equal(count.entries, 2);
	assert_true(answers_has(to, 1, &got));
	assert_true(got.expires_ms <= ANSWERS_BOOT_MS);
	assert_true(answers_has(to, 2, &got));
	assert_true(got.stored_ms <= ANSWERS_BOOT_MS - 500000);
	/* without stale answers there is nothing to help out with */
	cache_flush_all(to);
	terms.stale_s = 0;
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 0);
	assert_int_equal(count.old, 2);
}

static void
what_is_older_than_the_boot_clock_is_left_out(void **state)
{
	(void)state;
	answers_add(from, 1, 100000, 60000);
	save();
	terms.boot_ms = 59999;
	assert_int_equal(load(), 0);
	assert_int_equal(count.old, 1);
	terms.boot_ms = 60000;
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 1);
}

/* --- what is wrong with a file --- */

static uint8_t good[4096], bad[4096];
static size_t good_bytes;

static void
make_good(void)
{
	answers_add(from, 1, 300, 0);
	answers_add(from, 2, 300, 0);
	save();
	good_bytes = slurp(good, sizeof good);
}

static void
assert_cold(const char *reason)
{
	assert_true(load() < 0);
	assert_string_equal(why, reason);
	assert_int_equal(answers_count(to), 0);
}

static void
truncated_at_every_length(void **state)
{
	(void)state;
	make_good();
	for (size_t size = 0; size < good_bytes; size++) {
		spit(good, size);
		assert_cold("it is truncated");
	}
	memcpy(bad, good, good_bytes);
	bad[good_bytes] = 0;
	spit(bad, good_bytes + 1);
	assert_cold("there is something behind its end");
	spit(good, good_bytes);
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 2);
}

static void
each_bit_flipped(void **state)
{
	(void)state;
	make_good();
	for (size_t bit = 0; bit < 8 * good_bytes; bit++) {
		memcpy(bad, good, good_bytes);
		bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
		spit(bad, good_bytes);
		assert_true(load() < 0);
		assert_true(why[0] != '\0');
		assert_int_equal(answers_count(to), 0);
	}
}

static void
foreign_files(void **state)
{
	(void)state;
	make_good();
	memcpy(bad, good, good_bytes);
	bad[19] = 3;
	seal(bad, good_bytes);
	spit(bad, good_bytes);
	assert_cold("it has format 3, and this dotward reads format 2");
	memset(bad, 'x', 100);
	spit(bad, 100);
	assert_cold("it is no cache of dotward");
	memcpy(bad, good, good_bytes);
	bad[good_bytes - 1] ^= 1;
	spit(bad, good_bytes);
	assert_cold("its checksum is wrong: it is damaged");
}

/* The sum is right, and yet the content is not what we would have written. */
static void
an_entry_that_is_none_is_left_out(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} spoilt[] = {
	        {0, 0xff},         /* longer than the file */
	        {2, 0xff},         /* an rcode that there is not */
	        {3, 1},            /* not the rcode of the message */
	        {4, 3},            /* of no kind */
	        {5, 8},            /* a flag of later */
	        {6, 2},            /* EDE longer than there can be */
	        {7, 1},            /* EDE of one byte; and the rest is out of step */
	        {8, 0xff},         /* lives for years */
	        {HEAD + 2, 0},     /* a query */
	        {HEAD + 2, 0x83},  /* truncated */
	        {HEAD + 5, 2},     /* two questions */
	        {HEAD + 7, 2},     /* a record that is not there */
	        {HEAD + 12, 0xc0}, /* a compressed question */
	        {HEAD + 12, 63},   /* a name without an end */
	        {HEAD + 28, 0xff}, /* a record that points anywhere */
	};
	(void)state;
	answers_add(from, 1, 300, 0);
	save();
	good_bytes = slurp(good, sizeof good);
	for (size_t i = 0; i < sizeof spoilt / sizeof spoilt[0]; i++) {
		memcpy(bad, good, good_bytes);
		assert_int_not_equal(bad[HEADER + spoilt[i].at], spoilt[i].value);
		bad[HEADER + spoilt[i].at] = spoilt[i].value;
		seal(bad, good_bytes);
		spit(bad, good_bytes);
		assert_int_equal(load(), 0);
		if (count.entries != 0 || answers_count(to) != 0)
			fail_msg("row %zu was taken", i);
	}
}

static void
more_entries_promised_than_there_are(void **state)
{
	(void)state;
	make_good();
	memcpy(bad, good, good_bytes);
	bad[32] = 0xff;
	seal(bad, good_bytes);
	spit(bad, good_bytes);
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 2);
}

/* --- where it lies --- */

static void
only_a_file_of_ours_is_opened(void **state)
{
	char other[160];
	(void)state;
	assert_int_equal(file_open(path, why), -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(file_open(path, why) < 0);
	assert_string_equal(why, "it is no regular file");
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(file_open(path, why) < 0);
	assert_string_equal(why, "it is no regular file");
	unlink(path);
	snprintf(other, sizeof other, "%s/other", folder);
	spit((const uint8_t *)"x", 1);
	assert_int_equal(chmod(path, 0620), 0);
	assert_true(file_open(path, why) < 0);
	assert_string_equal(why, "others may write to it");
	assert_int_equal(chmod(path, 0644), 0);
	int fd = file_open(path, why);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(file_open(path, why), -ELOOP);
	unlink(other);
}

static void
a_file_of_a_stranger_is_not_opened(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	spit((const uint8_t *)"x", 1);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_true(file_open(path, why) < 0);
	assert_string_equal(why, "it belongs to somebody else");
}

static void
a_draft_replaces_or_leaves_no_trace(void **state)
{
	struct file_draft draft;
	struct stat status;
	uint8_t now[64];
	(void)state;
	spit((const uint8_t *)"before", 6);
	assert_int_equal(chmod(path, 0644), 0);
	mode_t mask = umask(0);
	assert_int_equal(file_draft_begin(&draft, path, why), 0);
	umask(mask);
	assert_int_equal(write(draft.fd, "after", 5), 5);
	file_draft_end(&draft);
	assert_int_equal(slurp(now, sizeof now), 6);
	assert_int_equal(file_draft_begin(&draft, path, why), 0);
	assert_int_equal(write(draft.fd, "after", 5), 5);
	assert_int_equal(file_draft_replace(&draft, why), 0);
	file_draft_end(&draft);
	assert_int_equal(slurp(now, sizeof now), 5);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void
what_a_killed_predecessor_left_is_no_hindrance(void **state)
{
	char left[140];
	(void)state;
	snprintf(left, sizeof left, "%s.new", path);
	assert_int_equal(symlink("/nonexistent/x", left), 0);
	make_good();
	assert_int_equal(load(), 0);
	assert_int_equal(count.entries, 2);
}

static void
a_folder_that_is_not_there_is_said(void **state)
{
	struct file_draft draft;
	(void)state;
	assert_int_equal(file_draft_begin(&draft, "/nonexistent/cache", why), -ENOENT);
	assert_string_equal(why, "its folder cannot be opened: No such file or directory");
}

/* A full disk, as far as the writer can tell. */
static void
a_file_that_cannot_be_written_is_said(void **state)
{
	struct file_draft draft;
	(void)state;
	answers_add(from, 1, 300, 0);
	assert_int_equal(file_draft_begin(&draft, path, why), 0);
	int full = open("/dev/full", O_WRONLY);
	assert_true(full >= 0);
	assert_int_equal(dup2(full, draft.fd), draft.fd);
	close(full);
	assert_int_equal(file_save(&draft, from, &terms, &count, why), -ENOSPC);
	assert_string_equal(why, "cannot be written: No space left on device");
	file_draft_end(&draft);
	assert_int_equal(access(path, F_OK), -1);
}

#define HOUSED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        HOUSED(what_is_saved_comes_back),
	        HOUSED(many_come_back),
	        HOUSED(the_largest_message_comes_back),
	        HOUSED(an_empty_cache_is_a_file_too),
	        HOUSED(what_is_in_the_cache_already_and_younger_stays),
	        HOUSED(what_is_of_no_use_is_not_saved),
	        HOUSED(time_goes_on_while_nobody_runs),
	        HOUSED(a_clock_that_went_back_makes_nothing_younger),
	        HOUSED(what_is_older_than_the_boot_clock_is_left_out),
	        HOUSED(truncated_at_every_length),
	        HOUSED(each_bit_flipped),
	        HOUSED(foreign_files),
	        HOUSED(an_entry_that_is_none_is_left_out),
	        HOUSED(more_entries_promised_than_there_are),
	        HOUSED(only_a_file_of_ours_is_opened),
	        HOUSED(a_file_of_a_stranger_is_not_opened),
	        HOUSED(a_draft_replaces_or_leaves_no_trace),
	        HOUSED(what_a_killed_predecessor_left_is_no_hindrance),
	        HOUSED(a_folder_that_is_not_there_is_said),
	        HOUSED(a_file_that_cannot_be_written_is_said),
	};
	return cmocka_run_group_tests_name("cache_file", tests, NULL, NULL);
}
