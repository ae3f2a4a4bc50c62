/*
 * Descriptors from one process to another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "process/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct handover_note log_note = {.kind = HANDOVER_LOG};

static int ends[2];

static int
begin(void **state)
{
	(void)state;
	return handover_open(ends);
}

static int
end(void **state)
{
	(void)state;
	close(ends[1]);
	return close(ends[0]);
}

static bool
same_file(int a, int b)
{
	struct stat first, second;
	assert_int_equal(fstat(a, &first), 0);
	assert_int_equal(fstat(b, &second), 0);
	return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static void
what_is_given_is_taken(void **state)
{
	(void)state;
	const struct handover_note lists = {.kind = HANDOVER_LISTS, .bytes = 1ull << 33, .number = 7};
	struct handover_note one, other;
	int files[2];
	assert_int_equal(pipe(files), 0);
	assert_int_equal(handover_take(ends[1], &one), -EAGAIN);
	assert_int_equal(handover_give(ends[0], &log_note, files[0]), 0);
	assert_int_equal(handover_give(ends[0], &lists, ends[1]), 0);
	int first = handover_take(ends[1], &one), second = handover_take(ends[1], &other);
	assert_memory_equal(&one, &log_note, sizeof one);
	assert_memory_equal(&other, &lists, sizeof other);
	assert_true(first >= 0 && same_file(first, files[0]));
	assert_true(second >= 0 && same_file(second, ends[1]));
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(handover_take(ends[1], &one), -EAGAIN);
	close(first);
	close(second);
	close(files[0]);
	close(files[1]);
}

static void
a_taker_who_does_not_holds_nobody_up(void **state)
{
	(void)state;
	int failed = 0;
	for (int i = 0; i < 100000 && failed == 0; i++)
		failed = handover_give(ends[0], &log_note, ends[0]);
	assert_true(failed == -EAGAIN || failed == -ETOOMANYREFS);
}

static void
the_end_of_the_other_side_is_told(void **state)
{
	struct handover_note note;
	(void)state;
	close(ends[0]);
	assert_int_equal(handover_take(ends[1], &note), -EPIPE);
	ends[0] = dup(ends[1]);
	assert_int_equal(handover_give(ends[1], &log_note, 0), -EPIPE);
}

/* How many descriptors this process has. */
static int
held(void)
{
	int count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void
other_messages_are_refused(void **state)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control;
	int three[3] = {0, 0, 0}, before = held();
	char text[4] = "hey";
	struct iovec vector = {.iov_base = text, .iov_len = sizeof text};
	struct msghdr msg = {.msg_iov = &vector, .msg_iovlen = 1};
	struct handover_note note, strange = {.kind = HANDOVER_KINDS};
	(void)state;
	assert_int_equal(send(ends[0], text, sizeof text, 0), sizeof text);
	assert_int_equal(handover_take(ends[1], &note), -EBADMSG);
	memset(&control, 0, sizeof control);
	msg.msg_control = &control;
	msg.msg_controllen = sizeof control.room;
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof three);
	memcpy(CMSG_DATA(header), three, sizeof three);
	assert_int_equal(sendmsg(ends[0], &msg, 0), sizeof text);
	assert_int_equal(handover_take(ends[1], &note), -EBADMSG);
	assert_int_equal(handover_give(ends[0], &strange, 0), 0);
	assert_int_equal(handover_take(ends[1], &note), -EBADMSG);
	assert_int_equal(held(), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(what_is_given_is_taken, begin, end),
	        cmocka_unit_test_setup_teardown(a_taker_who_does_not_holds_nobody_up, begin, end),
	        cmocka_unit_test_setup_teardown(the_end_of_the_other_side_is_told, begin, end),
	        cmocka_unit_test_setup_teardown(other_messages_are_refused, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
