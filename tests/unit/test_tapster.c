/*
 * The scribe's hand for dnstap: files that are whole whoever wrote to them, and readers that do not behave.
 * Readers are sockets of this process, laid out before they are needed, so that nobody waits for a thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/log.h"
#include "dnstap/frames.h"
#include "process/tapster.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/dotward-tapster.XXXXXX";
static char path[64];

static int
begin(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/tap", folder);
	return log_open("file:/dev/null", LOG_LEVEL_ERROR);
}

static int
finish(void **state)
{
	(void)state;
	log_close();
	return rmdir(folder);
}

static int
clean(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* Frames of one byte each, by their contents. */
static struct tapster_frames
frames(const char *contents)
{
	static uint8_t length[FRAMES_LENGTH_BYTES];
	static struct iovec parts[64];
	unsigned count = (unsigned)strlen(contents);
	frames_length(length, 1);
	for (unsigned i = 0; i < count; i++) {
		parts[2 * i] = (struct iovec){length, sizeof length};
		parts[2 * i + 1] = (struct iovec){(void *)(uintptr_t)(contents + i), 1};
	}
	return (struct tapster_frames){parts, count};
}

static struct tapster_file *
open_file(void)
{
	char why[SCRIBE_WHY_BYTES];
	int fd = tapster_file_open(path, why);
	assert_true(fd >= 0);
	return tapster_file_new(fd);
}

static unsigned
append(struct tapster_file *file, const char *contents)
{
	const struct tapster_frames some = frames(contents);
	return tapster_file_append(file, &some);
}

/* "S" for START, "." for STOP, else the byte of a frame; "!" where it is no stream. */
static const char *
contents(void)
{
	static char out[128];
	static uint8_t bytes[8192];
	size_t used = 0;
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t got = read(fd, bytes, sizeof bytes);
	close(fd);
	for (ssize_t at = 0; at < got;) {
		fstrm_control_type control;
		bool fits;
		int taken = frames_read(bytes + at, (size_t)(got - at), &control, &fits);
		if (got - at >= 5 && bytes[at + 3] == 1) {
			out[used++] = (char)bytes[at + 4];
			at += 5;
		} else if (taken > 0) {
			out[used++] = control == FSTRM_CONTROL_START ? 'S' : '.';
			at += taken;
		} else {
			out[used++] = '!';
			break;
		}
	}
	out[used] = '\0';
	return out;
}

static void
a_file_is_begun_and_ended(void **state)
{
	(void)state;
	struct tapster_file *file = open_file();
	assert_string_equal(contents(), "S");
	assert_int_equal(append(file, "ab"), 0);
	assert_string_equal(contents(), "Sab");
	tapster_file_free(file);
	assert_string_equal(contents(), "Sab.");
}

static void
it_is_gone_on_with(void **state)
{
	(void)state;
	struct tapster_file *file = open_file();
	append(file, "a");
	tapster_file_free(file);
	file = open_file();
	assert_string_equal(contents(), "Sa");
	append(file, "b");
	tapster_file_free(file);
	assert_string_equal(contents(), "Sab.");
}

static void
two_at_a_time_end_it_once(void **state)
{
	(void)state;
	struct tapster_file *one = open_file(), *other = open_file();
	append(one, "a");
	append(other, "b");
	append(one, "c");
	tapster_file_free(one);
	append(other, "d");
	assert_string_equal(contents(), "Sabcd");
	tapster_file_free(other);
	assert_string_equal(contents(), "Sabcd.");
}

static void
half_a_frame_goes(void **state)
{
	(void)state;
	struct tapster_file *file = open_file();
	append(file, "ab");
	tapster_file_free(file);
	struct stat is;
	assert_int_equal(stat(path, &is), 0);
	/* whatever was cut off, what is whole stays */
	for (off_t bytes = is.st_size - 1; bytes >= 42; bytes--) {
		assert_int_equal(truncate(path, bytes), 0);
		file = open_file();
		append(file, "z");
		tapster_file_free(file);
		off_t whole = (bytes - 42) / 5;
		whole = whole > 2 ? 2 : whole;
		assert_string_equal(contents(), whole == 2 ? "Sabz." : whole == 1 ? "Saz." : "Sz.");
		assert_int_equal(truncate(path, 42), 0);
		file = open_file();
		append(file, "ab");
		tapster_file_free(file);
	}
	/* not even the START */
	assert_int_equal(truncate(path, 17), 0);
	file = open_file();
	tapster_file_free(file);
	assert_string_equal(contents(), "S.");
}

static void
another_file_is_adopted_the_same_is_not(void **state)
{
	char why[SCRIBE_WHY_BYTES], old[80];
	(void)state;
	struct tapster_file *file = open_file();
	append(file, "a");
	tapster_file_adopt(file, tapster_file_open(path, why));
	append(file, "b");
	assert_string_equal(contents(), "Sab");
	snprintf(old, sizeof old, "%s.1", path);
	assert_int_equal(rename(path, old), 0);
	tapster_file_adopt(file, tapster_file_open(path, why));
	append(file, "c");
	tapster_file_free(file);
	assert_string_equal(contents(), "Sc.");
	assert_int_equal(rename(old, path), 0);
	assert_string_equal(contents(), "Sab.");
}

static void
what_is_something_else_is_left_alone(void **state)
{
	char why[SCRIBE_WHY_BYTES];
	(void)state;
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs("a log", f);
	fclose(f);
	assert_true(tapster_file_open(path, why) < 0);
	assert_non_null(strstr(why, "move it away"));
	assert_true(tapster_file_open("/dev/null", why) < 0);
	assert_true(tapster_file_open("/nowhere/at/all", why) < 0);
	assert_non_null(strstr(why, "dnstap.file = \"/nowhere/at/all\""));
}

/* --- readers */

static int
listen_there(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* A reader in a process of its own: answers READY with `answer`, and reads so many frames of one byte, which
 * it compares; then, if it was told to, waits for STOP and says FINISH. Exit status 0: all was as it should
 * be.
 */
struct reader {
	int fd;
	fstrm_control_type answer;
	const char *frames;
	bool to_the_end;
};

static bool
read_all(int fd, uint8_t *out, size_t bytes)
{
	for (size_t got = 0; got < bytes;) {
		ssize_t some = read(fd, out + got, bytes - got);
		if (some <= 0)
			return false;
		got += (size_t)some;
	}
	return true;
}

static bool
reads(const struct reader *r)
{
	uint8_t bytes[FRAMES_HANDSHAKE_BYTES], wanted[FRAMES_HANDSHAKE_BYTES];
	int fd = accept(r->fd, NULL, NULL);
	size_t count = frames_write(FSTRM_CONTROL_READY, wanted);
	if (fd < 0 || !read_all(fd, bytes, count) || memcmp(bytes, wanted, count) != 0)
		return false;
	count = frames_write(r->answer, wanted);
	if (write(fd, wanted, count) != (ssize_t)count)
		return false;
	if (r->answer != FSTRM_CONTROL_ACCEPT)
		return true;
	count = frames_write(FSTRM_CONTROL_START, wanted);
	if (!read_all(fd, bytes, count) || memcmp(bytes, wanted, count) != 0)
		return false;
	for (const char *at = r->frames; *at != '\0'; at++)
		if (!read_all(fd, bytes, 5) || bytes[3] != 1 || bytes[4] != (uint8_t)*at)
			return false;
	if (!r->to_the_end)
		return true;
	count = frames_write(FSTRM_CONTROL_STOP, wanted);
	if (!read_all(fd, bytes, count) || memcmp(bytes, wanted, count) != 0)
		return false;
	count = frames_write(FSTRM_CONTROL_FINISH, wanted);
	return write(fd, wanted, count) == (ssize_t)count;
}

static pid_t
reader_begin(const struct reader *r)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(reads(r) ? 0 : 1);
	assert_true(pid > 0);
	close(r->fd);
	return pid;
}

static void
assert_reader_was_content(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static unsigned
send_frames(struct tapster_line *line, const char *what)
{
	const struct tapster_frames some = frames(what);
	return tapster_line_send(line, &some);
}

static void
a_reader_gets_frames_and_a_goodbye(void **state)
{
	(void)state;
	const struct reader r = {listen_there(), FSTRM_CONTROL_ACCEPT, "abc", true};
	pid_t pid = reader_begin(&r);
	struct tapster_line *line = tapster_line_new(path);
	assert_int_equal(send_frames(line, "ab"), 0);
	assert_int_equal(send_frames(line, "c"), 0);
	tapster_line_free(line);
	assert_reader_was_content(pid);
}

static void
another_reader_goes_on(void **state)
{
	(void)state;
	const struct reader first = {listen_there(), FSTRM_CONTROL_ACCEPT, "a", false};
	pid_t pid = reader_begin(&first);
	/* Not on a stack: the second reader is a fork, and is to lose nothing. */
	static struct tapster_line *line;
	line = tapster_line_new(path);
	assert_int_equal(send_frames(line, "a"), 0);
	assert_reader_was_content(pid);
	unlink(path);
	const struct reader second = {listen_there(), FSTRM_CONTROL_ACCEPT, "bc", true};
	pid = reader_begin(&second);
	assert_int_equal(send_frames(line, "bc"), 0);
	tapster_line_free(line);
	assert_reader_was_content(pid);
}

static void
nobody_is_waited_for_once(void **state)
{
	(void)state;
	struct tapster_line *line = tapster_line_new(path);
	assert_int_equal(send_frames(line, "abc"), 3);
	/* and from then on at once: a thousand times */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(send_frames(line, "ab"), 2);
	tapster_line_free(line);
}

static void
who_does_not_accept_gets_nothing(void **state)
{
	(void)state;
	const struct reader r = {listen_there(), FSTRM_CONTROL_FINISH, "", false};
	pid_t pid = reader_begin(&r);
	struct tapster_line *line = tapster_line_new(path);
	assert_int_equal(send_frames(line, "abc"), 3);
	tapster_line_free(line);
	assert_reader_was_content(pid);
}

#define CLEAN(test) cmocka_unit_test_teardown(test, clean)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        CLEAN(a_file_is_begun_and_ended),
	        CLEAN(it_is_gone_on_with),
	        CLEAN(two_at_a_time_end_it_once),
	        CLEAN(half_a_frame_goes),
	        CLEAN(another_file_is_adopted_the_same_is_not),
	        CLEAN(what_is_something_else_is_left_alone),
	        CLEAN(a_reader_gets_frames_and_a_goodbye),
	        CLEAN(another_reader_goes_on),
	        CLEAN(nobody_is_waited_for_once),
	        CLEAN(who_does_not_accept_gets_nothing),
	};
	return cmocka_run_group_tests_name("tapster", tests, begin, finish);
}
