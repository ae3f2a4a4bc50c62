/*
 * The log: what a line looks like, where it goes, and what a stranger cannot do to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/dotward-log.XXXXXX";
static char path[64], rotated[64], target[80];

static int
begin(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/log", folder);
	snprintf(rotated, sizeof rotated, "%s/log.1", folder);
	snprintf(target, sizeof target, "file:%s", path);
	return 0;
}

static int
finish(void **state)
{
	(void)state;
	return rmdir(folder);
}

static int
fresh(void **state)
{
	(void)state;
	log_set_role("");
	return log_open(target, LOG_LEVEL_NOTICE);
}

static int
clean(void **state)
{
	(void)state;
	log_close();
	log_set_level(LOG_LEVEL_NOTICE);
	unlink(path);
	unlink(rotated);
	return 0;
}

static const char *
contents(const char *of)
{
	static char text[8192];
	FILE *f = fopen(of, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	return text;
}

static void
a_line(void **state)
{
	int year, month, day, hour, minute, second, ms, used = 0;
	(void)state;
	log_notice("worker died slot=%u pid=%d", 3u, 812);
	const char *text = contents(path);
	assert_int_equal(sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute,
	                         &second, &ms, &used),
	        7);
	assert_int_equal(used, 25);
	assert_string_equal(text + used, "notice dotward: worker died slot=3 pid=812\n");
}

static void
a_role(void **state)
{
	(void)state;
	log_set_role("worker 1");
	log_warn("x");
	assert_string_equal(contents(path) + 25, "warn worker 1: x\n");
	log_set_role("a role that is far too long for the room that there is for it");
	log_warn("y");
	assert_non_null(strstr(contents(path), "warn a role that is far too long for: y\n"));
}

static void
only_what_is_wanted(void **state)
{
	(void)state;
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		log_set_level((enum log_level)level);
		for (int line = LOG_LEVEL_ERROR; line <= LOG_LEVEL_DEBUG; line++) {
			assert_int_equal(log_wants((enum log_level)line), line <= level);
			log_at((enum log_level)line, "%d-%d", level, line);
		}
	}
	char want[32];
	const char *text = contents(path);
	for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		for (int line = LOG_LEVEL_ERROR; line <= LOG_LEVEL_DEBUG; line++) {
			snprintf(want, sizeof want, "%d-%d\n", level, line);
			assert_int_equal(strstr(text, want) != NULL, line <= level);
		}
	}
}

static void
file_is_private_and_appended_to(void **state)
{
	struct stat st;
	(void)state;
	log_notice("first");
	log_close();
	assert_int_equal(log_open(target, LOG_LEVEL_NOTICE), 0);
	log_notice("second");
	assert_non_null(strstr(contents(path), "first\n"));
	assert_non_null(strstr(contents(path), "second\n"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0);
}

static void
rotation(void **state)
{
	(void)state;
	log_notice("before");
	assert_int_equal(rename(path, rotated), 0);
	log_notice("between");
	assert_int_equal(log_reopen(), 0);
	log_notice("after");
	assert_non_null(strstr(contents(rotated), "before\n"));
	assert_non_null(strstr(contents(rotated), "between\n"));
	assert_null(strstr(contents(rotated), "after\n"));
	assert_string_equal(contents(path) + 25, "notice dotward: after\n");
}

static void
failed_reopening_keeps_the_old_file(void **state)
{
	(void)state;
	assert_int_equal(rename(path, rotated), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(log_reopen(), -EISDIR);
	log_notice("still here");
	assert_non_null(strstr(contents(rotated), "still here\n"));
	assert_int_equal(rmdir(path), 0);
}

static void
failed_opening_keeps_the_old_target(void **state)
{
	(void)state;
	assert_int_equal(log_open("file:/nonexistent/folder/log", LOG_LEVEL_DEBUG), -ENOENT);
	assert_int_equal(log_open("somewhere", LOG_LEVEL_DEBUG), -EINVAL);
	assert_false(log_wants(LOG_LEVEL_DEBUG));
	log_notice("kept");
	assert_non_null(strstr(contents(path), "kept\n"));
}

static void
descriptor_of_a_file_only(void **state)
{
	(void)state;
	int fd = log_descriptor();
	assert_true(fd > STDERR_FILENO);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(log_open("stderr", LOG_LEVEL_NOTICE), 0);
	assert_int_equal(log_descriptor(), -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(log_reopen(), 0);
}

/* Standard error is a socket that keeps each write apart. */
static void
a_line_is_one_write(void **state)
{
	static char got[4096], long_text[5000];
	int ends[2], saved = dup(STDERR_FILENO);
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	assert_int_equal(log_open("stderr", LOG_LEVEL_NOTICE), 0);
	memset(long_text, 'x', sizeof long_text - 1);
	dup2(ends[1], STDERR_FILENO);
	errno = EXDEV;
	log_notice("short");
	int error = errno;
	log_notice("%s", long_text);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(error, EXDEV);
	ssize_t bytes = recv(ends[0], got, sizeof got, MSG_DONTWAIT);
	assert_int_equal(bytes, 25 + strlen("notice dotward: short\n"));
	bytes = recv(ends[0], got, sizeof got, MSG_DONTWAIT);
	assert_in_range(bytes, 1024, 4096);
	assert_memory_equal(got + bytes - 4, "xxx\n", 4);
	assert_int_equal(recv(ends[0], got, sizeof got, MSG_DONTWAIT), -1);
	close(ends[0]);
	close(ends[1]);
}

static void
nothing_to_write_to_is_no_harm(void **state)
{
	(void)state;
	log_close();
	assert_int_equal(log_open("file:/dev/full", LOG_LEVEL_NOTICE), 0);
	log_notice("lost");
}

static void
quoting(void **state)
{
	static const struct {
		const char *in;
		size_t count;
		const char *out;
	} rows[] = {
	        {"plain text", 10, "plain text"},
	        {"", 0, ""},
	        {"a\nb\r\t", 5, "a\\010b\\013\\009"},
	        {"\0", 1, "\\000"},
	        {"\"\\", 2, "\\034\\092"},
	        {"\x1b[31m", 5, "\\027[31m"},
	        {"\x7f\x80\xff", 3, "\\127\\128\\255"},
	        {" ~", 2, " ~"},
	};
	char out[64];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_string_equal(log_quote(out, sizeof out, rows[i].in, rows[i].count), rows[i].out);
}

/* Whatever the room, no byte is written behind it and no escape is cut in half. */
static void
quoting_in_little_room(void **state)
{
	static const char in[] = "ab\n\ncd";
	static const char *const cut[] = {"", "", "a", "ab", "ab", "ab", "ab", "ab\\010", "ab\\010",
	        "ab\\010", "ab\\010", "ab\\010\\010", "ab\\010\\010c", "ab\\010\\010cd", "ab\\010\\010cd"};
	(void)state;
	for (size_t room = 1; room < sizeof cut / sizeof cut[0]; room++) {
		char *out = malloc(room);
		assert_string_equal(log_quote(out, room, in, 6), cut[room]);
		free(out);
	}
	char untouched = 'u';
	log_quote(&untouched, 0, in, 6);
	assert_int_equal(untouched, 'u');
}

static void
words_and_levels_are_the_same_list(void **state)
{
	enum log_level level;
	(void)state;
	for (unsigned i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		assert_true(log_find_level(log_level_word((enum log_level)i), &level));
		assert_int_equal(level, i);
	}
	assert_false(log_find_level("loud", &level));
	assert_false(log_find_level("", &level));
	assert_false(log_find_level("Error", &level));
}

/* The word as every process sees it. */
static _Atomic unsigned *
shared_word(void)
{
	_Atomic unsigned *word =
	        mmap(NULL, sizeof *word, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(word != MAP_FAILED);
	return word;
}

static void
a_shared_level_is_followed_by_other_processes(void **state)
{
	(void)state;
	int status, ready[2], go[2];
	char byte;
	_Atomic unsigned *word = shared_word();
	log_set_level(LOG_LEVEL_ERROR);
	log_share_level(word);
	assert_int_equal(*word, LOG_LEVEL_ERROR);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	pid_t child = fork();
	if (child == 0) {
		bool before = log_wants(LOG_LEVEL_INFO);
		bool told = write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1;
		_exit(told && !before && log_wants(LOG_LEVEL_INFO) ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	log_set_level(LOG_LEVEL_DEBUG);
	assert_int_equal(write(go[1], "x", 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
	log_share_level(NULL);
	assert_int_equal(munmap((void *)word, sizeof *word), 0);
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
}

static void
nonsense_in_the_shared_word_is_a_level_all_the_same(void **state)
{
	(void)state;
	_Atomic unsigned word;
	log_share_level(&word);
	word = 0xffffffff;
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
	assert_string_equal(log_level_word(log_get_level()), "debug");
	log_share_level(NULL);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, fresh, clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        WITH_FILE(a_line),
	        WITH_FILE(a_role),
	        WITH_FILE(only_what_is_wanted),
	        WITH_FILE(file_is_private_and_appended_to),
	        WITH_FILE(rotation),
	        WITH_FILE(failed_reopening_keeps_the_old_file),
	        WITH_FILE(failed_opening_keeps_the_old_target),
	        WITH_FILE(descriptor_of_a_file_only),
	        WITH_FILE(a_line_is_one_write),
	        WITH_FILE(nothing_to_write_to_is_no_harm),
	        cmocka_unit_test(quoting),
	        cmocka_unit_test(quoting_in_little_room),
	        cmocka_unit_test(words_and_levels_are_the_same_list),
	        cmocka_unit_test(a_shared_level_is_followed_by_other_processes),
	        cmocka_unit_test(nonsense_in_the_shared_word_is_a_level_all_the_same),
	};
	return cmocka_run_group_tests_name("log", tests, begin, finish);
}
